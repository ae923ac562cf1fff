"""The same on PostgreSQL, with several workers; needs TEST_POSTGRES_URL, a database that may be emptied."""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import InternalError

from iris_client.protocols import SpectrumStub
from plugin.cycle.analyse import Analysing
from plugin.cycle.carriers import marshal_carriers
from plugin.cycle.deliver import Delivering
from plugin.cycle.posting import Posting
from plugin.cycle.spectra.producer import SpectraProducer
from plugin.store import Store, migrate, open_store
from plugin.store.engine import make_engine, parse_url
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import FakeMarshal, good

URL = os.environ.get("TEST_POSTGRES_URL", "")
pytestmark = pytest.mark.skipif(not URL, reason="needs TEST_POSTGRES_URL")
NOW = datetime(2026, 6, 10, 12)


@pytest.fixture
def store() -> Iterator[Store]:
    engine = make_engine(parse_url(URL))
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    with open_store(URL, marshal="m") as opened:
        yield opened


def test_migrations_are_in_step(store):
    assert migrate.drift(store.engine) == []


def test_workers_never_get_the_same_task(store):
    with store.begin() as unit:
        unit.spectra.add([SpectrumStub(spectrum_id=str(n), target_id="x", modified="2026") for n in range(60)], NOW)
    got: list[str] = []

    def work() -> None:
        worker = Store(store.engine, "m")
        while True:
            with worker.begin() as unit:
                tasks = unit.queue.claim("spectrum", 3, NOW)
            if not tasks:
                return
            got.extend(t.subject.id for t in tasks)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(got) == dict.fromkeys(map(str, range(60)), 1)


def test_claims_expire(store):
    with Store(store.engine, "m").begin() as unit:
        unit.spectra.add([SpectrumStub(spectrum_id="1", target_id="x", modified="2026")], NOW)
        unit.queue.claim("spectrum", 1, NOW)
    assert store.recover(NOW + timedelta(minutes=1)) == 0
    assert store.recover(NOW + timedelta(minutes=16)) == 1


def test_many_workers_leave_what_one_leaves(store):
    marshal = FakeMarshal()
    marshal.add(*(good(str(n), "ZTF26a", observed_at=f"2026-06-09T05:00:{n:02d}") for n in range(1, 25)))
    with store.begin() as unit:
        unit.spectra.add(marshal.spectra_modified_since(None, group_ids=(6,)), NOW)

    def work() -> None:
        worker = Store(store.engine, "m")
        shared = {"store": worker, "clock": lambda: NOW}
        producer = SpectraProducer(marshal=marshal, analyst=FakeAnalyst(), posting=Posting(group_ids=(6,)))
        Analysing(**shared, producer=producer, batch_size=3).run()
        Delivering(**shared, carriers=marshal_carriers(marshal), dry_run=False).run()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    Delivering(carriers=marshal_carriers(marshal), store=store, dry_run=False, clock=lambda: NOW).run()
    assert len(marshal.posted) == 25
    assert marshal.posted["source/ZTF26a"]["an_n_spectra"] == 24
    assert marshal.posted["source/ZTF26a"]["an_spectrum_id"] == "24"


def test_a_reading_transaction_sees_one_state_and_cannot_write(store):
    with store.begin() as unit:
        unit.watermarks.set("poll", "a")
    with store.begin(to_read=True) as unit:
        assert unit.watermarks.get("poll") == "a"
        with Store(store.engine, "m").begin() as other:
            other.watermarks.set("poll", "b")
        assert unit.watermarks.get("poll") == "a"
        with pytest.raises(InternalError, match="read-only"):
            unit.watermarks.set("poll", "c")
    with store.begin() as unit:
        assert unit.watermarks.get("poll") == "b"


def test_a_reason_that_postgres_would_refuse_is_stored_all_the_same(store):
    with store.begin() as unit:
        unit.spectra.add([SpectrumStub(spectrum_id="1", target_id="x", modified="2026")], NOW)
        (piece,) = unit.queue.claim("spectrum", 1, NOW)
        unit.queue.park(piece, "broken \x00 \ud800 text")
        assert unit.queue.parked()[0].reason == "broken  ? text"

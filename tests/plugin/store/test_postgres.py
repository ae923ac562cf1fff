"""The same on PostgreSQL, with several workers; needs TEST_POSTGRES_URL, a database that may be emptied."""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from iris_client.protocols import SpectrumStub
from plugin.cycle.deliver import Delivering
from plugin.cycle.posting import Posting
from plugin.cycle.spectra.analyse import Analysing
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
        unit.tasks.add([SpectrumStub(spectrum_id=str(n), target_id="x", modified="2026") for n in range(60)], NOW)
    got: list[str] = []

    def work() -> None:
        worker = Store(store.engine, "m")
        while True:
            with worker.begin() as unit:
                tasks = unit.tasks.claim(3, NOW)
            if not tasks:
                return
            got.extend(t.spectrum_id for t in tasks)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(got) == dict.fromkeys(map(str, range(60)), 1)


def test_claims_expire(store):
    with Store(store.engine, "m").begin() as unit:
        unit.tasks.add([SpectrumStub(spectrum_id="1", target_id="x", modified="2026")], NOW)
        unit.tasks.claim(1, NOW)
    assert store.recover(NOW + timedelta(minutes=1), timedelta(minutes=15)) == 0
    assert store.recover(NOW + timedelta(minutes=16), timedelta(minutes=15)) == 1


def test_many_workers_leave_what_one_leaves(store):
    marshal = FakeMarshal()
    marshal.add(*(good(str(n), "ZTF26a", observed_at=f"2026-06-09T05:00:{n:02d}") for n in range(1, 25)))
    with store.begin() as unit:
        unit.tasks.add(marshal.spectra_modified_since(None, group_ids=(6,)), NOW)

    def work() -> None:
        worker = Store(store.engine, "m")
        shared = {"marshal": marshal, "store": worker, "clock": lambda: NOW}
        Analysing(**shared, analyst=FakeAnalyst(), posting=Posting(group_ids=(6,)), batch_size=3).run()
        Delivering(**shared, dry_run=False).run()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    Delivering(marshal=marshal, store=store, dry_run=False, clock=lambda: NOW).run()
    assert len(marshal.posted) == 25
    assert marshal.posted["source/ZTF26a"]["an_n_spectra"] == 24
    assert marshal.posted["source/ZTF26a"]["an_spectrum_id"] == "24"

"""Several workers on one database: PostgreSQL, and what of it can be said of SQLite too."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import InternalError, OperationalError
from structlog.testing import capture_logs

from iris_client.brokers.lasair.budget import HourlyBudget
from iris_client.errors import Unavailable
from iris_client.protocols import Place, SpectrumStub
from plugin.cycle.analyse import Analysing
from plugin.cycle.carriers import marshal_carriers
from plugin.cycle.deliver import Delivering
from plugin.cycle.posting import Posting
from plugin.cycle.spectra.producer import SpectraProducer
from plugin.store import Heartbeat, LostClaim, Store, engine, open_store
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import FakeMarshal, good

NOW = datetime(2026, 6, 10, 12)
MOMENT = timedelta(seconds=0.4)
KINDS = ["annotation", "classification", "comment"]
PLACE = Place(kind="spectrum", id="1")


@pytest.fixture
def shared(request, postgres) -> Iterator[Store]:
    """A store on PostgreSQL."""
    url = postgres.database(request.getfixturevalue("migrated"))
    with open_store(url, marshal="m") as opened:
        yield opened
    postgres.drop(url)


def together(count: int, work: Callable[[], None]) -> None:
    """The same in several threads; an error in one fails the test."""
    failed: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed


def add(store: Store, *numbers: int) -> None:
    with store.begin() as unit:
        unit.spectra.add([SpectrumStub(spectrum_id=str(n), target_id="x", modified="2026") for n in numbers], NOW)


def enqueue(store: Store, value: float = 0.5) -> None:
    with store.begin() as unit:
        body = {"p": value}
        unit.outbox.enqueue(PLACE, kind="annotation", origin="A", body=body, group_ids=(6,), now=NOW)


def claimed(store: Store):
    with store.begin() as unit:
        return unit.outbox.claim(NOW, kinds=KINDS)


def post(store: Store):
    with store.begin() as unit:
        return unit.outbox.at([PLACE])[0]


def test_workers_never_get_the_same_task(shared):
    add(shared, *range(60))
    got: list[str] = []

    def work() -> None:
        worker = Store(shared.engine, "m")
        while True:
            with worker.begin() as unit:
                tasks = unit.queue.claim("spectrum", 3, NOW)
            if not tasks:
                return
            got.extend(t.subject.id for t in tasks)

    together(4, work)
    assert Counter(got) == dict.fromkeys(map(str, range(60)), 1)


def test_many_workers_leave_what_one_leaves(shared):
    marshal = FakeMarshal()
    marshal.add(*(good(str(n), "ZTF26a", observed_at=f"2026-06-09T05:00:{n:02d}") for n in range(1, 25)))
    with shared.begin() as unit:
        unit.spectra.add(marshal.spectra_modified_since(None, group_ids=(6,)), NOW)

    def work() -> None:
        worker = Store(shared.engine, "m")
        same = {"store": worker, "clock": lambda: NOW}
        producer = SpectraProducer(marshal=marshal, analyst=FakeAnalyst(), posting=Posting(group_ids=(6,)))
        Analysing(**same, producer=producer, batch_size=3).run()
        Delivering(**same, carriers=marshal_carriers(marshal), dry_run=False).run()

    together(4, work)
    Delivering(carriers=marshal_carriers(marshal), store=shared, dry_run=False, clock=lambda: NOW).run()
    assert len(marshal.posted) == 25
    assert marshal.posted["source/ZTF26a"]["an_n_spectra"] == 24
    assert marshal.posted["source/ZTF26a"]["an_spectrum_id"] == "24"


def test_a_reading_transaction_sees_one_state_and_cannot_write(shared):
    with shared.begin() as unit:
        unit.watermarks.set("poll", "a")
    with shared.begin(to_read=True) as unit:
        assert unit.watermarks.get("poll") == "a"
        with Store(shared.engine, "m").begin() as other:
            other.watermarks.set("poll", "b")
        assert unit.watermarks.get("poll") == "a"
        with pytest.raises(InternalError, match="read-only"):
            unit.watermarks.set("poll", "c")
    with shared.begin() as unit:
        assert unit.watermarks.get("poll") == "b"


def test_a_reason_that_postgres_would_refuse_is_stored_all_the_same(shared):
    with shared.begin() as unit:
        unit.spectra.add([SpectrumStub(spectrum_id="1", target_id="x", modified="2026")], NOW)
        (piece,) = unit.queue.claim("spectrum", 1, NOW)
        unit.queue.park(piece, "broken \x00 \ud800 text")
        assert unit.queue.parked()[0].reason == "broken  ? text"


def test_a_claim_is_kept_while_its_worker_lives_and_is_free_soon_after_it_vanished(shared):
    add(shared, 1, 2)
    enqueue(shared)
    worker, other = (Store(shared.engine, "m", lease=MOMENT) for _ in range(2))
    with Heartbeat(worker, ("analyse", "deliver")):
        with worker.begin() as unit:
            held = unit.queue.claim("spectrum", 2, NOW)
            parcel = unit.outbox.claim(NOW, kinds=KINDS)
        time.sleep(3 * MOMENT.total_seconds())  # the work takes longer than a lease
        assert other.recover() == 0
        with worker.begin() as unit:
            unit.queue.finish(held[0])
            assert unit.outbox.sent(parcel, "7", NOW)
    time.sleep(2 * MOMENT.total_seconds())  # no heart beats any more
    assert other.recover() == 1
    with worker.begin() as unit, pytest.raises(LostClaim):
        unit.queue.finish(held[1])


def test_a_heartbeat_outlives_trouble_with_the_database_and_tells_of_it_once(shared):
    add(shared, 1)
    worker = Store(shared.engine, "m", lease=MOMENT)
    with capture_logs() as logged, Heartbeat(worker, ("analyse",)):
        with worker.begin() as unit:
            unit.queue.claim("spectrum", 1, NOW)
        with shared.begin() as unit:
            unit.queue.context.connection.execute(text("ALTER TABLE workers RENAME TO elsewhere"))
        time.sleep(MOMENT.total_seconds())
        with shared.begin() as unit:
            unit.queue.context.connection.execute(text("ALTER TABLE elsewhere RENAME TO workers"))
        time.sleep(MOMENT.total_seconds())
        assert Store(shared.engine, "m").recover() == 0
    assert [entry["event"] for entry in logged] == ["no sign of life given"]


def test_workers_are_seen_while_they_live(shared):
    worker = Store(shared.engine, "m", lease=MOMENT)
    with Heartbeat(worker, ("discover", "note")), worker.leading("note") as ours:
        assert ours
        with shared.begin(to_read=True) as unit:
            (seen,) = unit.workers.every()
        assert (seen.jobs, seen.leads, seen.is_alive) == (("discover", "note"), ("note",), True)
        assert seen.host
        assert "/" not in seen.host
    with shared.begin() as unit:
        assert unit.workers.every() == []
    with Store(shared.engine, "m", clock=lambda: NOW).begin() as unit:  # one that vanished long ago
        unit.workers.beat(host="gone", jobs=("note",))
    with shared.begin() as unit:
        assert [(one.host, one.is_alive) for one in unit.workers.every()] == [("gone", False)]
        unit.workers.beat(host="here", jobs=("note",))
        assert [one.host for one in unit.workers.every()] == ["here"]


def test_one_worker_leads_a_job_at_a_time(store):
    one, other = (Store(store.engine, store.marshal, lease=MOMENT) for _ in range(2))
    with one.leading("sweep") as ours:
        assert ours
        with other.leading("sweep") as theirs, other.leading("names") as another:
            assert (theirs, another) == (False, True)
    with other.leading("sweep") as theirs:
        assert theirs
        time.sleep(1.5 * MOMENT.total_seconds())  # it vanished
        with one.leading("sweep") as ours:
            assert ours
        elsewhere = Store(store.engine, "http://elsewhere.test")
        with elsewhere.leading("sweep") as ours:
            assert ours


def test_of_many_that_begin_together_one_leads(shared):
    led: list[bool] = []
    start = threading.Barrier(6)

    def begin() -> None:
        worker = Store(shared.engine, "m")
        start.wait()
        with worker.leading("discover") as ours:
            led.append(ours)
            start.wait()

    together(6, begin)
    assert sorted(led) == [False] * 5 + [True]


@pytest.mark.parametrize("end", ["sent", "retry", "park"])
def test_who_lost_the_claim_writes_nothing_and_the_post_is_sent_once_more(store, end):
    enqueue(store)
    slow, quick = (Store(store.engine, store.marshal, lease=timedelta(0)) for _ in range(2))
    first = claimed(slow)
    assert quick.recover() == 1
    second = claimed(quick)
    enqueue(store, 0.7)  # and a newer wish
    with slow.begin() as unit:
        ends = {
            "sent": lambda: unit.outbox.sent(first, "7", NOW),
            "retry": lambda: unit.outbox.retry(first, "504", NOW + timedelta(hours=1)),
            "park": lambda: unit.outbox.park(first, "refused"),
        }
        assert ends[end]() is False
    assert (post(store).state, post(store).remote_id, post(store).reason) == ("sending", None, None)
    with quick.begin() as unit:
        assert unit.outbox.sent(second, "7", NOW)
    third = claimed(quick)  # nobody knows which of the two came last
    assert third.body == {"p": 0.7}
    with quick.begin() as unit:
        assert unit.outbox.sent(third, "7", NOW)
    assert (post(store).state, claimed(quick)) == ("sent", None)


def test_a_late_end_makes_a_sent_post_due_again_once(store):
    enqueue(store)
    slow, quick = (Store(store.engine, store.marshal, lease=timedelta(0)) for _ in range(2))
    first = claimed(slow)
    quick.recover()
    with quick.begin() as unit:
        assert unit.outbox.sent(unit.outbox.claim(NOW, kinds=KINDS), "7", NOW)
    with slow.begin() as unit:
        assert not unit.outbox.sent(first, "7", NOW)
    assert post(store).state == "pending"
    with quick.begin() as unit:
        assert unit.outbox.sent(unit.outbox.claim(NOW, kinds=KINDS), "7", NOW)
    assert post(store).state == "sent"


@pytest.mark.parametrize("end", ["retry", "park"])
def test_a_piece_that_was_taken_over_is_not_put_back(store, end):
    add(store, 1)
    slow, quick = (Store(store.engine, store.marshal, lease=timedelta(0)) for _ in range(2))
    with slow.begin() as unit:
        (piece,) = unit.queue.claim("spectrum", 1, NOW)
    quick.recover()
    with quick.begin() as unit:
        unit.queue.claim("spectrum", 1, NOW)
    with slow.begin() as unit:
        unit.queue.release([piece])
        with pytest.raises(LostClaim):
            unit.queue.retry(piece, "504", NOW) if end == "retry" else unit.queue.park(piece, "broken")
        assert unit.queue.of("1")[0].state == "claimed"


def test_the_cycle_goes_on_when_claims_were_lost(store):
    """A batch that outlasts its lease, without a heart: what others took over is left to them, and told."""
    marshal = FakeMarshal()
    marshal.add(good("1", "ZTF26a"), good("2", "ZTF26b"))
    with store.begin() as unit:
        unit.spectra.add(marshal.spectra_modified_since(None, group_ids=(6,)), NOW)
    slow, quick = (Store(store.engine, store.marshal, lease=timedelta(0)) for _ in range(2))

    def taken_over(_method: str, place: str) -> Unavailable | None:
        quick.recover()
        return Unavailable("504") if place == "1" else None

    marshal.trouble = taken_over
    producer = SpectraProducer(marshal=marshal, analyst=FakeAnalyst(), posting=Posting(group_ids=(6,)))
    done = Analysing(store=slow, clock=lambda: NOW, producer=producer, most=1)
    assert done.run()["later"] == 2
    with store.begin() as unit:
        assert [p.state for p in unit.queue.of("1") + unit.queue.of("2")] == ["new", "new"]
        assert unit.reports.every("ASTRANet") == []


def test_many_processes_keep_one_pace(shared):
    """Not on average alone: after the burst, no second holds more than the rate."""
    rate, burst, each = 50.0, 5, 10
    gone: list[float] = []
    start = time.monotonic()

    def ask() -> None:
        pacer = Store(shared.engine, "m").pacer(rate, burst)
        for _ in range(each):
            pacer.wait()
            gone.append(time.monotonic() - start)

    together(4, ask)
    total = 4 * each
    assert max(gone) >= (total - burst) / rate - 0.05
    assert all(sum(t <= moment for t in gone) <= burst + rate * moment + 1 for moment in gone)


def test_a_pause_is_one_for_all_and_a_clock_that_is_set_back_stops_nobody(shared):
    waits: list[float] = []
    one, other = (Store(shared.engine, "m").pacer(100.0, 10) for _ in range(2))
    for pacer in (one, other):
        pacer._sleep = waits.append
    assert (one.left(), one.wait(), other.left()) == (10, 0.0, 9)
    other.pause(30.0)
    assert one.left() == 0
    assert 29.0 < one.wait() <= 30.0
    assert Store(shared.engine, "elsewhere").pacer(1.0, 1).wait() == 0.0
    with shared.begin() as unit:
        unit.queue.context.connection.execute(text("UPDATE pace SET next_at = next_at + 86400 WHERE marshal = 'm'"))
    assert 59.0 < one.wait() <= 60.0
    with pytest.raises(ValueError, match="rate"):
        Store(shared.engine, "m").pacer(0.0, 1)


@pytest.mark.sqlite
def test_one_process_needs_no_shared_pace(store):
    assert store.pacer(4.0, 8) is None


def test_workers_that_start_together_make_one_schema(postgres):
    url = postgres.database()
    together(3, lambda: open_store(url, marshal="m").close())
    postgres.drop(url)


def test_workers_that_find_the_same_at_once_do_not_wait_for_each_other_for_ever(shared):
    start = threading.Barrier(4)
    orders = iter([range(200), range(199, -1, -1), range(0, 200, 2), range(199, -1, -3)])

    def find() -> None:
        order = next(orders)
        start.wait()
        add(Store(shared.engine, "m"), *order)

    together(4, find)
    with shared.begin() as unit:
        assert unit.queue.due("spectrum", NOW) == 200


def test_a_connection_that_is_cut_ends_the_cycle_and_loses_nothing(shared, postgres):
    add(shared, 1)
    with suppress(OperationalError), shared.begin() as unit:
        unit.queue.claim("spectrum", 1, NOW)
        with postgres.engine.connect() as admin:
            own = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
            admin.execute(own, {"name": shared.engine.url.database})
        unit.queue.due("spectrum", NOW)
        pytest.fail("the connection is still there")
    with shared.begin() as unit:  # the pool finds out by itself
        assert unit.queue.due("spectrum", NOW) == 1


def test_many_processes_count_the_calls_of_an_hour_together(shared):
    budgets = [HourlyBudget(40, log=Store(shared.engine, "m").call_log("https://lasair.test/api")) for _ in range(4)]
    went, refused = [], []

    def ask(budget: HourlyBudget) -> None:
        for n in range(15):
            try:
                (budget.writing if n % 2 else budget).wait()
                went.append(n)
            except Unavailable as error:
                refused.append(error.retry_after)

    todo = iter(budgets)
    together(4, lambda: ask(next(todo)))
    assert (len(went), len(refused)) == (40, 20)
    assert all(3540.0 < seconds <= 3660.0 for seconds in refused)
    assert {budget.left() for budget in budgets} == {0}
    other = HourlyBudget(40, log=Store(shared.engine, "m").call_log("https://elsewhere.test/api"))
    assert (other.wait(), other.left()) == (0.0, 29)


def test_reading_leaves_calls_for_annotations_of_whichever_process(shared):
    reads, writes = (HourlyBudget(8, log=shared.call_log("s")) for _ in range(2))
    for _ in range(6):
        reads.wait()
    with pytest.raises(Unavailable, match="kept for annotations"):
        reads.wait()
    assert (writes.writing.wait(), writes.writing.wait()) == (0.0, 0.0)
    with pytest.raises(Unavailable, match="used up"):
        writes.writing.wait()


def test_what_is_an_hour_ago_is_forgotten_and_a_pause_is_one_for_all(shared):
    waits: list[float] = []
    one, other = (HourlyBudget(4, log=shared.call_log("s"), sleep=waits.append) for _ in range(2))
    for _ in range(4):
        one.writing.wait()
    with shared.begin() as unit:
        unit.queue.context.connection.execute(text("UPDATE calls SET minute = minute - 59"))
    with pytest.raises(Unavailable) as caught:
        other.writing.wait()
    assert 0.0 < caught.value.retry_after <= 120.0
    with shared.begin() as unit:
        unit.queue.context.connection.execute(text("UPDATE calls SET minute = minute - 2"))
    assert other.left() == 3
    one.pause(1.0)
    assert 0.0 < other.wait() <= 1.0
    one.pause(1800.0)
    with pytest.raises(Unavailable, match="pause") as caught:
        other.writing.wait()
    assert 1790.0 < caught.value.retry_after <= 1800.0
    assert other.left() == 0


@pytest.mark.sqlite
def test_one_process_counts_for_itself(store):
    assert store.call_log("https://lasair.test/api") is None


def test_a_lock_that_is_held_for_ever_is_said_and_not_waited_for(postgres, migrated, monkeypatch):
    """A worker that hangs inside its transaction must not make all others hang with it."""
    monkeypatch.setattr(engine, "_BUSY_MS", 200)
    url = postgres.database(migrated)
    with open_store(url, marshal="m") as one, open_store(url, marshal="m") as other, one.engine.begin() as holding:
        holding.execute(text("LOCK TABLE outbox"))
        with pytest.raises(OperationalError, match="lock timeout") as told, other.begin() as unit:
            unit.outbox.count("parked")
    assert engine.is_away(told.value)
    postgres.drop(url)

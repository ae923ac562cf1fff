"""Round trips with the stand-in: whatever happens on the way, a report arrives once, and it is told how it ended."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from iris_client.tns.budget import Budget
from iris_client.tns.reporter import Reporter
from plugin.sandbox import FaultKind
from plugin.sandbox.faults import Fault, Seen
from plugin.sandbox.tns.reports import GROUPS
from plugin.sandbox.tns.stand_in import TnsSandbox
from plugin.store import Store, open_store
from plugin.tns.reports.sending import LOOK_EVERY, SETTLED, SILENT, Sending
from tests.fakes import crash_driver
from tests.fakes.tns import Seconds
from tests.fakes.tns_reports import make_draft, tns_object
from tests.plugin.conftest import URL, FakeClock

SENT, UPLOADS, LOOKS = "/api/set/bulk-report", "/api/set/file-upload", "/api/get/object"


@pytest.fixture
def sandbox() -> Iterator[TnsSandbox]:
    with TnsSandbox(limit=1000) as made:
        made.add(tns_object())
        yield made


class Trip:
    """One report under way."""

    def __init__(self, sandbox: TnsSandbox, store: Store, clock: FakeClock, reporter: Reporter) -> None:
        self.sandbox, self.store, self.clock, self.reporter = sandbox, store, clock, reporter
        self.sending = Sending(store=store, reporter=reporter, clock=clock)

    def approve(self, **change: Any) -> None:
        draft = make_draft(**change)
        with self.store.begin() as unit:
            unit.tns_reports.put_draft(self.reporter.url, draft.target_id, draft.to_dict(), self.clock())
            assert unit.tns_reports.approve(self.reporter.url, draft.target_id, "Ann", self.clock(), self.clock())

    def go(self, **later: float) -> str:
        self.clock.forward(**later)
        self.sending.run()
        return self.report.state

    @property
    def report(self) -> Any:
        with self.store.begin() as unit:
            return unit.tns_reports.of(self.reporter.url, "ZTF26a")

    def until_it_ends(self) -> str:
        for _ in range(300):
            if self.go(minutes=1) in ("accepted", "rejected", "partial", "duplicate"):
                return self.report.state
        raise AssertionError(self.report.history)

    def count(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.sandbox.requests)


@pytest.fixture
def trip(sandbox: TnsSandbox, store: Store, clock: FakeClock) -> Iterator[Trip]:
    seconds = Seconds()
    who = {"bot_id": sandbox.bot[0], "bot_name": sandbox.bot[1], "api_key": sandbox.api_key}
    with Reporter(sandbox.url, **who, budget=Budget(clock=seconds, sleep=seconds.sleep), timeout_s=0.5) as reporter:
        yield Trip(sandbox, store, clock, reporter)


def test_nothing_goes_without_a_person(trip: Trip) -> None:
    with trip.store.begin() as unit:
        unit.tns_reports.put_draft(trip.reporter.url, "ZTF26a", make_draft().to_dict(), trip.clock())
    assert trip.sending.run() == 0
    assert trip.sending.advance("ZTF26a", early=True) is None
    assert trip.sandbox.requests == []


def test_accepted(trip: Trip) -> None:
    trip.approve()
    assert trip.go() == "submitted"
    assert trip.until_it_ends() == "accepted"
    (spectrum,) = trip.sandbox.reports.spectra["2026abc"]
    (stored,) = trip.sandbox.reports.files
    assert trip.sandbox.reports.files[stored].decode() == make_draft().ascii
    assert stored in spectrum["asciifile"]
    (taken,) = trip.sandbox.reports.taken.values()
    assert "reviewed by Ann." in taken.report["classification_report"]["0"]["remarks"]
    assert trip.report.history[-1]["said"] == "accepted as report 277000, now SN 2026abc"
    before = len(trip.sandbox.requests)
    assert trip.go(days=9) == "accepted"
    assert len(trip.sandbox.requests) == before


def test_pending_for_long_is_told_and_asked_about_but_never_sent_again(trip: Trip) -> None:
    trip.sandbox.reports.delay = 10_000
    trip.approve()
    trip.go()
    assert trip.go(hours=1) == "submitted"
    assert trip.report.reasons == ()
    assert trip.go(hours=24) == "submitted"
    assert "no reply about report 277000" in trip.report.reasons[0]
    trip.sandbox.reports.delay = 0
    for one in trip.sandbox.reports.taken.values():
        one.left = 0
    assert trip.go(seconds=SILENT.total_seconds()) == "accepted"
    assert trip.count(SENT) == 1


def test_rejected_with_the_reason_and_drafted_anew(trip: Trip) -> None:
    trip.approve(group_id=1)
    assert trip.until_it_ends() == "rejected"
    assert trip.report.reasons == ("groupid: The bot is no member of this group.",)
    trip.approve(group_id=GROUPS["ZTF"])
    assert trip.until_it_ends() == "accepted"
    assert [step["state"] for step in trip.report.history if step["state"] in ("rejected", "draft", "accepted")] == [
        "draft",
        "rejected",
        "draft",
        "accepted",
    ]


def test_taken_in_part(trip: Trip) -> None:
    trip.approve()
    real = trip.reporter.upload
    trip.reporter.upload = lambda name, content: real(name, content) + ".lost"  # type: ignore[method-assign]
    assert trip.until_it_ends() == "partial"
    assert trip.report.reasons == ("ascii_file: There is no such file.",)


def test_a_duplicate(trip: Trip) -> None:
    """The TNS had the same one already when it came to judge it: somebody else was quicker."""
    trip.approve()
    assert trip.go() == "submitted"
    (ours,) = trip.sandbox.reports.taken.values()
    ours.left = 10
    quicker = trip.sandbox.reports.taken[trip.sandbox.reports.take(ours.report)]
    quicker.left = 1
    assert trip.until_it_ends() == "duplicate"
    assert trip.report.reasons == ("Classification exists.",)
    assert len(trip.sandbox.reports.spectra["2026abc"]) == 1


def test_who_was_quicker_is_asked_before_it_is_sent(trip: Trip) -> None:
    trip.sandbox.add(tns_object(prefix="SN", type="SN II"))
    trip.approve()
    assert trip.go() == "rejected"
    assert trip.report.reasons == ("not sent: the TNS calls it SN II by now",)
    assert trip.count(SENT) == trip.count(UPLOADS) == 0


def test_an_object_the_tns_does_not_know(trip: Trip) -> None:
    trip.approve(name="1999zz")
    assert trip.go() == "rejected"
    assert trip.report.reasons == ("the TNS has no object 1999zz",)


def test_numbers_are_those_of_the_tns_when_it_is_sent(trip: Trip) -> None:
    trip.approve(tns_instrument="SPRAT")  # known by the shipped table, not by this TNS
    assert trip.go() == "rejected"
    assert trip.report.reasons == ("not sent: the TNS has no instrument called SPRAT",)


def once(kind: FaultKind, path: str, *, after: bool) -> Any:
    left = [1]

    def hook(seen: Seen) -> Fault | None:
        if seen.path == path and left[0]:
            left[0] -= 1
            return Fault(kind=kind, after=after)
        return None

    return hook


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT, FaultKind.RESET, FaultKind.HTML, FaultKind.BAD_GATEWAY,
                                  FaultKind.TRUNCATED, FaultKind.RATE_LIMIT])  # fmt: skip
def test_a_lost_answer_to_what_arrived_is_found_and_not_sent_again(trip: Trip, kind: FaultKind) -> None:
    trip.sandbox.faults = once(kind, SENT, after=True)
    trip.approve()
    assert trip.go() == "unknown"
    assert trip.report.report_id is None
    assert trip.until_it_ends() == "accepted"
    assert trip.report.history[-1]["said"] == "the TNS shows our spectrum"
    assert trip.count(SENT) == 1


def test_a_report_that_was_lost_is_sent_again_only_after_looking_for_long(trip: Trip) -> None:
    trip.sandbox.faults = once(FaultKind.RESET, SENT, after=False)
    trip.approve()
    assert trip.go() == "unknown"
    lost = trip.clock()
    while trip.go(seconds=LOOK_EVERY.total_seconds()) == "unknown":
        assert len(trip.sandbox.reports.taken) == 0
    assert trip.clock() - lost >= SETTLED
    assert trip.count(LOOKS) >= SETTLED / LOOK_EVERY
    assert trip.until_it_ends() == "accepted"
    assert len(trip.sandbox.reports.taken) == 1


def test_somebody_else_while_the_answer_was_lost(trip: Trip) -> None:
    trip.sandbox.faults = once(FaultKind.RESET, SENT, after=False)
    trip.approve()
    trip.go()
    trip.sandbox.add(tns_object(prefix="SN", type="SN Ia"))
    assert trip.go(minutes=6) == "rejected"
    assert trip.report.reasons == ("not sent again: the TNS calls it SN Ia by now, without a spectrum of ours",)
    assert len(trip.sandbox.reports.taken) == 0


def test_a_server_that_loses_every_report_is_left_alone_in_the_end(trip: Trip) -> None:
    trip.sandbox.faults = lambda seen: Fault(kind=FaultKind.RESET) if seen.path == SENT else None
    trip.approve()
    for _ in range(100):
        assert trip.go(minutes=20) in ("unknown", "uploaded")
    assert "ask the TNS" in trip.report.reasons[0]
    assert sum(record.path == SENT for record in trip.sandbox.seen) == 3


@pytest.mark.parametrize("page", ["503", "200"])
def test_maintenance_is_waited_for(trip: Trip, page: Any) -> None:
    trip.approve()
    trip.sandbox.maintenance = page
    assert trip.go() == "approved"
    assert trip.report.reasons
    trip.sandbox.maintenance = None
    assert trip.until_it_ends() == "accepted"
    assert trip.count(SENT) == 1


def test_a_budget_that_is_used_up_is_waited_for(trip: Trip) -> None:
    trip.reporter.budget.everything.remaining = 0
    trip.reporter.budget.everything.until = trip.reporter.budget.clock() + 3000
    trip.approve()
    assert trip.go() == "approved"
    assert "budget" in trip.report.reasons[0]
    assert trip.report.not_before >= trip.clock() + timedelta(seconds=2990)
    assert trip.sandbox.requests == []
    trip.reporter.budget.sleep(3000)
    assert trip.until_it_ends() == "accepted"


def test_a_server_that_refuses_for_the_budget_is_waited_for(store: Store, clock: FakeClock) -> None:
    seconds = Seconds()
    with TnsSandbox(limit=2, clock=seconds) as sandbox:
        sandbox.add(tns_object())
        who = {"bot_id": sandbox.bot[0], "bot_name": sandbox.bot[1], "api_key": sandbox.api_key}
        with Reporter(sandbox.url, **who, budget=Budget(clock=seconds, sleep=seconds.sleep)) as reporter:
            trip = Trip(sandbox, store, clock, reporter)
            for _ in range(2):
                reporter.stands("2026abc")
            trip.approve()
            assert trip.until_it_ends() == "accepted"
            assert trip.count(SENT) == 1


def test_a_wrong_key_keeps_it_waiting_and_stands_nowhere(sandbox: TnsSandbox, store: Store, clock: FakeClock) -> None:
    with Reporter(sandbox.url, bot_id=1, bot_name="b", api_key="wrong-key-777") as reporter:
        trip = Trip(sandbox, store, clock, reporter)
        trip.approve()
        assert trip.go() == "approved"
        assert "401" in trip.report.reasons[0]
        assert "wrong-key-777" not in str(trip.report)


def test_two_workers_never_send_the_same_report_together(trip: Trip) -> None:
    trip.approve()
    other = Store(trip.store.engine, URL)
    with other.begin() as unit:
        assert unit.tns_reports.claim(trip.reporter.url, "ZTF26a", trip.clock(), early=True) is not None
    assert trip.go() == "approved"
    assert trip.sending.advance("ZTF26a", early=True) is None
    assert trip.sandbox.requests == []
    assert trip.go(minutes=16) == "submitted"  # the other one vanished


def test_a_worker_that_lost_its_claim_sends_nothing(trip: Trip) -> None:
    trip.approve()
    real, taken = trip.reporter.upload, []

    def slow(name: str, content: bytes) -> str:
        trip.clock.forward(hours=1)
        with Store(trip.store.engine, URL).begin() as unit:
            taken.append(unit.tns_reports.claim(trip.reporter.url, "ZTF26a", trip.clock()))
        return real(name, content)

    trip.reporter.upload = slow  # type: ignore[method-assign]
    trip.go()
    assert taken[0] is not None
    assert trip.count(UPLOADS) == 1
    assert trip.count(SENT) == 0


# Killed at any step


def send_in_a_process(folder: Path, database: str) -> None:
    """One look at what is due, as the service does it; the time stands in a file."""
    told = (folder / "told").read_text().split("\n")
    now = datetime.fromisoformat(told[2])
    with (
        open_store(database, marshal=URL) as store,
        Reporter(told[0], bot_id=4242, bot_name="sandbox_bot", api_key=told[1]) as reporter,
    ):
        Sending(store=store, reporter=reporter, clock=lambda: now).run()


STEPS = [
    ("plugin.store.tns.reports:TnsReports.claim", 1),
    *(("plugin.store.tns.reports:TnsReports.step", number) for number in (1, 2, 3)),
    *((f"iris_client.tns.reporter:Reporter.{name}", 1) for name in ("stands", "values", "upload", "submit", "reply")),
    ("iris_client.tns.reporter:read_feedback", 1),
]
AFTER_ARRIVAL = ("iris_client.tns.client:Tns._payload", 4)
"""The answer to the report itself is about to be read: it has arrived, and nobody has written that down."""


@pytest.mark.slow
@pytest.mark.parametrize(("step", "number"), [*STEPS, AFTER_ARRIVAL], ids=str)
def test_killed_at_any_step_it_arrives_exactly_once(
    sandbox: TnsSandbox, tmp_path: Path, step: str, number: int
) -> None:
    now, database = datetime(2026, 6, 10, 12), f"sqlite:///{tmp_path / 'x.sqlite'}"
    with open_store(database, marshal=URL) as store, store.begin() as unit:
        unit.tns_reports.put_draft(sandbox.url, "ZTF26a", make_draft().to_dict(), now)
        unit.tns_reports.approve(sandbox.url, "ZTF26a", "Ann", now, now)
    killed, state = 0, "approved"
    for _ in range(40):
        (tmp_path / "told").write_text("\n".join((sandbox.url, sandbox.api_key, now.isoformat())))
        code = crash_driver.run(tmp_path, database, None if killed else step, number, send_in_a_process)
        killed += code == -9
        assert code in (0, -9)
        with open_store(database, marshal=URL) as store, store.begin() as unit:
            state = unit.tns_reports.of(sandbox.url, "ZTF26a").state
        if state == "accepted" and killed:
            break
        now += timedelta(minutes=7)
    assert (killed, state) == (1, "accepted")
    assert len(sandbox.reports.taken) == 1
    assert len(sandbox.reports.spectra["2026abc"]) == 1

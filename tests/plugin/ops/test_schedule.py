"""The schedule: what runs when, and how it ends."""

import os
import signal
import threading
from datetime import datetime

import pytest
from structlog.testing import capture_logs

from plugin.cycle.jobs import JOBS, chosen
from plugin.ops.schedule import run, scheduler
from tests.fakes.marshal import good


@pytest.fixture
def signals():
    """Put the signal handlers back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_jobs(make_app):
    schedule = scheduler(make_app(poll_seconds=90, note_hour_utc=15), list)
    schedule.start(paused=True)
    jobs = {job.id: job for job in schedule.get_jobs()}
    schedule.shutdown()
    assert jobs["cycle"].trigger.interval.total_seconds() == 90
    assert all(job.max_instances == 1 and job.coalesce for job in jobs.values())
    now = datetime.fromisoformat("2026-06-10T12:00:00+00:00")
    assert jobs["note"].trigger.get_next_fire_time(None, now).isoformat() == "2026-06-10T15:00:00+00:00"


def test_the_night_is_told_after_the_note_where_there_is_a_web_hook(make_app):
    app = make_app(note_hour_utc=15, slack_webhook="https://hooks.test/services/not-to-be-told")
    schedule = scheduler(app, list)
    schedule.start(paused=True)
    jobs = {job.id: job for job in schedule.get_jobs()}
    schedule.shutdown()
    now = datetime.fromisoformat("2026-06-10T12:00:00+00:00")
    assert jobs["digest"].trigger.get_next_fire_time(None, now).isoformat() == "2026-06-10T15:05:00+00:00"
    assert jobs["digest"].executor == jobs["note"].executor


@pytest.mark.parametrize(
    ("given", "expected"),
    [("deliver", {"cycle"}), ("sweep", {"sweep"}), ("note,discover", {"cycle", "note"}), ("names", set())],
)
def test_a_process_does_its_own_jobs_only(make_app, given, expected):
    app = make_app()
    app.jobs = chosen(given)
    assert {job.id for job in scheduler(app, list).get_jobs()} == expected


def test_jobs_are_named_in_one_order_and_unknown_ones_are_told():
    assert chosen(" deliver, discover,deliver") == ("discover", "deliver")
    assert chosen(",".join(JOBS)) == JOBS
    for wrong in ("", "discover,web", "all"):
        with pytest.raises(ValueError, match="no job of the service; there are discover, analyse"):
            chosen(wrong)


def test_sigterm_ends_the_cycle_after_the_piece_in_hand(make_app, marshal, signals):
    marshal.add(*(good(str(n), f"ZTF26{n}") for n in range(1, 6)))
    app = make_app(poll_seconds=5)

    def terminate_at_third(method: str, place: str) -> None:
        if (method, place) == ("spectrum", "3"):
            os.kill(os.getpid(), signal.SIGTERM)
            while not app.stopping:
                threading.Event().wait(0.01)

    marshal.trouble = terminate_at_third
    run(app, list)
    assert (marshal.count("spectrum"), marshal.writes) == (3, [])
    app.close()
    marshal.trouble = lambda *_: None
    with make_app() as again:
        assert again.once().analysed["ok"] == 2


def test_failing_job_is_logged_once_and_the_schedule_goes_on(make_app, marshal, signals):
    app = make_app(poll_seconds=5)
    failed = threading.Event()

    def broken() -> None:
        failed.set()
        raise RuntimeError("a fault in the program")

    app.cycle = broken  # type: ignore[method-assign]
    with capture_logs() as logged:
        stopper = threading.Thread(target=lambda: (failed.wait(10), os.kill(os.getpid(), signal.SIGTERM)))
        stopper.start()
        run(app, list)
        stopper.join()
    errors = [entry for entry in logged if entry["log_level"] == "error"]
    assert [(entry["event"], entry["job"]) for entry in errors] == [("job failed", "cycle")]

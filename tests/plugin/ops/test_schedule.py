"""The schedule: what runs when, and how it ends."""

import logging
import os
import signal
import threading
from datetime import datetime

import pytest
from apscheduler.events import EVENT_JOB_MAX_INSTANCES
from structlog.testing import capture_logs

from iris_client.errors import Unavailable
from plugin.cycle.jobs import JOBS, chosen
from plugin.ops.logs import configure
from plugin.ops.schedule import run, scheduler
from plugin.settings import ConfigError
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


def test_what_people_say_is_asked_hourly_after_the_names_and_the_card_is_written_after_the_note(make_app):
    schedule = scheduler(make_app(note_hour_utc=15), list)
    schedule.start(paused=True)
    jobs = {job.id: job for job in schedule.get_jobs()}
    schedule.shutdown()
    now = datetime.fromisoformat("2026-06-10T12:00:00+00:00")
    assert jobs["truth"].trigger.interval.total_seconds() == 3600
    assert jobs["report-card"].trigger.get_next_fire_time(None, now).isoformat() == "2026-06-10T15:10:00+00:00"
    assert jobs["truth"].executor == jobs["report-card"].executor == "names"
    nobody = scheduler(make_app(truth_watch_days=0), list)
    assert {"truth", "report-card"}.isdisjoint(job.id for job in nobody.get_jobs())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("deliver", {"cycle"}),
        ("sweep", {"sweep"}),
        ("note,discover", {"cycle", "note"}),
        ("names", set()),
        ("truth", {"truth", "report-card"}),
    ],
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


def test_a_group_the_bot_is_not_in_ends_the_service_at_once(make_app, marshal, signals):
    marshal.add(good("1", "ZTF26a", group_ids=(6, 7)))
    app = make_app(group_ids=(6, 7))
    with pytest.raises(ConfigError, match="ASTRANET_GROUP_IDS: bot is not a member of 7"):
        run(app, list)
    assert [name for name, _ in marshal.calls] == ["account"]


def test_a_group_the_bot_is_not_in_ends_the_service_as_soon_as_the_marshal_says_so(make_app, marshal, signals):
    app = make_app(group_ids=(6, 7))
    away = iter([Unavailable("502")])
    marshal.trouble = lambda method, _: next(away, None)
    with capture_logs() as logged, pytest.raises(ConfigError, match="not a member of 7"):
        run(app, list)
    assert [e["event"] for e in logged if e["log_level"] == "warning"] == ["the marshal does not answer yet"]
    assert not [e for e in logged if e["log_level"] == "error"], "the sentence at the end is enough"
    assert {name for name, _ in marshal.calls} == {"account"}


def test_a_marshal_that_comes_later_is_waited_for(make_app, marshal, signals):
    marshal.add(good("1", "ZTF26a"))
    app = make_app(poll_seconds=5)
    answered = threading.Event()
    away = iter([Unavailable("502")])

    def trouble(method: str, _place: str) -> Unavailable | None:
        if method == "upsert":
            answered.set()
        return next(away, None)

    marshal.trouble = trouble
    stopper = threading.Thread(target=lambda: (answered.wait(10), os.kill(os.getpid(), signal.SIGTERM)))
    stopper.start()
    run(app, list)
    stopper.join()
    assert answered.is_set()


def test_a_cycle_that_outlasts_the_interval_is_no_warning(make_app, caplog, capsys):
    app = make_app()
    app.settings = app.settings.model_copy(update={"poll_seconds": 0.1})
    started, free = threading.Event(), threading.Event()

    def slow() -> None:
        started.set()
        free.wait(10)

    app.cycle = slow
    root = logging.getLogger()
    before = root.handlers[:], root.level
    skipped = threading.Event()
    with capture_logs():
        jobs = scheduler(app, list)
        jobs.add_listener(lambda _: skipped.set(), EVENT_JOB_MAX_INSTANCES)
        try:
            configure(style="json", level="DEBUG")
            root.addHandler(caplog.handler)
            jobs.start()
            assert started.wait(10)
            assert skipped.wait(10)
        finally:
            free.set()
            jobs.shutdown(wait=True)
            root.handlers[:], root.level = before
    loud = [r for r in caplog.records if r.levelno >= logging.WARNING and r.name.startswith("apscheduler")]
    assert loud == []
    assert "skipped" not in capsys.readouterr().err


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

"""When things happen: each job is one line that calls a use case.

Cycle and note share one thread, so they never overlap. The sweep has its own: it may take long, and a new spectrum
must not wait for it. It only adds tasks, and shares the pacer. So has looking names up, which waits for the budget of
the TNS; it writes to tables of its own, and shares its thread with asking what people say. The same holds for reports
to the TNS.
"""

import signal
import threading
from collections.abc import Callable
from types import FrameType

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, JobExecutionEvent, JobSubmissionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from iris_client.errors import UpstreamError
from plugin.app import App
from plugin.clock import utc_now
from plugin.settings import ConfigError

REPORTS_S = 30
"""Seconds between two looks at reports to the TNS that are under way."""
_log = structlog.get_logger("astranet.schedule")


def scheduler(app: App, write_note: Callable[[], object]) -> BackgroundScheduler:
    """The jobs: a cycle every `POLL_SECONDS`, the sweep when due, names and what people say every hour, and at
    `NOTE_HOUR_UTC` the note, the report card and, where there is a web hook, a message about the night.

    Only those that are the process's own, see `plugin.cycle.jobs`; finding, answering and sending are one cycle.
    A run that is late is made up for once, however many were missed; a run that takes long delays the next one.
    """
    jobs = BackgroundScheduler(
        timezone="UTC",
        executors={name: ThreadPoolExecutor(1) for name in ("default", "sweep", "names", "reports")},
        job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
    )
    seconds = app.settings.poll_seconds
    if {"discover", "analyse", "deliver"} & set(app.jobs):
        jobs.add_job(app.cycle, "interval", seconds=seconds, id="cycle", next_run_time=utc_now())
    if "sweep" in app.jobs:
        jobs.add_job(app.sweep, "interval", seconds=seconds, id="sweep", executor="sweep")
    if "names" in app.jobs and app.naming is not None:
        every = {"hours": 1, "executor": "names", "next_run_time": utc_now()}
        jobs.add_job(app.look_up_names, "interval", id="names", **every)
    if "truth" in app.jobs and app.truth is not None:  # after names, which read the same, in the same thread
        when = {"hours": 1, "executor": "names", "next_run_time": utc_now()}
        jobs.add_job(app.truth.ask, "interval", id="truth", **when)
        at = {"hour": app.settings.note_hour_utc, "minute": 10, "executor": "names"}
        jobs.add_job(app.truth.report, "cron", id="report-card", **at)
    if "deliver" in app.jobs and app.settings.tns_api_key is not None:
        jobs.add_job(app.send_tns_reports, "interval", seconds=REPORTS_S, id="tns-reports", executor="reports")
    if "note" in app.jobs:
        jobs.add_job(write_note, "cron", hour=app.settings.note_hour_utc, id="note")
        if (
            app.clients.slack is not None or app.settings.post_note_comments
        ):  # after the note, which it tells of; they share one thread
            jobs.add_job(app.tell_night, "cron", hour=app.settings.note_hour_utc, minute=5, id="digest")
    jobs.add_listener(_report, EVENT_JOB_ERROR)
    jobs.add_listener(_skipped, EVENT_JOB_MAX_INSTANCES)
    return jobs


def run(app: App, write_note: Callable[[], object]) -> None:
    """Work until SIGTERM or SIGINT, then finish the piece of work in hand and return.

    Raises
    ------
    ConfigError
        If the marshal says, now or when it is first there, that the settings cannot work.
    """
    try:
        app.membership.require()
    except UpstreamError as error:  # it may come later; each cycle asks again
        _log.warning("the marshal does not answer yet", error=str(error))
    done = threading.Event()
    stop_on_signals(app, done.set)
    jobs = scheduler(app, write_note)
    wrong: list[ConfigError] = []

    def give_up(event: JobExecutionEvent) -> None:
        if isinstance(event.exception, ConfigError):
            wrong.append(event.exception)
            app.stop()
            done.set()

    jobs.add_listener(give_up, EVENT_JOB_ERROR)
    with app.beating():
        jobs.start()
        _log.info("started", poll_seconds=app.settings.poll_seconds, dry_run=app.settings.dry_run, jobs=list(app.jobs))
        try:
            done.wait()
        finally:
            jobs.shutdown(wait=True)
            _log.info("stopped")
    if wrong:
        raise wrong[0]


def wait_for_signal() -> None:
    """Return at SIGTERM or SIGINT; call it in the main thread."""
    done = threading.Event()
    _on_signals(done.set)
    done.wait()


def stop_on_signals(app: App, then: Callable[[], object] = bool) -> None:
    """Let SIGTERM and SIGINT end the work gently; call it in the main thread."""

    def stop() -> None:
        app.stop()
        then()

    _on_signals(stop)


def _on_signals(stop: Callable[[], object]) -> None:
    def heard(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)  # who asks twice means it; nothing is lost by it
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, heard)


def _report(event: JobExecutionEvent) -> None:
    if not isinstance(event.exception, ConfigError):  # that ends the service, with a sentence of its own
        _log.error("job failed", job=event.job_id, exc_info=event.exception)


def _skipped(event: JobSubmissionEvent) -> None:
    """A run that takes longer than the interval is no trouble: the next one makes up for it."""
    _log.debug("still at it, the next run waits", job=event.job_id)

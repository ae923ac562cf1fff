"""Queue and health: how much waits and since when, how far everything was read, which model answers, which settings."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from plugin.drift.view import alarm_lines, calibration_line, drift_lines
from plugin.environment import PREFIX
from plugin.settings import Settings
from plugin.store.engine import parse_url
from plugin.web.health import health_of
from plugin.web.parts import WebParts
from plugin.web.reading import Reading
from plugin.web.rendering import page

KIND_WORDS: Final = {"spectrum": "Spectra", "object": "Objects", "analysis": "Requests"}
WORK_STATES: Final = {
    "new": "waiting",
    "claimed": "in hand",
    "parked": "set aside",
    "done": "answered",
    "idle": "watched, no news",
    "superseded": "replaced by a newer version",
    "baseline": "older than we look",
    "gone": "gone from the marshal",
}
POST_STATES: Final = {
    "pending": "waiting",
    "sending": "being sent",
    "parked": "set aside",
    "sent": "on the marshal",
    "retracted": "taken back",
}
_NOT_SHOWN: Final = ("database_url",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A setting; never a secret's value."""

    name: str
    value: str
    what: str
    is_default: bool


def page_of(parts: WebParts) -> Callable[[Request], Response]:
    """The page."""
    settings = parts.settings

    def queue(request: Request) -> Response:
        now = parts.clock()
        with parts.store.begin(to_read=True) as unit:
            reading = Reading(unit)
            depths, models, marks = reading.depths(), reading.models(), reading.watermarks()
            workers = unit.workers.every()
            drifted, drift = alarm_lines(unit.drift.alarms()), list(drift_lines(unit.drift.summary()))
            calibration = unit.calibrations.adopted()
        return page(
            request,
            "queue.html",
            now=now,
            health=health_of(parts),
            workers=workers,
            drifted=drifted,
            drift=drift,
            calibration=None if calibration is None else calibration_line(calibration),
            kinds=KIND_WORDS,
            depths=depths,
            models=models,
            marks=marks,
            work=list(_work_rows(depths.work)),
            post_states=POST_STATES,
            oldest={kind: ago(now, when) for kind, when in depths.oldest_work.items()},
            oldest_post=None if depths.oldest_post is None else ago(now, depths.oldest_post),
            settings=list(shown(settings)),
            dry_run=settings.dry_run,
            database=parse_url(settings.database_url).get_backend_name(),
        )

    return queue


def _work_rows(work: Mapping[tuple[str, str], int]) -> Iterator[tuple[str, list[int]]]:
    """A state in words, and how many are in it of each kind; of empty states only those that say something."""
    for state, words in WORK_STATES.items():
        counts = [work.get((kind, state), 0) for kind in KIND_WORDS]
        if any(counts) or state in ("new", "parked"):
            yield words, counts


def ago(now: datetime, when: datetime) -> str:
    """How long ago, or in how long, in words."""
    seconds = round((now - when).total_seconds())
    words = _words(timedelta(seconds=abs(seconds)))
    return f"due for {words}" if seconds >= 0 else f"due in {words}"


def _words(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 1:
        return f"{int(span.total_seconds())} s"
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} d"


def shown(settings: Settings) -> Iterator[Shown]:
    """Every setting: secrets as set or not set, and nothing of the database's address."""
    for name, described in Settings.model_fields.items():
        if name in _NOT_SHOWN:
            continue
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            text = "set"
        elif value is None or value == ():
            text = "not set"
        else:
            text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        default = described.get_default(call_default_factory=True)
        yield Shown(
            name=PREFIX + name.upper(), value=text, what=described.description or "", is_default=value == default
        )

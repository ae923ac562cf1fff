"""Does the service live, can it work, and why not: in words, from what its processes said and what the store knows."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError

from plugin.activity import Pulse
from plugin.clock import Clock, utc_now
from plugin.settings import PREFIX, Settings
from plugin.store import Store, StoreError, Unit, open_store

SILENT: Final = timedelta(minutes=15)
"""So long without a sign of life: one request with all its repetitions takes up to five minutes."""
STUCK: Final = timedelta(hours=1)
MOST_SKEW_S: Final = 30.0
LEAST_FREE_BYTES: Final = 200 * 2**20
_LATE_POLLS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The answer.

    Parameters
    ----------
    live : bool
        Whether the work goes on at all; if not, a restart may help.
    ready : bool
        Whether everything is there that an answer needs; if not, a restart seldom helps.
    reasons : tuple of str
        Why not, one sentence each; empty when all is well.
    """

    live: bool
    ready: bool
    reasons: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        return self.live and self.ready


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the store knows of the work.

    Parameters
    ----------
    due_since : datetime or None
        When the oldest piece of work could have been begun.
    last_filed : datetime or None
        When the last report was made.
    """

    due_since: datetime | None = None
    last_filed: datetime | None = None


def judge(pulses: Sequence[Pulse], facts: Facts, *, free_bytes: int | None, now: datetime) -> Health:
    """Put everything together; pure.

    Parameters
    ----------
    pulses : sequence of Pulse
        Of every process that works, this one or those that the database knows.
    free_bytes : int or None
        Free space of the output folder; None when it cannot be told.
    """
    alive = [p for p in pulses if p.progress_at is not None and not p.ended and now - p.progress_at <= _silence(p)]
    if not alive:
        return Health(live=False, ready=False, reasons=(_silent(pulses, now),))
    # One that was killed, and started anew with another token, must not be believed for a quarter of an hour.
    recent = [p for p in alive if p.progress_at is not None and now - p.progress_at <= _fresh(p)] or alive
    reasons = [*_cycle(recent, now), *_marshal(recent), *_queue(facts, now), *_disk(free_bytes)]
    return Health(live=True, ready=not reasons, reasons=tuple(reasons))


def of_process(store: Store, pulse: Pulse, settings: Settings, *, clock: Clock = utc_now) -> Health:
    """How the process itself is that is asked; its signs of life need no database."""
    now = clock()
    try:
        with store.begin(to_read=True) as unit:
            facts = _facts(unit, now)
    except DBAPIError as error:
        return _away(error, live=judge([pulse], Facts(), free_bytes=None, now=now).live)
    return judge([pulse], facts, free_bytes=_free(settings.output_dir), now=now)


def of_service(settings: Settings, *, clock: Clock = utc_now) -> Health:
    """How the service is, asked from another process: by what its processes wrote into the database."""
    now = clock()
    try:
        with open_store(settings.database_url, marshal=settings.marshal_url or "", to_read=True) as store:
            return of_store(store, settings, now=now)
    except DBAPIError as error:
        return _away(error, live=False)
    except StoreError as error:
        return Health(live=False, ready=False, reasons=(str(error),))


def of_store(store: Store, settings: Settings, *, now: datetime) -> Health:
    """How the service is, by what is in a store that is open already."""
    try:
        with store.begin(to_read=True) as unit:
            pulses, facts = _pulses(unit), _facts(unit, now)
    except DBAPIError as error:
        return _away(error, live=False)
    return judge(pulses, facts, free_bytes=_free(settings.output_dir), now=now)


def _away(error: DBAPIError, *, live: bool) -> Health:
    return Health(live=live, ready=False, reasons=(f"the database cannot be used ({type(error).__name__})",))


def _pulses(unit: Unit) -> Sequence[Pulse]:
    found = []
    for told in unit.status.told():
        try:
            found.append(Pulse.from_dict(told.body))
        except (ValueError, TypeError):
            continue  # of another version, while one is replaced by the other
    return found


def _facts(unit: Unit, now: datetime) -> Facts:
    return Facts(due_since=unit.figures.due_since(now), last_filed=unit.figures.last_filed())


def _silence(pulse: Pulse) -> timedelta:
    return max(SILENT, timedelta(seconds=_LATE_POLLS * pulse.poll_seconds))


def _fresh(pulse: Pulse) -> timedelta:
    """Within which a process that works says something of itself, unless a single request takes long."""
    return timedelta(seconds=2 * pulse.poll_seconds + 60)


def _silent(pulses: Sequence[Pulse], now: datetime) -> str:
    last = max((p.progress_at for p in pulses if p.progress_at is not None), default=None)
    if last is None:
        return "no cycle has ever begun with this database"
    if any(p.ended and p.progress_at == last for p in pulses):
        return f"no process is at work: the last one was ended {_long(now - last)} ago"
    return f"no sign of life for {_long(now - last)}"


def _cycle(alive: Sequence[Pulse], now: datetime) -> list[str]:
    if not any(p.model for p in alive):
        return ["the model is not loaded"]
    finished = max((p.finished_at for p in alive if p.finished_at is not None), default=None)
    if finished is None:
        return ["the first cycle is not finished yet"]
    running = any(p.begun_at is not None and (p.finished_at is None or p.begun_at > p.finished_at) for p in alive)
    limit = max(timedelta(minutes=10), timedelta(seconds=_LATE_POLLS * min(p.poll_seconds for p in alive)))
    if not running and now - finished > limit:
        return [f"the last cycle finished {_long(now - finished)} ago, the next has not begun"]
    troubles = {t for p in alive for t in p.trouble}
    return [f"the last cycle met trouble: {text}" for text in sorted(troubles)]


def _marshal(alive: Sequence[Pulse]) -> list[str]:
    reasons = []
    if any(p.failed_at is not None and (p.answered_at is None or p.failed_at > p.answered_at) for p in alive):
        reasons.append("the marshal did not answer when it was last asked")
    if any(p.denied for p in alive):
        reasons.append("the marshal does not accept the token")
    skews = [p.skew_s for p in alive if p.skew_s is not None and abs(p.skew_s) > MOST_SKEW_S]
    if skews:
        worst = max(skews, key=abs)
        reasons.append(f"this machine's clock is {worst:+.0f} s against the marshal's: set it (NTP)")
    return reasons


def _queue(facts: Facts, now: datetime) -> list[str]:
    if facts.due_since is None or now - facts.due_since <= STUCK:
        return []
    if facts.last_filed is not None and now - facts.last_filed <= STUCK:
        return []  # much to do, and it is being done
    return [f"work has been due for {_long(now - facts.due_since)} and nothing is answered"]


def _disk(free_bytes: int | None) -> list[str]:
    if free_bytes is None:
        return [f"the folder of {PREFIX}OUTPUT_DIR cannot be looked at"]
    if free_bytes < LEAST_FREE_BYTES:
        return [f"only {free_bytes / 2**20:.0f} MiB are free in the folder of {PREFIX}OUTPUT_DIR"]
    return []


def _free(folder: Path) -> int | None:
    """Free bytes where the folder is, or where it will be made."""
    for place in (folder, *folder.parents):
        if place.is_dir():
            try:
                return shutil.disk_usage(place).free
            except OSError:
                return None
    return None


def _long(span: timedelta) -> str:
    seconds = span.total_seconds()
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

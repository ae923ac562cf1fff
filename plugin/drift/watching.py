"""Answers on file, in the order in which they were given, through the tests for drift; alarms to where people look."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from iris_client.protocols import Place
from iris_client.taxonomy.trust import ORDER, Voice
from models.conformal.domains import Domains
from models.drift.monitor import Alarm, Monitor
from models.recalibration.rows import Rows
from plugin.clock import Clock, moment, stamp, utc_now
from plugin.cycle.messages.alerts import MESSAGE
from plugin.cycle.posting import Post
from plugin.cycle.posts import enqueue
from plugin.drift.reading import learned_of, references_of, row_of, seen_of
from plugin.store import ASTRANET, Filed, Store, Unit

_log = structlog.get_logger("astranet.drift")
LOOK_BACK: Final = timedelta(days=30)
"""How old answers may be that the tests begin with."""
OVERLAP: Final = timedelta(minutes=10)
"""How far each look reaches back behind the last one: another process may have filed late, or its clock be slow."""
OWN: Final = 1000
"""Answers of one's own that take the place of calibration after `astranet drift reset --own`."""
CALIBRATION, OWN_ANSWERS = "calibration", "own answers"


@dataclass(slots=True)
class _Progress:
    """The tests, and which answers they have seen. An object counts once, with its first answer: several spectra of
    one are not independent."""

    monitor: Monitor
    calibration_id: str
    since: datetime
    read: datetime
    seen: set[str]
    known: set[str]

    def to_dict(self) -> Mapping[str, Any]:
        return {
            "monitor": self.monitor.to_dict(),
            "calibration": self.calibration_id,
            "since": stamp(self.since),
            "read": stamp(self.read),
            "seen": sorted(self.seen),
            "known": sorted(self.known),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "_Progress":
        return cls(
            monitor=Monitor.from_dict(state["monitor"]),
            calibration_id=str(state["calibration"]),
            since=moment(state["since"]),
            read=moment(state["read"]),
            seen=set(state["seen"]),
            known=set(state["known"]),
        )


@dataclass(slots=True, kw_only=True)
class Watching:
    """Looks at what is new.

    Parameters
    ----------
    rate : float
        False alarms; see `models.drift.monitor.Monitor`.
    order : sequence of str
        Who is believed about what an object is.
    messages : bool
        Whether alarms are told in a chat, for `group_ids`.
    """

    store: Store
    alpha: float
    rate: float
    order: Sequence[Voice] = ORDER
    group_ids: tuple[int, ...] = ()
    messages: bool = False
    clock: Clock = utc_now

    def look(self, calibration_id: str, rows: Rows, *, truths: bool) -> list[Alarm]:
        """Take in what was answered since the last look; on request also what became known of answers.

        Parameters
        ----------
        calibration_id : str
            What answers are calibrated on now. With another one than before all begins anew.
        rows : Rows
            Its spectra.

        Returns
        -------
        list of Alarm
            Those that are new.
        """
        now = self.clock()
        with self.store.begin(to_read=True) as unit:
            if not truths and self._is_idle(unit, calibration_id):
                return []
        domains = rows.domains()
        with self.store.begin() as unit:
            unit.drift.lock()
            progress = self._progress(unit, calibration_id, rows, now)
            raised = self._answers(unit, progress, domains, now)
            if truths:
                raised += self._truths(unit, progress, domains, now)
            unit.drift.put(progress.to_dict(), summary_of(progress, self.rate), now)
            for alarm in raised:
                unit.drift.raise_alarm(alarm.test, alarm.sentence, now)
                _log.warning("drift", test=alarm.test, sentence=alarm.sentence)
            if raised and self.messages:
                self.tell(unit, [alarm.sentence for alarm in raised], now)
        return raised

    def tell(self, unit: Unit, sentences: Sequence[str], now: datetime) -> None:
        """Say it in the chat, once."""
        place = Place(kind="night", id=f"drift {stamp(now)}")
        post = Post(place=place, kind=MESSAGE, body={"drift": list(sentences)}, group_ids=self.group_ids)
        enqueue(unit, [post], now)

    def _is_idle(self, unit: Unit, calibration_id: str) -> bool:
        """Whether nothing was answered since the last look: the state is not read for that."""
        told, last = unit.drift.summary(), unit.figures.last_filed()
        same = told.get("calibration") == calibration_id and told.get("rate") == self.rate
        return same and (last is None or last < moment(str(told["read"])))

    def _progress(self, unit: Unit, calibration_id: str, rows: Rows, now: datetime) -> _Progress:
        state = unit.drift.state()
        if state is not None and state.body:
            try:
                progress = _Progress.from_dict(state.body)
            except (ValueError, KeyError, TypeError) as error:
                _log.warning("the tests for drift begin anew", reason=f"{type(error).__name__}: {error}")
            else:
                if progress.calibration_id == calibration_id and progress.monitor.rate == self.rate:
                    return progress
                _log.info("the tests for drift begin anew", calibration=calibration_id, rate=self.rate)
        own = state is not None and not state.body and state.summary.get("against") == OWN_ANSWERS
        monitor = Monitor(self.rate)
        monitor.begin(references_of(self._own(unit, rows, now) if own else rows))
        # What is calibrated on, or was looked at before a reset, is not tested once more.
        since = now - LOOK_BACK if state is None else now
        return _Progress(monitor, calibration_id, since, since, set(), set())

    def _answers(self, unit: Unit, progress: _Progress, domains: Domains, now: datetime) -> list[Alarm]:
        raised: list[Alarm] = []
        start = max(progress.since, progress.read - OVERLAP)
        for filed in sorted(unit.reports.filed_between(start, now, ASTRANET), key=_by_time):
            name = _short(filed.target_id)
            if name in progress.seen or (seen := seen_of(filed, domains)) is None:
                continue
            progress.seen.add(name)
            raised += progress.monitor.saw(seen)
        progress.read = now
        return raised

    def _truths(self, unit: Unit, progress: _Progress, domains: Domains, now: datetime) -> list[Alarm]:
        raised: list[Alarm] = []
        found = unit.truth.answered(progress.since, now, order=self.order)
        for answered in sorted(found, key=lambda one: (one.told_at, one.filed_at)):
            name = _short(answered.target_id)
            if name in progress.known or (learned := learned_of(answered, domains, self.alpha)) is None:
                continue
            progress.known.add(name)
            raised += progress.monitor.learned(learned)
        return raised

    def _own(self, unit: Unit, rows: Rows, now: datetime) -> Rows:
        """The latest answers in place of calibration spectra, with their truth where it is known."""
        latest = sorted(unit.reports.filed_between(now - 12 * LOOK_BACK, now, ASTRANET), key=_by_time)[-OWN:]
        found = [row_of(f.report, f.target_id, f.filed_at, -1) for f in latest]
        parts = [part for part in found if part is not None]
        return Rows.joined(parts) if parts else rows


def summary_of(progress: _Progress, rate: float) -> Mapping[str, Any]:
    """The few figures that are shown, and by which it is seen that nothing is new."""
    monitor = progress.monitor
    return {
        "calibration": progress.calibration_id,
        "since": stamp(progress.since),
        "read": stamp(progress.read),
        "answers": monitor.answers,
        "truths": monitor.truths,
        "rate": rate,
        "threshold": round(monitor.threshold, 3),
        "evidence": {name: float(f"{value:.4g}") for name, value in monitor.evidence().items()},
        "figures": {name: text for name in monitor.evidence() if (text := monitor.figures(name))},
    }


def reset(store: Store, *, own: bool, now: datetime) -> int:
    """Acknowledge every alarm and let all tests begin anew at the next look; returns how many alarms stood.

    Parameters
    ----------
    own : bool
        Compare with the last answers from now on, not with calibration: for a stream that is known to be unlike it.
    """
    with store.begin() as unit:
        unit.drift.lock()
        unit.drift.put({}, {"against": OWN_ANSWERS if own else CALIBRATION}, now)
        return unit.drift.acknowledge(now)


def _short(name: str) -> str:
    """An object's name, short: the state holds thousands of them."""
    return hashlib.sha256(name.encode()).hexdigest()[:10]


def _by_time(filed: Filed) -> tuple[datetime, str]:
    return filed.filed_at, filed.subject.id

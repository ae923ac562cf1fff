"""What the service does to stay calibrated: after each cycle, and once a night."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from models.drift.monitor import Alarm
from models.recalibration.applied import LocalAnalyst, shipped_rows
from models.recalibration.propose import Proposal
from plugin.clock import Clock, moment, stamp, utc_now
from plugin.drift.recalibrating import Recalibrating, calibration_id, calibration_rows
from plugin.drift.watching import Watching
from plugin.settings import Settings
from plugin.store import Store

_log = structlog.get_logger("astranet.calibration")
NIGHTLY: Final = "calibration nightly"
TOLD: Final = "calibration told"
EVERY: Final = timedelta(hours=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationPart:
    """Both, as the settings have them. What fails here keeps no answer waiting."""

    store: Store
    analyst: LocalAnalyst
    recalibrating: Recalibrating
    watching: Watching
    clock: Clock = utc_now

    def before_cycle(self) -> None:
        """Answer by what was adopted meanwhile."""
        try:
            self.recalibrating.use_adopted()
        except Exception as error:  # answers go on as they were calibrated so far
            _log.error("the adopted calibration cannot be read", reason=type(error).__name__, exc_info=error)

    def after_cycle(self) -> list[Alarm]:
        """Look at what was answered; and, when that is due, at what became known."""
        try:
            with self.store.begin(to_read=True) as unit:
                last = unit.watermarks.get(NIGHTLY)
            if last is None or self.clock() - moment(last) >= EVERY:
                return self.nightly()
            with self.store.leading("calibration") as ours:
                return self._look(truths=False) if ours else []
        except Exception as error:  # a fault here must not keep any answer from being given
            _log.error("the tests for drift failed", reason=type(error).__name__, exc_info=error)
            return []

    def nightly(self) -> list[Alarm]:
        """Look at what became known of answers, and propose what they give as a calibration."""
        with self.store.leading("calibration") as ours:
            if not ours:
                return []
            raised = self._look(truths=True)
            proposed = self.recalibrating.nightly()
            now = self.clock()
            with self.store.begin() as unit:
                unit.watermarks.set(NIGHTLY, stamp(now))
            if proposed is not None:
                self._tell(proposed, now)
            return raised

    def _look(self, *, truths: bool) -> list[Alarm]:
        return self.watching.look(calibration_id(self.analyst), calibration_rows(self.analyst), truths=truths)

    def _tell(self, proposed: Proposal, now: datetime) -> None:
        """Tell the chat of a calibration that passed; once a month, for every night may bring one."""
        if not self.watching.messages or not proposed.ok:
            return
        month, name = f"{now:%Y-%m}", proposed.calibration_id
        with self.store.begin() as unit:
            if unit.watermarks.get(TOLD) == month:
                return
            unit.watermarks.set(TOLD, month)
            in_use = self.recalibrating.mode == "automatic"
            what = "is in use" if in_use else f"can be adopted: astranet calibration adopt {name}"
            text = (
                f"Calibration {name}, of {proposed.spectra} spectra of {proposed.objects} objects, passed and {what}."
            )
            self.watching.tell(unit, [text], now)


def make_part(
    settings: Settings, store: Store, analyst: object, clock: Clock, *, messages: bool
) -> CalibrationPart | None:
    """Both; None where the models cannot be recalibrated."""
    if not isinstance(analyst, LocalAnalyst):
        return None
    try:
        shipped_rows(analyst.bundle)
    except ValueError as error:
        _log.info("neither drift nor calibration is looked after", reason=str(error))
        return None
    return CalibrationPart(
        store=store,
        analyst=analyst,
        recalibrating=Recalibrating(
            store=store,
            analyst=analyst,
            alpha=settings.alpha,
            mode=settings.recalibrate,
            window=settings.recalibration_window,
            order=settings.trust,
            clock=clock,
        ),
        watching=Watching(
            store=store,
            alpha=settings.alpha,
            rate=settings.drift_false_alarms,
            order=settings.trust,
            group_ids=settings.group_ids,
            messages=messages,
            clock=clock,
        ),
        clock=clock,
    )

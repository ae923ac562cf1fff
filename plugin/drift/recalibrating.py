"""Calibrations of one's own: proposed every night from answers with truth, adopted by a person or, if wanted, at once.

What was adopted answers from the next cycle on, in every process; `rollback` goes back to what answered before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import numpy as np
import structlog

from iris_client.taxonomy.trust import ORDER, Voice
from models.recalibration.applied import LocalAnalyst, LocalCalibration, shipped_rows
from models.recalibration.propose import WINDOW, Proposal, propose
from models.recalibration.rows import Rows
from plugin.clock import Clock, utc_now
from plugin.drift.reading import rows_of
from plugin.store import Store
from plugin.store.drift.calibrations import StoredCalibration

_log = structlog.get_logger("astranet.calibration")
Mode = Literal["off", "propose", "automatic"]
_EPOCH: Final = datetime(1970, 1, 1)


class CannotAdopt(ValueError):
    """A calibration that may not answer, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalibrating:
    """What is done with calibrations.

    Parameters
    ----------
    mode : str
        `off`: the bundle's own calibration answers, whatever was adopted; `propose`: a person adopts; `automatic`: what
        passes every check is adopted.
    window : int
        How many of the latest answers with truth count.
    """

    store: Store
    analyst: LocalAnalyst
    alpha: float
    mode: Mode = "propose"
    window: int = WINDOW
    order: Sequence[Voice] = ORDER
    clock: Clock = utc_now

    def nightly(self) -> Proposal | None:
        """Propose what the answers so far give, and adopt it if that is wanted; None where there is too little."""
        if self.mode == "off":
            return None
        now = self.clock()
        with self.store.begin(to_read=True) as unit:
            answered = unit.truth.answered(_EPOCH, now, order=self.order)
        own = self._with_adopted(rows_of(answered))
        return self.propose(own) if len(own) else None

    def _with_adopted(self, own: Rows) -> Rows:
        """Beside what was answered, spectra that what answers now has and that were never answered about."""
        local = self.analyst.calibration
        if local is None:
            return own
        more = (local.rows.objects != "") & ~np.isin(local.rows.objects, own.objects)
        return Rows.joined([own, local.rows.rows(more)])

    def propose(self, own: Rows) -> Proposal | None:
        """Put a calibration on file, with what it showed; None where there are too few spectra for any domain."""
        try:
            found = propose(shipped_rows(self.analyst.bundle), own, alpha=self.alpha, window=self.window)
        except ValueError as error:  # a bundle without domains keeps its calibration
            _log.info("no calibration is proposed", reason=str(error))
            return None
        if not found.domains:
            return None
        now = self.clock()
        with self.store.begin() as unit:
            before = unit.calibrations.get(found.calibration_id)
            unit.calibrations.propose(
                found.calibration_id,
                bundle=self.analyst.bundle_id,
                passed=found.ok,
                summary=summary_of(found),
                body=found.rows.to_bytes(),
                now=now,
            )
            if self.mode == "automatic" and found.ok and (before is None or before.adopted_at is None):
                unit.calibrations.adopt(found.calibration_id, now)
        failed = [f"{check.name}: {check.found}" for check in found.checks if not check.ok]
        _log.info("calibration proposed", calibration=found.calibration_id, passed=found.ok, failed=failed)
        return found

    def use_adopted(self) -> bool:
        """Let the analyst answer by what is adopted; says whether something changed. Cheap when nothing has."""
        with self.store.begin(to_read=True) as unit:
            wanted = None if self.mode == "off" else unit.calibrations.adopted()
            now = self.analyst.calibration
            if (None if wanted is None else wanted.calibration_id) == (None if now is None else now.calibration_id):
                return False
            body = None if wanted is None else unit.calibrations.body(wanted.calibration_id)
        try:
            self.analyst.use(None if wanted is None else _read(wanted, body))
        except ValueError as error:
            if now is None:
                _log.debug("the adopted calibration is not used", reason=str(error))
                return False
            self.analyst.use(None)
            _log.warning("the adopted calibration is not used", reason=str(error))
            return True
        _log.info("calibration in use", calibration=calibration_id(self.analyst))
        return True


def calibration_id(analyst: LocalAnalyst) -> str:
    """The name of what answers are calibrated on now."""
    local = analyst.calibration
    return str(analyst.bundle.card["calibration"]["id"]) if local is None else local.calibration_id


def calibration_rows(analyst: LocalAnalyst) -> Rows:
    """The spectra that answers are calibrated on now.

    Raises
    ------
    ValueError
        If the bundle has no anomaly layer with domains.
    """
    local = analyst.calibration
    return shipped_rows(analyst.bundle) if local is None else local.rows


def adopt(store: Store, wanted: str, *, bundle_id: str, now: datetime, despite: bool = False) -> StoredCalibration:
    """Let a calibration on file answer from the next cycle on.

    Parameters
    ----------
    despite : bool
        Also one that has not passed every check: a person says so.

    Raises
    ------
    CannotAdopt
        If there is none of this name, it is for another bundle, its content is not what its name says, or it has not
        passed its checks.
    """
    with store.begin() as unit:
        found = unit.calibrations.get(wanted)
        if found is None:
            raise CannotAdopt(f"there is no calibration {wanted}: `astranet calibration list` shows them")
        if found.bundle != bundle_id:
            raise CannotAdopt(f"{wanted} is for {found.bundle}; {bundle_id} answers now")
        if not found.passed and not despite:
            failed = [f"{c['name']} ({c['found']})" for c in found.summary["checks"] if not c["ok"]]
            raise CannotAdopt(f"{wanted} has not passed: {'; '.join(failed)}")
        _read(found, unit.calibrations.body(wanted))
        unit.calibrations.adopt(wanted, now)
    return found


def rollback(store: Store, now: datetime) -> tuple[StoredCalibration | None, StoredCalibration | None]:
    """Retire what answers, so that what was adopted before it answers again, in the end the bundle's own.

    Returns
    -------
    retired, answers : StoredCalibration or None
        None for nothing to retire, and for the bundle's own.
    """
    with store.begin() as unit:
        retired = unit.calibrations.adopted()
        if retired is not None:
            unit.calibrations.retire(retired.calibration_id, now)
        return retired, unit.calibrations.adopted()


def summary_of(proposal: Proposal) -> Mapping[str, Any]:
    """What is shown of a proposal."""
    return {
        "domains": list(proposal.domains),
        "spectra": proposal.spectra,
        "objects": proposal.objects,
        "size": len(proposal.rows),
        "checks": [{"name": c.name, "ok": bool(c.ok), "found": c.found} for c in proposal.checks],
    }


def _read(stored: StoredCalibration, body: bytes | None) -> LocalCalibration:
    """A calibration with its spectra.

    Raises
    ------
    CannotAdopt
        If its content is not what its name says.
    """
    try:
        rows = Rows.from_bytes(body or b"")
    except ValueError as error:
        raise CannotAdopt(f"{stored.calibration_id}: {error}") from None
    if not stored.calibration_id.endswith(rows.fingerprint[:8]):
        raise CannotAdopt(f"{stored.calibration_id} is damaged: its content is another")
    return LocalCalibration(
        calibration_id=stored.calibration_id,
        bundle_id=stored.bundle,
        date=f"{stored.made_at:%Y-%m-%d}",
        rows=rows,
    )

"""From answers with truth to a calibration that was checked: what is proposed, and why it may be adopted or not."""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.recalibration.checks import Check, examine, passed
from models.recalibration.combine import combined, own_domains
from models.recalibration.rows import Rows

WINDOW: Final = 10_000
PREFIX: Final = "local-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A calibration and what it showed.

    Parameters
    ----------
    calibration_id : str
        `local-` and the beginning of the content's SHA-256.
    rows : Rows
        The calibration spectra of every domain: those of one's own, both halves, and the shipped ones that stay.
    domains : tuple of str
        Those that are calibrated on one's own spectra.
    spectra, objects : int
        Of one's own.
    checks : tuple of Check
        On objects held back from a calibration made of the others.
    """

    calibration_id: str
    rows: Rows
    domains: tuple[str, ...]
    spectra: int
    objects: int
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return passed(self.checks)


def propose(shipped: Rows, answered: Rows, *, alpha: float, window: int = WINDOW) -> Proposal:
    """Calibrate on the latest answers with truth, and check that on objects held back.

    Objects are dealt to two halves by their names: one is calibrated on, the other held back for the checks. What is
    proposed is calibrated on both.

    Parameters
    ----------
    shipped : Rows
        The bundle's own calibration.
    answered : Rows
        In any order; rare types, which are in no set, are left out.
    window : int
        How many of the latest count.
    """
    latest = np.argsort(answered.answered_at, kind="stable")[-window:]
    own = answered.rows(latest)
    own = own.rows(own.label >= 0)
    first = np.array([in_first_half(str(name)) for name in own.objects], bool)
    fit, back = own.rows(first), own.rows(~first)
    checks = examine(shipped, combined(shipped, fit), fit, back, alpha=alpha) if len(own) else [_NOTHING]
    rows = combined(shipped, own)
    return Proposal(
        calibration_id=PREFIX + rows.fingerprint[:8],
        rows=rows,
        domains=tuple(own_domains(own)) if len(own) else (),
        spectra=len(own),
        objects=own.count_objects(),
        checks=tuple(checks),
    )


def in_first_half(name: str) -> bool:
    """Which half an object belongs to, the same every night: what was held back once is held back again."""
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 0


_NOTHING: Final = Check(name="enough spectra", ok=False, found="no answer with a known class")

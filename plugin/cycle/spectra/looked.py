"""Where the networks looked, kept beside a report for its picture; computed only where somebody will see it."""

import base64
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.domain import FINE_CLASSES, Report, Spectrum
from models.domain.looked import WINDOW_A, Looked
from plugin.store.filed import Fact, Filed

Floats = NDArray[np.float64]
Looking = Callable[[Spectrum, str, float | None], Looked]
"""From a spectrum, a class and the redshift that the networks were told to where they looked."""

ASKED: Final = "asked on a page: where the networks looked"
"""Why a spectrum is in the queue once more; whoever answers it looks too."""
DISCLAIMER: Final = (
    f"Where the networks looked: log-odds of {{label}} lost when {WINDOW_A:.0f} \u00c5 there are hidden. "
    "It is no proof that the class is right."
)
_FACT, _LABEL = "looked", "looked_at"
_STEPS: Final = 127


def looked_at(report: Report, spectrum: Spectrum, looking: Looking) -> Looked | None:
    """Where the networks looked for the class of a report; None for a refusal."""
    if report.verdict is None:
        return None
    told = None if report.what_if is None else report.what_if.redshift
    return looking(spectrum, report.verdict.label, told)


def to_facts(looked: Looked) -> dict[str, Fact]:
    """A byte for each window, and the class."""
    if not looked.change.size:
        return {}
    most = float(np.abs(looked.change).max())
    codes = np.round(looked.change / (most or 1.0) * _STEPS).astype(np.int8)
    at = looked.wavelength_A
    # Windows are evenly spaced but for those that are not measured; a byte of -128 stands for these.
    step = float(np.diff(at).min()) if at.size > 1 else 1.0
    cells = np.full(round((at[-1] - at[0]) / step) + 1, -_STEPS - 1, np.int8)
    cells[np.round((at - at[0]) / step).astype(int)] = codes
    body = base64.b64encode(cells.tobytes()).decode("ascii")
    return {_FACT: f"{at[0]:.1f} {step:.3f} {most:.4f}:{body}", _LABEL: FINE_CLASSES[looked.label]}


def with_looked(filed: Filed, before: Filed | None) -> Filed:
    """A report with what an earlier one of the same spectrum and bundle knew of where the networks looked."""
    if before is None or _FACT in filed.facts:
        return filed
    same = (before.report.input_hash, before.report.bundle) == (filed.report.input_hash, filed.report.bundle)
    kept = {key: before.facts[key] for key in (_FACT, _LABEL) if same and key in before.facts}
    return replace(filed, facts={**filed.facts, **kept}) if kept else filed


def from_facts(facts: Mapping[str, Fact]) -> Looked | None:
    """Read what `to_facts` wrote; None where there is none."""
    try:
        head, _, body = str(facts[_FACT]).partition(":")
        first, step, most = (float(x) for x in head.split())
        cells = np.frombuffer(base64.b64decode(body, validate=True), np.int8).astype(np.float64)
        label = FINE_CLASSES.index(str(facts[_LABEL]))
    except (KeyError, ValueError):
        return None
    if not all(map(math.isfinite, (first, step, most))):
        return None
    known = cells >= -_STEPS
    at = first + step * np.arange(cells.size, dtype=np.float64)
    return Looked(label=label, wavelength_A=at[known], change=cells[known] / _STEPS * most, log_odds=math.nan)

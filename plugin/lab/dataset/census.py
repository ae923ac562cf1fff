"""What came in, class by class, before anything was decided about it."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

import numpy as np

from iris_client.quality.checks import coverage
from iris_client.quality.control import QualityRules
from iris_client.quality.input import NotNumbers, to_floats
from models.domain import RawSpectrum
from plugin.lab.dataset.records import Record

WIDE: Final = 0.8
"""Share of the window from which on a spectrum counts as covering it (ASTRANet paper, Sec. III)."""
_RULES: Final = QualityRules()


class Census:
    """Counts records by class: objects, spectra, those that cover the window, those whose class is disputed."""

    def __init__(self) -> None:
        self._objects: defaultdict[str, set[str]] = defaultdict(set)
        self._counts: defaultdict[str, dict[str, int]] = defaultdict(lambda: {"spectra": 0, "wide": 0, "ambiguous": 0})

    def count(self, record: Record) -> None:
        """Take one record in."""
        name = record.class_name + (" (semi-real)" if record.semi_real else "")
        self._objects[name].add(record.raw.target_id or record.group)
        counts = self._counts[name]
        counts["spectra"] += 1
        counts["wide"] += covers(record.raw) >= WIDE
        counts["ambiguous"] += record.label.ambiguous

    def table(self) -> Mapping[str, Mapping[str, int]]:
        """Class to counts, in alphabetical order."""
        return {name: {"objects": len(self._objects[name]), **self._counts[name]} for name in sorted(self._counts)}


def covers(raw: RawSpectrum) -> float:
    """Share of the window that the pixels as sent cover; 0 for what is no spectrum."""
    try:
        wave, flux = to_floats(raw.wavelengths), to_floats(raw.fluxes)
    except NotNumbers:
        return 0.0
    if wave.size != flux.size or not (np.diff(wave) > 0).all():
        return 0.0
    return coverage(wave[np.isfinite(wave) & np.isfinite(flux)], _RULES)

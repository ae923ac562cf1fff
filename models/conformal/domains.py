"""Calibration by domain: a spectrum is compared with calibration spectra of like resolution.

A guarantee holds for spectra exchangeable with the calibration set. Those of the SED Machine (R about 100) and those
of long-slit spectrographs are not: calibrated on the latter alone, sets that promise 0.95 cover 0.80 of the former.
Which domain a spectrum belongs to is told from its sampling, never from the name of an instrument.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.spectral.prepare import LOW_RESOLUTION_A

LOW, HIGH, ALL = "low resolution", "high resolution", "all"
COARSEST_A: Final = 40.0
"""Pixels wider than this are none that the calibration spectra have."""
SMALLEST_DOMAIN: Final = 50
"""Calibration spectra; a domain with fewer has no thresholds of its own."""


def domain_of(spacing_A: float) -> str | None:
    """Low or high resolution, by the median distance of pixels in Angstrom; None for what is like neither."""
    if not 0 < spacing_A <= COARSEST_A:
        return None
    return LOW if spacing_A > LOW_RESOLUTION_A else HIGH


def smallest_cell(alpha: float) -> int:
    """Fewest calibration spectra of a cell that keeps its own threshold: with fewer nothing could fire at `alpha`."""
    return max(10, int(np.ceil(round(1 / alpha, 9))) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Domains:
    """Which calibration spectra stand for which domain.

    Parameters
    ----------
    masks : mapping of str to ndarray of bool, shape (n,)
        Those of each domain that has enough of them; of all together if none has, or nothing is known of the sampling.
    size : int
        All calibration spectra.
    """

    masks: Mapping[str, NDArray[np.bool_]]
    size: int

    @classmethod
    def of(cls, spacing_A: NDArray[np.floating] | None, size: int) -> "Domains":
        """From the pixels of the calibration spectra; None for a bundle from before there were domains."""
        everything = {ALL: np.ones(size, bool)}
        if spacing_A is None:
            return cls(masks=everything, size=size)
        names = np.array([domain_of(float(s)) or "" for s in spacing_A])
        found = {name: names == name for name in (HIGH, LOW) if int((names == name).sum()) >= SMALLEST_DOMAIN}
        return cls(masks=found or everything, size=size)

    def consulted(self, spacing_A: float) -> tuple[str, ...]:
        """Whose thresholds count for a spectrum: its domain's, or every domain's if it has none with thresholds."""
        own = domain_of(spacing_A)
        return (own,) if own is not None and own in self.masks else tuple(self.masks)

    def caveat(self, spacing_A: float) -> str | None:
        """What to say of a spectrum that is compared with others than its like; None where there is nothing to say."""
        own = domain_of(spacing_A)
        if own in self.masks or tuple(self.masks) == (ALL,):
            return None
        others = " and ".join(f"{name} ({int(mask.sum())})" for name, mask in self.masks.items())
        why = f"a pixel every {spacing_A:.0f} A" if own is None else f"hardly any calibration spectrum of {own}"
        return f"{why}: compared with calibration spectra of {others}, and the more cautious threshold counts"

    def named(self, names: tuple[str, ...]) -> tuple[str, int]:
        """How to call the calibration spectra of some domains, and how many they are."""
        return " and ".join(names), sum(int(self.masks[name].sum()) for name in names)

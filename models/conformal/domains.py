"""Calibration by domain: a spectrum is compared with calibration spectra of like resolution and coverage.

A guarantee holds for spectra exchangeable with the calibration set. Those of the SED Machine (R about 100) and those
of long-slit spectrographs are not: calibrated on the latter alone, sets that promise 0.95 cover 0.80 of the former.
Neither are spectra that lack a quarter of the window, least of all its blue end, and whole ones. Which domain a
spectrum belongs to is told from its sampling and its ends, never from the name of an instrument.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.spectral.prepare import GRID_SIZE, LOW_RESOLUTION_A, WHOLE, WINDOW_A, Extent

LOW, HIGH, ALL = "low resolution", "high resolution", "all"
RED_MISSING, BLUE_MISSING = "red end missing", "blue end missing"
WHOLE_DOMAINS: Final = (HIGH, LOW)
PARTIAL_DOMAINS: Final = tuple(f"{name}, {end}" for name in WHOLE_DOMAINS for end in (RED_MISSING, BLUE_MISSING))
ANSWERED: Final = (HIGH, LOW, f"{HIGH}, {RED_MISSING}")
"""Where coverage was shown to hold on real spectra (docs/results/coverage.md): not where the blue end is missing,
where it does not on 45 real test spectra, nor for partial ones of low resolution, of which one is real."""
COARSEST_A: Final = 40.0
"""Pixels wider than this are none that the calibration spectra have."""
FULL_COVERAGE, LEAST_COVERAGE = 0.8, 0.7
"""From the first on a spectrum counts as whole (paper, Sec. III); with less than the second it has no like here."""
MOST_GAPS: Final = 0.05
"""A partial spectrum lacks an end. Where a quarter of the window is missing in the middle, sets calibrated on such
spectra that promise 0.8 cover 0.7 (docs/results/coverage.md)."""
AN_END: Final = 0.01
"""A share of the window; what is missing at one end beyond this makes a spectrum one that lacks that end."""
ROUNDING: Final = 2 / GRID_SIZE
"""What the grid may take off a coverage: a pixel at either end."""
SMALLEST_DOMAIN: Final = 50
"""Calibration spectra; a domain with fewer has no thresholds of its own."""


def is_whole(coverage: float) -> bool:
    """Whether a spectrum covers as much of the window as the networks' paper asks for."""
    return coverage >= FULL_COVERAGE - ROUNDING


def domain_of(spacing_A: float, extent: Extent = WHOLE) -> str | None:
    """Low or high resolution, by the median distance of pixels in Angstrom, and which end is missing if one is.

    None for what is like nothing here: coarser pixels than any calibration spectrum has, less of the window, or a part
    of it missing that is not at its ends.
    """
    if not 0 < spacing_A <= COARSEST_A:
        return None
    name = LOW if spacing_A > LOW_RESOLUTION_A else HIGH
    if is_whole(extent.coverage):
        return name
    if extent.coverage < LEAST_COVERAGE - ROUNDING or extent.gaps > MOST_GAPS:
        return None
    return f"{name}, {_end(extent)}"


def _end(extent: Extent) -> str:
    """Which end lacks more."""
    return BLUE_MISSING if extent.blue_end > extent.red_end else RED_MISSING


def smallest_cell(alpha: float) -> int:
    """Fewest calibration spectra of a cell that keeps its own threshold: with fewer nothing could fire at `alpha`."""
    return max(10, int(np.ceil(round(1 / alpha, 9))) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Domains:
    """Which calibration spectra stand for which domain.

    Parameters
    ----------
    masks : mapping of str to ndarray of bool, shape (n,)
        Those of each domain that has enough of them; of all whole ones together if neither resolution has, or nothing
        is known of the sampling.
    size : int
        All calibration spectra.
    cut : mapping of str to int
        How many of a domain are whole spectra that were cut to its coverage.
    """

    masks: Mapping[str, NDArray[np.bool_]]
    size: int
    cut: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        spacing_A: NDArray[np.floating] | None,
        size: int,
        *,
        coverage: NDArray[np.floating] | None = None,
        blue_end: NDArray[np.floating] | None = None,
        red_end: NDArray[np.floating] | None = None,
        cut: NDArray[np.bool_] | None = None,
    ) -> "Domains":
        """From pixels and ends of the calibration spectra; no pixels for a bundle from before there were domains.

        Without `coverage` and ends all of them are whole.
        """
        if spacing_A is None:
            return cls(masks={ALL: np.ones(size, bool)}, size=size)
        told = [WHOLE] * size
        if coverage is not None and blue_end is not None and red_end is not None:
            told = [Extent(*map(float, row)) for row in zip(coverage, blue_end, red_end, strict=True)]
        names = np.array([domain_of(float(s), e) or "" for s, e in zip(spacing_A, told, strict=True)])
        found = {
            name: names == name
            for name in (*WHOLE_DOMAINS, *PARTIAL_DOMAINS)
            if int((names == name).sum()) >= SMALLEST_DOMAIN
        }
        if not any(name in found for name in WHOLE_DOMAINS):
            found = {ALL: np.array([is_whole(e.coverage) for e in told], bool)} | found
        counts = {} if cut is None else {name: int(cut[mask].sum()) for name, mask in found.items()}
        return cls(masks=found, size=size, cut=counts)

    def answers(self, spacing_A: float, extent: Extent = WHOLE) -> bool:
        """Whether such a one may be answered: a partial one only where that was shown to hold, by spectra like it."""
        own = self._own(spacing_A, extent)
        shown = domain_of(spacing_A, extent) in ANSWERED
        return is_whole(extent.coverage) or (shown and all(name in self.masks for name in own))

    def consulted(self, spacing_A: float, extent: Extent = WHOLE) -> tuple[str, ...]:
        """Whose thresholds count for a spectrum: its domain's, or every whole domain's if it has none of its own.

        Where both ends are missing these are the domains of either: neither spectra are quite like it.
        """
        own = tuple(name for name in self._own(spacing_A, extent) if name in self.masks)
        return own or self._whole

    @staticmethod
    def _own(spacing_A: float, extent: Extent) -> tuple[str, ...]:
        name = domain_of(spacing_A, extent)
        if name is None:
            return ()
        if name in WHOLE_DOMAINS or min(extent.blue_end, extent.red_end) <= AN_END:
            return (name,)
        resolution = name.partition(",")[0]
        return tuple(f"{resolution}, {end}" for end in (RED_MISSING, BLUE_MISSING))

    @property
    def _whole(self) -> tuple[str, ...]:
        return tuple(name for name in self.masks if name not in PARTIAL_DOMAINS)

    def caveat(self, spacing_A: float, extent: Extent = WHOLE) -> str | None:
        """What to say of a spectrum that is compared with others than its like; None where there is nothing to say."""
        own = domain_of(spacing_A, extent)
        if own in self.masks or self._whole == (ALL,):
            return None
        others = " and ".join(f"{name} ({int(self.masks[name].sum())})" for name in self._whole)
        why = f"a pixel every {spacing_A:.0f} A" if own is None else f"hardly any calibration spectrum of {own}"
        return f"{why}: compared with calibration spectra of {others}, and the more cautious threshold counts"

    def partly(self, spacing_A: float, extent: Extent) -> str | None:
        """What to say of a spectrum that is answered though it covers less than others; None for a whole one."""
        if is_whole(extent.coverage) or not self.answers(spacing_A, extent):
            return None
        names = self._own(spacing_A, extent)
        (_, size), cut = self.named(names), sum(self.cut.get(name, 0) for name in names)
        origin = f", {'all' if cut == size else cut} of them whole spectra cut to it" if cut else ""
        if len(names) == 1:
            return f"{_share(extent)}, {_end(extent)}: calibrated on {size} spectra like it{origin}"
        few = f"{size} spectra that lack one end or the other{origin}, and the more cautious threshold counts"
        return f"{_share(extent)}, both ends missing: calibrated on {few}"

    def refusal(self, spacing_A: float, extent: Extent) -> str:
        """Why a spectrum for which there is no answer (`answers`) gets none."""
        own = domain_of(spacing_A, extent)
        hole = f", {100 * extent.gaps:.0f} % missing between its ends" if extent.gaps > MOST_GAPS else ""
        kind = "" if own is None else f" ({own})"
        needed = f"{100 * FULL_COVERAGE:g} % needed"
        return f"{_share(extent)}{hole}, {needed}: the model is not calibrated for such spectra{kind}"

    def named(self, names: tuple[str, ...]) -> tuple[str, int]:
        """How to call the calibration spectra of some domains, and how many they are."""
        return " and ".join(names), sum(int(self.masks[name].sum()) for name in names)


def _share(extent: Extent) -> str:
    # Rounded down: 79.96 % is not 80.
    return f"covers {np.floor(100 * extent.coverage):.0f} % of {WINDOW_A[0]:.0f}-{WINDOW_A[1]:.0f} A"

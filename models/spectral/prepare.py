"""From a spectrum as observed to what the network sees (ASTRANet paper, Sec. III c and App. D a).

Observer frame throughout: nothing is brought to rest and no continuum is taken away.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.domain import Spectrum

WINDOW_A = (3850.0, 9000.0)
GRID_SIZE = 4096
GRID_A: NDArray[np.float64] = np.linspace(*WINDOW_A, GRID_SIZE)
GRID_A.setflags(write=False)

PIXEL_A = (WINDOW_A[1] - WINDOW_A[0]) / (GRID_SIZE - 1)

LOW_RESOLUTION_A = 15.0
"""Pixels wider than this are those of a spectrograph like the SED Machine's (25 A, R about 100)."""

GAP_A = 60.0
"""A hole wider than this is a gap, not sparse sampling: SEDM's pixels are about 25 A."""
GAP_PIXELS = 4.0
"""... and wider than this many of the spectrum's own median pixels."""


class Extent(NamedTuple):
    """How much of the window a spectrum covers.

    Parameters
    ----------
    coverage : float
        Share of the window that is covered, 0 to 1.
    blue_end, red_end : float
        Share of the window that is missing before the first and after the last pixel that is there.
    """

    coverage: float = 1.0
    blue_end: float = 0.0
    red_end: float = 0.0

    @property
    def gaps(self) -> float:
        """Share of the window that is missing in between."""
        return 1.0 - self.coverage - self.blue_end - self.red_end


WHOLE = Extent()


@dataclass(frozen=True, slots=True)
class Prepared:
    """One spectrum on the network's grid.

    Parameters
    ----------
    flux : ndarray of float32, shape (4096,)
        Percentile-scaled flux, zero where missing.
    mask : ndarray of bool, shape (4096,)
        True where there was a measurement.
    spacing_A : float
        Median distance of the spectrum's own pixels in the window, Angstrom.
    """

    flux: NDArray[np.float32]
    mask: NDArray[np.bool_]
    spacing_A: float = PIXEL_A

    @property
    def coverage(self) -> float:
        """Share of the window that is covered."""
        return float(self.mask.mean())

    @property
    def extent(self) -> Extent:
        """How much is covered, and where the rest is missing."""
        return extent(self.mask)


def prepare(spectrum: Spectrum) -> Prepared:
    """Crop to 3850-9000 A, interpolate linearly onto 4096 points, scale by percentiles, fill the rest with zero.

    Raises
    ------
    ValueError
        If no pixel of the window is covered, or the flux there is constant.
    """
    flux, mask = on_grid(spectrum.wavelength_A, spectrum.flux)
    if not mask.any():
        raise ValueError("nothing of the spectrum lies within 3850-9000 A")
    return Prepared(
        flux=percentile_scaled(flux, mask).astype(np.float32), mask=mask, spacing_A=spacing(spectrum.wavelength_A)
    )


def extent(mask: NDArray[np.bool_]) -> Extent:
    """How much of the window a mask of shape (4096,) with a valid pixel covers, and where the rest is missing."""
    seen = np.flatnonzero(mask)
    return Extent(
        coverage=float(mask.mean()),
        blue_end=float(seen[0] / GRID_SIZE),
        red_end=float((GRID_SIZE - 1 - seen[-1]) / GRID_SIZE),
    )


def spacing(wavelength_A: NDArray[np.floating]) -> float:
    """Median distance of neighbouring pixels in the window, Angstrom; infinite with fewer than two pixels there."""
    wave = np.asarray(wavelength_A, np.float64)
    inside = wave[(wave >= WINDOW_A[0]) & (wave <= WINDOW_A[1])]
    return float(np.median(np.diff(inside))) if inside.size > 1 else float("inf")


def on_grid(
    wavelength_A: NDArray[np.floating], flux: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Linear interpolation onto the grid; NaN pixels and wide holes stay missing.

    Parameters
    ----------
    wavelength_A : ndarray, shape (n,)
        Strictly ascending, Angstrom.
    flux : ndarray, shape (n,)
        NaN where missing.

    Returns
    -------
    flux : ndarray, shape (4096,)
        Zero where missing.
    mask : ndarray of bool, shape (4096,)
    """
    good = np.isfinite(flux)
    wave, value = np.asarray(wavelength_A, np.float64)[good], np.asarray(flux, np.float64)[good]
    if wave.size < 2:
        return np.zeros(GRID_SIZE), np.zeros(GRID_SIZE, bool)
    steps = np.diff(wave)
    too_wide = steps > max(GAP_A, GAP_PIXELS * float(np.median(steps)))
    interval = np.clip(np.searchsorted(wave, GRID_A, side="right") - 1, 0, wave.size - 2)
    mask = (wave[0] <= GRID_A) & (wave[-1] >= GRID_A) & ~too_wide[interval]
    return np.where(mask, np.interp(GRID_A, wave, value), 0.0), mask


def percentile_scaled(flux: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """`(f - p5) / (p95 - p5)` over the valid pixels, zero elsewhere.

    Raises
    ------
    ValueError
        If the two percentiles coincide.
    """
    low, high = np.percentile(flux[mask], (5.0, 95.0))
    if not high > low:
        raise ValueError("the flux is constant: its 5th and 95th percentiles coincide")
    return np.where(mask, (flux - low) / (high - low), 0.0)

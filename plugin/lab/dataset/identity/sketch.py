"""A spectrum as a few hundred means over fixed wavelength bins: small enough that 10^5 of them can be compared.

Two sketches of the same numbers are equal to rounding, however those were scaled, ordered or trimmed.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.domain.arrays import FloatArray

EDGES_A: Final = np.linspace(3900.0, 8700.0, 321)
"""Bins of 15 Angstrom: narrower than any feature of a transient, wider than the pixels of most spectrographs."""
BINS: Final = EDGES_A.size - 1
MAX_GAP_A: Final = 60.0
"""A hole wider than this is a gap and not sparse sampling (SEDM's pixels are about 25 A)."""
_CONTINUUM_BINS: Final = 41


def sketch(wavelength_A: FloatArray, flux: FloatArray) -> FloatArray:
    """Mean flux in each bin of `EDGES_A`; NaN where a bin is not covered from end to end.

    Parameters
    ----------
    wavelength_A : ndarray, shape (n,)
        Strictly ascending, Angstrom.
    flux : ndarray, shape (n,)
        Any scale; NaN where missing.

    Returns
    -------
    ndarray, shape (320,)
    """
    good = np.isfinite(flux)
    wave, value = wavelength_A[good], flux[good]
    if wave.size < 2:
        return np.full(BINS, np.nan)
    steps = np.diff(wave)
    area = np.concatenate([[0.0], np.cumsum(steps * (value[1:] + value[:-1]) / 2)])
    means = np.diff(_integral_at(EDGES_A, wave, value, area)) / np.diff(EDGES_A)
    hole = np.concatenate([[0.0], np.cumsum(np.where(steps > MAX_GAP_A, steps, 0.0))])
    open_ = np.diff(np.interp(EDGES_A, wave, hole)) > 0
    outside = (EDGES_A[:-1] < wave[0]) | (EDGES_A[1:] > wave[-1])
    means[open_ | outside] = np.nan
    return means


def _integral_at(x: FloatArray, wave: FloatArray, value: FloatArray, area: FloatArray) -> FloatArray:
    """Integral of the linear interpolation from the first pixel to `x`: exact, also between two pixels."""
    k = np.clip(np.searchsorted(wave, x, side="right") - 1, 0, wave.size - 2)
    step = x - wave[k]
    slope = (value[k + 1] - value[k]) / (wave[k + 1] - wave[k])
    return np.asarray(area[k] + step * (value[k] + slope * step / 2))


def features(sketches: NDArray[np.floating]) -> NDArray[np.float32]:
    """What is left of sketches without their continuum: lines, and the noise that makes each spectrum unique.

    Parameters
    ----------
    sketches : ndarray, shape (n, 320)
        NaN where missing.

    Returns
    -------
    ndarray of float32, shape (n, 320)
        Sketch minus its running mean over 600 Angstrom, over the root mean square of that; NaN where missing.
    """
    there = np.isfinite(sketches)
    total = _running_sum(np.where(there, sketches, 0.0))
    count = _running_sum(there.astype(np.float64))
    rest = sketches - total / np.maximum(count, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.sqrt(np.where(there, rest, 0.0).__pow__(2).sum(1) / np.maximum(there.sum(1), 1))
        return np.asarray(rest / size[:, None], np.float32)


def _running_sum(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    half = _CONTINUUM_BINS // 2
    padded = np.pad(np.cumsum(rows, axis=1), ((0, 0), (half + 1, half)), mode="edge")
    padded[:, : half + 1] = 0.0
    return padded[:, _CONTINUUM_BINS:] - padded[:, :-_CONTINUUM_BINS]

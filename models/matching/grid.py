"""Spectra in bins of equal velocity width, their continuum divided out: what is correlated.

A redshift moves such a spectrum by a number of bins and changes nothing else (Tonry & Davis 1979, AJ 84, 1511).
"""

from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bools = NDArray[np.bool_]

STEP: Final = 0.002
"""Width of a bin in the logarithm of the wavelength: 600 km/s."""
WINDOW_A: Final = (3500.0, 9500.0)
"""What is used of a spectrum, observed wavelength."""
TELLURIC_A: Final = ((6860.0, 6930.0), (7590.0, 7700.0))
"""The B and A bands of oxygen, observed wavelength: masked in spectra and in the bank."""
_REST_A: Final = (2000.0, 10000.0)
BINS: Final = int(np.ceil(np.log(_REST_A[1] / _REST_A[0]) / STEP))
EDGES_A: Final = np.exp(np.log(_REST_A[0]) + STEP * np.arange(BINS + 1))
CENTRES_A: Final = np.sqrt(EDGES_A[1:] * EDGES_A[:-1])
_LAGS: Final = (-5, 478)
REDSHIFTS: Final = np.expm1(STEP * np.arange(_LAGS[0], _LAGS[1] + 1))
"""Every redshift that is tried, -0.01 to 1.6."""
FIRST_LAG: Final = _LAGS[0]
LENGTH: Final = 1024
"""Of the transforms: long enough that nothing comes round from the other end at any redshift that is tried."""
FIRST_BIN: Final = int(np.searchsorted(EDGES_A, WINDOW_A[0]))
LAST_BIN: Final = int(np.searchsorted(EDGES_A, WINDOW_A[1], "right")) - 1
"""The bins of an observed spectrum: from the first of these to before the last."""
EDGE: Final = 2
"""Bins at either end of a spectrum that are not used."""
FEWEST: Final = 60
"""Bins a spectrum must have, and that two spectra must share."""
_GAP_A, _GAP_PIXELS = 60.0, 4.0
_CLIP: Final = 3.0
_LOWEST: Final = 0.1


class Recipe(NamedTuple):
    """How a continuum is taken out; all in the logarithm of the wavelength.

    Parameters
    ----------
    continuum : float
        Width of the smoothed spectrum it is divided by.
    smooth : float
        Width of what is smoothed away before; 0 for nothing.
    """

    continuum: float
    smooth: float


RECIPES: Final = (Recipe(0.12, 0.0), Recipe(0.04, 0.003))
"""Broad features of supernovae, and narrower ones; both are asked (figures in docs/lab-notes.md)."""


def binned(
    wavelength_A: NDArray[np.floating], flux: NDArray[np.floating], redshift: float = 0.0
) -> tuple[Floats, Bools]:
    """Mean flux of each bin after the redshift is taken out, and which bins hold a measurement; each of shape (BINS,).

    Parameters
    ----------
    wavelength_A : ndarray, shape (n,)
        Observed, strictly ascending, Angstrom.
    flux : ndarray, shape (n,)
        NaN where missing.
    """
    wave, value = np.asarray(wavelength_A, np.float64), np.asarray(flux, np.float64)
    good = np.isfinite(value) & (wave >= WINDOW_A[0]) & (wave <= WINDOW_A[1])
    wave, value = wave[good], value[good]
    if wave.size < 2:
        return np.zeros(BINS), np.zeros(BINS, bool)
    edges = EDGES_A * (1.0 + redshift)
    steps = np.diff(wave)
    integral = np.concatenate([[0.0], np.cumsum(steps * (value[1:] + value[:-1]) / 2)])
    mean = np.diff(np.interp(edges, wave, integral)) / np.diff(edges)
    mask = (edges[:-1] >= wave[0]) & (edges[1:] <= wave[-1])
    wide = np.flatnonzero(steps > max(_GAP_A, _GAP_PIXELS * float(np.median(steps))))
    for low, high in (*TELLURIC_A, *((wave[i], wave[i + 1]) for i in wide)):
        mask &= ~((edges[1:] > low) & (edges[:-1] < high))
    inside = np.flatnonzero(mask)
    if inside.size < FEWEST:
        return np.zeros(BINS), np.zeros(BINS, bool)
    mask[inside[:EDGE]] = mask[inside[-EDGE:]] = False
    scale = float(np.median(np.abs(mean[mask])))
    return np.where(mask, mean / (scale or 1.0), 0.0), mask


def flattened(values: NDArray[np.floating], masks: Bools, recipe: Recipe) -> Singles:
    """Divide out the continuum and the local strength of features: every part of a spectrum counts alike.

    Parameters
    ----------
    values : ndarray, shape (..., bins)
        From `binned`; their scale does not matter.
    masks : ndarray of bool, of the same shape

    Returns
    -------
    ndarray of float32
        Zero where masked, between -3 and 3 elsewhere.
    """
    weight = masks.astype(np.float32)
    x = np.where(masks, values, 0.0).astype(np.float32)
    if recipe.smooth:
        x = np.where(masks, _blurred(x, weight, recipe.smooth), 0.0)
    x = np.where(masks, x / np.maximum(_blurred(x, weight, recipe.continuum), _LOWEST) - 1.0, 0.0)
    x = np.where(masks, x - _blurred(x, weight, recipe.continuum), 0.0)
    strength = np.sqrt(np.maximum(_blurred(x * x, weight, 1.5 * recipe.continuum), 0.0))
    return np.clip(np.where(masks, x / np.maximum(strength, 1e-3), 0.0), -_CLIP, _CLIP).astype(np.float32)


def _blurred(x: Singles, weight: Singles, width: float) -> Singles:
    """Gaussian mean over the measured bins."""
    kernel = _kernel(width, x.shape[-1])
    return np.asarray((x @ kernel) / np.maximum(weight @ kernel, np.float32(1e-6)))


@cache
def _kernel(width: float, bins: int) -> Singles:
    """Weight of each bin in each other's mean, shape (bins, bins): a product with it is faster than a filter."""
    apart = STEP * (np.arange(bins)[:, None] - np.arange(bins)[None])
    return (np.exp(-0.5 * (apart / width) ** 2) * (STEP / width / np.sqrt(2 * np.pi))).astype(np.float32)


def runs(mask: Bools) -> list[tuple[int, int]]:
    """Runs of measured bins of a mask of shape (BINS,): the first of each, and the first that is not of it."""
    ends = np.flatnonzero(np.diff(mask, prepend=False, append=False)).tolist()
    return list(zip(ends[::2], ends[1::2], strict=True))

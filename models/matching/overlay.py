"""A match laid over a spectrum at one redshift, its continuum brought to the spectrum's, as a person compares them."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.matching.grid import Floats

DEGREE: Final = 3
"""Of the polynomial that brings a match's continuum to the spectrum's: its lines are what is compared."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """A match in the units of a spectrum.

    Parameters
    ----------
    model : ndarray, shape (n,)
        At the spectrum's pixels, NaN where either is missing.
    explained : float or None
        Share of what a polynomial with as many free numbers leaves of the spectrum that the match explains: near 1 for
        a copy, 0 or less where the match's lines help nothing. None where too few pixels are left to say.
    """

    model: Floats
    explained: float | None


def laid_over(wave: Floats, flux: Floats, at_rest: Floats, match: Floats, redshift: float) -> Overlay:
    """Fit a match, times a cubic and plus a constant, to a spectrum by least squares.

    Parameters
    ----------
    wave, flux : ndarray, shape (n,)
        The spectrum as observed, NaN where missing.
    at_rest, match : ndarray, shape (m,)
        Rest wavelengths and flux, NaN where missing.
    """
    known = np.isfinite(match)
    if known.sum() < 2:
        return Overlay(np.full(wave.shape, np.nan), None)
    at = np.interp(wave, at_rest * (1 + redshift), np.where(known, match, np.nan), left=np.nan, right=np.nan)
    both = np.isfinite(at) & np.isfinite(flux)
    if int(both.sum()) <= 2 * (DEGREE + 2):
        return Overlay(np.full(wave.shape, np.nan), None)
    x = np.interp(wave, (wave[0], wave[-1]), (-1.0, 1.0))
    smooth = np.stack([x**k for k in range(DEGREE + 2)], axis=1)
    basis = np.concatenate([at[:, None] * smooth[:, : DEGREE + 1], np.ones((len(x), 1))], axis=1)
    model = np.where(both, _fitted(basis, flux, both), np.nan)
    left, alone = (float(((flux - m)[both] ** 2).sum()) for m in (model, _fitted(smooth, flux, both)))
    return Overlay(model, 1.0 - left / alone if alone > 0 else None)


def _fitted(basis: Floats, flux: Floats, where: np.ndarray) -> Floats:
    weights, *_ = np.linalg.lstsq(basis[where], flux[where], rcond=None)
    return np.asarray(np.nan_to_num(basis) @ weights)

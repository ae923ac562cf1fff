"""Masked normalised cross-correlation of a spectrum with many, at every redshift (Padfield 2012, IEEE TIP 21, 2706)."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.matching.bank import Spectra, Transforms
from models.matching.grid import FEWEST, LENGTH, RECIPES, REDSHIFTS, Bools, Floats, Singles, flattened

_TOGETHER: Final = 128
"""Spectra of the bank at a time: what is worked on stays in the processor's cache."""
LEAST_SHARE: Final = 0.25
"""Of a spectrum's bins that must overlap with a match."""


def correlated(transforms: Transforms, values: Floats, mask: Bools, rows: NDArray[np.int64]) -> list[Singles]:
    """How well each spectrum of the bank fits at each redshift, for every recipe.

    The correlation coefficient over the bins that both have measured, times the root of the share of the spectrum that
    these are: a perfect match of half a spectrum counts less than one of the whole. Zero where they share too little.

    Parameters
    ----------
    values, mask : ndarray, shape (BINS,)
        The spectrum, from `models.matching.grid.binned`.
    rows : ndarray of int, shape (m,)
        Which of those that were transformed.

    Returns
    -------
    list of ndarray of float32, each of shape (m, redshifts)
        In the order of `RECIPES`.
    """
    flat = [flattened(values, mask, recipe) for recipe in RECIPES]
    asked = _Asked(
        size=float(mask.sum()),
        weight=_forward(mask.astype(np.float32)),
        values=[_forward(x) for x in flat],
        squares=[_forward(x * x) for x in flat],
    )
    found = [np.empty((len(rows), len(REDSHIFTS)), np.float32) for _ in RECIPES]
    for start in range(0, len(rows), _TOGETHER):
        part = slice(start, start + _TOGETHER)
        for out, scores in zip(found, _scores(transforms, asked, rows[part]), strict=True):
            out[part] = scores
    return found


class _Asked(NamedTuple):
    """One spectrum's transforms."""

    size: float
    weight: NDArray[np.complex64]
    values: list[NDArray[np.complex64]]
    squares: list[NDArray[np.complex64]]


def _scores(transforms: Transforms, asked: _Asked, rows: NDArray[np.int64]) -> Iterator[Singles]:
    masks = transforms.masks[rows]
    shared = _product(masks, asked.weight)
    enough = shared >= max(LEAST_SHARE * asked.size, FEWEST) - 0.5
    share = np.float32(asked.size) / np.maximum(shared, np.float32(1.0))
    for k in range(len(RECIPES)):
        norm = _product(transforms.squares[k][rows], asked.weight)
        norm *= _product(masks, asked.squares[k])
        norm *= share
        score = _product(transforms.values[k][rows], asked.values[k])
        score /= np.sqrt(np.maximum(norm, np.float32(1.0)))
        yield np.where(enough, score, np.float32(0.0))


def _forward(one: Singles) -> NDArray[np.complex64]:
    return np.fft.rfft(one, LENGTH).astype(np.complex64, copy=False)


def _product(bank: Spectra, one: NDArray[np.complex64]) -> Singles:
    return np.asarray(np.fft.irfft(bank * one, LENGTH, axis=1)[:, : len(REDSHIFTS)])

"""Masked normalised cross-correlation of a spectrum with many, at every redshift (Padfield 2012, IEEE TIP 21, 2706).

Of the five sums it takes, only that over the products of both spectra needs Fourier transforms. In the others one side
is a mask, which is a few runs of bins, and the sum over a run is the difference of two running sums of the other side.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from models.matching.blocks import Block
from models.matching.grid import FEWEST, FIRST_LAG, LENGTH, RECIPES, REDSHIFTS, Bools, Floats, Singles, flattened, runs

LEAST_SHARE: Final = 0.25
"""Of a spectrum's bins that must overlap with a match."""


class Question(NamedTuple):
    """One spectrum, made ready to be correlated: once for all classes.

    Parameters
    ----------
    size : float
        Bins that were measured.
    runs : list of (int, int)
        Where; see `models.matching.grid.runs`.
    values : tuple of ndarray of complex64, shape (LENGTH // 2 + 1,)
        Fourier transforms of the flattened spectrum, by every recipe.
    shared, squares : ndarray of float32, shape (BINS + 1, redshifts), and tuple of them
        Running sums over the mask, and over the squares of the flattened spectrum, by every recipe, at each edge of the
        bank's bins.
    """

    size: float
    runs: list[tuple[int, int]]
    values: tuple[NDArray[np.complex64], ...]
    shared: Singles
    squares: tuple[Singles, ...]

    @classmethod
    def of(cls, values: Floats, mask: Bools) -> "Question":
        """From `models.matching.grid.binned`: values and mask, each of shape (BINS,)."""
        flat = [flattened(values, mask, recipe) for recipe in RECIPES]
        return cls(
            size=float(mask.sum()),
            runs=runs(mask),
            values=tuple(np.fft.rfft(x, LENGTH).astype(np.complex64, copy=False) for x in flat),
            shared=_running(mask),
            squares=tuple(_running(x * x) for x in flat),
        )


def correlated(blocks: tuple[Block, ...], question: Question, found: list[Singles]) -> None:
    """How well each spectrum of the bank fits at each redshift, for every recipe.

    The correlation coefficient over the bins that both have measured, times the root of the share of the spectrum that
    these are: a perfect match of half a spectrum counts less than one of the whole. Zero where they share too little.

    Parameters
    ----------
    found : list of ndarray of float32, each of shape (n, redshifts)
        Where it is written to, in the order of `RECIPES`.
    """
    work = _Work(max(map(len, blocks), default=0))
    start = 0
    for block in blocks:
        part = slice(start, start + len(block))
        _score(block, question, [out[part] for out in found], work)
        start = part.stop


class _Work:
    """Memory of products and their transforms, used again and again."""

    def __init__(self, rows: int) -> None:
        self._product = np.empty((rows, LENGTH // 2 + 1), np.complex64)
        self._inverse: Any = np.empty((rows, LENGTH), np.float32)  # numpy's types know of doubles only

    def product(self, bank: NDArray[np.complex64], one: NDArray[np.complex64]) -> Singles:
        """Correlation at every redshift, a view that holds until the next call."""
        product = np.multiply(bank, one, out=self._product[: len(bank)])
        inverse = np.fft.irfft(product, LENGTH, axis=1, out=self._inverse[: len(bank)])
        return np.asarray(inverse[:, : len(REDSHIFTS)])


def _score(block: Block, question: Question, found: list[Singles], work: _Work) -> None:
    one = np.float32(1.0)
    shared = block.over_masks(question.shared)
    enough = shared > max(LEAST_SHARE * question.size, FEWEST) - 0.5  # to the nearest bin
    share = np.divide(np.float32(question.size), np.maximum(shared, one, out=shared), out=shared)
    for k, out in enumerate(found):
        norm = block.squares_over(question.runs, k)
        norm *= block.over_masks(question.squares[k])
        norm *= share
        np.sqrt(np.maximum(norm, one, out=norm), out=norm)
        np.divide(work.product(block.values[k], question.values[k]), norm, out=out)
        out *= enough


def _running(x: NDArray[np.generic]) -> Singles:
    """Sum over all bins before the edge that each edge falls on at each redshift, beyond either end as at the end."""
    sums = np.concatenate([[0.0], np.cumsum(x, dtype=np.float64)]).astype(np.float32)
    padded = np.pad(sums, (-FIRST_LAG, len(REDSHIFTS) - 1 + FIRST_LAG), mode="edge")
    return np.ascontiguousarray(sliding_window_view(padded, len(REDSHIFTS)))

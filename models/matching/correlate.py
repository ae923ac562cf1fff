"""Masked normalised cross-correlation of a spectrum with many, at every redshift (Padfield 2012, IEEE TIP 21, 2706).

Of the five sums it takes, only that over the products of both spectra needs Fourier transforms. In the others one side
is a mask, which is a few runs of bins, and the sum over a run is the difference of two running sums of the other side.
"""

from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from models.matching.blocks import Block
from models.matching.grid import (
    BINS,
    FEWEST,
    FIRST_BIN,
    FIRST_LAG,
    LAST_BIN,
    LENGTH,
    RECIPES,
    REDSHIFTS,
    Bools,
    Floats,
    Singles,
    flattened,
    runs,
)

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
    running : ndarray of float32, shape (BINS + 1, 1 + recipes, redshifts)
        Running sums over the mask, and over the squares of the flattened spectrum, by every recipe, at each edge of the
        bank's bins.
    """

    size: float
    runs: list[tuple[int, int]]
    values: tuple[NDArray[np.complex64], ...]
    running: Singles

    @classmethod
    def of(cls, values: Floats, mask: Bools) -> "Question":
        """From `models.matching.grid.binned`: values and mask, each of shape (BINS,)."""
        window = slice(FIRST_BIN, LAST_BIN)
        flat = np.zeros((len(RECIPES), BINS), np.float32)
        flat[:, window] = [flattened(values[window], mask[window], recipe) for recipe in RECIPES]
        return cls(
            size=float(mask.sum()),
            runs=runs(mask),
            values=tuple(np.fft.rfft(x, LENGTH).astype(np.complex64, copy=False) for x in flat),
            running=_running(np.concatenate([mask[None], flat * flat])),
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
    rows, start = max(map(len, blocks), default=0), 0
    product = torch.empty(rows, LENGTH // 2 + 1, dtype=torch.complex64)
    inverse, running = torch.empty(rows, LENGTH), torch.from_numpy(question.running)
    values = [torch.from_numpy(x) for x in question.values]
    with torch.inference_mode():
        for block in blocks:
            n, part = len(block), slice(start, start + len(block))
            shared, *squares = block.over_masks(running)
            enough = (shared > max(LEAST_SHARE * question.size, FEWEST) - 0.5).float()  # to the nearest bin
            share = shared.clamp_min(1.0).reciprocal_().mul_(question.size)
            for k, scores in enumerate(found):
                norm = block.squares_over(question.runs, k).mul_(squares[k]).mul_(share).clamp_min_(1.0)
                torch.mul(block.values[k], values[k], out=product[:n])
                torch.fft.irfft(product[:n], LENGTH, out=inverse[:n])
                norm.rsqrt_().mul_(enough)
                torch.mul(inverse[:n, : len(REDSHIFTS)], norm, out=torch.from_numpy(scores[part]))
            start = part.stop


def _running(x: NDArray[np.generic]) -> Singles:
    """Sums over all bins before the edge that each edge falls on at each redshift, beyond either end as at the end."""
    sums = np.pad(np.cumsum(x, axis=1, dtype=np.float64).astype(np.float32), ((0, 0), (1, 0)))
    padded = np.pad(sums, ((0, 0), (-FIRST_LAG, len(REDSHIFTS) - 1 + FIRST_LAG)), mode="edge")
    return np.ascontiguousarray(sliding_window_view(padded, len(REDSHIFTS), axis=1).transpose(1, 0, 2))

"""Spectra of the bank made ready to be correlated: whatever does not depend on the spectrum that is asked about."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import embedding_bag

from models.matching.bank import MatchBank
from models.matching.grid import (
    BINS,
    FIRST_BIN,
    FIRST_LAG,
    LAST_BIN,
    LENGTH,
    RECIPES,
    REDSHIFTS,
    Bools,
    Singles,
    flattened,
)

TOGETHER: Final = 128
"""Spectra at a time: what is worked on stays in the processor's cache."""
_SUMS: Final = LAST_BIN - FIRST_BIN + len(REDSHIFTS)
"""Edges of a spectrum of the bank that the edges of an observed spectrum can fall on, at any redshift."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some spectra of the bank.

    Parameters
    ----------
    edges, signs : tensor of int64 and float32, shape (m,)
        Where runs of measured bins begin, -1, and end, 1: of all spectra, one after the other.
    first : tensor of int64, shape (n,)
        Which of these is the first of each spectrum.
    values : tuple of tensor of complex64, shape (n, LENGTH // 2 + 1)
        Fourier transforms of the flattened spectra, complex conjugate, by every recipe.
    squares : tuple of tensor of float32, shape (n, _SUMS)
        Running sums over the squares of the flattened spectra, from the last edge to the first, by every recipe.
    """

    edges: torch.Tensor
    signs: torch.Tensor
    first: torch.Tensor
    values: tuple[torch.Tensor, ...]
    squares: tuple[torch.Tensor, ...]

    def __len__(self) -> int:
        return len(self.first)

    def over_masks(self, running: torch.Tensor) -> list[torch.Tensor]:
        """Sums over the measured bins of each spectrum of several other things; each of shape (n, redshifts).

        Parameters
        ----------
        running : tensor of float32, shape (BINS + 1, things, redshifts)
            Their running sums at the edges of the bank's bins.
        """
        # What networks call a bag of embeddings is a sparse matrix times a dense one.
        sums = embedding_bag(self.edges, running.flatten(1), self.first, mode="sum", per_sample_weights=self.signs)
        return list(sums.view(len(self), *running.shape[1:]).unbind(1))

    def squares_over(self, runs: list[tuple[int, int]], recipe: int) -> torch.Tensor:
        """Sums of the squares of each spectrum over the bins that fall on runs of another; shape (n, redshifts).

        Parameters
        ----------
        runs : list of (int, int)
            Within `FIRST_BIN` and `LAST_BIN`; at least one.
        """
        at = [[self._at(edge, recipe) for edge in run] for run in runs]
        found = at[0][1] - at[0][0]
        for begin, end in at[1:]:
            found.add_(end).sub_(begin)
        return found

    def _at(self, edge: int, recipe: int) -> torch.Tensor:
        return self.squares[recipe][:, LAST_BIN - edge :][:, : len(REDSHIFTS)]


def blocks(bank: MatchBank, rows: NDArray[np.int64]) -> tuple[Block, ...]:
    """Some rows of a bank, by every recipe."""
    parts = [rows[start : start + TOGETHER] for start in range(0, len(rows), TOGETHER)]
    masks = bank.masks()
    return tuple(_block(bank.values[part].astype(np.float32), masks[part]) for part in parts)


def _block(values: Singles, masks: Bools) -> Block:
    flat = [flattened(values, masks, recipe) for recipe in RECIPES]
    ends = -np.diff(masks.astype(np.float32), axis=1, prepend=0.0, append=0.0)
    row, edge = ends.nonzero()
    return Block(
        edges=torch.from_numpy(edge),
        signs=torch.from_numpy(ends[row, edge].astype(np.float32)),
        first=torch.from_numpy(np.searchsorted(row, np.arange(len(masks)))),
        values=tuple(torch.from_numpy(_transformed(x)) for x in flat),
        squares=tuple(torch.from_numpy(_summed(x * x)) for x in flat),
    )


def _transformed(x: Singles) -> NDArray[np.complex64]:
    """Rolled so that the first lag that is tried comes first."""
    padded = np.zeros((len(x), LENGTH), np.float32)
    padded[:, : x.shape[1]] = x
    return np.conj(np.fft.rfft(np.roll(padded, FIRST_LAG, axis=1), axis=1))


def _summed(x: Singles) -> Singles:
    """Sum over all bins before each edge, beyond either end as at the end."""
    sums = np.concatenate([np.zeros((len(x), 1)), np.cumsum(x, axis=1, dtype=np.float64)], axis=1)
    at = np.clip(LAST_BIN - FIRST_LAG - np.arange(_SUMS), 0, BINS)
    return np.ascontiguousarray(sums.take(at, axis=1), np.float32)

"""Do several numbers together look different? Energy distance of each block of answers to those before it.

The distance (Szekely & Rizzo 2013, J. Stat. Plan. Inference 143, 1249) is set against the same of random blocks of
both together: a permutation p-value, which is turned into a bet whose mean is at most 1 (Vovk & Wang 2021, Ann. Stat.
49, 1736, eq. 2). Two samples with equal marginals and another correlation differ too.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.drift.wealth import Wealth

BLOCK: Final = 20
PERMUTATIONS: Final = 199
KEPT: Final = 1000
"""Answers of a cell that are kept to compare with: a fair sample of all so far."""
COMPARED: Final = 100
"""... and how many of these a block is compared with, drawn anew each time."""
DIGITS: Final = 4
Floats = NDArray[np.float64]


def energy_p_value(block: Floats, others: Floats, rng: np.random.Generator, permutations: int = PERMUTATIONS) -> float:
    """Share of random splits of all rows whose parts are as far apart as `block` and `others`.

    Parameters
    ----------
    block, others : ndarray, shape (b, k) and (n, k)
    """
    both = np.concatenate([block, others])
    squares = (both**2).sum(1)
    distance = np.sqrt(np.maximum(squares[:, None] + squares - 2 * both @ both.T, 0.0))
    n, b = len(both), len(block)
    chosen = np.zeros((permutations + 1, n))
    chosen[0, :b] = 1.0
    ranks = rng.random((permutations, n)).argpartition(b, axis=1)[:, :b]
    np.put_along_axis(chosen[1:], ranks, 1.0, axis=1)
    towards = chosen @ distance
    total, within, row = distance.sum(), (towards * chosen).sum(1), towards.sum(1)
    between, rest = row - within, total - 2 * row + within
    m = n - b
    apart = 2 * between / (b * m) - within / b**2 - rest / m**2
    return float((apart[1:] >= apart[0] - 1e-12).sum() + 1) / (permutations + 1)


def calibrated(p: float) -> float:
    """A bet on a small p-value: the mean of `k p^(k-1)` over k from 0 to 1."""
    p = min(max(p, 1e-12), 1.0)
    if p > 1 - 1e-6:
        return 0.5
    return float((1 - p + p * np.log(p)) / (p * np.log(p) ** 2))


class Blocks:
    """The test, within cells."""

    def __init__(self, seed: int = 0) -> None:
        self.wealth = Wealth(1, step=1)
        self._seed, self._count = seed, 0
        self._kept: dict[str, list[list[float]]] = {}
        self._seen: dict[str, int] = {}
        self._waiting: dict[str, list[list[float]]] = {}

    def begin(self, cell: str, rows: Floats) -> None:
        """Answers of a cell to begin with."""
        rng = np.random.default_rng((self._seed, 1))
        chosen = rng.permutation(len(rows))[:KEPT]
        self._kept[cell] = [_rounded(rows[i]) for i in chosen]
        self._seen[cell] = len(rows)

    def saw(self, cell: str, row: Sequence[float] | Floats) -> float:
        """Take an answer in; returns the capital after it, which changes when a block is full."""
        waiting = self._waiting.setdefault(cell, [])
        waiting.append(_rounded(row))
        if len(waiting) >= BLOCK:
            self._full(cell)
        return self.wealth.value

    def to_dict(self) -> Mapping[str, Any]:
        """As plain JSON."""
        return {
            "wealth": self.wealth.to_dict(),
            "seed": self._seed,
            "count": self._count,
            "kept": self._kept,
            "seen": self._seen,
            "waiting": self._waiting,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `to_dict` gave."""
        self.wealth.restore(state["wealth"])
        self._seed, self._count = int(state["seed"]), int(state["count"])
        self._kept, self._waiting = dict(state["kept"]), dict(state["waiting"])
        self._seen = {str(k): int(v) for k, v in state["seen"].items()}

    def _full(self, cell: str) -> None:
        block, kept = self._waiting.pop(cell), self._kept.setdefault(cell, [])
        rng = np.random.default_rng((self._seed, 2, self._count))
        self._count += 1
        if len(kept) >= BLOCK:
            chosen = rng.permutation(len(kept))[:COMPARED]
            p = energy_p_value(np.array(block), np.array([kept[i] for i in chosen]), rng)
            self.wealth.bet([calibrated(p)])
        for row in block:  # a fair sample of everything, however long the stream (reservoir sampling)
            self._seen[cell] = self._seen.get(cell, 0) + 1
            if len(kept) < KEPT:
                kept.append(row)
            elif (place := int(rng.integers(self._seen[cell]))) < KEPT:
                kept[place] = row


def _rounded(row: Sequence[float] | Floats) -> list[float]:
    return [round(float(v), DIGITS) for v in row]

"""Scores as ranks among ordinary spectra, so that sixteen scales become one (App. C e)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranks:
    """Score values of the validation pool, ascending along the first axis, shape (m, scores)."""

    pool: Floats

    def __call__(self, raw: Floats) -> Floats:
        """Share of the pool that is less anomalous, ties counted half; shape (n, scores), each in [0, 1]."""
        m = len(self.pool)
        out = np.empty_like(raw)
        for j, column in enumerate(self.pool.T):
            below = np.searchsorted(column, raw[:, j], "left")
            out[:, j] = (below + np.searchsorted(column, raw[:, j], "right")) / (2 * m)
        return out


def fit_ranks(raw: Floats) -> Ranks:
    """Ranks among the rows of `raw` (m, scores).

    Raises
    ------
    ValueError
        If the pool is empty or holds NaN.
    """
    if not len(raw) or not np.isfinite(raw).all():
        raise ValueError("the pool for ranks must hold finite scores")
    # Rounded as it will be stored, so that ranks do not move when a bundle is loaded.
    return Ranks(np.sort(raw, axis=0).astype(np.float32).astype(np.float64))

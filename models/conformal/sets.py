"""Prediction sets by split-conformal calibration (ASTRANet paper, Eq. 3)."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def nonconformity(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """`1 - p(true class)` of each calibration spectrum, shape (n,)."""
    return 1.0 - probabilities[np.arange(len(labels)), labels]


def quantile(scores: NDArray[np.float64], alpha: float) -> float:
    """The `ceil((n + 1)(1 - alpha))`-th smallest score; infinite when the calibration set is too small for alpha.

    Raises
    ------
    ValueError
        If alpha is not between 0 and 1.
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha must lie between 0 and 1, got {alpha}")
    rank = math.ceil(round((len(scores) + 1) * (1.0 - alpha), 9))
    return math.inf if rank > len(scores) else float(np.partition(scores, rank - 1)[rank - 1])


@dataclass(frozen=True, slots=True)
class LAC:
    """Threshold sets `{y : p(y) >= 1 - q}` ("least ambiguous classifier"; the paper's Eq. 3, which it calls APS).

    Parameters
    ----------
    scores : ndarray, shape (n,)
        Nonconformity of the calibration spectra.
    """

    scores: NDArray[np.float64]

    def members(self, probabilities: NDArray[np.float64], alpha: float) -> NDArray[np.bool_]:
        """Which classes belong to the set at `alpha`, shape (m, classes). A row may be empty: that is an answer."""
        return 1.0 - probabilities <= quantile(self.scores, alpha)

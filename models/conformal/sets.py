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


def quantile_by_object(scores: NDArray[np.float64], objects: NDArray[np.int64], alpha: float) -> float:
    """The same where objects are exchangeable and their spectra are not (Lee, Barber & Willett 2023, arXiv:2306.06342).

    An object counts once, shared among its spectra, and so does the one that is asked about: sets cover a random
    spectrum of a new object. Counted by spectra, an object with twenty of them would count as twenty.

    Parameters
    ----------
    scores : ndarray, shape (n,)
    objects : ndarray of int, shape (n,)
        Which object each is of.

    Raises
    ------
    ValueError
        If alpha is not between 0 and 1.
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha must lie between 0 and 1, got {alpha}")
    _, index, counts = np.unique(objects, return_inverse=True, return_counts=True)
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum((1.0 / counts[index])[order])
    first = int(np.searchsorted(reached, (len(counts) + 1) * (1.0 - alpha) - 1e-9))
    return math.inf if first == len(scores) else float(scores[order[first]])


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


@dataclass(frozen=True, slots=True)
class APS:
    """Adaptive prediction sets (Romano, Sesia & Candes 2020, NeurIPS 33, 3581): classes by falling probability.

    The paper's Eq. 3, which it calls APS, is `LAC`. A spectrum's score is the probability of the true class and of all
    more probable ones. Without a seed the method's randomisation is left out: the sets are larger than need be, never
    empty, and the same every time. With it, a uniform share of the true class's own probability is taken off again:
    coverage is that asked for, and a spectrum's set depends on a number drawn for it.

    Parameters
    ----------
    scores : ndarray, shape (n,)
        From `aps_scores` on the calibration spectra, with or without shares.
    seed : int, optional
        Of the numbers drawn for the spectra.
    """

    scores: NDArray[np.float64]
    seed: int | None = None

    def members(self, probabilities: NDArray[np.float64], alpha: float) -> NDArray[np.bool_]:
        """Which classes belong to the set at `alpha`, shape (m, classes)."""
        reach, limit = cumulative(probabilities), quantile(self.scores, alpha) + 1e-12
        if self.seed is not None:
            return reach - shares(len(probabilities), self.seed)[:, None] * probabilities <= limit
        # The most probable class always belongs: a set below it would be smaller than any score can be.
        return (reach <= limit) | (probabilities == probabilities.max(1, keepdims=True))


def shares(n: int, seed: int) -> NDArray[np.float64]:
    """`n` numbers between 0 and 1, the same for the same seed."""
    return np.random.default_rng(seed).uniform(size=n)


def cumulative(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of each class together with all that are more probable, shape (n, classes)."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    sums = np.cumsum(np.take_along_axis(probabilities, order, 1), axis=1)
    out = np.empty_like(sums)
    np.put_along_axis(out, order, sums, 1)
    return out


def aps_scores(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], share: NDArray[np.float64] | float = 0.0
) -> NDArray[np.float64]:
    """APS score of each calibration spectrum, shape (n,), less a share of the true class's own probability."""
    rows = np.arange(len(labels))
    return cumulative(probabilities)[rows, labels] - share * probabilities[rows, labels]


METHODS = ("lac", "aps", "aps, randomised")


def predictor(method: str, probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> "LAC | APS":
    """The sets called by one of `METHODS`, calibrated.

    Raises
    ------
    ValueError
        If there is no such method.
    """
    if method == "lac":
        return LAC(nonconformity(probabilities, labels))
    if method == "aps":
        return APS(aps_scores(probabilities, labels))
    if method == "aps, randomised":
        return APS(aps_scores(probabilities, labels, shares(len(labels), 0)), seed=1)
    raise ValueError(f"no prediction sets called {method!r}: choose from {'; '.join(METHODS)}")

"""How good a classifier is, always with an interval; the unit of chance is the object, not the spectrum."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """Rounded to four digits, as plain JSON."""
        return {"value": round(self.value, 4), "low": round(self.low, 4), "high": round(self.high, 4)}

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def confusion_matrix(true: Ints, predicted: Ints, classes: int) -> Ints:
    """Counts, rows true and columns predicted, shape (classes, classes)."""
    return np.bincount(true * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def accuracy(matrix: Floats | Ints) -> float:
    """Share on the diagonal."""
    return float(np.trace(matrix) / matrix.sum())


def recalls(matrix: Floats | Ints) -> Floats:
    """Recall of each class, NaN for a class without members."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.diag(matrix) / matrix.sum(1), dtype=float)


def precisions(matrix: Floats | Ints) -> Floats:
    """Precision of each class, NaN for a class nobody was given."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.diag(matrix) / matrix.sum(0), dtype=float)


def macro_recall(matrix: Floats | Ints) -> float:
    """Mean recall over the classes that have members."""
    return float(np.nanmean(recalls(matrix)))


def macro_recall_of(matrix: Floats | Ints, classes: NDArray[np.bool_]) -> float:
    """Mean recall over some of the classes, those of them that have members; NaN for none."""
    known = recalls(matrix)[: len(classes)][classes]
    return float(np.nanmean(known)) if np.isfinite(known).any() else float("nan")


def macro_f1(matrix: Floats | Ints) -> float:
    """Mean F1 over the classes that have members; a class nobody was given counts zero."""
    present = matrix.sum(1) > 0
    f1 = 2 * np.diag(matrix) / np.maximum(matrix.sum(0) + matrix.sum(1), 1e-12)
    return float(f1[present].mean())


def bootstrap(
    matrices: Floats | Ints, figures: Callable[[Floats], Floats], *, seed: int = 0, resamples: int = RESAMPLES
) -> list[Estimate]:
    """Percentile intervals by resampling objects.

    Parameters
    ----------
    matrices : ndarray, shape (objects, classes, classes)
        Confusion counts of each object's spectra.
    figures : callable
        From a summed matrix to an array of figures.
    """
    rng = np.random.default_rng(seed)
    flat = matrices.reshape(len(matrices), -1).astype(float)
    draws = rng.multinomial(len(flat), np.full(len(flat), 1 / len(flat)), size=resamples).astype(float)
    shape = matrices.shape[1:]
    sampled = np.array([figures(total.reshape(shape)) for total in draws @ flat])
    value = figures(flat.sum(0).reshape(shape))
    with np.errstate(all="ignore"):
        # A class of few objects is missing from some draws: those draws say nothing about it.
        low, high = np.array([_interval(column) for column in sampled.T]).T
    return [Estimate(*map(float, row)) for row in zip(value, low, high, strict=True)]


def by_objects(
    groups: Sequence[str], figures: Callable[[Ints], Floats], *, seed: int = 0, resamples: int = RESAMPLES
) -> list[Estimate]:
    """Percentile intervals by resampling objects, for figures that no sum of counts gives, such as correlations.

    Parameters
    ----------
    groups : sequence of str, length n
        Object of each spectrum.
    figures : callable
        From the rows of some spectra, repeated where their object was drawn more than once, to an array of figures;
        NaN where those rows say nothing.
    """
    _, index = np.unique(np.array(groups), return_inverse=True)
    rows = np.split(np.argsort(index, kind="stable"), np.cumsum(np.bincount(index))[:-1])
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(rows), size=(resamples, len(rows)))
    sampled = np.array([figures(np.concatenate([rows[i] for i in draw])) for draw in draws])
    value = figures(np.arange(len(index)))
    ends = [_interval(column) for column in sampled.T]
    return [Estimate(float(v), float(low), float(high)) for v, (low, high) in zip(value, ends, strict=True)]


def _interval(column: Floats) -> tuple[float, float]:
    known = column[np.isfinite(column)]
    return (float("nan"), float("nan")) if not len(known) else tuple(np.percentile(known, (2.5, 97.5)).tolist())


def per_object(true: Ints, predicted: Ints, groups: Sequence[str], classes: int) -> Ints:
    """Confusion counts of each object, shape (objects, classes, classes)."""
    _, index = np.unique(np.array(groups), return_inverse=True)
    out = np.zeros((index.max() + 1, classes, classes), np.int64)
    np.add.at(out, (index, true, predicted), 1)
    return out


def expected_calibration_error(confidence: Floats, correct: NDArray[np.bool_], bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equal-width bins, weighted by their counts."""
    which = np.clip((confidence * bins).astype(int), 0, bins - 1)
    count = np.bincount(which, minlength=bins)
    gap = np.bincount(which, confidence - correct, minlength=bins)
    return float(np.abs(gap).sum() / count.sum())


def binomial_interval(hits: int, n: int) -> tuple[float, float]:
    """Clopper-Pearson 95 % interval of a share."""
    from scipy.stats import beta

    low = 0.0 if hits == 0 else float(beta.ppf(0.025, hits, n - hits + 1))
    high = 1.0 if hits == n else float(beta.ppf(0.975, hits + 1, n - hits))
    return low, high


def binomial_band(level: float, n: int) -> tuple[float, float]:
    """Where a share of `n` lies in 95 % of tests if each of them is a hit with the probability `level`."""
    from scipy.stats import binom

    low, high = (float(binom.ppf(q, n, level)) / n for q in (0.025, 0.975))
    return low, high


def conformal_band(alpha: float, n: int, calibrated: int) -> tuple[float, float]:
    """Where a share of `n` lies in 95 % of tests of a conformal set that `calibrated` others set the threshold of.

    The coverage that such a threshold has is itself drawn, from a beta law (Vovk 2012, arXiv:1209.2673).
    """
    from scipy.stats import betabinom

    rank = min(math.ceil(round((calibrated + 1) * (1 - alpha), 9)), calibrated + 1)
    if rank > calibrated:
        return 1.0, 1.0
    low, high = (float(betabinom.ppf(q, n, rank, calibrated + 1 - rank)) / n for q in (0.025, 0.975))
    return low, high

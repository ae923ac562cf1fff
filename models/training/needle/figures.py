"""Figures of merit at the paper's class mix (NEEDLE paper, Table 6 and Fig. 17-19), with intervals by object.

Rows are epochs of objects. An object's rows weigh one together, so that a figure is what one random early epoch of
every object gives in expectation; a class counts by its share in the mix.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from models.domain import NEEDLE_CLASSES
from models.needle.lightcurves.lightcurve import Floats
from models.needle.metadata import PAPER_MIX, posterior
from models.training.metrics import Estimate

THRESHOLDS: Final = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
SHIFTS: Final = np.arange(-5.0, 3.05, 0.1)
NAMES: Final = ("purity", "completeness", "f1", "coverage", "found")


def class_weights(label: np.ndarray, weight: Floats, mix: Floats = PAPER_MIX) -> Floats:
    """Weights whose totals by class are the mix."""
    out = weight.astype(float).copy()
    for k, share in enumerate(mix):
        if (label == k).any():
            out[label == k] *= share / max(out[label == k].sum(), 1e-12)
    return out


def at_threshold(p: Floats, label: np.ndarray, weight: Floats, target: int, threshold: float) -> Floats:
    """Purity, completeness, F1 and coverage as in Table 6, and `found`: the share of all objects of the class.

    The paper's completeness counts only what is above the threshold in any class; `found` counts every object.
    NaN where nothing is above the threshold.
    """
    w = class_weights(label, weight)
    decided, named, true = p.max(1) >= threshold, p.argmax(1) == target, label == target
    hit, said, kept = w[decided & named & true].sum(), w[decided & named].sum(), w[decided & true].sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        purity, completeness = np.divide(hit, said), np.divide(hit, kept)
        f1 = 2 * purity * completeness / (purity + completeness)
        return np.array([purity, completeness, f1, kept / w[true].sum(), hit / w[true].sum()])


def with_intervals(
    p: Floats, label: np.ndarray, objects: np.ndarray, weight: Floats, target: int, threshold: float, *,
    seed: int = 0, resamples: int = 200,
) -> dict[str, Estimate]:  # fmt: skip
    """`at_threshold` with 95 % intervals by resampling objects within their class."""
    rng = np.random.default_rng(seed)
    value = at_threshold(p, label, weight, target, threshold)
    ids, index = np.unique(objects, return_inverse=True)
    label_of = np.zeros(len(ids), int)
    label_of[index] = label
    decided, named = p.max(1) >= threshold, p.argmax(1) == target
    total, kept, said = (np.bincount(index, weight * flag) for flag in (np.ones(len(p)), decided, decided & named))
    sums = np.zeros((3, resamples, len(NEEDLE_CLASSES)))
    for k in range(len(NEEDLE_CLASSES)):
        (members,) = np.nonzero(label_of == k)
        if len(members):
            counts = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=resamples)
            sums[:, :, k] = [counts @ column[members] for column in (total, kept, said)]
    with np.errstate(all="ignore"):
        _, held, told = PAPER_MIX * sums / sums[0]
        hit = told[:, target]
        purity, completeness = hit / np.nansum(told, axis=1), hit / held[:, target]
        f1 = 2 * purity * completeness / (purity + completeness)
        found, coverage = hit / PAPER_MIX[target], held[:, target] / PAPER_MIX[target]
        low, high = np.array([_percentiles(c) for c in (purity, completeness, f1, coverage, found)]).T
    return {n: Estimate(*map(float, row)) for n, row in zip(NAMES, zip(value, low, high, strict=True), strict=True)}


def confusion(p: Floats, label: np.ndarray, weight: Floats, threshold: float = 0.0) -> Floats:
    """Expected objects, rows true and columns said, at or above a threshold (Fig. 19), in the sample's own mix."""
    decided = p.max(1) >= threshold
    out = np.zeros((len(NEEDLE_CLASSES),) * 2)
    np.add.at(out, (label[decided], p.argmax(1)[decided]), weight[decided])
    return out


def confidences(p: Floats, label: np.ndarray, weight: Floats) -> dict[str, float]:
    """Table 6 and 7: macro-confidence, and confidence and cross-entropy of the two rare classes."""
    mine = p[np.arange(len(p)), label]
    means = [float(np.average(mine[label == k], weights=weight[label == k])) for k in _present(label)]
    rare = [k for k in _present(label) if k > 0]
    entropy = [float(np.average(-np.log(mine[label == k] + 1e-9), weights=weight[label == k])) for k in rare]
    rare_means = [m for k, m in zip(_present(label), means, strict=True) if k > 0]
    return {
        "macro_confidence": float(np.mean(means)),
        "b_confidence": float(np.mean(rare_means)) if rare else float("nan"),
        "b_entropy": float(np.mean(entropy)) if rare else float("nan"),
    }


def coverage_band(
    sizes: Sequence[tuple[int, int]], alpha: float, *, seed: int = 0, draws: int = 20_000
) -> tuple[float, float]:
    """Where the share of sets that hold the truth lies, 95 %, if calibration and new objects are alike.

    With `n` calibration objects the coverage is itself a draw from a beta law, and the share among `m` new objects is
    beta-binomial. One epoch of each object is meant; the mean over an object's epochs scatters less.

    Parameters
    ----------
    sizes : sequence of (int, int)
        Calibration objects and new objects of each group that is calibrated by itself.
    """
    rng = np.random.default_rng(seed)
    held = np.zeros(draws)
    for n, m in sizes:
        missed = int(np.floor(alpha * (n + 1)))
        held += rng.binomial(m, rng.beta(n + 1 - missed, missed, draws) if missed else 1.0, draws)
    low, high = np.percentile(held / max(sum(m for _, m in sizes), 1), (2.5, 97.5))
    return float(low), float(high)


def first_detection(
    p: Floats, label: np.ndarray, objects: np.ndarray, days: Floats, target: int, threshold: float
) -> dict[str, float]:
    """When objects of a class first rise above the threshold with the right name, days from discovery.

    Returns
    -------
    dict of str to float
        `objects`, `ever` (how many rise above it by the latest early epoch) and `median_days` (NaN for none).
    """
    named = (p.argmax(1) == target) & (p[:, target] >= threshold)
    mine = np.unique(objects[label == target])
    firsts = [float(days[(objects == o) & named].min()) for o in mine if ((objects == o) & named).any()]
    median = float(np.median(firsts)) if firsts else float("nan")
    return {"objects": len(mine), "ever": len(firsts), "median_days": median}


def choose_shift(
    balanced: Floats, label: np.ndarray, weight: Floats, purities: Sequence[float], *, threshold: float = 0.8
) -> Floats:
    """Shifts of the log probabilities with which the threshold gives the purities asked for, at the paper's mix.

    Parameters
    ----------
    balanced : ndarray, shape (n, 3)
        Out-of-fold probabilities for equal class shares.
    purities : sequence of float
        For SLSN-I and TDE.

    Returns
    -------
    ndarray, shape (3,)
        Zero for SN; for each rare class the loosest shift that reaches its purity. Where none does, the one of highest
        purity that still finds a fifth of the class.
    """
    shift = np.zeros(len(NEEDLE_CLASSES))
    w = class_weights(label, weight)
    for target, purity in zip((1, 2), purities, strict=True):
        odds = np.log(np.maximum(balanced[:, target], 1e-9) / np.maximum(balanced[:, 0], 1e-9))
        order = np.argsort(-odds)
        hits, said = np.cumsum((w * (label == target))[order]), np.cumsum(w[order])
        (good,) = np.nonzero((hits >= purity * said) & (hits >= 0.1 * PAPER_MIX[target]))
        enough = np.flatnonzero(hits >= 0.2 * PAPER_MIX[target])
        last = good[-1] if len(good) else enough[np.argmax((hits / said)[enough])]
        shift[target] = np.log(threshold / (1 - threshold)) - odds[order][last]
    return shift


def operating_shift(
    balanced: Floats, label: np.ndarray, weight: Floats, *, purities: Sequence[float] = (), found: Sequence[float] = (),
    threshold: float = 0.8, rounds: int = 4,
) -> Floats:  # fmt: skip
    """Shifts with which the threshold holds purities, or finds shares of the objects, for SLSN-I and TDE at once.

    The two rare classes compete: what both claim rises above the threshold for neither. So each is set in turn with the
    other as it stands.

    Parameters
    ----------
    balanced : ndarray, shape (n, 3)
        Out-of-fold probabilities for equal class shares.
    purities, found : sequence of float
        One of the two. The shift that finds most with the purity held, and the strictest that finds the share; where
        none does, the purest that finds a tenth of the class, and the one that finds most.

    Returns
    -------
    ndarray, shape (3,)
        Zero for SN.
    """
    shift = np.array([0.0, -1.0, -1.0])
    for _ in range(rounds):
        for target in (1, 2):
            tried = [_with(shift, target, step) for step in SHIFTS]
            rows = [at_threshold(posterior(balanced, t), label, weight, target, threshold) for t in tried]
            purity, share = np.nan_to_num([r[0] for r in rows]), np.nan_to_num([r[4] for r in rows])
            best = _purest(purity, share, purities[target - 1]) if purities else _enough(share, found[target - 1])
            shift = tried[best]
    return shift


def _with(shift: Floats, target: int, value: float) -> Floats:
    out = shift.copy()
    out[target] = value
    return out


def _purest(purity: Floats, share: Floats, wanted: float) -> int:
    good = (purity >= wanted) & (share > 0)
    if good.any():
        return int(np.argmax(np.where(good, share, -1.0)))
    return int(np.argmax(np.where(share >= 0.1, purity, -1.0)))


def _enough(share: Floats, wanted: float) -> int:
    return int(np.argmax(share >= min(wanted, share.max())))


def _present(label: np.ndarray) -> list[int]:
    return [k for k in range(len(NEEDLE_CLASSES)) if (label == k).any()]


def _percentiles(column: Floats) -> tuple[float, float]:
    known = column[np.isfinite(column)]
    return (float("nan"), float("nan")) if not len(known) else tuple(np.percentile(known, (2.5, 97.5)).tolist())

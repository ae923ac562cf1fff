"""Which signal knows when the classifier is wrong, and what leaving out the doubtful gains (Tables VII and VIII)."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from models.spectral.ensemble import EnsemblePrediction
from models.training.metrics import Estimate

Floats = NDArray[np.float64]
RESAMPLES = 300


def signals(prediction: EnsemblePrediction) -> dict[str, Floats]:
    """The six internal signals of doubt, higher = more doubtful, each of shape (n,)."""
    p, members = prediction.fine, prediction.member_fine
    top = p.argmax(1)
    ordered = np.sort(p, axis=1)
    mean = members.mean(0)
    total, aleatoric = _entropy(mean), _entropy(members).mean(0)
    votes = members.argmax(2)
    return {
        "top-1 confidence": -ordered[:, -1],
        "top-1/top-2 margin": -(ordered[:, -1] - ordered[:, -2]),
        "predictive entropy": _entropy(p),
        "mutual information": total - aleatoric,
        "ensemble spread": prediction.spread[np.arange(len(top)), top],
        "model disagreement": (votes != top).mean(0),
    }


def error_detection(
    prediction: EnsemblePrediction, labels: NDArray[np.int64], groups: Sequence[str]
) -> dict[str, dict[str, float]]:
    """AUROC of each signal as a detector of wrong answers, with intervals by object (Table VII)."""
    wrong = prediction.fine.argmax(1) != labels
    return {name: auroc(doubt, wrong, groups).to_dict() for name, doubt in signals(prediction).items()}


def selective(
    prediction: EnsemblePrediction, labels: NDArray[np.int64], shares: Sequence[float] = (1.0, 0.95, 0.9, 0.8, 0.7)
) -> list[dict[str, float]]:
    """Accuracy among the most confident share of the spectra (Table VIII)."""
    p = prediction.fine
    right = p.argmax(1) == labels
    order = np.argsort(-p.max(1), kind="stable")
    kept = [order[: max(1, round(s * len(order)))] for s in shares]
    return [
        {
            "coverage": s,
            "accuracy": round(float(right[k].mean()), 4),
            "gain": round(float(right[k].mean() - right.mean()), 4),
        }
        for s, k in zip(shares, kept, strict=True)
    ]


def auroc(score: Floats, positive: NDArray[np.bool_], groups: Sequence[str], *, seed: int = 0) -> Estimate:
    """Area under the ROC curve with a 95 % interval from resampled objects."""
    _, index = np.unique(np.array(groups), return_inverse=True)
    rows = [np.flatnonzero(index == g) for g in range(index.max() + 1)]
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([rows[g] for g in rng.integers(0, len(rows), len(rows))])
        if 0 < positive[drawn].sum() < len(drawn):
            values.append(area(score[drawn], positive[drawn]))
    low, high = np.percentile(values, (2.5, 97.5))
    return Estimate(area(score, positive), float(low), float(high))


def area(score: Floats, positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve from ranks (Mann-Whitney): thirty times faster than by drawing the curve."""
    n = int(positive.sum())
    excess = rankdata(score)[positive].sum() - n * (n + 1) / 2
    return float(excess / (n * (len(score) - n)))


def merged(confusion: NDArray[np.int64], classes: Sequence[str], groups: Mapping[str, str]) -> NDArray[np.int64]:
    """A confusion matrix after renaming classes, rows and columns in the order the new names first appear."""
    names = list(dict.fromkeys(groups[c] for c in classes))
    lookup = np.array([[groups[c] == n for n in names] for c in classes], int)
    return lookup.T @ confusion @ lookup


def _entropy(p: Floats) -> Floats:
    return -(p * np.log(np.clip(p, 1e-12, None))).sum(-1)

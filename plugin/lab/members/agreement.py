"""How alike the members of an ensemble are: rank correlation of their answers, and their spread where they err."""

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from models.domain import FINE_CLASSES
from models.spectral.ensemble import EnsemblePrediction
from models.training.dataset import Dataset
from models.training.metrics import Estimate, by_objects

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
RESAMPLES = 400


def agreement(prediction: EnsemblePrediction, data: Dataset) -> dict[str, Any]:
    """Spearman's correlation of the members' probabilities (ASTRANet paper, App. G), with intervals by object.

    Returns
    -------
    dict
        `pairs`: of every two members, over all probabilities of all spectra; `mean`: of the pairs; `classes`: mean of
        the pairs over the probabilities of one class alone, which the differences between classes do not raise;
        `same_class`: share of spectra on which all members name the same class; `all_err`: of the spectra of which
        some member errs, the share of which all do. Empty for a single member.
    """
    members = prediction.member_fine
    pairs = list(combinations(range(len(members)), 2))
    if not pairs:
        return {}
    right = members.argmax(2) == data.label
    named = members.argmax(2)

    def figures(rows: Ints) -> Floats:
        chosen = members[:, rows]
        whole = spearman(chosen.reshape(len(members), -1))
        classes = [_mean(spearman(chosen[:, :, k]), pairs) for k in range(chosen.shape[2])]
        same = (named[:, rows] == named[0, rows]).all(0).mean()
        some = ~right[:, rows].all(0)
        both = (~right[:, rows]).all(0)[some].mean() if some.any() else np.nan
        return np.array([*(whole[i, j] for i, j in pairs), _mean(whole, pairs), *classes, same, both])

    found = iter(by_objects(data.groups, figures, resamples=RESAMPLES))
    name = [str(s) for s in prediction.seeds]
    return {
        "pairs": [{"members": f"{name[i]} and {name[j]}", "rho": known(next(found))} for i, j in pairs],
        "mean": known(next(found)),
        "classes": {c: known(next(found)) for c in FINE_CLASSES},
        "same_class": known(next(found)),
        "all_err": known(next(found)),
    }


def spearman(rows: Floats) -> Floats:
    """Rank correlation of every two rows of (rows, n), equal values sharing their mean rank; shape (rows, rows).

    NaN where a row is constant.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.atleast_2d(np.corrcoef(rankdata(rows, axis=1)))


def _mean(matrix: Floats, pairs: list[tuple[int, int]]) -> float:
    return float(np.mean([matrix[i, j] for i, j in pairs]))


def spread_on_errors(prediction: EnsemblePrediction, data: Dataset) -> list[dict[str, Any]]:
    """Mean spread of the predicted class's probability, by predicted class, where it is wrong and where it is right.

    Figure 5 of the ASTRANet paper, with intervals by object.
    """
    predicted = prediction.fine.argmax(1)
    spread = prediction.spread[np.arange(len(data)), predicted]
    groups = np.array(data.groups)
    rows = []
    for k, name in enumerate(FINE_CLASSES):
        row: dict[str, Any] = {"class": name}
        for what, hit in (("wrong", False), ("right", True)):
            here = np.flatnonzero((predicted == k) & ((data.label == k) == hit))
            row[what] = {
                "spectra": len(here),
                "objects": len(set(groups[here])),
                **_mean_of(spread[here], groups[here]),
            }
        rows.append(row)
    return rows


def _mean_of(values: Floats, groups: NDArray[np.str_]) -> dict[str, Any]:
    """The mean with its interval; of a single object no interval is known."""
    if not len(values):
        return {"spread": None}
    (found,) = by_objects(groups.tolist(), lambda rows: np.array([values[rows].mean()]), resamples=RESAMPLES)
    return {"spread": found.to_dict() if len(set(groups.tolist())) > 1 else {"value": round(found.value, 4)}}


def known(figure: Estimate) -> dict[str, float] | None:
    """A figure as plain JSON; None where the spectra say nothing."""
    return figure.to_dict() if np.isfinite([figure.value, figure.low, figure.high]).all() else None

"""The figures of a bundle on a labelled set: what `card.json` and the tables hold."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.conformal.sets import LAC
from models.domain import FINE_CLASSES
from models.spectral.ensemble import Ensemble, EnsemblePrediction
from models.training.dataset import Dataset
from models.training.metrics import (
    Estimate,
    accuracy,
    binomial_band,
    binomial_interval,
    bootstrap,
    confusion_matrix,
    expected_calibration_error,
    macro_f1,
    macro_recall,
    macro_recall_of,
    per_object,
    precisions,
    recalls,
)

Progress = Callable[[int], None]
K = len(FINE_CLASSES)
HEADLINE = ("accuracy", "macro_recall", "macro_recall_frequent", "macro_f1")
SMALLEST_CLASS = 5
"""Objects. A class with fewer stands in every table and in the macro recall of all classes that have members; a second
macro recall leaves it out, because one or two objects would decide it."""
SNR_EDGES = (0.0, 5.0, 10.0, 20.0, 50.0, np.inf)
PHASE_EDGES = (-np.inf, -5.0, 5.0, 20.0, 60.0, np.inf)


def predict_dataset(
    ensemble: Ensemble,
    data: Dataset,
    *,
    redshift: bool = False,
    phase: bool = False,
    chunk: int = 256,
    progress: Progress = lambda _: None,
) -> EnsemblePrediction:
    """Predict every row; metadata only as asked. `progress` is told how many rows were done."""
    values = np.stack([data.phase_days, data.redshift, np.zeros(len(data))], 1)
    valid = np.isfinite(values) & np.array([phase, redshift, False])
    flux, mask = torch.from_numpy(data.flux), torch.from_numpy(data.masks())
    numbers = torch.tensor(np.nan_to_num(values), dtype=torch.float32)
    known = torch.tensor(valid, dtype=torch.float32)
    parts = []
    for i in range(0, len(data), chunk):
        s = slice(i, i + chunk)
        parts.append(ensemble.predict_arrays(flux[s].float(), mask[s], numbers[s], known[s]))
        progress(len(flux[s]))
    return EnsemblePrediction.joined(parts)


def summary(probabilities: NDArray[np.float64], data: Dataset) -> dict[str, Any]:
    """Every headline figure with its interval, as plain JSON; see `summary_of`."""
    predicted = probabilities.argmax(1)
    error = expected_calibration_error(probabilities.max(1), predicted == data.label)
    return summary_of(predicted, data) | {"ece": round(error, 4)}


def summary_of(predicted: NDArray[np.int64], data: Dataset) -> dict[str, Any]:
    """Headline figures of answers that are only classes.

    `by_object` are figures in which each object counts once, however many spectra it has: one that was followed for
    months can be most of a rare class. Macro recall is over the classes that have members, `macro_recall_frequent` over
    those of at least `SMALLEST_CLASS` objects, None if there are none.

    Parameters
    ----------
    predicted : ndarray of int, shape (n,)
        Index into `FINE_CLASSES`, or one more for an answer that is none of them.
    """
    true, columns = data.label, K + int((predicted >= K).any())
    matrix = confusion_matrix(true, predicted, columns)
    objects = per_object(true, predicted, data.groups, columns)
    mix = data.counts()
    frequent = np.array([mix[c]["objects"] >= SMALLEST_CLASS for c in FINE_CLASSES])
    overall = bootstrap(objects, partial(_figures, frequent))
    once = bootstrap(objects / objects.sum((1, 2), keepdims=True), partial(_figures, frequent))
    names = [*(f"recall {c}" for c in FINE_CLASSES), *(f"precision {c}" for c in FINE_CLASSES)]
    by_name, single = (dict(zip([*HEADLINE, *names], found, strict=True)) for found in (overall, once))
    return {
        "spectra": len(data),
        "objects": len(set(data.groups)),
        "class_mix": mix,
        "classes": sum(row["objects"] > 0 for row in mix.values()),
        "frequent_classes": int(frequent.sum()),
        **{k: _known(by_name[k]) for k in HEADLINE},
        "by_object": {k: _known(single[k]) for k in HEADLINE} | {"recall": _per_class("recall", single)},
        "recall": _per_class("recall", by_name),
        "precision": _per_class("precision", by_name),
        "confusion": matrix[:K].tolist(),
    }


def _figures(frequent: NDArray[np.bool_], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    head = [accuracy(matrix), macro_recall(matrix), macro_recall_of(matrix, frequent), macro_f1(matrix)]
    return np.concatenate([head, recalls(matrix)[:K], precisions(matrix)[:K]])


def _known(figure: Estimate) -> dict[str, float] | None:
    return figure.to_dict() if np.isfinite([figure.value, figure.low, figure.high]).all() else None


def _per_class(kind: str, figures: dict[str, Estimate]) -> dict[str, dict[str, float] | None]:
    """Figures of each class; None for a class without spectra."""
    return {c: _known(figures[f"{kind} {c}"]) for c in FINE_CLASSES}


def set_coverage(
    scores: NDArray[np.float64], probabilities: NDArray[np.float64], labels: NDArray[np.int64], alphas: Sequence[float]
) -> dict[str, dict[str, float | bool]]:
    """Coverage of the prediction sets with its binomial interval, their mean size, and the share of empty ones.

    `band_low` and `band_high` are where it lies in 95 % of tests of sets that hold what they promise, `inside` whether
    it does. Spectra of one object are not independent: the true band is wider.
    """
    out: dict[str, dict[str, float | bool]] = {}
    for alpha in alphas:
        members = LAC(scores).members(probabilities, alpha)
        hits = int(members[np.arange(len(labels)), labels].sum())
        low, high = binomial_interval(hits, len(labels))
        size = members.sum(1)
        band = binomial_band(1 - alpha, len(labels))
        figures = {
            "coverage": hits / len(labels),
            "low": low,
            "high": high,
            "band_low": band[0],
            "band_high": band[1],
            "size": size.mean(),
            "empty": (size == 0).mean(),
        }
        inside = band[0] <= hits / len(labels) <= band[1]
        out[f"{alpha:g}"] = {k: round(float(v), 4) for k, v in figures.items()} | {"inside": inside}
    return out


def reliability(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], bins: int = 10
) -> list[dict[str, float]]:
    """Mean confidence and accuracy of the spectra in each equal-width bin of confidence, with binomial intervals."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    which = np.clip((confidence * bins).astype(int), 0, bins - 1)
    rows = []
    for b in np.unique(which):
        inside = which == b
        low, high = binomial_interval(int(right[inside].sum()), int(inside.sum()))
        figures = {"confidence": confidence[inside].mean(), "accuracy": right[inside].mean(), "low": low, "high": high}
        rows.append({"spectra": int(inside.sum())} | {k: round(float(v), 4) for k, v in figures.items()})
    return rows


def breakdown(
    probabilities: NDArray[np.float64], data: Dataset, keys: Sequence[str], *, smallest: int = 15
) -> list[dict[str, Any]]:
    """Accuracy and macro recall of each part of the set with at least `smallest` spectra, largest first."""
    rows = []
    names = np.array(keys)
    for key in sorted(set(keys), key=lambda k: -int((names == k).sum())):
        index = np.flatnonzero(names == key)
        if len(index) < smallest:
            continue
        predicted = probabilities[index].argmax(1)
        matrix = confusion_matrix(data.label[index], predicted, K)
        objects = per_object(data.label[index], predicted, [data.groups[i] for i in index], K)
        low, high = binomial_interval(int(np.trace(matrix)), len(index))
        rows.append(
            {
                "part": key,
                "spectra": len(index),
                "objects": len(objects),
                "accuracy_by_object": round(accuracy((objects / objects.sum((1, 2), keepdims=True)).sum(0)), 4),
                "accuracy": round(accuracy(matrix), 4),
                "low": round(low, 4),
                "high": round(high, 4),
                "macro_recall": round(macro_recall(matrix), 4),
                "classes": int((matrix.sum(1) > 0).sum()),
            }
        )
    return rows


def binned(values: NDArray[np.floating], edges: Sequence[float], unit: str) -> list[str]:
    """Name of the bin each value falls into; `unknown` for NaN."""
    names = [f"{a:g} to {b:g} {unit}".strip() for a, b in pairwise(edges)]
    which = np.clip(np.searchsorted(edges, values, "right") - 1, 0, len(names) - 1)
    return [names[i] if np.isfinite(v) else "unknown" for i, v in zip(which, values, strict=True)]

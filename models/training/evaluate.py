"""The figures of a bundle on a labelled set: what `card.json` and the tables hold."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.conformal.sets import LAC
from models.domain import FINE_CLASSES
from models.spectral.ensemble import Beliefs, Ensemble
from models.training.dataset import Dataset
from models.training.metrics import (
    Estimate,
    accuracy,
    binomial_interval,
    bootstrap,
    confusion_matrix,
    expected_calibration_error,
    macro_f1,
    macro_recall,
    per_object,
    precisions,
    recalls,
)

Progress = Callable[[int], None]
K = len(FINE_CLASSES)
HEADLINE = ("accuracy", "macro_recall", "macro_f1")
SNR_EDGES = (0.0, 5.0, 10.0, 20.0, 50.0, np.inf)
PHASE_EDGES = (-np.inf, -5.0, 5.0, 20.0, 60.0, np.inf)


def believe(
    ensemble: Ensemble,
    data: Dataset,
    *,
    redshift: bool = False,
    phase: bool = False,
    chunk: int = 256,
    progress: Progress = lambda _: None,
) -> Beliefs:
    """Beliefs about every row; metadata only as asked. `progress` is told how many rows were done."""
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
    return Beliefs.joined(parts)


def summary(probabilities: NDArray[np.float64], data: Dataset) -> dict[str, Any]:
    """Every headline figure with its interval, as plain JSON.

    `by_object` are figures in which each object counts once, however many spectra it has: one that was followed for
    months can be most of a rare class.
    """
    true, predicted = data.label, probabilities.argmax(1)
    matrix = confusion_matrix(true, predicted, K)
    objects = per_object(true, predicted, data.groups, K)
    overall = bootstrap(objects, _figures)
    once = bootstrap(objects / objects.sum((1, 2), keepdims=True), _figures)
    names = [*(f"recall {c}" for c in FINE_CLASSES), *(f"precision {c}" for c in FINE_CLASSES)]
    by_name, single = (dict(zip([*HEADLINE, *names], found, strict=True)) for found in (overall, once))
    return {
        "spectra": len(data),
        "objects": len(set(data.groups)),
        "class_mix": data.counts(),
        **{k: by_name[k].to_dict() for k in HEADLINE},
        "by_object": {k: single[k].to_dict() for k in HEADLINE} | {"recall": _per_class("recall", single)},
        "recall": _per_class("recall", by_name),
        "precision": _per_class("precision", by_name),
        "confusion": matrix.tolist(),
        "ece": round(expected_calibration_error(probabilities.max(1), predicted == true), 4),
    }


def _figures(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    head = [accuracy(matrix), macro_recall(matrix), macro_f1(matrix)]
    return np.concatenate([head, recalls(matrix), precisions(matrix)])


def _per_class(kind: str, figures: dict[str, Estimate]) -> dict[str, dict[str, float] | None]:
    """Figures of each class; None for a class without spectra."""
    named = {c: figures[f"{kind} {c}"] for c in FINE_CLASSES}
    return {c: e.to_dict() if np.isfinite([e.value, e.low, e.high]).all() else None for c, e in named.items()}


def set_coverage(
    scores: NDArray[np.float64], probabilities: NDArray[np.float64], labels: NDArray[np.int64], alphas: Sequence[float]
) -> dict[str, dict[str, float]]:
    """Coverage of the prediction sets with its binomial interval, their mean size, and the share of empty ones."""
    out = {}
    for alpha in alphas:
        members = LAC(scores).members(probabilities, alpha)
        hits = int(members[np.arange(len(labels)), labels].sum())
        low, high = binomial_interval(hits, len(labels))
        size = members.sum(1)
        figures = {
            "coverage": hits / len(labels),
            "low": low,
            "high": high,
            "size": size.mean(),
            "empty": (size == 0).mean(),
        }
        out[f"{alpha:g}"] = {k: round(float(v), 4) for k, v in figures.items()}
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
        matrix = confusion_matrix(data.label[index], probabilities[index].argmax(1), K)
        low, high = binomial_interval(int(np.trace(matrix)), len(index))
        rows.append(
            {
                "part": key,
                "spectra": len(index),
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

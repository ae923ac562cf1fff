"""Figures of the NEEDLE metadata model on objects it never saw: tables, conformal coverage, the source probe."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.domain import NEEDLE_CLASSES
from models.needle.hosts import Galaxy
from models.needle.metadata import ALPHAS, PAPER_MIX, PREFERENCES, VARIANTS, mean_of, with_hosts
from models.needle.model import Needle
from models.training.needle.examples import ExampleRules, Examples, Labelled, object_weights
from models.training.needle.figures import (
    THRESHOLDS,
    confidences,
    confusion,
    coverage_band,
    first_detection,
    with_intervals,
)
from plugin.lab.needle.train import core_collapse, kept_epochs, survey_epochs

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
EARLY = ExampleRules()
RARE = tuple(enumerate(NEEDLE_CLASSES))[1:]
SURVEY_CORE_COLLAPSE = 0.28
"""Their share of the supernovae of a magnitude-limited survey; here they are 3 %."""
SAMPLES = (
    "all",
    "hosted",
    "hostless",
    "against core-collapse only",
    "core-collapse 28 % of SN",
    "ten days or more",
    "uniform in time",
    "latest epoch",
)


def hosted_rows(objects: Sequence[Labelled], epochs: Examples) -> Flags:
    """Whether the object of each row has a host."""
    return np.asarray(np.array([o.host is not None for o in objects], bool)[epochs.object_index])


def deployed(model: Needle, epochs: Examples, prefer: str) -> Floats:
    """What the service would have said at each epoch: with host where there is one, without otherwise."""
    return model.model.probabilities(model.model.balanced(epochs.x, epochs.galaxies), prefer)


def evaluate(
    model: Needle, objects: Sequence[Labelled], *, rules: ExampleRules = EARLY, keep: Path | None = None
) -> dict[str, Any]:
    """Every figure on held-out objects; each object counts once, one random early epoch in expectation.

    Parameters
    ----------
    keep : Path or None
        A file that keeps the inputs of the epochs for the next time.
    """
    key = f"{[o.object_id for o in objects]} {rules} {model.card['files']['templates.safetensors']}"
    key += f" {list(Galaxy.__members__)}"
    epochs = kept_epochs(keep, key, lambda: survey_epochs(objects, rules, model.bank))
    figures: dict[str, Any] = {"mix": PAPER_MIX.tolist(), "objects": _count(objects), "epochs": len(epochs.x)}
    figures["table 5"] = _table_5(objects)
    for prefer in PREFERENCES:
        p = deployed(model, epochs, prefer)
        figures[prefer] = {
            **{name: curves(p[rows], part) for name, rows, part in samples(objects, epochs) if rows.any()},
            "confusion": {
                f"{t:g}": confusion(p, epochs.label, epochs.weight, t).round(2).tolist() for t in (0, 0.5, 0.8)
            },
            "confidence": _by_member(model, epochs, prefer),
            "first_detection": {
                name: _finite(first_detection(p, epochs.label, epochs.object_index, epochs.days, k, 0.8))
                for k, name in RARE
            },
            "false alarms by source": false_alarms(objects, epochs, p),
        }
    figures["conformal"] = coverage(model, objects, epochs)
    return figures


def samples(objects: Sequence[Labelled], epochs: Examples) -> list[tuple[str, Flags, Examples]]:
    """The parts of the held-out epochs that get figures of their own: name, rows, and the rows with their weights."""
    every = np.ones(len(epochs.x), bool)
    hosted, collapse = hosted_rows(objects, epochs), np.array([core_collapse(o) for o in objects])[epochs.object_index]
    later = epochs.days >= 10
    last = np.append(epochs.object_index[1:] != epochs.object_index[:-1], True)
    found = [
        ("all", every, epochs.weight),
        ("hosted", hosted, epochs.weight),
        ("hostless", ~hosted, epochs.weight),
        ("against core-collapse only", (epochs.label > 0) | collapse, epochs.weight),
        ("core-collapse 28 % of SN", every, _more_collapse(epochs, collapse)),
        ("ten days or more", later, _weights(epochs, later)),
        ("uniform in time", every, _by_time(epochs)),
        ("latest epoch", last, _weights(epochs, last)),
    ]
    return [(name, rows, replace(epochs, weight=weight).rows(rows)) for name, rows, weight in found]


def _more_collapse(epochs: Examples, collapse: Flags) -> Floats:
    weight = epochs.weight.copy()
    usual = (epochs.label == 0) & ~collapse
    if collapse.any() and usual.any():
        odds = SURVEY_CORE_COLLAPSE / (1 - SURVEY_CORE_COLLAPSE)
        weight[collapse] *= odds * weight[usual].sum() / weight[collapse].sum()
    return weight


def _weights(epochs: Examples, rows: Flags) -> Floats:
    weight = np.zeros(len(rows))
    weight[rows] = object_weights(epochs.object_index[rows])
    return weight


def _by_time(epochs: Examples) -> Floats:
    """Each epoch by how long it stays the latest, two days for the last: an object asked about at a random moment."""
    same = epochs.object_index[1:] == epochs.object_index[:-1]
    stays = np.append(np.where(same, np.diff(epochs.days), 2.0), 2.0)
    _, inverse = np.unique(epochs.object_index, return_inverse=True)
    return np.asarray(stays / np.bincount(inverse, stays)[inverse])


def _by_member(model: Needle, epochs: Examples, prefer: str) -> dict[str, list[float]]:
    """Table 7: mean and standard deviation over the members, each with the host model that all share."""
    found = []
    for member in model.model.members:
        balanced = with_hosts(mean_of([member], epochs.x), epochs.x, epochs.galaxies, model.model.hosts)
        found.append(confidences(model.model.probabilities(balanced, prefer), epochs.label, epochs.weight))
    return {name: [float(np.mean(v)), float(np.std(v))] for name in found[0] if (v := [f[name] for f in found])}


def false_alarms(objects: Sequence[Labelled], epochs: Examples, p: Floats) -> dict[str, dict[str, float]]:
    """Share of the SN Ia of each source of photometry that are called something else above 0.8; how many they are."""
    kinds, sources = (np.array([getattr(o, n) for o in objects])[epochs.object_index] for n in ("kind", "source"))
    wrong = p[:, 1:].max(1) >= 0.8
    out = {}
    for source in sorted(set(sources[kinds == "SN Ia"])):
        mine = (kinds == "SN Ia") & (sources == source)
        n = len(np.unique(epochs.object_index[mine]))
        out[source] = {"objects": n, "share": round(float(np.average(wrong[mine], weights=epochs.weight[mine])), 5)}
    return out


def curves(p: Floats, epochs: Examples) -> dict[str, Any]:
    """Fig. 17 and 18: each figure against the threshold, for each rare class."""
    return {
        name: {
            f"{t:g}": {
                key: _finite(value.to_dict())
                for key, value in with_intervals(p, epochs.label, epochs.object_index, epochs.weight, k, t).items()
            }
            for t in THRESHOLDS
        }
        for k, name in RARE
    }


def coverage(model: Needle, objects: Sequence[Labelled], epochs: Examples) -> dict[str, Any]:
    """How often the sets hold the true class, by class, where that may lie by chance, and how large they are."""
    hosted = hosted_rows(objects, epochs)
    balanced = model.model.balanced(epochs.x, epochs.galaxies)
    p = np.zeros((len(epochs.x), len(NEEDLE_CLASSES)))
    for variant, rows in zip(VARIANTS, (hosted, ~hosted), strict=True):
        if rows.any():
            p[rows] = model.model.class_p_values(balanced[rows], variant)
    out: dict[str, Any] = {}
    for alpha in ALPHAS:
        inside, w = p > alpha, epochs.weight
        for k, name in enumerate(NEEDLE_CLASSES):
            mine = epochs.label == k
            if mine.any():
                covered = float(np.average(inside[mine, k], weights=w[mine]))
                size = float(np.average(inside[mine].sum(1), weights=w[mine]))
                sizes = [
                    (int((model.model.calibration[f"{v}.label"] == k).sum()), _objects(epochs, mine & part))
                    for v, part in zip(VARIANTS, (hosted, ~hosted), strict=True)
                ]
                low, high = (round(edge, 3) for edge in coverage_band(sizes, alpha))
                cell = {"coverage": round(covered, 3), "set_size": round(size, 2), "objects": _objects(epochs, mine)}
                cell |= {"low": low, "high": high}
                out.setdefault(f"{alpha:g}", {})[name] = cell
    return out


def _objects(epochs: Examples, rows: Flags) -> int:
    return len(np.unique(epochs.object_index[rows]))


def _table_5(objects: Sequence[Labelled]) -> dict[str, dict[str, int]]:
    counted = [o for o in objects if o.survey]
    return {
        name: {
            "hosted": sum(o.label == k and o.host is not None for o in counted),
            "hostless": sum(o.label == k and o.host is None for o in counted),
        }
        for k, name in enumerate(NEEDLE_CLASSES)
    }


def _count(objects: Sequence[Labelled]) -> dict[str, int]:
    counted = [o for o in objects if o.survey]
    return {name: sum(o.label == k for o in counted) for k, name in enumerate(NEEDLE_CLASSES)}


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    return {key: float(v) if np.isfinite(v) else None for key, v in values.items()}

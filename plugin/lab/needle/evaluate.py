"""Figures of the NEEDLE metadata model on objects it never saw: tables, conformal coverage, the source probe."""

import hashlib
from collections import Counter
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
from models.training.needle.mix import KINDS, survey_weights
from plugin.lab.needle.landing import landing
from plugin.lab.needle.train import core_collapse, kept_epochs, kinds, survey_epochs

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
EARLY = ExampleRules()
RARE = tuple(enumerate(NEEDLE_CLASSES))[1:]
SURVEY = "magnitude-limited survey"
"""All objects, the kinds of SN weighing what they are in such a survey (`models/training/needle/mix.py`)."""
SAMPLES = (
    SURVEY,
    "all",
    "hosted",
    "hostless",
    "no position",
    "against core-collapse only",
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
        A folder that keeps the inputs of the epochs for the next time.
    """
    epochs = epochs_of(model, objects, rules=rules, keep=keep)
    figures: dict[str, Any] = {"mix": PAPER_MIX.tolist(), "objects": counted(objects), "epochs": len(epochs.x)}
    figures["table 5"] = _table_5(objects)
    figures["kinds"] = dict(Counter(o.kind for o in objects if o.label == 0 and o.survey))
    for prefer in PREFERENCES:
        p = deployed(model, epochs, prefer)
        figures[prefer] = {
            **{name: curves(p[rows], part) for name, rows, part in samples(objects, epochs) if rows.any()},
            "confusion": {
                f"{t:g}": confusion(p, epochs.label, epochs.weight, t).round(2).tolist() for t in (0, 0.5, 0.8)
            },
            "confidence": _by_member(model, epochs, prefer),
            "first_detection": {
                name: finite(first_detection(p, epochs.label, epochs.object_index, epochs.days, k, 0.8))
                for k, name in RARE
            },
            "false alarms by source": false_alarms(objects, epochs, p),
            "landing": landing(objects, epochs, p),
        }
    figures["conformal"] = coverage(model, objects, epochs)
    return figures


def epochs_of(
    model: Needle, objects: Sequence[Labelled], *, rules: ExampleRules = EARLY, keep: Path | None = None
) -> Examples:
    """Every early epoch of the objects as the model sees it; from the folder `keep` where they are there."""
    key = f"{[(o.object_id, o.source) for o in objects]} {rules} {model.card['files']['templates.safetensors']}"
    key += f" {list(Galaxy.__members__)}"
    path = None
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        path = keep / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"
    return kept_epochs(path, key, lambda: survey_epochs(objects, rules, model.bank))


def untaught(
    model: Needle, objects: Sequence[Labelled], *, prefer: str = PREFERENCES[0], keep: Path | None = None
) -> dict[str, Any]:
    """Where objects of a kind that no model was taught land (`landing`); empty for none."""
    if not objects:
        return {}
    epochs = epochs_of(model, objects, keep=keep)
    return landing(objects, epochs, deployed(model, epochs, prefer))


def samples(objects: Sequence[Labelled], epochs: Examples) -> list[tuple[str, Flags, Examples]]:
    """The parts of the held-out epochs that get figures of their own: name, rows, and the rows with their weights.

    Kinds of SN weigh as in a magnitude-limited survey but in `all` and the last four, which count objects as they are.
    """
    every = np.ones(len(epochs.x), bool)
    hosted, collapse = hosted_rows(objects, epochs), np.array([core_collapse(o) for o in objects])[epochs.object_index]
    lost = np.array([o.ra_deg is None for o in objects])[epochs.object_index]
    survey = survey_weights(epochs.weight, kinds(objects, epochs))
    later = epochs.days >= 10
    last = np.append(epochs.object_index[1:] != epochs.object_index[:-1], True)
    found = [
        (SURVEY, every, survey),
        ("all", every, epochs.weight),
        ("hosted", hosted, survey),
        ("hostless", ~hosted, survey),
        ("no position", lost, survey),
        ("against core-collapse only", (epochs.label > 0) | collapse, epochs.weight),
        ("ten days or more", later, _weights(epochs, later)),
        ("uniform in time", every, _by_time(epochs)),
        ("latest epoch", last, _weights(epochs, last)),
    ]
    return [(name, rows, replace(epochs, weight=weight).rows(rows)) for name, rows, weight in found]


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
                key: finite(value.to_dict())
                for key, value in with_intervals(p, epochs.label, epochs.object_index, epochs.weight, k, t).items()
            }
            for t in THRESHOLDS
        }
        for k, name in RARE
    }


def coverage(model: Needle, objects: Sequence[Labelled], epochs: Examples) -> dict[str, Any]:
    """How often the sets hold the true class, by class, where that may lie by chance, and how large they are.

    The kinds of SN weigh as in a magnitude-limited survey, as in the calibration set; each also stands alone.
    """
    hosted = hosted_rows(objects, epochs)
    balanced = model.model.balanced(epochs.x, epochs.galaxies)
    p = np.zeros((len(epochs.x), len(NEEDLE_CLASSES)))
    for variant, rows in zip(VARIANTS, (hosted, ~hosted), strict=True):
        if rows.any():
            p[rows] = model.model.class_p_values(balanced[rows], variant)
    kind = kinds(objects, epochs)
    weight = survey_weights(epochs.weight, kind)
    groups = [(name, k, epochs.label == k) for k, name in enumerate(NEEDLE_CLASSES)]
    groups += [(f"of these {name}", 0, kind == j) for j, name in enumerate(KINDS)]
    out: dict[str, Any] = {}
    for alpha in ALPHAS:
        for name, k, mine in groups:
            if not mine.any():
                continue
            covered = float(np.average(p[mine, k] > alpha, weights=weight[mine]))
            size = float(np.average((p[mine] > alpha).sum(1), weights=weight[mine]))
            sizes = [
                (int((model.model.calibration[f"{v}.label"] == k).sum()), _objects(epochs, mine & part))
                for v, part in zip(VARIANTS, (hosted, ~hosted), strict=True)
            ]
            low, high = (round(edge, 3) for edge in coverage_band(sizes, alpha))
            cell = {"coverage": round(covered, 3), "set_size": round(size, 2), "objects": _objects(epochs, mine)}
            out.setdefault(f"{alpha:g}", {})[name] = cell | {"low": low, "high": high}
    return out


def _objects(epochs: Examples, rows: Flags) -> int:
    return len(np.unique(epochs.object_index[rows]))


def _table_5(objects: Sequence[Labelled]) -> dict[str, dict[str, int]]:
    mine = [o for o in objects if o.survey]
    return {
        name: {
            "hosted": sum(o.label == k and o.host is not None for o in mine),
            "hostless": sum(o.label == k and o.host is None for o in mine),
        }
        for k, name in enumerate(NEEDLE_CLASSES)
    }


def counted(objects: Sequence[Labelled]) -> dict[str, int]:
    """Objects of each class that figures are of."""
    return {name: sum(o.label == k and o.survey for o in objects) for k, name in enumerate(NEEDLE_CLASSES)}


def finite(values: dict[str, float]) -> dict[str, float | None]:
    """None for what JSON has no number for."""
    return {key: float(v) if np.isfinite(v) else None for key, v in values.items()}

"""Figures of the NEEDLE metadata model on objects it never saw: tables, curves, score histories, the source probe."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.domain import NEEDLE_CLASSES
from models.needle.examples import ExampleRules, Examples, Labelled
from models.needle.features import NAMES
from models.needle.figures import THRESHOLDS, confidences, confusion, first_detection, with_intervals
from models.needle.metadata import ALPHAS, FEATURES, PAPER_MIX, PREFERENCES
from models.needle.model import Needle
from plugin.needle_train import core_collapse, survey_epochs

Floats = NDArray[np.float64]
EARLY = ExampleRules()
RARE = tuple(enumerate(NEEDLE_CLASSES))[1:]
PROBE_PAIRS = (
    ("SN Ia", "light-curve/test-data", "ZwickyTransientFacility/ztfcosmodr"),
    ("TDE", "sjoertvv/manyTDE", "dlangis/TDECat"),
)
"""Sources of photometry that overlap within a class: alerts and forced photometry; forced and derived."""


def deployed(model: Needle, objects: Sequence[Labelled], epochs: Examples, prefer: str) -> Floats:
    """What the service would have said at each epoch: with host where there is one, without otherwise."""
    hosted = np.array([o.host is not None for o in objects])[epochs.object_index]
    out = np.zeros((len(epochs.x), len(NEEDLE_CLASSES)))
    for variant, rows in (("TH", hosted), ("T", ~hosted)):
        if rows.any():
            balanced = model.variants[variant].balanced(epochs.x[rows])
            out[rows] = model.variants[variant].probabilities(balanced, prefer)
    return out


def evaluate(model: Needle, objects: Sequence[Labelled], *, rules: ExampleRules = EARLY) -> dict[str, Any]:
    """Every figure on held-out objects; each object counts once, one random early epoch in expectation."""
    epochs = survey_epochs(objects, rules)
    collapse = np.array([core_collapse(o) for o in objects])
    hosted = np.array([o.host is not None for o in objects])
    figures: dict[str, Any] = {"mix": PAPER_MIX.tolist(), "objects": _count(objects), "epochs": len(epochs.x)}
    for prefer in PREFERENCES:
        p = deployed(model, objects, epochs, prefer)
        kept = epochs.label > 0
        figures[prefer] = {
            "all": curves(p, epochs),
            "against core-collapse only": _among(p, epochs, kept | collapse[epochs.object_index]),
            "hosted": _among(p, epochs, hosted[epochs.object_index]),
            "hostless": _among(p, epochs, ~hosted[epochs.object_index]),
            "latest epoch": _latest(p, epochs),
            "confusion": {
                f"{t:g}": confusion(p, epochs.label, epochs.weight, t).round(2).tolist() for t in (0, 0.5, 0.8)
            },
            "confidence": confidences(p, epochs.label, epochs.weight),
            "first_detection": {
                name: _finite(first_detection(p, epochs.label, epochs.object_index, epochs.days, k, 0.8))
                for k, name in RARE
            },
        }
    figures["conformal"] = coverage(model, objects, epochs)
    return figures


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
    """How often the sets hold the true class, by class, and how large they are."""
    hosted = np.array([o.host is not None for o in objects])[epochs.object_index]
    p = np.zeros((len(epochs.x), len(NEEDLE_CLASSES)))
    for variant, rows in (("TH", hosted), ("T", ~hosted)):
        if rows.any():
            p[rows] = model.variants[variant].class_p_values(model.variants[variant].balanced(epochs.x[rows]))
    out: dict[str, Any] = {}
    for alpha in ALPHAS:
        inside, w = p > alpha, epochs.weight
        for k, name in enumerate(NEEDLE_CLASSES):
            mine = epochs.label == k
            if mine.any():
                covered = float(np.average(inside[mine, k], weights=w[mine]))
                size = float(np.average(inside[mine].sum(1), weights=w[mine]))
                out.setdefault(f"{alpha:g}", {})[name] = {"coverage": round(covered, 3), "set_size": round(size, 2)}
    return out


def probe_sources(objects: Sequence[Labelled], examples: Examples, *, seed: int = 0) -> list[dict[str, Any]]:
    """Whether trees can tell, within a class, where the photometry is from; 0.5 means that they cannot.

    Cross-validated by object, on the features of the T model as they are trained on.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold, cross_val_predict

    source, kind = (np.array([getattr(o, name) for o in objects]) for name in ("source", "kind"))
    columns = [NAMES.index(name) for name in FEATURES["T"]]
    found = []
    for name, first, second in PROBE_PAIRS:
        of = examples.object_index
        rows = np.flatnonzero((kind[of] == name) & np.isin(source[of], (first, second)))
        y = (source[of[rows]] == second).astype(int)
        trees = HistGradientBoostingClassifier(
            max_leaf_nodes=8, max_iter=80, min_samples_leaf=30, class_weight="balanced", random_state=seed
        )
        cut = GroupKFold(5)
        x = examples.x[rows][:, columns]
        p = cross_val_predict(trees, x, y, groups=of[rows], cv=cut, method="predict_proba")[:, 1]
        sizes = [len(np.unique(of[rows][y == side])) for side in (0, 1)]
        auroc = round(float(roc_auc_score(y, p)), 3)
        found.append({"class": name, "sources": [first, second], "objects": sizes, "auroc": auroc})
    return found


def markdown(figures: dict[str, Any], model_id: str) -> str:
    """The main table as text."""
    lines = [f"# NEEDLE metadata model {model_id}", "", f"Held-out objects: {figures['objects']}", ""]
    lines += [
        "Real light curves and hosts, one random early epoch of each object in expectation, threshold 0.8, at the"
    ]
    lines += ["paper's class mix 2559 : 14 : 15; 95 % intervals by object. `found` is the share of all objects.", ""]
    lines += ["| answer | sample | class | purity | completeness | coverage | found |", "|---|---|---|---|---|---|---|"]
    for prefer in PREFERENCES:
        for sample in ("all", "hosted", "hostless", "against core-collapse only", "latest epoch"):
            for _, name in RARE:
                row = figures[prefer][sample][name]["0.8"]
                cells = " | ".join(_cell(row[key]) for key in ("purity", "completeness", "coverage", "found"))
                lines.append(f"| {prefer} | {sample} | {name} | {cells} |")
    for prefer in PREFERENCES:
        for _, name in RARE:
            first = figures[prefer]["first_detection"][name]
            lines += ["", f"{prefer}, {name}: {first['ever']:g} of {first['objects']:g} objects rise above 0.8 by peak"]
            lines[-1] += f" + 10 d; median {first['median_days']} days from discovery."
    return "\n".join(lines) + "\n"


def draw(figures: dict[str, Any], path: Path, prefer: str) -> None:
    """Fig. 17 and 18 in shape: figures against the threshold, with intervals."""
    plt = _pyplot()
    canvas, axes = plt.subplots(2, 4, figsize=(15, 6.5), sharex=True, layout="constrained")
    for row, (_, name) in zip(axes, RARE, strict=True):
        for ax, key in zip(row, ("f1", "completeness", "purity", "coverage"), strict=True):
            table = figures[prefer]["all"][name]
            value, low, high = (
                np.array([np.nan if cell[key][part] is None else cell[key][part] for cell in table.values()])
                for part in ("value", "low", "high")
            )
            ax.plot(THRESHOLDS, value, marker="o")
            ax.fill_between(THRESHOLDS, low, high, alpha=0.25)
            ax.set(title=f"{name}: {key}", ylim=(0, 1.02), xlabel="threshold")
    canvas.savefig(path, dpi=110)
    plt.close(canvas)


def draw_history(model: Needle, one: Labelled, path: Path, *, rules: ExampleRules = EARLY) -> None:
    """The score history of one object: every epoch as it would have been seen then."""
    epochs = survey_epochs([one], rules)
    plt = _pyplot()
    canvas, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True, layout="constrained")
    for ax, prefer in zip(axes, PREFERENCES, strict=True):
        p = deployed(model, [one], epochs, prefer)
        for k, name in enumerate(NEEDLE_CLASSES):
            ax.plot(epochs.days, p[:, k], marker="o", label=name)
        ax.axhline(0.8, color="grey", lw=0.8, ls="--")
        ax.set(title=f"{one.object_id} ({one.kind}), {prefer}", xlabel="days from discovery", ylim=(-0.02, 1.02))
    axes[0].set_ylabel("probability")
    axes[0].legend()
    canvas.savefig(path, dpi=110)
    plt.close(canvas)


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def _among(p: Floats, epochs: Examples, rows: NDArray[np.bool_]) -> dict[str, Any]:
    chosen = epochs.rows(rows)
    return curves(p[rows], chosen) if rows.any() else {}


def _latest(p: Floats, epochs: Examples) -> dict[str, Any]:
    last = np.ones(len(epochs.x), bool)
    last[:-1] = epochs.object_index[1:] != epochs.object_index[:-1]
    return curves(p[last], replace(epochs.rows(last), weight=np.ones(int(last.sum()))))


def _count(objects: Sequence[Labelled]) -> dict[str, int]:
    counted = [o for o in objects if o.survey]
    return {name: sum(o.label == k for o in counted) for k, name in enumerate(NEEDLE_CLASSES)}


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    return {key: float(v) if np.isfinite(v) else None for key, v in values.items()}


def _cell(row: dict[str, float | None]) -> str:
    if row["value"] is None:
        return "none"
    ends = ("?" if row[k] is None else f"{row[k]:.2f}" for k in ("low", "high"))
    return f"{row['value']:.2f} [{', '.join(ends)}]"

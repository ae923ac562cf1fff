"""Semi-real figures of the hybrid model on test objects: Tables 5 and 7, Fig. 17-20 in shape, with intervals."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.domain import NEEDLE_CLASSES
from models.needle.hybrid.inputs import FEATURES, Samples
from models.needle.hybrid.model import PREFERENCES, VARIANTS, Hybrid
from models.needle.hybrid.net import HybridNet
from models.needle.metadata import ALPHAS, PAPER_MIX
from models.training.needle.attention import heat_maps, share_near
from models.training.needle.figures import (
    THRESHOLDS,
    at_threshold,
    class_weights,
    confidences,
    confusion,
    with_intervals,
)
from models.training.needle.hybrid_training import answer_samples, columns
from plugin.lab.needle.data import NeedleData
from plugin.lab.needle.hybrid_data import FOLDS, Part, Source, Tell, hosted
from plugin.lab.needle.hybrid_train import CONFIGURATIONS, METRICS, HybridRun, network_of, run_of, shown_as
from plugin.lab.needle.train import core_collapse

Floats = NDArray[np.float64]
RARE: Final = tuple(enumerate(NEEDLE_CLASSES))[1:]
CURVE_KEYS: Final = ("purity", "completeness", "f1", "coverage", "found")
NEAR_PIXELS: Final = 10.0


def evaluate(
    model: Hybrid, data: NeedleData, folder: Path, *, run: Path | None, tell: Tell
) -> tuple[dict[str, Any], dict[str, Part]]:
    """Every figure, and the test samples they come from.

    Parameters
    ----------
    run : Path or None
        Folder of the training: its networks give the ablation.
    """
    settings = run_of(model.card)
    source = Source(data, folder, settings.samples, tell)
    parts = {variant: source.test(variant) for variant in VARIANTS}
    tell(", ".join(f"{len(p.samples)} test samples {v}" for v, p in parts.items()))
    collapse = np.array([core_collapse(o) for o in data.test])
    figures: dict[str, Any] = {"mix": PAPER_MIX.tolist(), "table5": counts(data), "kind": "semi-real images"}
    figures |= {prefer: _preferred(model, parts, prefer, collapse) for prefer in PREFERENCES}
    figures["conformal"] = {prefer: coverage(model, parts, prefer) for prefer in PREFERENCES}
    if run is not None:
        figures["ablation"] = ablation(model, parts["TH"], run, settings)
        tell("ablation measured")
    return figures, parts


def counts(data: NeedleData) -> dict[str, dict[str, int]]:
    """Table 5 in shape: test objects by class, with and without host."""
    counted = [o for o in data.test if o.survey]
    return {
        name: {
            "hosted": sum(o.label == k and hosted(o) for o in counted),
            "hostless": sum(o.label == k and not hosted(o) for o in counted),
        }
        for k, name in enumerate(NEEDLE_CLASSES)
    }


def ablation(model: Hybrid, part: Part, run: Path, settings: HybridRun) -> dict[str, Any]:
    """Table 7 and Fig. 20 in shape: each configuration of the hosted model, mean and scatter over ten folds.

    On the networks' own probabilities, without shift, as in the paper.
    """
    out: dict[str, Any] = {}
    for name in CONFIGURATIONS:
        nets = [network_of(run, "TH", name, k, settings) for k in range(FOLDS)]
        samples = shown_as(part, CONFIGURATIONS[name])
        answers = [answer_samples(net, samples, "TH") for net in nets]
        tested = [confidences(p, samples.label, samples.weight) for p in answers]
        out[name] = {
            "validation": _mean_of(model.card["validation"][f"TH.{name}"], METRICS),
            "test": _mean_of(tested, METRICS),
            "average_precision": {
                label: _mean_and_scatter([average_precision(p, samples, k) for p in answers]) for k, label in RARE
            },
            "curves": {label: _mean_curves(answers, samples, k) for k, label in RARE},
            "attention_near": _mean_and_scatter([_attention(net, samples) for net in nets]),
        }
    return out


def average_precision(p: Floats, samples: Samples, target: int) -> float:
    """Area under purity against the share found, for one class, at the paper's mix: needs no threshold."""
    weight = class_weights(samples.label, samples.weight)
    order = np.argsort(-p[:, target], kind="stable")
    hit = (weight * (samples.label == target))[order]
    purity = np.cumsum(hit) / np.cumsum(weight[order])
    return float((purity * hit).sum() / hit.sum())


def coverage(model: Hybrid, parts: Mapping[str, Part], prefer: str) -> dict[str, Any]:
    """How often the sets hold the true class, by class, and how large they are."""
    p_values, label, weight = [], [], []
    for variant, part in parts.items():
        balanced, _ = _answers(model, part.samples, variant, prefer)
        p_values.append(model.class_p_values(balanced, variant, prefer))
        label.append(part.samples.label)
        weight.append(part.samples.weight)
    p, labels, weights = np.concatenate(p_values), np.concatenate(label), np.concatenate(weight)
    out: dict[str, Any] = {}
    for alpha in ALPHAS:
        for k, name in enumerate(NEEDLE_CLASSES):
            mine = labels == k
            if mine.any():
                held = float(np.average(p[mine, k] > alpha, weights=weights[mine]))
                size = float(np.average((p[mine] > alpha).sum(1), weights=weights[mine]))
                out.setdefault(f"{alpha:g}", {})[name] = {"coverage": round(held, 3), "set_size": round(size, 2)}
    return out


def _preferred(model: Hybrid, parts: Mapping[str, Part], prefer: str, collapse: NDArray[np.bool_]) -> dict[str, Any]:
    answered = {v: _answers(model, part.samples, v, prefer) for v, part in parts.items()}
    all_samples = _joined([parts[v].samples for v in VARIANTS])
    balanced, p = (np.concatenate([answered[v][i] for v in VARIANTS]) for i in (0, 1))
    is_hosted = np.repeat([True, False], [len(parts[v].samples) for v in VARIANTS])
    label, index = all_samples["label"], all_samples["object_index"]
    rows = {
        "all": np.ones(len(label), bool),
        "hosted": is_hosted,
        "hostless": ~is_hosted,
        "against core-collapse only": (label > 0) | collapse[index],
    }
    figures: dict[str, Any] = {
        name: curves(p[keep], label[keep], index[keep], all_samples["weight"][keep]) for name, keep in rows.items()
    }
    figures["confusion"] = {
        f"{t:g}": confusion(p[is_hosted], label[is_hosted], all_samples["weight"][is_hosted], t).round(2).tolist()
        for t in (0, 0.5, 0.8)
    }
    figures["confidence"] = confidences(balanced, label, all_samples["weight"])
    return figures


def curves(
    p: Floats, label: NDArray[np.int64], index: NDArray[np.int64], weight: Floats
) -> dict[str, dict[str, dict[str, Any]]]:
    """Fig. 17 and 18 in shape: each figure against the threshold with 95 % intervals by object."""
    return {
        name: {
            f"{t:g}": {k_: _finite(v.to_dict()) for k_, v in with_intervals(p, label, index, weight, k, t).items()}
            for t in THRESHOLDS
        }
        for k, name in RARE
    }


def _answers(model: Hybrid, samples: Samples, variant: str, prefer: str) -> tuple[Floats, Floats]:
    return model.probabilities(samples.images, samples.x, variant, prefer)


def _joined(samples: Sequence[Samples]) -> dict[str, NDArray[Any]]:
    names = ("label", "object_index", "weight")
    return {name: np.concatenate([getattr(s, name) for s in samples]) for name in names}


def _attention(net: HybridNet, samples: Samples) -> float:
    """Mean share of the attention to the true class within 10 pixels of the transient, classes counted alike.

    NaN if there is no attention at all; a class without any is left out.
    """
    heat = heat_maps(net, samples.images, columns(samples.x, FEATURES["TH"]), samples.label)
    near = share_near(heat, NEAR_PIXELS)
    known = [near[(samples.label == k) & np.isfinite(near)] for k in np.unique(samples.label)]
    means = [float(values.mean()) for values in known if len(values)]
    return float(np.mean(means)) if means else float("nan")


def _mean_curves(answers: Sequence[Floats], samples: Samples, target: int) -> dict[str, dict[str, float | None]]:
    table = {}
    for t in THRESHOLDS:
        rows = np.array([at_threshold(p, samples.label, samples.weight, target, t) for p in answers])
        known = np.isfinite(rows).any(0)
        means = np.where(known, np.nanmean(np.where(known, rows, 0.0), 0), np.nan)
        table[f"{t:g}"] = _finite(dict(zip(CURVE_KEYS, means.tolist(), strict=True)))
    return table


def _mean_of(by_fold: Sequence[Mapping[str, float]], names: Sequence[str]) -> dict[str, list[float]]:
    return {name: _mean_and_scatter([figures[name] for figures in by_fold]) for name in names}


def _mean_and_scatter(values: Sequence[float]) -> list[float]:
    """Over folds; empty when no fold has a value."""
    known = np.array(values)[np.isfinite(values)]
    return [round(float(known.mean()), 4), round(float(known.std()), 4)] if len(known) else []


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    return {key: round(float(v), 4) if np.isfinite(v) else None for key, v in values.items()}

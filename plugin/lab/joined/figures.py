"""The same spectra without and with their sources: figures, differences, and how often sets hold the class."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.conformal.domains import HIGH, LOW
from models.conformal.sets import nonconformity, quantile_by_object
from models.domain import FINE_CLASSES
from models.training.metrics import expected_calibration_error
from plugin.lab.joined.fitting import Material, losses
from plugin.lab.joined.material import KNOWN, Asked

RESAMPLES: Final = 2000
FIGURES: Final = ("log loss", "accuracy", "macro recall")
SMALLEST: Final = 20
"""Objects; a domain with fewer gets no figures."""
Floats = NDArray[np.float64]


def compared(asked: Asked, joined: dict[str, Floats], seed: int = 0) -> dict[str, Any]:
    """By whether the redshift is known, and by domain: `figures_of` the spectra with evidence."""
    return {
        name: {
            domain: figures_of(asked.by[name].rows(mine), joined[name][mine], seed)
            for domain in (LOW, HIGH)
            if (mine := asked.domain == domain).any()
        }
        for name in KNOWN
    }


def figures_of(material: Material, joined: Floats, seed: int = 0) -> dict[str, Any]:
    """Without, with, and the difference with its 95 % interval by drawing objects; each object counts once."""
    objects, index = np.unique(material.group, return_inverse=True)
    out: dict[str, Any] = {"spectra": len(index), "objects": len(objects)}
    if len(objects) < SMALLEST:
        return out
    weight, rng, drawn = material.weight, np.random.default_rng(seed), []
    for _ in range(RESAMPLES):
        count = np.bincount(rng.integers(0, len(objects), len(objects)), minlength=len(objects))[index] * weight
        drawn.append(_three(joined, material.label, count) - _three(material.fine, material.label, count))
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    before, after = (_three(p, material.label, weight) for p in (material.fine, joined))
    for i, name in enumerate(FIGURES):
        numbers = {"without": before[i], "with": after[i], "difference": after[i] - before[i]}
        out[name] = {k: round(float(v), 4) for k, v in {**numbers, "low": low[i], "high": high[i]}.items()}
    out["ece"] = [
        round(expected_calibration_error(p.max(1), p.argmax(1) == material.label), 4) for p in (material.fine, joined)
    ]
    out["classes"] = {c: _class(material, joined, k) for k, c in enumerate(FINE_CLASSES) if (material.label == k).any()}
    out["called"] = {c: _called(material, joined, k) for k, c in enumerate(FINE_CLASSES)}
    changed = material.fine.argmax(1) != joined.argmax(1)
    out["changed"] = {
        "spectra": int(changed.sum()),
        "better": int((changed & (joined.argmax(1) == material.label)).sum()),
        "worse": int((changed & (material.fine.argmax(1) == material.label)).sum()),
    }
    return out


def is_better(found: dict[str, Any]) -> bool:
    """Whether the log loss is less beyond its interval, and macro recall no less."""
    return "log loss" in found and found["log loss"]["high"] < 0 and found["macro recall"]["difference"] >= 0


def covered(
    scores: Floats, objects: NDArray[np.int64], material: Material, joined: Floats, alpha: float
) -> dict[str, float]:
    """Share of objects whose class is in the set, and the mean size of sets."""
    limit = quantile_by_object(scores, objects, alpha)
    inside = nonconformity(joined, material.label) <= limit
    size = (1.0 - joined <= limit).sum(1)
    shares = {
        "coverage": np.average(inside, weights=material.weight),
        "size": np.average(size, weights=material.weight),
    }
    return {name: round(float(x), 4) for name, x in shares.items()}


def _three(p: Floats, label: NDArray[np.int64], weight: Floats) -> Floats:
    right = p.argmax(1) == label
    total = np.bincount(label, weight, minlength=len(FINE_CLASSES))
    hits = np.bincount(label, weight * right, minlength=len(FINE_CLASSES))
    recall = np.mean(hits[total > 0] / total[total > 0])
    return np.array([np.average(losses(p, label), weights=weight), hits.sum() / total.sum(), recall])


def _class(material: Material, joined: Floats, k: int) -> dict[str, Any]:
    mine = material.label == k
    part, shares = material.rows(mine), []
    for p in (material.fine[mine], joined[mine]):
        shares.append(round(float(np.average(p.argmax(1) == k, weights=part.weight)), 4))
    return {
        "spectra": int(mine.sum()),
        "objects": len(set(part.group.tolist())),
        "without": shares[0],
        "with": shares[1],
    }


def _called(material: Material, joined: Floats, k: int) -> list[list[int]]:
    """Spectra called a class, and how many of them are not: without and with."""
    found = [p.argmax(1) == k for p in (material.fine, joined)]
    return [[int(f.sum()), int((f & (material.label != k)).sum())] for f in found]

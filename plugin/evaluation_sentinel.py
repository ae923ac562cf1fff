"""Figures of the anomaly layer: the paper's Tables I-III, X and XIII in shape, every one leakage-free."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.domain import FINE_CLASSES
from models.sentinel.combine import DECORRELATED
from models.sentinel.detector import REGIMES, Sentinel
from models.sentinel.features import of_seed
from models.sentinel.scores import FAMILIES, SCORES, compute, names
from models.training.metrics import Estimate, binomial_interval
from models.training.protocol import BASELINES, Held, flagged, run_protocol
from models.training.sentinel import Believed, Material
from plugin.progress import Advance

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
RESAMPLES = 1000
CONTAMINANTS = ("Other:Galaxy", "Other:M dwarf", "Other:Star")


def held_out(sentinel: Sentinel, material: Material, *, advance: Advance) -> Held:
    """The k-fold protocol with the bundle's banks and ranks, which know no rare spectrum; its combiners do."""
    return run_protocol(material, {d.seed: (d.bank, d.ranks) for d in sentinel.detectors}, progress=advance)


def evaluate_sentinel(sentinel: Sentinel, material: Material, held: Held) -> dict[str, Any]:
    """Every figure of `astranet evaluate sentinel`, as plain JSON."""
    rare = material.rare.data
    real = ~rare.semi_real
    transient = real & ~np.isin(rare.kinds, CONTAMINANTS)
    return {
        "conditions": "k-fold by object: no rare spectrum is seen by the detector that scores it; thresholds at 1 % "
        "false alarms on calibrate; false-alarm rates measured on real test spectra; intervals: 95 %",
        "rare_real": _count(material.rare, real),
        "rare_semi_real": _count(material.rare, ~real),
        "ordinary_test": len(material.test.data),
        "scores": _scores(sentinel, material, held, real),
        "families": _families(held, real),
        "strategies": [
            {"strategy": s, **_strategy(held, s, material.rare, {"real": real, "transient": transient, "semi": ~real})}
            for s in _strategies(held)
        ],
        "classes": [
            {"class": kind, "semi_real": made, **_class(held, material.rare, np.array(rare.kinds) == kind, made)}
            for made in (False, True)
            for kind in sorted(set(np.array(rare.kinds)[rare.semi_real == made].tolist()))
        ],
        "odd": [_odd(held, kind) for kind in held.odd],
        "ordinary_good_sn_ia": _good(held, material.test),
        "complementarity": _complementarity(held, real),
        "importances": {str(d.seed): d.combiner.importances for d in sentinel.detectors},
    }


def _count(believed: Believed, where: Bools) -> dict[str, int]:
    data = believed.data.rows(where)
    return {"spectra": len(data), "objects": len(set(data.groups))}


def _strategies(held: Held) -> list[str]:
    return [*(f"seed {i}" for i in range(held.rare.shape[1])), *REGIMES]


def _share(hits: int, n: int) -> dict[str, float]:
    if n == 0:
        return {"detected": 0, "of": 0}
    low, high = binomial_interval(hits, n)
    return {"detected": hits, "of": n, "share": round(hits / n, 4), "low": round(low, 4), "high": round(high, 4)}


def _by_object(found: Bools, groups: Sequence[str]) -> tuple[int, int]:
    """Objects with at least one detected spectrum, and objects."""
    names_ = np.array(groups)
    return len(set(names_[found].tolist())), len(set(names_.tolist()))


def _detection(found: Bools, believed: Believed, where: Bools) -> dict[str, Any]:
    groups = np.array(believed.data.groups)[where]
    return {
        "spectra": _share(int(found[where].sum()), int(where.sum())),
        "objects": _share(*_by_object(found[where], groups.tolist())),
    }


def _strategy(held: Held, regime: str, rare: Believed, subsets: Mapping[str, Bools]) -> dict[str, Any]:
    found = held.detected(regime)
    rates = held.false_alarms(regime)
    return {
        **{name: _detection(found, rare, where) for name, where in subsets.items()},
        "false_alarms": round(float(rates.mean()), 4),
    }


def _class(held: Held, rare: Believed, of_kind: Bools, made: bool) -> dict[str, Any]:
    where = of_kind & (rare.data.semi_real == made)
    found = held.detected("anchor")
    return {**_detection(found, rare, where), "mean_score": round(float(held.rare[where].mean()), 3)}


def _odd(held: Held, kind: str) -> dict[str, Any]:
    n = held.odd[kind].shape[1]
    return {"kind": kind, "spectra": n, "flagged": round(held.odd_rate(kind), 4)}


def _good(held: Held, test: Believed) -> dict[str, Any]:
    """Real SN Ia of the test split at SNR 20 or more: how many are flagged all the same."""
    good = (test.data.label == FINE_CLASSES.index("SN Ia")) & (test.data.snr >= 20)
    if not good.any():
        return {"spectra": 0, "flagged": 0.0}
    rates = [flagged(t[good], c, "anchor").mean() for t, c in zip(held.test, held.calibrate, strict=True)]
    return {"spectra": int(good.sum()), "flagged": round(float(np.mean(rates)), 4)}


def _scores(sentinel: Sentinel, material: Material, held: Held, real: Bools) -> list[dict[str, Any]]:
    """Table XIII: AUROC and AUPRC of every score and combination, real rare against real test."""
    raw = [
        np.mean([compute(of_seed(b.beliefs, d.seed), d.bank) for d in sentinel.detectors], axis=0)
        for b in (material.rare, material.test)
    ]
    groups = [np.array(b.data.groups) for b in (material.rare, material.test)]
    rows = [
        _row(SCORES[name].family, name, raw[0][real, j], raw[1][:, j], groups[0][real], groups[1])
        for j, name in enumerate(names())
    ]
    family_rare, _, family_test = held.families
    for j, family in enumerate(FAMILIES):
        rows.append(_row("family only", family, family_rare[real, j], family_test[:, j], groups[0][real], groups[1]))
    for name in BASELINES:
        of_rare, of_test = held.baselines[name]
        label = f"{name} ({', '.join(DECORRELATED)})" if name.startswith("decorrelated") else name
        rows.append(_row("combination", label, of_rare[real], of_test, groups[0][real], groups[1]))
    combined = held.rare.mean(1)[real], held.test_in_turn
    rows.append(_row("combination", "LightGBM, mean of seeds", *combined, groups[0][real], groups[1]))
    return rows


def _row(
    family: str, name: str, rare: Floats, test: Floats, groups: NDArray[Any], others: NDArray[Any]
) -> dict[str, Any]:
    area, precision = areas(rare, test, groups, others)
    return {"family": family, "score": name, "auroc": area.to_dict(), "auprc": precision.to_dict()}


def areas(
    rare: Floats, test: Floats, rare_groups: NDArray[Any], test_groups: NDArray[Any], *, seed: int = 0
) -> tuple[Estimate, Estimate]:
    """Areas under the ROC and the precision-recall curve, with 95 % intervals from resampling objects."""
    values = np.concatenate([rare, test])
    positive = np.arange(len(values)) < len(rare)
    _, place = np.unique(np.concatenate([rare_groups, test_groups]), return_inverse=True)
    order = np.argsort(-values, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(values[order]) != 0), len(values) - 1)
    rng = np.random.default_rng(seed)
    objects = int(place.max()) + 1
    draws = rng.multinomial(objects, np.full(objects, 1 / objects), size=RESAMPLES)
    found = np.array([_areas(w[place][order], positive[order], ends) for w in [np.ones(objects), *draws]])
    low, high = np.nanpercentile(found[1:], (2.5, 97.5), axis=0)
    first, second = (Estimate(float(found[0, i]), float(low[i]), float(high[i])) for i in range(2))
    return first, second


def _areas(weight: Floats, positive: Bools, ends: NDArray[np.int64]) -> tuple[float, float]:
    """Areas from weights in falling order of score; equal scores are one step."""
    hits = np.concatenate([[0.0], np.cumsum(weight * positive)[ends]])
    misses = np.concatenate([[0.0], np.cumsum(weight * ~positive)[ends]])
    if hits[-1] == 0 or misses[-1] == 0:
        return np.nan, np.nan
    roc = float(np.trapezoid(hits, misses) / (hits[-1] * misses[-1]))
    steps = np.diff(hits)
    precision = hits[1:] / np.maximum(hits[1:] + misses[1:], 1e-12)
    return roc, float((steps * precision).sum() / hits[-1])


def _families(held: Held, real: Bools) -> list[dict[str, Any]]:
    """Table I: each family alone at its own threshold of 1 % false alarms on calibrate."""
    rare, calibrate, test = held.families
    rows = []
    for j, family in enumerate(FAMILIES):
        found = flagged(rare[:, [j]], calibrate[:, [j]], "anchor")[real]
        alarms = flagged(test[:, [j]], calibrate[:, [j]], "anchor").mean()
        rows.append({"family": family, **_share(int(found.sum()), len(found)), "false_alarms": round(float(alarms), 4)})
    found = held.detected("anchor")[real]
    alarms = held.false_alarms("anchor").mean()
    share = _share(int(found.sum()), len(found))
    rows.append({"family": "all 16, LightGBM", **share, "false_alarms": round(float(alarms), 4)})
    return rows


def family_map(held: Held) -> Bools:
    """Which family alone flags which rare spectrum, shape (rare, 4)."""
    rare, calibrate, _ = held.families
    return np.stack([flagged(rare[:, [j]], calibrate[:, [j]], "anchor") for j in range(len(FAMILIES))], axis=1)


def _complementarity(held: Held, real: Bools) -> dict[str, Any]:
    """How many rare spectra no family finds, and how many of those the combination finds (Sec. V C a)."""
    count = family_map(held)[real].sum(1)
    found = held.detected("anchor")[real]
    return {
        "by_families": {str(k): int((count == k).sum()) for k in range(len(FAMILIES) + 1)},
        "combined": int(found.sum()),
        "combined_without_any_family": int((found & (count == 0)).sum()),
    }

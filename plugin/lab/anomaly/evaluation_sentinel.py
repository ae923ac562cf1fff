"""Figures of the anomaly layer: the paper's Tables I-III, X and XIII in shape, every one leakage-free."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.conformal.domains import HIGH, LOW
from models.domain import FINE_CLASSES
from models.sentinel.detector import REGIMES
from models.sentinel.scores import BEYOND, FAMILIES, SCORES
from models.training.metrics import Estimate, binomial_interval
from models.training.sentinel.combine import DECORRELATED
from models.training.sentinel.fitting import Material, PredictedSpectra
from models.training.sentinel.protocol import BASELINES, Held, domain_names
from models.training.spectral.oddities import UNSEEN
from plugin.lab.anomaly.relations import correlations, tiers

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
RESAMPLES = 1000
ALLOWED = 0.015
"""False alarms that count as kept at a setting of 0.01."""
CONTAMINANTS = ("Other:Galaxy", "Other:M dwarf", "Other:Star")


def evaluate_sentinel(material: Material, plain: Held, tuned: Held | None) -> dict[str, Any]:
    """Every figure of `astranet evaluate sentinel`, as plain JSON.

    Parameters
    ----------
    plain, tuned : Held
        The protocol without outlier exposure and, where the layer has it, with it. Families and single scores of the
        paper are of the former, what the service does of the latter.
    """
    rare = material.rare.data
    real = ~rare.semi_real
    transient = real & ~np.isin(rare.kinds, CONTAMINANTS)
    subsets = {"real": real, "transient": transient, "contaminant": real & ~transient, "semi": ~real}
    held = tuned or plain
    rows = [("no exposure", plain, "anchor")] if tuned else []
    rows += [(regime, held, regime) for regime in _strategies(held)]
    return {
        "conditions": "k-fold by object: no rare spectrum is seen by the detector that scores it; thresholds at 1 % "
        "false alarms on the calibration spectra of each domain; false-alarm rates measured on real test spectra; "
        "intervals: 95 %. Low resolution is the SED Machine and its like, high resolution the archive",
        "exposure": "none" if tuned is None else "outlier exposure, anew for every fold",
        "rare_real": _count(material.rare, real),
        "rare_semi_real": _count(material.rare, ~real),
        "ordinary_test": len(material.test.data),
        "domains": {name: _domain(held, material, real, name) for name in (LOW, HIGH)},
        "scores": _scores(material, plain, tuned, real),
        "families": _families(plain, tuned, real),
        "strategies": [{"strategy": name, **_strategy(h, s, material.rare, subsets)} for name, h, s in rows],
        "classes": [
            {"class": kind, "semi_real": made, **_class(held, material.rare, np.array(rare.kinds) == kind, made)}
            for made in (False, True)
            for kind in sorted(set(np.array(rare.kinds)[rare.semi_real == made].tolist()))
        ],
        "tiers": tiers(held, material.rare, detection),
        "correlations": correlations(plain, material),
        "odd": [_odd(held, kind) for kind in held.odd],
        "ordinary_good_sn_ia": _good(held, material.test),
        "complementarity": _complementarity(plain, held, real),
    }


def _domain(held: Held, material: Material, real: Bools, name: str) -> dict[str, Any]:
    """What each regime finds of the rare spectra of one domain, and its false alarms on the test spectra of it."""
    rare, test = (domain_names(b.data.spacing) == name for b in (material.rare, material.test))
    n, calibrate = int(test.sum()), int((domain_names(held.calibrate_spacing) == name).sum())
    rows = []
    for regime in REGIMES:
        found = detection(held.detected(regime), material.rare, real & rare)
        rates = held.alarms(regime)[:, test].mean(1) if n else np.zeros(1)
        hits = round(float(rates.mean()) * n)
        low, high = binomial_interval(hits, n) if n else (0.0, 1.0)
        rows.append(
            {
                "strategy": regime,
                **found,
                "false_alarms": round(float(rates.mean()), 4),
                "low": round(low, 4),
                "high": round(high, 4),
                "kept": bool(n and rates.mean() <= ALLOWED),
            }
        )
    return {"test": n, "calibration": calibrate, "strategies": rows}


def _count(spectra: PredictedSpectra, where: Bools) -> dict[str, int]:
    data = spectra.data.rows(where)
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


def detection(found: Bools, spectra: PredictedSpectra, where: Bools) -> dict[str, Any]:
    """Spectra and objects that are found of some, with binomial intervals; an object by any of its spectra."""
    groups = np.array(spectra.data.groups)[where]
    return {
        "spectra": _share(int(found[where].sum()), int(where.sum())),
        "objects": _share(*_by_object(found[where], groups.tolist())),
    }


def _strategy(held: Held, regime: str, rare: PredictedSpectra, subsets: Mapping[str, Bools]) -> dict[str, Any]:
    found = held.detected(regime)
    rates = held.false_alarms(regime)
    n = held.test.shape[1]
    low, high = binomial_interval(round(float(rates.mean()) * n), n)
    return {
        **{name: detection(found, rare, where) for name, where in subsets.items()},
        "false_alarms": round(float(rates.mean()), 4),
        "false_alarms_low": round(low, 4),
        "false_alarms_high": round(high, 4),
    }


def _class(held: Held, rare: PredictedSpectra, of_kind: Bools, made: bool) -> dict[str, Any]:
    where = of_kind & (rare.data.semi_real == made)
    found, names_ = held.detected("anchor"), domain_names(rare.data.spacing)
    apart = {name: detection(found, rare, where & (names_ == name)) for name in (LOW, HIGH)}
    return {**detection(found, rare, where), "domains": apart, "mean_score": round(float(held.rare[where].mean()), 3)}


def _odd(held: Held, kind: str) -> dict[str, Any]:
    """Mean over folds; the interval is of one fold's detectors, which all score the same spectra."""
    n = held.odd[kind].shape[1]
    return {"kind": kind, "exposed": kind not in UNSEEN, **_share(round(held.odd_rate(kind) * n), n)}


def _good(held: Held, test: PredictedSpectra) -> dict[str, Any]:
    """Real SN Ia of the test split at SNR 20 or more: how many are flagged all the same."""
    good = (test.data.label == FINE_CLASSES.index("SN Ia")) & (test.data.snr >= 20)
    if not good.any():
        return {"spectra": 0, "flagged": 0.0}
    return {"spectra": int(good.sum()), "flagged": round(float(held.alarms("anchor")[:, good].mean()), 4)}


def _scores(material: Material, plain: Held, tuned: Held | None, real: Bools) -> list[dict[str, Any]]:
    """Table XIII: AUROC and AUPRC of every score and combination, real rare against real test."""
    groups = [np.array(b.data.groups) for b in (material.rare, material.test)]

    def row(family: str, name: str, rare: Floats, test: Floats) -> dict[str, Any]:
        return _row(family, name, rare[real], test, groups[0][real], groups[1])

    rows = [
        row(SCORES[name].family, name, plain.rare_raw[:, j], plain.test_raw[:, j])
        for j, name in enumerate(plain.scores)
    ]
    family_rare, _, family_test = plain.families
    rows += [row("family only", f, family_rare[:, j], family_test[:, j]) for j, f in enumerate(FAMILIES)]
    rows += _combined(plain, "combination", row)
    if tuned is not None:
        beyond = [(j, name) for j, name in enumerate(tuned.scores) if SCORES[name].family == BEYOND]
        rows += [row("exposure, one term", name, *tuned.raw(j)) for j, name in beyond]
        rows += _combined(tuned, "with exposure", row)
    return rows


def _combined(held: Held, family: str, row: Callable[..., dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for name in BASELINES:
        label = f"{name} ({', '.join(DECORRELATED)})" if name.startswith("decorrelated") else name
        rows.append(row(family, label, *held.baselines[name]))
    return [*rows, row(family, "LightGBM, mean of seeds", held.rare.mean(1), held.test_in_turn)]


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


def _families(plain: Held, tuned: Held | None, real: Bools) -> list[dict[str, Any]]:
    """Table I: each family alone at its own threshold of 1 % false alarms on calibrate, and the combinations."""
    rare, calibrate, test = plain.families
    rows = []
    for j, family in enumerate(FAMILIES):
        found = plain.flagged(rare[:, [j]], plain.rare_spacing, calibrate[:, [j]], "anchor")[real]
        alarms = plain.flagged(test[:, [j]], plain.test_spacing, calibrate[:, [j]], "anchor").mean()
        rows.append({"family": family, **_share(int(found.sum()), len(found)), "false_alarms": round(float(alarms), 4)})
    for name, held in (("all 16, LightGBM", plain), ("with outlier exposure", tuned)):
        if held is not None:
            found = held.detected("anchor")[real]
            alarms = held.false_alarms("anchor").mean()
            share = _share(int(found.sum()), len(found))
            rows.append({"family": name, **share, "false_alarms": round(float(alarms), 4)})
    return rows


def family_map(held: Held) -> Bools:
    """Which family alone flags which rare spectrum, shape (rare, 4)."""
    rare, calibrate, _ = held.families
    columns = range(len(FAMILIES))
    return np.stack(
        [held.flagged(rare[:, [j]], held.rare_spacing, calibrate[:, [j]], "anchor") for j in columns], axis=1
    )


def _complementarity(plain: Held, held: Held, real: Bools) -> dict[str, Any]:
    """How many rare spectra no family finds, and how many of those the combination finds (Sec. V C a)."""
    count = family_map(plain)[real].sum(1)
    found = held.detected("anchor")[real]
    return {
        "by_families": {str(k): int((count == k).sum()) for k in range(len(FAMILIES) + 1)},
        "combined": int(found.sum()),
        "combined_without_any_family": int((found & (count == 0)).sum()),
    }

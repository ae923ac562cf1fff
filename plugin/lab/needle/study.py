"""Out-of-fold studies on the training objects alone: ablation, learning curve, and whether the source shows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.needle.hosts import Galaxy
from models.needle.inputs import NAMES
from models.needle.lightcurves import shape, templates
from models.needle.lightcurves.features import NAMES as TABLE_1
from models.needle.lightcurves.features import TRANSIENT, features, vector
from models.needle.lightcurves.lightcurve import CleanRules, as_of
from models.needle.metadata import PAPER_MIX, TRAINING_MIX, posterior, shifted
from models.training.needle.examples import (
    ExampleRules,
    Examples,
    Labelled,
    concatenate,
    epochs,
    fit_all,
    owners,
    reddening,
    up_sampled,
)
from models.training.needle.figures import THRESHOLDS, at_threshold, class_weights, operating_shift
from plugin.lab.needle.evaluate import RARE
from plugin.lab.needle.train import OutOfFold, TrainRules, core_collapse, out_of_fold, train_folds

Floats = NDArray[np.float64]
PURITIES = (0.43, 0.75)
SHARES = (0.25, 0.5, 1.0)
FOLDS, ROUNDS = 5, 150
"""Fewer than in the training: a study trains some ten times."""
RAW = CleanRules(limit_mag=30.0, max_error_mag=10.0, merge_days=1e-6, gap_days=1e9, outlier_sigma=1e9)
"""Photometry as it came."""
ALERCE = "mramirezz/ztf-supernova-features (ALeRCE)"
PROBE_PAIRS = (
    ("SN Ia", "light-curve/test-data", "ZwickyTransientFacility/ztfcosmodr"),
    ("SN Ia", "light-curve/test-data", ALERCE),
    ("SN II", "patrickaleo/ysedr1_data_demos (YSE DR1)", ALERCE),
    ("SN IIb", "aec3675/multi-modal-multi-peaks", ALERCE),
    ("SN Ibc", "aec3675/multi-modal-multi-peaks", ALERCE),
    ("SLSN-I", "gmzsebastian/SLSNe", ALERCE),
    ("TDE", "sjoertvv/manyTDE", "dlangis/TDECat"),
)
"""Sources of photometry that overlap within a class: alerts and forced photometry, alerts of two brokers, published
photometry and alerts, forced and derived. An object of both stands in the same fold with both."""


def ablation(
    objects: Sequence[Labelled], bank: templates.Bank, examples: Examples, rules: TrainRules
) -> dict[str, dict[str, Any]]:
    """What each part of the training is worth: found at fixed purities, and figures against the threshold."""
    table_1 = [NAMES.index(name) for name in TRANSIENT]
    kept = [i for i, name in enumerate(NAMES) if name not in templates.NAMES]
    fits = dict(fit_all([o for o in objects if core_collapse(o) or o.label > 0], rules.examples))
    drawn = up_sampled(objects, 200, rules.examples, bank, fits=fits, seed=rules.seed)
    more = concatenate([examples, drawn]) if drawn is not None else examples
    whole = answered(objects, examples, rules)
    tried = {
        "as shipped": whole,
        "no host": replace(whole, balanced=whole.alone),
        "no redshift of the host": answered(objects, _no_redshift(examples), rules),
        "classes balanced": answered(objects, examples, rules, mix=np.ones(3)),
        "no roughened examples": answered(objects, examples.rows(examples.as_it_was), rules),
        "200 up-sampled of each": answered(objects, more, rules),
        "Table 1 alone": answered(objects, _blanked(examples, table_1), rules),
        "no template evidence": answered(objects, _blanked(examples, kept), rules),
    }
    return {name: summary(found, rules) for name, found in tried.items()}


def learning(objects: Sequence[Labelled], examples: Examples, rules: TrainRules) -> list[dict[str, Any]]:
    """Found at fixed purities against the share of the objects of every class that taught (templates: all objects)."""
    out = []
    rng = np.random.default_rng(rules.seed)
    order = rng.random(len(objects))
    for share in SHARES:
        teaches = order < share
        found = answered(objects, examples, rules, teaches=teaches)
        sizes = {n: int(sum(o.label == k for o, t in zip(objects, teaches, strict=True) if t)) for k, n in RARE}
        out.append({"share": share, "objects": sizes, "found": summary(found, rules)["found"]})
    return out


def answered(
    objects: Sequence[Labelled], examples: Examples, rules: TrainRules, *, mix: Floats = TRAINING_MIX,
    teaches: NDArray[np.bool_] | None = None,
) -> OutOfFold:  # fmt: skip
    """Out-of-fold answers of members that were trained in some way."""
    taught = examples if teaches is None else examples.rows(teaches[examples.object_index])
    members, hosts = train_folds(objects, taught, rules, mix=mix)
    return out_of_fold(objects, members, hosts, examples, rules)


def summary(found: OutOfFold, rules: TrainRules) -> dict[str, Any]:
    """Found at fixed purities, purity at half found, and figures against the threshold, at the paper's mix."""
    rows = found.epochs
    p = posterior(found.balanced, operating_shift(found.balanced, rows.label, rows.weight, purities=rules.purities))
    return {
        "found": {name: _found(found.balanced, rows, k) for k, name in RARE},
        "purity at half found": {name: _purity(found.balanced, rows, k) for k, name in RARE},
        "thresholds": {
            name: {f"{t:g}": _named(at_threshold(p, rows.label, rows.weight, k, t)) for t in THRESHOLDS}
            for k, name in RARE
        },
    }


def _ranked(balanced: Floats, rows: Examples, target: int) -> tuple[Floats, Floats]:
    """Purity and share found for every threshold of the class's probability at the paper's mix."""
    weight = class_weights(rows.label, rows.weight)
    order = np.argsort(-shifted(balanced, np.log(PAPER_MIX))[:, target])
    hits = np.cumsum((weight * (rows.label == target))[order])
    return hits / np.cumsum(weight[order]), hits / hits[-1]


def _found(balanced: Floats, rows: Examples, target: int) -> dict[str, float]:
    purity, share = _ranked(balanced, rows, target)
    return {f"{wanted:g}": round(float(share[purity >= wanted].max(initial=0.0)), 3) for wanted in PURITIES}


def _purity(balanced: Floats, rows: Examples, target: int) -> float:
    purity, share = _ranked(balanced, rows, target)
    return round(float(purity[share >= 0.5].max()), 3)


def _named(values: Floats) -> dict[str, dict[str, float | None]]:
    names = ("purity", "completeness", "f1", "coverage", "found")
    return {n: {"value": float(v) if np.isfinite(v) else None} for n, v in zip(names, values, strict=True)}


def _no_redshift(examples: Examples) -> Examples:
    galaxies = examples.galaxies.copy()
    galaxies[:, [Galaxy.Z, Galaxy.Z_ERROR]] = np.nan
    return replace(examples, galaxies=galaxies)


def _blanked(examples: Examples, kept: Sequence[int]) -> Examples:
    x = np.full_like(examples.x, np.nan)
    x[:, list(kept)] = examples.x[:, list(kept)]
    return replace(examples, x=x)


def probe_sources(
    objects: Sequence[Labelled], *, per_object: int = 3, most: int = 150, seed: int = 0
) -> list[dict[str, Any]]:
    """Whether trees can tell, within a class, where the photometry is from; 0.5 means that they cannot.

    Cross-validated by object, on Table 1 and the shape of the light curve at the same random early epochs, of the
    photometry as it came and of the harmonised one.

    Parameters
    ----------
    most : int
        Objects of each source, drawn at random.
    """
    found, rng = [], np.random.default_rng(seed)
    for kind, first, second in PROBE_PAIRS:
        mine = [
            every[i]
            for source in (first, second)
            for every in [[o for o in objects if o.kind == kind and o.source == source]]
            for i in sorted(rng.permutation(len(every))[:most].tolist())
        ]
        if len({o.source for o in mine}) < 2:
            continue
        sizes = [sum(o.source == s for o in mine) for s in (first, second)]
        auroc = {
            name: _auroc(mine, second, clean, per_object, seed)
            for name, clean in (("as it came", RAW), ("harmonised", CleanRules()))
        }
        found.append({"class": kind, "sources": [first, second], "objects": sizes, "auroc": auroc})
    return found


def _auroc(objects: Sequence[Labelled], second: str, rules: CleanRules, per_object: int, seed: int) -> float:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold, cross_val_predict

    rng = np.random.default_rng(seed)
    columns = [TABLE_1.index(name) for name in TRANSIENT]
    x, y, groups = [], [], []
    for i, one in zip(owners(objects), objects, strict=True):
        dates = np.unique(epochs(one, ExampleRules()))
        for mjd in rng.permutation(dates)[:per_object]:
            points = as_of(one.curve, float(mjd), reddening(one), rules)
            if len(points):
                x.append(np.concatenate([vector(features(points, None))[columns], shape.shape(shape.trusted(points))]))
                y.append(one.source == second)
                groups.append(i)
    trees = HistGradientBoostingClassifier(
        max_leaf_nodes=8, max_iter=80, min_samples_leaf=20, class_weight="balanced", random_state=seed
    )
    p = cross_val_predict(trees, np.array(x), np.array(y), groups=groups, cv=GroupKFold(5), method="predict_proba")
    return round(float(roc_auc_score(y, p[:, 1])), 3)


def markdown(study: Mapping[str, Any]) -> list[str]:
    """The studies as text."""
    lines = _trained_anew(study) if "ablation" in study else []
    lines += ["## Does the source show?", "", "| class | sources | objects | as it came | harmonised |"]
    lines += ["|---|---|---|---|---|"]
    for row in study["probe"]:
        names, sizes = " / ".join(row["sources"]), " / ".join(map(str, row["objects"]))
        lines.append(f"| {row['class']} | {names} | {sizes} | " + " | ".join(f"{v:.2f}" for v in row["auroc"].values()))
        lines[-1] += " |"
    lines += ["", "Area under the ROC of trees that tell two sources within a class apart, by object; 0.5 is chance."]
    return [*lines, ""]


def _trained_anew(study: Mapping[str, Any]) -> list[str]:
    lines = ["## Ablation, out of fold on the training objects", ""]
    heads = [f"{name} at {p:g}" for _, name in RARE for p in PURITIES]
    heads += [f"purity at half found, {name}" for _, name in RARE]
    lines += ["| training | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for label, row in study["ablation"].items():
        cells = [f"{row['found'][name][f'{p:g}']:.2f}" for _, name in RARE for p in PURITIES]
        cells += [f"{row['purity at half found'][name]:.2f}" for _, name in RARE]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    lines += ["", "`SLSN-I at 0.75`: share of all SLSN-I found by the threshold that holds purity 0.75, at one random"]
    lines += ["early epoch of each object, in the paper's mix. Masking and focal loss are the hybrid network's.", ""]
    lines += ["## Learning curve, out of fold", "", f"| share | {' | '.join(['objects', *heads[:4]])} |"]
    lines += ["|---|---|---|---|---|---|"]
    for row in study["learning"]:
        cells = [f"{row['found'][name][f'{p:g}']:.2f}" for _, name in RARE for p in PURITIES]
        sizes = ", ".join(f"{n} {name}" for name, n in row["objects"].items())
        lines.append(f"| {row['share']:g} | {sizes} | " + " | ".join(cells) + " |")
    return [*lines, ""]

"""Redshift, phase and subtype of real spectra whose objects are not in the bank, as the service answers them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.analyst import Analyst
from models.bundle import Bundle
from models.conformal.domains import HIGH, LOW, domain_of
from models.conformal.sets import LAC
from models.domain import FINE_CLASSES, Caveat, Evidence, Report, Target
from models.domain.matching import RedshiftEstimate
from models.matching.fitted import BELIEVABLE, DOMAINS
from models.matching.matcher import PHASED
from models.matching.subtypes import SUBTYPES
from models.together import combined
from models.training.dataset import Dataset
from models.training.evaluate import predict_dataset, set_coverage, summary
from models.training.matching.labels import subtypes
from models.training.matching.weights import RIGHT
from models.training.metrics import accuracy, bootstrap, macro_recall
from plugin.cycle.spectra.overlays import panels
from plugin.lab.dataset.headers import Header, read_headers
from plugin.lab.matching.frames import read_spectra
from plugin.lab.matching.intervals import ALPHAS, coverage, halves, reach

GALACTIC: Final = "CV"
BATCH: Final = 32
"""Spectra that are asked about together, as the service does."""
K: Final = len(FINE_CLASSES)
Bools = NDArray[np.bool_]
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Answered:
    """The reports about a set's spectra, none of which came with a redshift, and processor seconds a spectrum."""

    data: Dataset
    reports: list[Report]
    seconds: float


def evaluate_redshift(
    bundle: Bundle, folder: Path, data: Dataset, split: str, *, progress: Progress = lambda _: None
) -> dict[str, Any]:
    """Every figure of `redshift.md`, as plain JSON."""
    part = data.part(split)
    found = answered(Analyst(bundle), folder, part, progress)
    domains = np.array([domain_of(float(s)) or HIGH for s in part.spacing])
    headers = read_headers(folder)
    return {
        "split": split,
        "milliseconds": round(1000 * found.seconds, 1),
        "domains": {
            name: _domain(bundle, found, domains == name, name) | _snid(part.rows(domains == name), headers)
            for name in (HIGH, LOW)
            if (domains == name).any()
        },
    }


def answered(analyst: Analyst, folder: Path, part: Dataset, progress: Progress) -> Answered:
    """Ask the analyst about the spectra as they are in the folder, without redshift, phase or name."""
    items: list[tuple[Evidence, tuple[Caveat, ...]]] = []
    for name, spectrum in zip(part.ids, read_spectra(folder, part), strict=True):
        bare = replace(spectrum, redshift=None, phase_days=None, target_id=None)
        items.append((Evidence(target=Target(target_id=name), spectrum_id=name, spectrum=bare), ()))
    reports, spent = [], 0.0
    for start in range(0, len(items), BATCH):
        batch = items[start : start + BATCH]
        begun = time.process_time()
        reports += analyst.run_many(batch)
        spent += time.process_time() - begun
        progress(len(batch))
    return Answered(part, reports, spent / max(len(part), 1))


def _domain(bundle: Bundle, found: Answered, mine: Bools, name: str) -> dict[str, Any]:
    rows = np.flatnonzero(mine)
    data, reports = found.data.rows(rows), [found.reports[i] for i in rows]
    known = np.array([r.redshift is not None for r in reports]) & np.isfinite(data.redshift)
    return {
        "spectra": len(data),
        "objects": len(set(data.groups)),
        "redshift": _redshift(bundle, data.rows(known), [r for r, k in zip(reports, known, strict=True) if k], name),
        "phase": _phase(bundle, data, reports, name),
        "subtype": _subtype(bundle, data, reports),
        "networks": _networks(bundle, data, name),
        "together": _together(bundle, data, reports, low=name == LOW),
        "halves": [] if bundle.matching is None else halves(bundle.matching.matcher.fitted, name),
    }


def _estimates(reports: list[Report]) -> list[RedshiftEstimate]:
    return [r.redshift for r in reports if r.redshift is not None]


def _redshift(bundle: Bundle, data: Dataset, reports: list[Report], domain: str) -> dict[str, Any]:
    told, true = _estimates(reports), data.redshift.astype(np.float64)
    given = np.array([e.value is not None for e in told], bool)
    best = np.array([e.best for e in told])
    share = np.array([e.share for e in told])
    second = np.array([np.nan if e.second is None else e.second for e in told])
    right = np.abs(best - true) < RIGHT
    moving = data.label != FINE_CLASSES.index(GALACTIC)
    wrong = given & ~right
    shown = np.isfinite(second)
    # What a person is told of the picture: something that speaks against the match, or another redshift beside it.
    doubted = np.array([len(p) > 1 or any(one.doubts for one in p) for p in map(panels, reports)], bool)
    return {
        "spectra": len(data),
        "best": _rates(right, data),
        "given": _rates(given & right, data),
        "extragalactic": _rates(right[moving], data.rows(moving))["mean"],
        "extragalactic_given": _rates((given & right)[moving], data.rows(moving))["mean"],
        "share_given": round(float(given.mean()), 4),
        "right_where_given": round(float(right[given].mean()), 4) if given.any() else None,
        "right_where_not": round(float(right[~given].mean()), 4) if (~given).any() else None,
        "wrong": int(wrong.sum()),
        "wrong_with_second": int((wrong & shown).sum()),
        "wrong_second_right": int((wrong & (np.abs(second - true) < RIGHT)).sum()),
        "doubted": {
            "wrong": int((wrong & doubted)[moving].sum()),
            "right": int((given & right & doubted)[moving].sum()),
        },
        "intervals": [_interval(bundle, domain, best, share, data, given, alpha) for alpha in ALPHAS],
    }


def _rates(right: Bools, data: Dataset) -> dict[str, Any]:
    """Share that is right of each class, their mean, and of all spectra; intervals by drawing objects."""
    groups = {g: i for i, g in enumerate(dict.fromkeys(data.groups))}
    counts = np.zeros((len(groups), K, 2))
    for group, label, hit in zip(data.groups, data.label, right, strict=True):
        counts[groups[group], label, int(hit)] += 1

    def figures(total: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore", divide="ignore"):
            each = total[:, 1] / total.sum(axis=1)
        return np.concatenate([each, [np.nanmean(each), total[:, 1].sum() / total.sum()]])

    values = bootstrap(counts, figures)
    named = {c: v.to_dict() for c, v in zip(FINE_CLASSES, values, strict=False) if np.isfinite(v.value)}
    spectra = {c: int((data.label == k).sum()) for k, c in enumerate(FINE_CLASSES)}
    return {"classes": named, "mean": values[K].to_dict(), "all": values[K + 1].to_dict(), "spectra": spectra}


def _interval(
    bundle: Bundle,
    domain: str,
    best: NDArray[np.float64],
    share: NDArray[np.float64],
    data: Dataset,
    given: Bools,
    alpha: float,
) -> dict[str, Any]:
    assert bundle.matching is not None
    fitted = bundle.matching.matcher.fitted
    half = reach(fitted, domain, share, alpha)[given]
    inside = np.abs(best - data.redshift.astype(np.float64))[given] <= half
    own = (fitted.domain == DOMAINS.index(domain)) & (fitted.share >= BELIEVABLE)
    covered = coverage(inside, data.rows(given).groups, alpha, len(set(fitted.objects[own].tolist())))
    return covered | {"median_half": round(float(np.median(half)), 4) if given.any() else None}


def _snid(data: Dataset, headers: Mapping[str, Header]) -> dict[str, Any]:
    """The redshift of SNID, as the SED Machine's pipeline ran it, where the headers have its answer."""
    rows = np.array([i for i, name in enumerate(data.ids) if name in headers and np.isfinite(data.redshift[i])], int)
    moving = rows[data.label[rows] != FINE_CLASSES.index(GALACTIC)] if len(rows) else rows
    if len(moving) < 2:
        return {}
    part = data.rows(moving)
    told = np.array([headers[name].redshift for name in part.ids])
    return {"snid": _rates(np.abs(told - part.redshift) < RIGHT, part)}


def _phase(bundle: Bundle, data: Dataset, reports: list[Report], domain: str) -> dict[str, Any]:
    assert bundle.matching is not None
    fitted = bundle.matching.matcher.fitted
    out: dict[str, Any] = {}
    for name in PHASED:
        rows = [
            (float(data.phase_days[i]), r.phase, data.groups[i])
            for i, r in enumerate(reports)
            if data.label[i] == FINE_CLASSES.index(name)
            and r.phase is not None
            and r.verdict is not None
            and r.verdict.label == name
            and np.isfinite(data.phase_days[i])
        ]
        if len(rows) < 5:
            continue
        error = np.array([abs(p.days - true) for true, p, _ in rows])
        inside = np.array([p.low <= true <= p.high for true, p, _ in rows])
        alpha = rows[0][1].alpha
        calibrated = fitted.phase_cell(FINE_CLASSES.index(name), domain, alpha).objects
        out[name] = coverage(inside, [group for *_, group in rows], alpha, calibrated) | {
            "median_error": round(float(np.median(error)), 1),
            "median_half": round(float(np.median([(p.high - p.low) / 2 for _, p, _ in rows])), 1),
            "constant": round(float(np.median([abs(t - np.median([x for x, *_ in rows])) for t, *_ in rows])), 1),
        }
    return out


def _subtype(bundle: Bundle, data: Dataset, reports: list[Report]) -> dict[str, Any]:
    """Given the right class, as template programs are measured."""
    assert bundle.matching is not None
    models, kind, out = bundle.matching.matcher.fitted.subtypes, subtypes(data), {}
    for name, names in SUBTYPES.items():
        k = FINE_CLASSES.index(name)
        rows = [
            (names[kind[i]], r.subtype, data.groups[i])
            for i, r in enumerate(reports)
            if data.label[i] == k
            and kind[i] >= 0
            and r.subtype is not None
            and r.verdict is not None
            and r.verdict.label == name
        ]
        if not rows:
            continue
        recall = {
            n: {
                "spectra": len(of),
                "objects": len({g for g, _ in of}),
                "recall": round(float(np.mean([x for _, x in of])), 4),
            }
            for n in names
            if (of := [(group, s.label == true) for true, s, group in rows if true == n])
        }
        inside = np.array([true in s.prediction_sets["0.05"] for true, s, _ in rows])
        out[name] = {
            "spectra": len(rows),
            "recall": recall,
            "mean": round(float(np.mean([v["recall"] for v in recall.values()])), 4),
            "accuracy": round(float(np.mean([true == s.label for true, s, _ in rows])), 4),
            "sets": coverage(inside, [group for *_, group in rows], 0.05, len(set(models[name].objects.tolist())))
            | {"size": round(float(np.mean([len(s.prediction_sets["0.05"]) for _, s, _ in rows])), 2)},
        }
    return out


def _together(bundle: Bundle, data: Dataset, reports: list[Report], *, low: bool) -> dict[str, Any]:
    """Objects with several spectra: each spectrum for itself, and all of them as one answer."""
    assert bundle.matching is not None
    rule = bundle.matching.together
    rows: dict[str, list[int]] = {}
    for i, group in enumerate(data.groups):
        if reports[i].verdict is not None:
            rows.setdefault(group, []).append(i)
    several = [mine for mine in rows.values() if len(mine) > 1]
    if rule is None or not several:
        return {}
    p = np.array([[0.0 if r.verdict is None else r.verdict.probabilities[c] for c in FINE_CLASSES] for r in reports])
    label = np.array([data.label[mine[0]] for mine in several])
    joint = np.array([combined(p[mine]) for mine in several])
    single = np.zeros((len(several), K))
    for j, mine in enumerate(several):
        np.add.at(single[j], p[mine].argmax(1), 1 / len(mine))
    chosen = np.eye(K)[joint.argmax(1)]
    calibrated = int((bundle.matching.told["together_low"].astype(bool) == low).sum())
    sets = []
    for alpha in ALPHAS:
        kept = [FINE_CLASSES[k] in rule.members(q, alpha, low=low) for k, q in zip(label, joint, strict=True)]
        sets.append(coverage(np.array(kept), [data.groups[mine[0]] for mine in several], alpha, calibrated))
    return {
        "objects": len(several),
        "spectra": sum(map(len, several)),
        "single": _by_object(single, label),
        "combined": _by_object(chosen, label),
        "sets": sets,
    }


def _by_object(said: NDArray[np.float64], label: NDArray[np.int64]) -> dict[str, Any]:
    """Accuracy and macro recall, each object once; `said` is the share of its answers that name each class."""
    matrices = np.zeros((len(label), K, K))
    matrices[np.arange(len(label)), label] = said
    accurate, recall = bootstrap(matrices, lambda total: np.array([accuracy(total), macro_recall(total)]))
    return {"accuracy": accurate.to_dict(), "macro_recall": recall.to_dict()}


def _networks(bundle: Bundle, data: Dataset, domain: str) -> dict[str, Any]:
    """What the networks gain by the catalogue's redshift; with CVs, whose zero gives them away, and without them."""
    assert bundle.matching is not None
    known = data.rows(np.isfinite(data.redshift))
    moving = known.label != FINE_CLASSES.index(GALACTIC)
    plain = predict_dataset(bundle.ensemble, known).fine
    told = predict_dataset(bundle.ensemble, known, redshift=True).fine
    rows = {"without": plain, "with": told}
    calibration = bundle.matching.told
    mine = np.array([domain_of(float(s)) == domain for s in calibration["spacing"]])
    every: dict[str, Any] = {k: _headline(p, known) for k, p in rows.items()}
    others = {k: _headline(p[moving], known.rows(moving)) for k, p in rows.items()}
    scores = calibration["nonconformity"][mine]
    coverage = set_coverage(scores, told, known.label, ALPHAS)
    size = {f"{a:g}": round(float(LAC(scores).members(told, a).sum(1).mean()), 3) for a in ALPHAS}
    return {"all": every, "extragalactic": others, "sets_with": coverage, "size_with": size}


def _headline(probabilities: NDArray[np.float64], data: Dataset) -> Mapping[str, Any]:
    figures = summary(probabilities, data)
    return {key: figures[key] for key in ("spectra", "objects", "accuracy", "macro_recall")}

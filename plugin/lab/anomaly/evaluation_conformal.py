"""Figures of the conformal layer: the paper's Tables IV, V, VII, VIII and IX in shape, on real spectra.

Coverage is measured twice: of the bundle as it is (calibrated on `calibrate`, measured on `test`), and over random
splits by object of both together, which are all unseen by the networks, the ranks and the combiner. Spectra of low and
of high resolution each by themselves, calibrated on their like, as the service does.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.conformal.admcp import ADMCP, QUANTILES
from models.conformal.domains import HIGH, LOW, smallest_cell
from models.conformal.mondrian import Mondrian
from models.conformal.sets import METHODS, predictor
from models.domain import FINE_CLASSES
from models.sentinel.detector import Sentinel
from models.training.metrics import binomial_band
from models.training.sentinel.fitting import Material, PredictedSpectra
from models.training.sentinel.protocol import Held, domain_names
from models.training.sentinel.signals import auroc, error_detection
from plugin.lab.spectra.policy import policy_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ALPHAS = (0.01, 0.025, 0.05, 0.1, 0.2)
SPLITS = 20
FOLD_SHARE = 0.8
"""Share of the objects that calibrate in the splits of Table IX, as in the paper's five-fold cross-validation. A small
cell has no threshold close to nominal at alpha = 0.05; in the bundle's own split a third calibrates."""
NEAR = 0.03
"""How far from nominal the coverage of a quintile may be."""
K = len(FINE_CLASSES)


def evaluate_conformal(sentinel: Sentinel, material: Material, held: Held | None, *, seed: int = 0) -> dict[str, Any]:
    """Every figure of `astranet evaluate conformal`, as plain JSON.

    Parameters
    ----------
    held : Held or None
        The k-fold protocol's scores, for detection rates of real rare spectra; None leaves those out.
    """
    rare = None if held is None else held_p_values(held)
    domains = {}
    for name in (LOW, HIGH):
        cal, test = (b.rows(domain_names(b.data.spacing) == name) for b in (material.calibrate, material.test))
        if len(set(cal.data.groups)) > 1 and len(set(test.data.groups)) > 1:
            of_domain = ~material.rare.data.semi_real & (domain_names(material.rare.data.spacing) == name)
            domains[name] = _of_domain(sentinel, cal, test, None if rare is None else rare[of_domain], seed)
    return {
        "conditions": "real spectra, no redshift, no phase; coverage holds for spectra exchangeable with these and for "
        f"no others; random splits: {SPLITS}, by object, mean and standard deviation; low resolution is the SED "
        "Machine and its like, high resolution the archive of other spectrographs, each calibrated on its like",
        "domains": domains,
    }


def _of_domain(
    sentinel: Sentinel, cal: PredictedSpectra, test: PredictedSpectra, rare: Floats | None, seed: int
) -> dict[str, Any]:
    """Figures of spectra that are like each other."""
    judged = [sentinel.judge(b.prediction).score for b in (cal, test)]
    pool = Pool(
        anomaly=np.concatenate(judged),
        fine=np.concatenate([cal.prediction.fine, test.prediction.fine]),
        label=np.concatenate([cal.data.label, test.data.label]),
        groups=np.array([*cal.data.groups, *test.data.groups]),
    )
    fixed = np.arange(len(pool.label)) < len(cal.data)
    rare = rare if rare is not None and len(rare) else None
    splits = [fixed, *random_splits(pool.groups, float(fixed.mean()), SPLITS, seed)]
    return {
        "calibration": {"spectra": len(cal.data), "objects": len(set(cal.data.groups))},
        "test": {"spectra": len(test.data), "objects": len(set(test.data.groups))},
        "p_values": [p_row(pool, splits, alpha, rare) for alpha in ALPHAS],
        "per_class": _per_class(pool, splits[1:]),
        "sets": {m: [set_row(pool, splits, m, alpha) for alpha in ALPHAS] for m in METHODS},
        "quintiles": _quintiles(pool, [fixed, *random_splits(pool.groups, FOLD_SHARE, SPLITS, seed + 1)]),
        "error_detection": _errors(test, judged[1]),
        "selective": _selective(test, judged[1], judged[0]),
        "policy": policy_of(test.prediction, test.data.label, judged[1], cal.prediction, judged[0]),
        "histogram": _histogram(pool, fixed, rare),
    }


class Pool:
    """Real spectra that nothing was fitted to."""

    def __init__(self, anomaly: Floats, fine: Floats, label: Ints, groups: NDArray[Any]) -> None:
        self.anomaly, self.fine, self.label, self.groups = anomaly, fine, label, groups
        self.predicted, self.doubt = fine.argmax(1), 1.0 - fine.max(1)

    def mondrian(self, part: NDArray[np.bool_]) -> Mondrian:
        """P-values calibrated on some of the spectra."""
        return Mondrian(
            scores=self.anomaly[part], predicted=self.predicted[part], classes=K, smallest=smallest_cell(0.05)
        )

    def cells(self, part: NDArray[np.bool_], strata: int) -> ADMCP:
        """Thresholds of every cell, calibrated on some of the spectra."""
        return ADMCP(self.doubt[part], self.anomaly[part], self.predicted[part], alpha=0.05, strata=strata)


def random_splits(groups: NDArray[Any], share: float, splits: int, seed: int) -> list[NDArray[np.bool_]]:
    """Which spectra calibrate in each of some splits by object, each object with the probability `share`."""
    rng = np.random.default_rng(seed)
    names, place = np.unique(groups, return_inverse=True)
    return [(rng.random(len(names)) < share)[place] for _ in range(splits)]


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    """First the bundle's own split, then mean and standard deviation over the random ones; None without spectra."""
    rest = np.array(values[1:])
    rest = rest[np.isfinite(rest)] if np.isfinite(rest).any() else rest
    found = {"own": values[0], "mean": float(rest.mean()), "std": float(rest.std())}
    return {k: round(v, 4) if np.isfinite(v) else None for k, v in found.items()}


def _band(alpha: float, n: int) -> list[float]:
    """Where coverage should lie in 95 % of such tests if it is nominal."""
    return [round(v, 4) for v in binomial_band(1 - alpha, n)]


def _held_to(values: Sequence[float], alpha: float, splits: Sequence[NDArray[np.bool_]]) -> dict[str, Any]:
    """Coverage of the bundle's own split and of the random ones, and whether both lie in the binomial band.

    `splits_inside` is the share of the random splits that do, each with the band of its own number of test spectra.
    """
    found = _spread(values)
    sizes = [int((~part).sum()) for part in splits]
    low, high = binomial_band(1 - alpha, sizes[0])
    bands = [binomial_band(1 - alpha, n) for n in sizes[1:]]
    inside = [a <= v <= b for v, (a, b) in zip(values[1:], bands, strict=True)]
    return {
        **found,
        "inside": bool(low <= values[0] <= high),
        "mean_inside": bool(low <= float(np.mean(values[1:])) <= high),
        "splits_inside": round(float(np.mean(inside)), 4),
    }


def _whole_band(alpha: float, calibration: int, test: int) -> list[float]:
    """The same with the chance of the calibration set, whose threshold is itself a draw: beta-binomial.

    For conformal p-values over exchangeable spectra, exactly (Vovk 2012). Spectra of one object are not independent:
    the true band is wider.
    """
    from scipy.stats import betabinom

    rank = int(np.ceil((calibration + 1) * (1 - alpha)))
    if rank > calibration:
        return [1.0, 1.0]
    law = betabinom(test, rank, calibration + 1 - rank)
    return [round(float(law.ppf(q)) / test, 4) for q in (0.025, 0.975)]


def p_row(pool: Pool, splits: Sequence[NDArray[np.bool_]], alpha: float, rare: Floats | None) -> dict[str, Any]:
    """Coverage of p-values at `alpha`, of the first split and over the others."""
    marginal, mondrian = [], []
    for part in splits:
        layer = pool.mondrian(part)
        marginal.append(float((layer.marginal(pool.anomaly[~part]) > alpha).mean()))
        p = layer.per_class(pool.anomaly[~part], pool.predicted[~part])
        mondrian.append(float((p > alpha).mean()))
    row: dict[str, Any] = {"alpha": alpha}
    row |= {"marginal": _held_to(marginal, alpha, splits), "mondrian": _held_to(mondrian, alpha, splits)}
    row["band"] = _band(alpha, int((~splits[0]).sum()))
    row["whole_band"] = _whole_band(alpha, int(splits[0].sum()), int((~splits[0]).sum()))
    if rare is not None:
        row["rare_detected"] = round(float((rare < alpha).mean()), 4)
    return row


def held_p_values(held: Held) -> Floats:
    """Marginal p-value of each rare spectrum, by detectors of the fold that never saw it, shape (rare,).

    Among calibration spectra of its domain; the largest, where several stand for it.
    """
    from models.conformal.mondrian import p_values

    p = np.zeros(len(held.fold))
    for f, calibrate in enumerate(held.calibrate):
        for rows, masks in held.compared(held.rare_spacing):
            mine = rows & (held.fold == f)
            found = [p_values(calibrate[mask].mean(1), held.rare[mine].mean(1)) for mask in masks]
            p[mine] = np.max(found, axis=0)
    return p


def _per_class(pool: Pool, splits: Sequence[NDArray[np.bool_]]) -> list[dict[str, Any]]:
    """Table V: Mondrian coverage by predicted class at alpha = 0.025, over the random splits together."""
    hits, counts, sizes = np.zeros(K), np.zeros(K), np.zeros(K)
    for part in splits:
        layer = pool.mondrian(part)
        inside = layer.per_class(pool.anomaly[~part], pool.predicted[~part]) > 0.025
        hits += np.bincount(pool.predicted[~part], inside, K)
        counts += np.bincount(pool.predicted[~part], minlength=K)
        sizes += layer.sizes / len(splits)
    return [
        {
            "class": name,
            "calibration": round(float(sizes[k]), 1),
            "test": round(float(counts[k] / len(splits)), 1),
            "coverage": round(float(hits[k] / counts[k]), 4) if counts[k] else None,
        }
        for k, name in enumerate(FINE_CLASSES)
    ]


def set_row(pool: Pool, splits: Sequence[NDArray[np.bool_]], method: str, alpha: float) -> dict[str, Any]:
    """Coverage and size of prediction sets at `alpha`, of the first split and over the others."""
    coverage, size, empty, single = [], [], [], []
    for part in splits:
        members = predictor(method, pool.fine[part], pool.label[part]).members(pool.fine[~part], alpha)
        label = pool.label[~part]
        coverage.append(float(members[np.arange(len(label)), label].mean()))
        count = members.sum(1)
        size.append(float(count.mean()))
        empty.append(float((count == 0).mean()))
        single.append(float((count == 1).mean()))
    columns = {"size": size, "empty": empty, "single": single}
    row: dict[str, Any] = {"alpha": alpha, "coverage": _held_to(coverage, alpha, splits)}
    row["band"] = _band(alpha, int((~splits[0]).sum()))
    return row | {k: _spread(v) for k, v in columns.items()}


def _quintiles(pool: Pool, splits: Sequence[NDArray[np.bool_]]) -> list[dict[str, Any]]:
    """Table IX: coverage of the two kinds of thresholds in each anomaly quintile, alpha = 0.05.

    The band is for the spectra of the quintile in one random split; `never` is the share of test spectra whose cell has
    too few calibration spectra for any threshold at this alpha: nothing fires there.
    """
    found: dict[str, list[list[float]]] = {"mondrian": [], "admcp": [], "size": [], "never": []}
    for part in splits:
        stratified, plain = pool.cells(part, QUANTILES), pool.cells(part, 1)
        fresh = pool.doubt[~part], pool.anomaly[~part], pool.predicted[~part]
        strata = stratified.stratum(fresh[1])
        for name, cells in (("mondrian", plain), ("admcp", stratified)):
            found[name].append(_mean_by(cells.covered(*fresh), strata))
        never = stratified.covered(np.full(len(strata), np.finfo(float).max), *fresh[1:])
        found["size"].append([float((strata == q).sum()) for q in range(QUANTILES)])
        found["never"].append(_mean_by(never, strata))
    columns = {name: np.array(rows) for name, rows in found.items()}
    near = np.abs(np.nanmean(columns["admcp"][1:], axis=0) - 0.95) <= NEAR
    return [
        {
            "quintile": q + 1,
            **{name: _spread(rows[:, q].tolist()) for name, rows in columns.items()},
            "band": _band(0.05, max(1, int(columns["size"][1:, q].mean()))),
            "near": bool(near[q]),
        }
        for q in range(QUANTILES)
    ]


def _mean_by(values: NDArray[np.bool_], strata: Ints) -> list[float]:
    """Share in each quintile, NaN for one without spectra."""
    return [float(values[strata == q].mean()) if (strata == q).any() else float("nan") for q in range(QUANTILES)]


def _errors(test: PredictedSpectra, anomaly: Floats) -> dict[str, dict[str, float]]:
    """Table VII: which signal knows that the class is wrong."""
    wrong = test.prediction.fine.argmax(1) != test.data.label
    if wrong.all() or not wrong.any():
        return {}  # nothing to tell apart
    own = auroc(anomaly, wrong, test.data.groups).to_dict()
    return {**error_detection(test.prediction, test.data.label, test.data.groups), "anomaly score": own}


def _selective(test: PredictedSpectra, anomaly: Floats, cal_anomaly: Floats) -> list[dict[str, float]]:
    """Table VIII: accuracy of the most confident, and how many of the rest are not odd."""
    confidence = test.prediction.fine.max(1)
    right = test.prediction.fine.argmax(1) == test.data.label
    limit = np.quantile(cal_anomaly, 0.95)
    order = np.argsort(-confidence, kind="stable")
    rows = []
    for share in (1.0, 0.95, 0.9, 0.8, 0.7):
        cut = round(share * len(order))
        dropped = order[cut:]
        low = float((anomaly[dropped] < limit).mean()) if len(dropped) else float("nan")
        row = {"coverage": share, "accuracy": float(right[order[:cut]].mean()), "gain": 0.0, "ad_low": low}
        row["gain"] = row["accuracy"] - float(right.mean())
        rows.append({k: round(v, 4) for k, v in row.items() if np.isfinite(v)})
    return rows


def _histogram(pool: Pool, fixed: NDArray[np.bool_], rare: Floats | None) -> dict[str, list[float]]:
    """Shares of p-values in twenty bins, of ordinary test spectra (Mondrian) and of real rare ones (marginal)."""
    edges = np.linspace(0, 1, 21)
    p = pool.mondrian(fixed).per_class(pool.anomaly[~fixed], pool.predicted[~fixed])
    out = {"ordinary": (np.histogram(p, edges)[0] / len(p)).round(4).tolist()}
    if rare is not None:
        out["rare"] = (np.histogram(rare, edges)[0] / len(rare)).round(4).tolist()
    return out

"""Figures of spectra that cover 70-80 % of the window: whether sets and p-values hold there, and what they cost.

Coverage is measured over random splits by object of calibration and test spectra of a domain together, and of the
bundle as it is on the test spectra, real and cut ones each by themselves. The same spectra whole stand beside cut ones.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.analyst import ALPHAS
from models.anomaly_layer import ALPHA, AnomalyLayer
from models.bundle import Bundle
from models.conformal.domains import AN_END, MOST_GAPS, PARTIAL_DOMAINS, is_whole
from models.conformal.sets import LAC
from models.domain import FINE_CLASSES
from models.training.dataset import Dataset
from models.training.evaluate import predict_dataset
from models.training.metrics import accuracy, binomial_band, binomial_interval, bootstrap, per_object
from models.training.sentinel.fitting import PredictedSpectra
from plugin.lab.anomaly.evaluation_conformal import Pool, p_row, random_splits, set_row
from plugin.lab.anomaly.make_sentinel import Started
from plugin.lab.spectra.partial import domains_of, extents, middle_missing, partial, windowed

SPLITS: Final = 20
WINDOWS: Final = {"SPRAT, 4021-7994 A": (4021.0, 7994.0), "FAST, 3500-7540 A": (3500.0, 7540.0)}
"""What whole test spectra are cut to besides: the ranges of two spectrographs that many real ones are from."""
REFUSED: Final = "a hole in the middle (refused)"
Masks = NDArray[np.bool_]


def evaluate_coverage(bundle: Bundle, data: Dataset, *, started: Started, seed: int = 0) -> dict[str, Any]:
    """Every figure of `astranet evaluate coverage`, as plain JSON.

    Raises
    ------
    ValueError
        If the bundle has no anomaly layer, or is not calibrated on partial spectra.
    """
    if bundle.sentinel is None or "cut" not in bundle.calibration:
        raise ValueError("this bundle is not calibrated on partial spectra: run `astranet bundle add-partial`")
    whole = data.part("test")
    sets = {
        "calibrate": partial(data, "calibrate"),
        "test": partial(data, "test"),
        "whole": (whole, np.zeros(len(whole), bool)),
        REFUSED: (middle_missing(whole), np.ones(0, bool)),
        **{name: (windowed(whole, *ends), np.ones(0, bool)) for name, ends in WINDOWS.items()},
    }
    seen = {}
    for name, (spectra, _) in sets.items():
        with started(name, len(spectra)) as advance:
            seen[name] = PredictedSpectra(
                data=spectra, prediction=predict_dataset(bundle.ensemble, spectra, progress=advance)
            )
    measured = _Measured(bundle, seen["whole"])
    was_cut = {name: sets[name][1] for name in ("calibrate", "test")}
    domains = {}
    for name in PARTIAL_DOMAINS:
        cal, test = (seen[s].rows(domains_of(seen[s].data) == name) for s in ("calibrate", "test"))
        if len(test.data) and name in measured.layer.calibrated:
            own_cut = {s: mask[domains_of(seen[s].data) == name] for s, mask in was_cut.items()}
            found = _of_domain(bundle, cal, test, seed) | {
                "calibration": _count(cal.data, own_cut["calibrate"]),
                "kinds": [measured.row(kind, part) for kind, part in _kinds(test, own_cut["test"])],
            }
            for kind in (*WINDOWS, REFUSED):
                part = seen[kind].rows(domains_of(seen[kind].data, gaps=True) == name)
                found["kinds"] += [measured.row(kind, part)] if len(part.data) else []
            domains[name] = found
    return {
        "conditions": "no redshift, no phase; the networks saw no object of these; coverage holds for spectra "
        f"exchangeable with these and for no others; random splits: {SPLITS}, by object; cut: whole spectra, cut to "
        "70-80 % at an end",
        "domains": domains,
    }


def _kinds(test: PredictedSpectra, was_cut: Masks) -> list[tuple[str, PredictedSpectra]]:
    """Cut and real test spectra, the real ones also by whether one end is missing or something of both."""
    both = np.array([min(e.blue_end, e.red_end) > AN_END for e in extents(test.data)], bool)
    parts = {
        "cut": was_cut,
        "cut, one end missing": was_cut & ~both,
        "cut, both ends missing": was_cut & both,
        "real": ~was_cut,
        "real, one end missing": ~was_cut & ~both,
        "real, both ends missing": ~was_cut & both,
    }
    return [(kind, test.rows(rows)) for kind, rows in parts.items() if rows.any()]


def _of_domain(bundle: Bundle, cal: PredictedSpectra, test: PredictedSpectra, seed: int) -> dict[str, Any]:
    """Coverage over random splits, as `evaluate conformal` measures it."""
    assert bundle.sentinel is not None
    pool = Pool(
        anomaly=np.concatenate([bundle.sentinel.judge(b.prediction).score for b in (cal, test)]),
        fine=np.concatenate([cal.prediction.fine, test.prediction.fine]),
        label=np.concatenate([cal.data.label, test.data.label]),
        groups=np.array([*cal.data.groups, *test.data.groups]),
    )
    fixed = np.arange(len(pool.label)) < len(cal.data)
    splits = [fixed, *random_splits(pool.groups, float(fixed.mean()), SPLITS, seed)]
    return {
        "p_values": [p_row(pool, splits, alpha, None) for alpha in ALPHAS],
        "sets": [set_row(pool, splits, "lac", alpha) for alpha in ALPHAS],
    }


class _Measured:
    """The bundle as the service uses it, on spectra of one kind."""

    def __init__(self, bundle: Bundle, whole: PredictedSpectra) -> None:
        assert bundle.sentinel is not None
        self.sentinel, self.layer, self.whole = bundle.sentinel, AnomalyLayer(bundle.sentinel), whole
        nonconformity = bundle.calibration["nonconformity"]
        self.sets = {name: LAC(nonconformity[mask]) for name, mask in self.layer.domains.masks.items()}

    def row(self, kind: str, part: PredictedSpectra) -> dict[str, Any]:
        """What the bundle says of them, and of the same spectra whole where they were cut."""
        found = {"kind": kind, **self._figures(part)}
        if set(part.data.ids) <= set(self.whole.data.ids):
            found["whole"] = self._figures(self.whole.rows(np.isin(np.array(self.whole.data.ids), part.data.ids)))
        return found

    def _figures(self, part: PredictedSpectra) -> dict[str, Any]:
        fine, label, n = part.prediction.fine, part.data.label, len(part.data)
        predicted, judged = fine.argmax(1), self.sentinel.judge(part.prediction)
        members = np.zeros((len(ALPHAS), *fine.shape), bool)
        marginal, mondrian, flagged = np.zeros(n), np.zeros(n), np.ones(n, bool)
        for names, rows in self._consulted(part.data):
            for name in names:
                own = self.layer.calibrated[name]
                members[:, rows] |= np.array([self.sets[name].members(fine[rows], alpha) for alpha in ALPHAS])
                scores = judged.score[rows]
                marginal[rows] = np.maximum(marginal[rows], own.mondrian.marginal(scores))
                mondrian[rows] = np.maximum(mondrian[rows], own.mondrian.per_class(scores, predicted[rows]))
                flagged[rows] &= own.limits.flags(judged.seed_scores[rows])
        matrices = per_object(label, predicted, part.data.groups, len(FINE_CLASSES))
        (share,) = bootstrap(matrices, lambda m: np.array([accuracy(m)]))
        return {
            "spectra": n,
            "objects": len(set(part.data.groups)),
            "accuracy": {k: round(v, 4) for k, v in share.to_dict().items()},
            "size": round(float(members[ALPHAS.index(ALPHA)].sum(1).mean()), 3),
            "flagged": _share(flagged),
            "sets": [_covered(m[np.arange(n), label], alpha) for m, alpha in zip(members, ALPHAS, strict=True)],
            "marginal": [_covered(marginal > alpha, alpha) for alpha in ALPHAS],
            "mondrian": [_covered(mondrian > alpha, alpha) for alpha in ALPHAS],
        }

    def _consulted(self, data: Dataset) -> Iterator[tuple[tuple[str, ...], Masks]]:
        """Which rows are held against which domains; those with a hole as if it was at the red end."""
        names = []
        for spacing, extent in zip(data.spacing, extents(data), strict=True):
            if extent.gaps > MOST_GAPS and not is_whole(extent.coverage):
                extent = extent._replace(red_end=1 - extent.coverage - extent.blue_end)
            names.append(self.layer.domains.consulted(float(spacing), extent))
        for own in dict.fromkeys(names):
            yield own, np.array([other == own for other in names], bool)


def _count(data: Dataset, was_cut: Masks) -> dict[str, int]:
    return {"spectra": len(data), "objects": len(set(data.groups)), "cut": int(was_cut.sum())}


def _share(hits: Masks) -> dict[str, float]:
    low, high = binomial_interval(int(hits.sum()), len(hits))
    return {k: round(v, 4) for k, v in (("value", float(hits.mean())), ("low", low), ("high", high))}


def _covered(hits: Masks, alpha: float) -> dict[str, Any]:
    """Coverage, and whether it lies in the band that 95 % of right tests of so many independent spectra do."""
    low, high = binomial_band(1 - alpha, len(hits))
    value = float(hits.mean())
    return {
        "alpha": alpha,
        "coverage": round(value, 4),
        "enough": bool(value >= low),
        "inside": bool(low <= value <= high),
    }

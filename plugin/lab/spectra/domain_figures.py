"""The figures of one domain, low or high resolution: spectra that are like each other, calibrated on their like."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.analyst import ALPHAS
from models.conformal.domains import HIGH, LOW, Domains
from models.conformal.sets import nonconformity
from models.domain import FINE_CLASSES
from models.spectral.ensemble import EnsemblePrediction
from models.training.dataset import Dataset
from models.training.evaluate import PHASE_EDGES, SNR_EDGES, binned, breakdown, reliability, set_coverage, summary
from models.training.metrics import accuracy, macro_f1, macro_recall, recalls
from models.training.sentinel.protocol import domain_names
from models.training.sentinel.signals import error_detection, merged, selective
from plugin.lab.dataset.headers import Header
from plugin.lab.spectra.policy import policy_of
from plugin.lab.spectra.snid import snid_beside

Floats = NDArray[np.float64]
SIX_CLASSES = {c: c for c in FINE_CLASSES} | {"SLSN": "SN Ibc"}
"""The taxonomy of Table XVI has no SLSN: most of ours are of type I, so they count as stripped-envelope."""
EXPOSURE_EDGES = (0.0, 1000.0, 2000.0, 2500.0, np.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Real spectra and what a bundle says of them.

    Parameters
    ----------
    plain, placed, told : EnsemblePrediction
        Without redshift and phase, with the redshift, with both; where they are known.
    anomaly : ndarray, shape (n,), or None
        Score of the anomaly layer; None for a bundle without one.
    """

    data: Dataset
    plain: EnsemblePrediction
    placed: EnsemblePrediction
    told: EnsemblePrediction
    anomaly: Floats | None

    def rows(self, where: NDArray[np.bool_]) -> "Asked":
        """The same for some spectra."""
        return Asked(
            data=self.data.rows(where),
            plain=self.plain.rows(where),
            placed=self.placed.rows(where),
            told=self.told.rows(where),
            anomaly=None if self.anomaly is None else self.anomaly[where],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrating:
    """Calibration spectra and what the bundle says of them, without redshift and phase."""

    data: Dataset
    prediction: EnsemblePrediction
    anomaly: Floats | None

    def rows(self, where: NDArray[np.bool_]) -> "Calibrating":
        """The same for some spectra."""
        return Calibrating(
            data=self.data.rows(where),
            prediction=self.prediction.rows(where),
            anomaly=None if self.anomaly is None else self.anomaly[where],
        )


def by_domain(asked: Asked, calibrating: Calibrating, headers: Mapping[str, Header]) -> dict[str, Any]:
    """Figures of every domain that has spectra, the one of the SED Machine first."""
    names = domain_names(asked.data.spacing)
    parts = {name: asked.rows(names == name) for name in (LOW, HIGH) if (names == name).any()}
    return {name: domain_figures(name, part, calibrating, headers) for name, part in parts.items()}


def domain_figures(name: str, asked: Asked, calibrating: Calibrating, headers: Mapping[str, Header]) -> dict[str, Any]:
    """Everything about the spectra of one domain, as plain JSON."""
    data, alone, told = asked.data, asked.plain, asked.told
    cal = calibrating.data
    masks = Domains.of(cal.spacing, len(cal)).masks
    own = calibrating.rows(masks[name]) if name in masks else calibrating
    scores, of_both = (nonconformity(c.prediction.fine, c.data.label) for c in (own, calibrating))
    real = summary(alone.fine, data)
    found = [headers.get(i) for i in data.ids]
    answers = {"bundle": alone.fine.argmax(1), "bundle, redshift given": asked.placed.fine.argmax(1)}
    figures: dict[str, Any] = {
        "real": real,
        "real_with_redshift": summary(asked.placed.fine, data),
        "real_with_redshift_and_phase": summary(told.fine, data),
        "redshift_known": int(np.isfinite(data.redshift).sum()),
        "phase_known": int(np.isfinite(data.phase_days).sum()),
        "snid": snid_beside(data, headers, answers),
        "calibrated_on": {
            "cell": name if name in masks else "all",
            "spectra": len(own.data),
            "objects": len(set(own.data.groups)),
            "class_mix": own.data.counts(),
        },
        "prediction_sets": set_coverage(scores, alone.fine, data.label, ALPHAS),
        "prediction_sets_one_calibration": set_coverage(of_both, alone.fine, data.label, ALPHAS),
        "prediction_sets_with_redshift_and_phase": set_coverage(scores, told.fine, data.label, ALPHAS),
        "policy": None
        if asked.anomaly is None or own.anomaly is None
        else policy_of(alone, data.label, asked.anomaly, own.prediction, own.anomaly),
        "reliability": reliability(alone.fine, data.label),
        "error_detection": _errors(alone, data),
        "selective": selective(alone, data.label),
        "six_classes": six_classes(real),
    }
    parts = {
        "source": data.sources,
        "instrument": data.instruments,
        "snr": binned(data.snr, SNR_EDGES, ""),
        "phase": binned(data.phase_days, PHASE_EDGES, "d"),
    }
    if any(h is not None for h in found):
        seconds = np.array([np.nan if h is None else h.exposure_s for h in found])
        parts |= {"quality": [_quality(h) for h in found], "exposure": binned(seconds, EXPOSURE_EDGES, "s")}
    return figures | {f"by_{what}": breakdown(alone.fine, data, keys) for what, keys in parts.items()}


def six_classes(s: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of a summary in the taxonomy of Table XVI."""
    matrix = merged(np.array(s["confusion"]), FINE_CLASSES, SIX_CLASSES)
    names = list(dict.fromkeys(SIX_CLASSES.values()))
    found = {"accuracy": accuracy(matrix), "macro_recall": macro_recall(matrix), "macro_f1": macro_f1(matrix)}
    recall = {n: round(float(r), 4) for n, r in zip(names, recalls(matrix), strict=True) if np.isfinite(r)}
    return {k: round(v, 4) for k, v in found.items()} | {"recall": recall}


def _errors(prediction: EnsemblePrediction, data: Dataset) -> dict[str, dict[str, float]]:
    wrong = prediction.fine.argmax(1) != data.label
    # Nothing to tell apart where all are right, or all wrong.
    return error_detection(prediction, data.label, data.groups) if 0 < wrong.sum() < len(wrong) else {}


def _quality(header: Header | None) -> str:
    if header is None or not np.isfinite(header.quality):
        return "unknown"
    return "0 (good)" if header.quality == 0 else "1 (fair) to 5 (bad)"

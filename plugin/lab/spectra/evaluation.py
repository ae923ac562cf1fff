"""`astranet evaluate spectra`: every figure of a bundle on one split, as plain JSON."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.analyst import ALPHAS
from models.bundle import Bundle
from models.domain import FINE_CLASSES
from models.spectral.ensemble import Beliefs
from models.training.dataset import SPLITS, Dataset, joined
from models.training.evaluate import (
    PHASE_EDGES,
    SNR_EDGES,
    believe,
    binned,
    breakdown,
    reliability,
    set_coverage,
    summary,
)
from models.training.metrics import accuracy, confusion_matrix, macro_f1, macro_recall, recalls
from models.training.sentinel.signals import error_detection, merged, selective
from models.training.spectral.compare import compare
from models.training.spectral.controls import (
    SEDM_RESOLUTION,
    SEDM_SNR,
    degraded,
    false_alarms_by_instrument,
    source_probe,
)
from models.training.strategies import STRATEGIES

Started = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]

SIX_CLASSES = {c: c for c in FINE_CLASSES} | {"SLSN": "SN Ibc"}
"""The taxonomy of Table XVI has no SLSN: most of ours are of type I, so they count as stripped-envelope."""
SNRS = (5.0, 8.0, 10.0, 15.0)
DRAWS = 4
"""Of the noise: a single one moves macro recall by several hundredths, since few spectra are of rare classes."""

CONDITIONS = (
    "real spectra of six classes, coverage >= 0.8; intervals: 95 %, bootstrap by object. The few real CV spectra "
    "support no figure and stand in none"
)


def evaluate_spectra(bundle: Bundle, data: Dataset, *, split: str, started: Started) -> dict[str, Any]:
    """Figures on the real spectra of one split; `started(what, total)` shows progress."""
    real = _without_cv(data.part(split))
    semi = data.rows((data.split == SPLITS.index(split)) & data.semi_real & (data.coverage >= 0.8))

    def ask(what: str, rows: Dataset, *, redshift: bool = False, phase: bool = False) -> Beliefs:
        with started(what, len(rows)) as advance:
            return believe(bundle.ensemble, rows, redshift=redshift, phase=phase, progress=advance)

    alone = ask("no redshift, no phase", real)
    told = ask("with both", real, redshift=True, phase=True)
    scores = bundle.calibration["nonconformity"]
    figures: dict[str, Any] = {
        "split": split,
        "conditions": CONDITIONS,
        "real": summary(alone.fine, real),
        "real_with_redshift": summary(ask("with redshift", real, redshift=True).fine, real),
        "real_with_redshift_and_phase": summary(told.fine, real),
        "semi_real": summary(ask("semi-real", semi).fine, semi) if len(semi) else None,
        "semi_real_sedm": summary(ask("semi-real, degraded", _at_sedm(semi)).fine, semi) if len(semi) else None,
        "reliability": reliability(alone.fine, real.label),
        "prediction_sets": set_coverage(scores, alone.fine, real.label, ALPHAS),
        "prediction_sets_with_redshift_and_phase": set_coverage(scores, told.fine, real.label, ALPHAS),
        "error_detection": error_detection(alone, real.label, real.groups),
        "selective": selective(alone, real.label),
        "six_classes": _six_classes(summary(alone.fine, real)),
        "by_source": breakdown(alone.fine, real, real.sources),
        "by_instrument": breakdown(alone.fine, real, real.instruments),
        "by_snr": breakdown(alone.fine, real, binned(real.snr, SNR_EDGES, "")),
        "by_phase": breakdown(alone.fine, real, binned(real.phase_days, PHASE_EDGES, "d")),
    }
    select = data.part("select")
    figures["strategies"] = _strategies(ask("selection split", select), select, alone, real)
    figures["harmonised"] = summary(ask("one window, resolution and noise", _harmonised(real)).fine, real)
    figures["sedm"] = []
    for snr in SNRS:
        drawn = _draws(real, snr)
        figures["sedm"].append({"snr": snr, **_noisy(ask(f"R 100, SNR {snr:g}", drawn).fine, drawn)})
        if snr == SEDM_SNR:
            placed = ask(f"R 100, SNR {snr:g}, with redshift", drawn, redshift=True)
            figures["sedm_with_redshift"] = [{"snr": snr, **_noisy(placed.fine, drawn)}]
    figures["source_probe"] = source_probe(real, alone.embedding)
    predicted = alone.fine.argmax(1)
    figures["false_alarms"] = {c: false_alarms_by_instrument(real, predicted, c) for c in ("TDE", "AGN")}
    return figures


def compare_bundles(bundles: Sequence[Bundle], data: Dataset, *, split: str, started: Started) -> dict[str, Any]:
    """Several bundles on the real spectra of one split, as they are and brought to SEDM's resolution and noise."""
    real = _without_cv(data.part(split))
    conditions = {
        "as observed": [real],
        f"R {SEDM_RESOLUTION:g}, signal-to-noise {SEDM_SNR:g}, mean of {DRAWS} draws of the noise": [
            _at_sedm(real, seed=seed) for seed in range(DRAWS)
        ],
    }
    results = {}
    for condition, views in conditions.items():
        answers = {}
        for bundle in bundles:
            with started(f"{bundle.bundle_id}, {condition.split(',')[0]}", len(real) * len(views)) as advance:
                answers[bundle.bundle_id] = [believe(bundle.ensemble, v, progress=advance).fine for v in views]
        results[condition] = compare(answers, real.label, real.groups)
    return {"split": split, "spectra": len(real), "objects": len(set(real.groups)), "conditions": results}


def _without_cv(data: Dataset) -> Dataset:
    """The handful of real CVs would weigh as much in a macro average as hundreds of SNe Ia."""
    return data.rows(data.label != FINE_CLASSES.index("CV"))


def _at_sedm(data: Dataset, snr: float = SEDM_SNR, seed: int = 0) -> Dataset:
    return degraded(data, resolution=SEDM_RESOLUTION, snr=snr, seed=seed)


def _draws(data: Dataset, snr: float) -> Dataset:
    """Every spectrum with several draws of the noise, one set of all after the other."""
    return joined([_at_sedm(data, snr, seed) for seed in range(DRAWS)])


def _noisy(probabilities: NDArray[np.float64], drawn: Dataset) -> dict[str, Any]:
    """Figures of all of `_draws` together, and how far single draws are apart."""
    parts = zip(np.split(drawn.label, DRAWS), np.split(probabilities.argmax(1), DRAWS), strict=True)
    matrices = [confusion_matrix(true, predicted, len(FINE_CLASSES)) for true, predicted in parts]
    found = summary(probabilities, drawn)
    return _headline(found) | {
        "by_object": found["by_object"],
        "macro_recall_of_draws": [round(macro_recall(m), 4) for m in matrices],
    }


def _harmonised(data: Dataset) -> Dataset:
    """What every spectrum of every archive can be brought to."""
    return degraded(data, window_A=(4100.0, 8200.0), resolution=130.0, snr=30.0)


def _headline(s: dict[str, Any]) -> dict[str, Any]:
    return {k: s[k] for k in ("accuracy", "macro_recall", "recall")}


def _six_classes(s: dict[str, Any]) -> dict[str, Any]:
    matrix = merged(np.array(s["confusion"]), FINE_CLASSES, SIX_CLASSES)
    names = list(dict.fromkeys(SIX_CLASSES.values()))
    found = {"accuracy": accuracy(matrix), "macro_recall": macro_recall(matrix), "macro_f1": macro_f1(matrix)}
    recall = {n: round(float(r), 4) for n, r in zip(names, recalls(matrix), strict=True) if np.isfinite(r)}
    return {k: round(v, 4) for k, v in found.items()} | {"recall": recall}


def _strategies(tune: Beliefs, select: Dataset, test: Beliefs, real: Dataset) -> dict[str, Any]:
    if len(tune.seeds) < 2:
        return {}
    return {n: _headline(summary(f(tune, select.label, test), real)) for n, f in STRATEGIES.items()}

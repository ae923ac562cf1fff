"""`astranet evaluate spectra`: every figure of a bundle on one split, as plain JSON."""

from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.conformal.domains import HIGH, LOW
from models.domain import FINE_CLASSES
from models.spectral.ensemble import EnsemblePrediction
from models.training.dataset import SPLITS, Dataset, joined
from models.training.evaluate import HEADLINE, SMALLEST_CLASS, predict_dataset, summary
from models.training.metrics import confusion_matrix, macro_recall
from models.training.sentinel.protocol import domain_names
from models.training.spectral.compare import compare
from models.training.spectral.controls import (
    SEDM_RESOLUTION,
    SEDM_SNR,
    degraded,
    false_alarms_by_instrument,
    source_probe,
)
from models.training.strategies import STRATEGIES
from plugin.lab.dataset.headers import Header
from plugin.lab.spectra.domain_figures import Asked, Calibrating, by_domain

Started = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]

SNRS = (5.0, 10.0, 15.0)
DRAWS = 4
"""Of the noise: a single one moves macro recall by several hundredths, since few spectra are of rare classes."""

CONDITIONS = (
    "real spectra, coverage >= 0.8; intervals: 95 %, bootstrap by object. Macro recall is over the classes that have "
    f"spectra; of frequent classes, over those of at least {SMALLEST_CLASS} objects: one or two would decide a class's "
    "recall. Low resolution (pixels of more than 15 A) is the SED Machine and its like, high resolution the archive of "
    "other spectrographs; prediction sets and policy of each are calibrated on calibration spectra of its own"
)


def evaluate_spectra(
    bundle: Bundle,
    data: Dataset,
    *,
    split: str,
    started: Started,
    headers: Mapping[str, Header] = MappingProxyType({}),
    quick: bool = False,
) -> dict[str, Any]:
    """Figures on the real spectra of one split.

    Parameters
    ----------
    started : callable
        `started(what, total)` shows progress.
    headers : mapping of str to Header
        What the SED Machine's pipeline wrote beside its spectra, by their ids.
    quick : bool
        Leave out what asks again about spectra brought to another resolution and noise, by far the longest part.
    """
    real = data.part(split)
    semi = data.rows((data.split == SPLITS.index(split)) & data.semi_real & (data.coverage >= 0.8))

    def ask(what: str, rows: Dataset, *, redshift: bool = False, phase: bool = False) -> EnsemblePrediction:
        with started(what, len(rows)) as advance:
            return predict_dataset(bundle.ensemble, rows, redshift=redshift, phase=phase, progress=advance)

    def odd(prediction: EnsemblePrediction) -> NDArray[np.float64] | None:
        return None if bundle.sentinel is None else bundle.sentinel.judge(prediction).score

    alone, calibration = ask("no redshift, no phase", real), data.part("calibrate")
    found = ask("calibration split", calibration)
    asked = Asked(
        data=real,
        plain=alone,
        placed=ask("with redshift", real, redshift=True),
        told=ask("with both", real, redshift=True, phase=True),
        anomaly=odd(alone),
    )
    calibrating = Calibrating(data=calibration, prediction=found, anomaly=odd(found))
    select = data.part("select")
    predicted = alone.fine.argmax(1)
    figures: dict[str, Any] = {
        "split": split,
        "conditions": CONDITIONS,
        "real": summary(alone.fine, real),
        "domains": by_domain(asked, calibrating, headers),
        "unlike_both": int((domain_names(real.spacing) == "").sum()),
        "semi_real": summary(ask("semi-real", semi).fine, semi) if len(semi) else None,
        "strategies": _strategies(ask("selection split", select), select, asked),
        "source_probe": source_probe(real, alone.embedding),
        "false_alarms": {c: false_alarms_by_instrument(real, predicted, c) for c in ("TDE", "AGN")},
        "harmonised": None,
        "semi_real_sedm": None,
        "sedm": [],
        "sedm_with_redshift": [],
    }
    return figures if quick else figures | _brought_down(ask, _fine(real), semi)


def _brought_down(ask: Callable[..., EnsemblePrediction], fine: Dataset, semi: Dataset) -> dict[str, Any]:
    """Spectra of high resolution brought to lower resolution and more noise, with several draws of it."""
    figures: dict[str, Any] = {"sedm": [], "sedm_with_redshift": []}
    if len(semi):
        figures["semi_real_sedm"] = summary(ask("semi-real, degraded", _at_sedm(semi)).fine, semi)
    if not len(fine):
        return figures
    figures["harmonised"] = summary(ask("one window, resolution and noise", _harmonised(fine)).fine, fine)
    for snr in SNRS:
        drawn = _draws(fine, snr)
        figures["sedm"].append({"snr": snr, **_noisy(ask(f"R 100, SNR {snr:g}", drawn).fine, drawn)})
        if snr == SEDM_SNR:
            placed = ask(f"R 100, SNR {snr:g}, with redshift", drawn, redshift=True)
            figures["sedm_with_redshift"] = [{"snr": snr, **_noisy(placed.fine, drawn)}]
    return figures


def compare_bundles(
    bundles: Sequence[Bundle],
    data: Dataset,
    *,
    split: str,
    started: Started,
    without: Set[str] = frozenset(),
    quick: bool = False,
) -> dict[str, Any]:
    """Several bundles on the real spectra of one split, each domain by itself, as spectra and with each object once.

    Parameters
    ----------
    without : set of str
        Objects (groups) that stay out: those that one of the bundles has learned from.
    quick : bool
        Leave out the spectra of high resolution brought to SEDM's resolution and noise.
    """
    real = data.part(split)
    left_out = sorted(without & set(real.groups))
    real = real.rows(~np.isin(real.groups, sorted(without)))
    names = domain_names(real.spacing)
    conditions = {name: [real.rows(names == name)] for name in (LOW, HIGH) if (names == name).any()}
    if HIGH in conditions and not quick:
        (fine,) = conditions[HIGH]
        title = f"{HIGH}, brought to R {SEDM_RESOLUTION:g}, signal-to-noise {SEDM_SNR:g}, mean of {DRAWS} draws of it"
        conditions[title] = [_at_sedm(fine, seed=seed) for seed in range(DRAWS)]
    results = {}
    for condition, views in conditions.items():
        rows, answers = views[0], {}
        for bundle in bundles:
            with started(f"{bundle.bundle_id}, {condition.split(',')[0]}", len(rows) * len(views)) as advance:
                answers[bundle.bundle_id] = [predict_dataset(bundle.ensemble, v, progress=advance).fine for v in views]
        results[condition] = {
            "spectra": len(rows),
            "objects": len(set(rows.groups)),
            "class_mix": rows.counts(),
            "by_spectrum": compare(answers, rows.label, rows.groups),
            "by_object": compare(answers, rows.label, rows.groups, once=True),
        }
    return {
        "split": split,
        "spectra": len(real),
        "objects": len(set(real.groups)),
        "left_out": left_out,
        "conditions": results,
    }


def _fine(data: Dataset) -> Dataset:
    return data.rows(domain_names(data.spacing) == HIGH)


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
    return {k: s[k] for k in (*HEADLINE, "recall")}


def _strategies(tune: EnsemblePrediction, select: Dataset, asked: Asked) -> dict[str, Any]:
    """Ways to combine, tuned on the selection split as a whole and scored on each domain."""
    if len(tune.seeds) < 2:
        return {}
    names = domain_names(asked.data.spacing)
    out: dict[str, Any] = {}
    for n, combine in STRATEGIES.items():
        p = combine(tune, select.label, asked.plain)
        out[n] = {
            domain: _headline(summary(p[names == domain], asked.data.rows(names == domain)))
            for domain in (LOW, HIGH)
            if (names == domain).any()
        }
    return out

"""From a bundle and a data folder to the same bundle with an anomaly layer."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from models.bundle import load, verify, write_card
from models.domain import FINE_CLASSES
from models.sentinel.detector import FALSE_ALARM_RATE, Sentinel
from models.sentinel.stored import files_of, save_sentinel
from models.spectral.ensemble import Ensemble
from models.training.dataset import Dataset
from models.training.evaluate import believe
from models.training.oddities import ODDITIES, odd_ones
from models.training.sentinel import Believed, Material, fit_sentinel
from plugin.progress import Advance

ODD_FIT, ODD_TEST = 40, 200
"""Oddities of each kind for the combiner, and for the figures."""

Started = Callable[[str, int], AbstractContextManager[Advance]]


def gather(ensemble: Ensemble, labelled: Dataset, rare: Dataset, *, started: Started, train: bool = True) -> Material:
    """Ask the ensemble about every spectrum the layer needs; by far the longest part.

    Parameters
    ----------
    started : callable
        `started(what, total)` gives a context manager whose value is told of progress.
    train : bool
        False leaves out the training spectra but one: only fitting needs them.
    """
    select, test = labelled.part("select"), labelled.part("test")
    learned = labelled.part("train", real=False)
    sets = {
        # One spectrum stands for all where nothing is fitted to them.
        "train": learned if train else learned.rows(np.arange(1)),
        "select": labelled.part("select", real=False),
        "calibrate": labelled.part("calibrate"),
        "test": test,
        "rare": rare,
        **{f"odd {kind}": odd_ones(select, kind, ODD_FIT, seed=1) for kind in ODDITIES},
        **{f"odd test {kind}": odd_ones(test, kind, ODD_TEST, seed=2) for kind in ODDITIES},
    }
    done = {name: _believed(ensemble, name, data, started) for name, data in sets.items()}
    return Material(
        train=done["train"],
        select=done["select"],
        calibrate=done["calibrate"],
        test=done["test"],
        rare=done["rare"],
        odd={kind: done[f"odd {kind}"] for kind in ODDITIES},
        odd_test={kind: done[f"odd test {kind}"] for kind in ODDITIES},
    )


def _believed(ensemble: Ensemble, name: str, data: Dataset, started: Started) -> Believed:
    with started(name, len(data)) as advance:
        return Believed(data=data, beliefs=believe(ensemble, data, progress=advance))


def add_sentinel(folder: Path, labelled: Dataset, rare: Dataset, *, today: date, started: Started) -> dict[str, Any]:
    """Fit the layer for a bundle, write it into the folder and into the card; replaces an earlier one.

    Returns
    -------
    dict
        The card's `sentinel` section.

    Raises
    ------
    BundleError
        If the bundle is damaged.
    ValueError
        If the data are not those the bundle was trained with: its test objects may be in these training splits.
    """
    bundle = load(folder)
    if labelled.hash() != bundle.card["training"]["data_hash"]:
        raise ValueError("these spectra or splits are not those the bundle was trained with")
    material = gather(bundle.ensemble, labelled, rare, started=started)
    sentinel = fit_sentinel(material)
    card = _without(folder)
    section = save_sentinel(sentinel, folder) | _described(sentinel, material, today)
    write_card(folder, card | {"sentinel": section})
    return section


def _without(folder: Path) -> dict[str, Any]:
    """Take an earlier layer out of the folder and the card."""
    card = verify(folder)
    if "sentinel" in card:
        for name in files_of(card["sentinel"]):
            (folder / name).unlink(missing_ok=True)
    return {k: v for k, v in card.items() if k not in ("sentinel", "files")}


def _described(sentinel: Sentinel, material: Material, today: date) -> dict[str, Any]:
    rare, cal = material.rare.data, material.calibrate.data
    predicted = np.bincount(sentinel.calibration.predicted, minlength=len(FINE_CLASSES)).tolist()
    gains = {str(d.seed): d.combiner.importances for d in sentinel.detectors}
    return {
        "date": today.isoformat(),
        "false_alarm_rate": FALSE_ALARM_RATE,
        "rates": {k: round(v, 4) for k, v in sentinel.false_alarm_rates().items()},
        "threshold": round(sentinel.threshold, 6),
        "seed_thresholds": [round(float(t), 6) for t in sentinel.seed_thresholds],
        "calibration_size": len(cal),
        "calibration_objects": len(set(cal.groups)),
        "calibration_predicted": dict(zip(FINE_CLASSES, predicted, strict=True)),
        "exposure_real": dict(sorted(Counter(np.array(rare.kinds)[~rare.semi_real].tolist()).items())),
        "exposure_semi_real": dict(sorted(Counter(np.array(rare.kinds)[rare.semi_real].tolist()).items())),
        "exposure_simulated": {kind: len(b.data) for kind, b in material.odd.items()},
        "analogs": len(sentinel.analogs.names),
        "fine_tuned": False,
        "conditions": "no redshift, no phase; banks from train, ranks and combiner from select, thresholds from "
        "calibrate; every rare spectrum is exposure, so figures come from the k-fold protocol only",
        "importances": {seed: {k: round(v, 4) for k, v in g.items()} for seed, g in gains.items()},
    }

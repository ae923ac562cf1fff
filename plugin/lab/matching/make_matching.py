"""From a bundle and a data folder to the same bundle with a bank of matches. Its weights stay as they are."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from models.analyst import Analyst
from models.bundle import Bundle, load, verify, write_card
from models.conformal.sets import nonconformity
from models.domain import FINE_CLASSES
from models.matching.bank import described
from models.matching.grid import BINS, STEP
from models.spectral.prepare import LOW_RESOLUTION_A
from models.together import calibrated
from models.training.dataset import SPLITS, Dataset
from models.training.evaluate import predict_dataset
from models.training.matching.choose import BankRules, bank_of, chosen
from models.training.matching.fit import Material, fit, held_back, priors, questions
from plugin.lab.matching.frames import read_frames
from plugin.ops.progress import Advance

BANK, FITTED, TOLD = "matching-bank.safetensors", "matching-fitted.safetensors", "matching-told.safetensors"
Started = Callable[[str, int], AbstractContextManager[Advance]]


def add_matching(
    folder: Path,
    data_folder: Path,
    data: Dataset,
    *,
    today: date,
    started: Started,
    rules: BankRules | None = None,
) -> Mapping[str, Any]:
    """Choose the bank, fit and calibrate what is read from it, and write both into the bundle; returns the section.

    Parameters
    ----------
    data_folder : Path
        Where the spectra stand that `data` was read from.

    Raises
    ------
    BundleError
        If the bundle is damaged.
    ValueError
        If it was trained on other spectra or splits: the bank would hold objects of its tests.
    """
    card: dict[str, Any] = dict(verify(folder))
    if card["training"]["data_hash"] != data.hash():
        raise ValueError(f"{folder}: trained on other spectra or splits")
    rules = rules or BankRules()
    rows = chosen(data, rules)
    with started("bank", len(rows)) as advance:
        rest = read_frames(data_folder, data.rows(rows), rest=True, progress=advance)
    bank = bank_of(data.rows(rows), rest.values, rest.masks)
    bundle = load(folder, layer=False)
    taught = _material(bundle, data_folder, data.rows(questions(data)), "training spectra", started)
    held = _material(bundle, data_folder, data.rows(held_back(data)), "held-back spectra", started)
    analyst = Analyst(bundle)
    with started("matches", len(taught.data) + len(held.data)) as advance:
        fitted = fit(bank, taught, held, priors(data), analyst.in_question, progress=advance)
    bank.save(folder / BANK)
    fitted.save(folder / FITTED)
    told = data.part("calibrate")
    told = told.rows(np.isfinite(told.redshift))
    with started("calibration with redshift", len(told)) as advance:
        scores = _told(bundle, told, advance)
    low = held.data.spacing > LOW_RESOLUTION_A
    scores |= calibrated(held.fine, held.data.label, held.data.groups, low)
    save_file(scores, folder / TOLD)
    section = {
        "bank": BANK,
        "fitted": FITTED,
        "told": TOLD,
        "date": today.isoformat(),
        "spectra": len(bank),
        "objects": len(set(bank.objects)),
        "classes": described(bank, FINE_CLASSES),
        "bins": BINS,
        "step": STEP,
        "calibration": {"spectra": len(held.data), "objects": len(set(held.data.groups)), "splits": list(SPLITS[1:3])},
        "told_calibration": {"spectra": len(told), "objects": len(set(told.groups))},
        "objects_with_several": len(scores["together_low"]),
        "conditions": "bank: real, undisputed spectra of training objects; intervals: real spectra of select and "
        "calibrate, coverage >= 0.8, redshift not told; sets with a redshift: those of calibrate, the catalogue's told",
        "sources": sorted(set(bank.sources)),
    }
    card = {**card, "matching": section}
    write_card(folder, {k: v for k, v in card.items() if k not in ("files", "format")})
    verify(folder)
    return section


def _material(bundle: Bundle, folder: Path, data: Dataset, what: str, started: Started) -> Material:
    with started(what, len(data)) as advance:
        frames = read_frames(folder, data)
        prediction = predict_dataset(bundle.ensemble, data, progress=advance)
    return Material(
        data=data, values=frames.values, masks=frames.masks, fine=prediction.fine, embedding=prediction.embedding
    )


def _told(bundle: Bundle, data: Dataset, advance: Advance) -> dict[str, NDArray[Any]]:
    """Calibration scores of the networks when they are told the redshift."""
    prediction = predict_dataset(bundle.ensemble, data, redshift=True, progress=advance)
    return {
        "nonconformity": nonconformity(prediction.fine, data.label),
        "label": data.label,
        "predicted": prediction.fine.argmax(1),
        "spacing": data.spacing,
    }

"""Calibration of a bundle for spectra that cover 70-80 % of the window, beside that for whole ones."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from models.anomaly_layer import AnomalyLayer
from models.bundle import Bundle, load, verify, write_card
from models.conformal.domains import PARTIAL_DOMAINS, is_whole
from models.conformal.sets import nonconformity
from models.conformal.spread import decompose
from models.sentinel.detector import Calibration, Sentinel
from models.sentinel.stored import CALIBRATION
from models.spectral.ensemble import EnsemblePrediction
from models.training.dataset import Dataset
from models.training.evaluate import predict_dataset
from plugin.lab.spectra.partial import Masks, domains_of, extents, partial
from plugin.ops.progress import Advance


def add_partial(folder: Path, data: Dataset, *, advance: Advance = lambda _: None) -> dict[str, Any]:
    """Calibrate a bundle for spectra of 70-80 % coverage; the networks and what it says of whole spectra stay.

    The last step of making a bundle: `bundle add-sentinel` calibrates its layer on whole spectra alone.

    Returns
    -------
    dict
        The card's `calibration.partial`: spectra, objects and how many are cut, by domain.

    Raises
    ------
    BundleError
        If the bundle is damaged.
    ValueError
        If the data are not those the bundle was trained with.
    """
    bundle = load(folder)
    if data.hash() != bundle.card["training"]["data_hash"]:
        raise ValueError("these spectra or splits are not those the bundle was trained with")
    whole = data.part("calibrate")
    added, was_cut = partial(data, "calibrate")
    prediction = predict_dataset(bundle.ensemble, added, progress=advance)
    card: dict[str, Any] = dict(verify(folder))
    _extend_sets(bundle, folder / card["calibration"]["file"], whole, added, was_cut, prediction)
    described = _described(added, was_cut)
    card["calibration"] = {**card["calibration"], "size": len(whole) + len(added), "partial": described}
    if bundle.sentinel is not None:
        calibration = _extended(bundle.sentinel, whole, added, prediction)
        columns = {f.name: getattr(calibration, f.name) for f in fields(Calibration)}
        save_file({k: np.ascontiguousarray(v) for k, v in columns.items() if v is not None}, folder / CALIBRATION)
        layer = AnomalyLayer(Sentinel(bundle.sentinel.detectors, calibration, bundle.sentinel.analogs))
        rates = {name: {k: round(v, 4) for k, v in r.items()} for name, r in layer.expected().items()}
        limits = {name: round(own.limits.anchor, 6) for name, own in layer.calibrated.items()}
        card["sentinel"] = {**card["sentinel"], "domains": rates, "thresholds": limits}
    write_card(folder, {k: v for k, v in card.items() if k != "files"})
    return described


def _described(data: Dataset, was_cut: Masks) -> dict[str, Any]:
    names, groups = domains_of(data), np.array(data.groups)
    found = {
        name: {
            "spectra": int((names == name).sum()),
            "objects": len(set(groups[names == name])),
            "cut": int(was_cut[names == name].sum()),
        }
        for name in PARTIAL_DOMAINS
    }
    conditions = "coverage 0.7 to 0.8: real spectra, and those of the calibration set cut at the red or the blue end"
    return {"conditions": conditions, "domains": found}


def _whole_rows(coverage: NDArray[np.floating] | None, size: int, whole: Dataset) -> Masks:
    """Which of a bundle's calibration rows are the whole spectra: all, unless it was done before."""
    kept = np.ones(size, bool) if coverage is None else np.array([is_whole(float(c)) for c in coverage], bool)
    if int(kept.sum()) != len(whole):
        raise ValueError("the bundle is calibrated on other spectra than these")
    return kept


def _ends(parts: Sequence[Dataset]) -> Mapping[str, NDArray[np.float64]]:
    rows = np.array([e for part in parts for e in extents(part)], np.float64).reshape(-1, 3)
    return {"coverage": rows[:, 0], "blue_end": rows[:, 1], "red_end": rows[:, 2]}


def _extend_sets(
    bundle: Bundle, path: Path, whole: Dataset, added: Dataset, was_cut: Masks, prediction: EnsemblePrediction
) -> None:
    """The scores behind the prediction sets."""
    old = bundle.calibration
    kept = _whole_rows(old.get("coverage"), len(old["nonconformity"]), whole)
    if not np.array_equal(old["label"][kept], whole.label):
        raise ValueError("the bundle is calibrated on other spectra than these")
    new = {
        "nonconformity": nonconformity(prediction.fine, added.label),
        "label": added.label,
        "predicted": prediction.fine.argmax(1),
        "spacing": added.spacing,
    }
    columns = {k: np.concatenate([old[k][kept], v.astype(old[k].dtype)]) for k, v in new.items()}
    columns |= {**_ends([whole, added]), "cut": np.concatenate([np.zeros(len(whole), bool), was_cut])}
    save_file({k: np.ascontiguousarray(v) for k, v in columns.items()}, path)


def _extended(sentinel: Sentinel, whole: Dataset, added: Dataset, prediction: EnsemblePrediction) -> Calibration:
    """What the anomaly layer says of the calibration spectra, the partial ones after the whole."""
    old = sentinel.calibration
    kept = _whole_rows(old.coverage, len(old.label), whole)
    judged = sentinel.judge(prediction)
    new = {
        "seed_scores": judged.seed_scores,
        "families": judged.families,
        "fine": prediction.fine,
        "epistemic": decompose(prediction.member_fine).epistemic,
        "label": added.label,
        "spacing": added.spacing.astype(np.float64),
    }
    columns: dict[str, Any] = {k: np.concatenate([getattr(old, k)[kept], v]) for k, v in new.items()}
    return Calibration(**(columns | dict(_ends([whole, added]))))

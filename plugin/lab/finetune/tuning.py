"""The members of a bundle go on learning from a marshal's spectra; then a candidate is calibrated and written."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from models.bundle import load, net_of, read_member, verify, write_card, write_member
from models.card_fields import BundleCard, MemberFields, fingerprint
from models.conformal.sets import nonconformity
from models.domain import FINE_CLASSES
from models.training.dataset import SPLITS, Dataset, joined
from models.training.evaluate import predict_dataset
from models.training.sentinel.protocol import domain_names
from models.training.spectral.going_on import GoingOn, blended
from models.training.spectral.mix import SKYPORTAL
from models.training.spectral.presets import PRESETS, TrainConfig
from models.training.spectral.train import train_seed
from plugin.lab.finetune.sides import Own
from plugin.ops.progress import Advance

RATE: Final = 1e-4
"""Learning rate; the trainings from nothing began with 1.5e-3."""
BLEND: Final = 0.5
"""How far a candidate's weights go from those before to those after. Fixed beforehand, never chosen on what judges."""
SHARE_REHEARSED: Final = 0.5
"""Of what is shown, where the training data are at hand: as much as the marshal's own."""
OF_ONES_OWN: Final = 100
"""Calibration spectra of a resolution; with fewer those of the training data stand beside them, where at hand."""
LEAST: Final = 20
"""Objects that teach, that calibrate and that judge, at least."""
DROPPED: Final = {
    "sentinel": "anomaly layer (no ALERTs and no p-values): it was fitted on what the networks before said",
    "matching": "bank of matches (no redshifts from the spectrum): it is calibrated with the networks before",
    "metrics": "figures of the bundle before",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How a fine-tuning is done.

    Parameters
    ----------
    epochs, steps : int
        Epochs, and steps in each.
    least : int
        Objects of each kind that are needed.
    """

    epochs: int = 6
    steps: int = 60
    least: int = LEAST

    def config(self, card: BundleCard, member: MemberFields) -> TrainConfig:
        """The settings for one member: its network and batch; the augmentations of the SED Machine's presets.

        The heads for subtype, redshift and phase are not part of a bundle: they would begin at random and pull at the
        embedding, so nothing but the class is learned.
        """
        trained = card["training"]["config"]
        return replace(
            PRESETS["longslit"],
            net=net_of(card, member),
            auxiliary=TrainConfig().auxiliary,
            simulated=0.0,
            batch=int(trained.get("batch", 72)),
            steps_per_epoch=self.steps,
            epochs=self.epochs,
            learning_rate=RATE,
            matrix_rate=0.0,
            warmup=0,
            period=self.epochs,
            patience=self.epochs,
            swa_from=0.5,
        )


def enough(data: Dataset, least: int) -> None:
    """Refuse what is too little to say anything.

    Raises
    ------
    ValueError
        With how many objects there are.
    """
    told = {"train": "teach", "calibrate": "calibrate", "test": "judge"}
    counts = {what: len(set(data.part(side).groups)) for side, what in told.items()}
    if min(counts.values()) < least or not len(data.part("select")):
        have = ", ".join(f"{n} that {what}" for what, n in counts.items())
        raise ValueError(f"too few classified objects ({have}); at least {least} of each are needed")


def tune(
    folder: Path,
    bundle: Path,
    own: Own,
    tuning: Tuning,
    *,
    name: str,
    today: date,
    rehearsed: Dataset | None = None,
    report: Callable[[dict[str, Any]], None] = lambda _: None,
    advance: Advance = lambda _: None,
) -> dict[str, Any]:
    """Train every member on, or on from its checkpoint, and write the candidate to `folder`/bundle.

    Parameters
    ----------
    bundle : Path
        Its members' weights are where the training begins; it is not changed.
    rehearsed : Dataset, optional
        The bundle's own training data with their splits: `train` is shown again, `calibrate` fills up resolutions of
        which the marshal has few spectra.

    Returns
    -------
    dict
        The candidate's card.

    Raises
    ------
    ValueError
        If there are too few objects, or the folder holds a training on other spectra, sides or settings.
    BundleError
        If the bundle is damaged.
    """
    enough(own.data, tuning.least)
    card = verify(bundle)
    _same_as_before(folder, own.data, card, tuning, rehearsed)
    again = None if rehearsed is None else rehearsed.part("train", real=False, min_coverage=0.6)
    going_on = GoingOn(shown=_shown(card, own.data), rehearsed=again, share=SHARE_REHEARSED)
    out = folder / "bundle"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    entries: list[dict[str, Any]] = []
    for member in _one_of_each(card):
        seed, file = member["seed"], bundle / member["file"]
        found = train_seed(
            own.data, tuning.config(card, member), seed, folder, start_from=file, going_on=going_on, report=report
        )
        called = f"member-{seed}-swa.safetensors"
        write_member(blended(read_member(file), found["swa"], BLEND), out / called)
        entries.append({**member, "file": called, "kind": "swa", "from": card["name"]})
    made = _card(card, own, tuning, name=name, today=today, rehearsed=again)
    return _calibrated(out, made | {"members": entries}, own, rehearsed, today=today, advance=advance)


def _same_as_before(folder: Path, data: Dataset, card: BundleCard, tuning: Tuning, rehearsed: Dataset | None) -> None:
    """A checkpoint goes on only with what it began with: an object that taught it may judge by now."""
    sides = sorted(set(zip(data.groups, data.split.tolist(), strict=True)))
    this = {
        "spectra": data.hash(),
        "sides": hashlib.sha256(json.dumps(sides).encode()).hexdigest(),
        "bundle": fingerprint(card),
        "rehearsed": None if rehearsed is None else rehearsed.hash(),
        **asdict(tuning),
    }
    path = folder / "begun.json"
    if path.exists() and json.loads(path.read_text(encoding="utf-8")) != this:
        raise ValueError(f"{folder} holds a training on other spectra, classes or settings: take a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(this, indent=2) + "\n", encoding="utf-8")


def _one_of_each(card: BundleCard) -> list[MemberFields]:
    """One member a seed, the averaged one where there is one."""
    chosen: dict[int, MemberFields] = {}
    for member in card["members"]:
        if member["seed"] not in chosen or member["kind"] == "swa":
            chosen[member["seed"]] = member
    return list(chosen.values())


def _shown(card: BundleCard, data: Dataset) -> NDArray[np.float64]:
    """The mix of classes that the bundle was shown; of one that does not say, the marshal's to the power of 0.7."""
    told = card.get("prior")
    if told is not None:
        return np.array([told["shown"][c] for c in FINE_CLASSES], float)
    return np.array([SKYPORTAL[c] ** 0.7 for c in FINE_CLASSES], float)


def _card(
    card: BundleCard, own: Own, tuning: Tuning, *, name: str, today: date, rehearsed: Dataset | None
) -> dict[str, Any]:
    """The card before, without what does not hold any more. Its data are still those of the training before."""
    kept: dict[str, Any] = {
        k: v
        for k, v in card.items()
        if k not in {*DROPPED, "sentinel_metrics", "conformal_metrics", "files", "calibration", "members"}
    }
    data = own.data
    kept["training"] = {
        **card["training"],
        "fine_tuned": {
            "from": card["name"],
            "data_hash": data.hash(),
            "counts": {s: data.rows(data.split == i).counts() for i, s in enumerate(SPLITS)},
            "rehearsed": 0 if rehearsed is None else len(rehearsed),
            "rate": RATE,
            "blend": BLEND,
            **asdict(tuning),
        },
    }
    return kept | {
        "name": name,
        "created": today.isoformat(),
        "sources": [*card["sources"], "a marshal's own spectra, with the classes that people gave them"],
        "weaknesses": [*card["weaknesses"], "Fine-tuned: rare classes of which the marshal has few may be forgotten."],
    }


def _calibrated(
    folder: Path, card: dict[str, Any], own: Own, rehearsed: Dataset | None, *, today: date, advance: Advance
) -> dict[str, Any]:
    """Calibrate on held-back objects with the half-precision weights, as they will be served; write the card.

    Temperature and odds of the classes stay: the mix that was shown has not changed, and sets need neither.
    """
    data, filled = calibration_data(own.data, rehearsed)
    card["calibration"] = {
        "file": "calibration.safetensors",
        "id": f"own-{data.hash()[:8]}",
        "size": len(data),
        "objects": len(set(data.groups)),
        "date": today.isoformat(),
        "method": "lac",
        "class_mix": data.counts(),
        "conditions": "spectra of the marshal that people classified, coverage >= 0.8, no redshift, no phase, no "
        "object of any other side" + (f"; beside {filled} of the training data's split `calibrate`" if filled else ""),
    }
    save_file({"nonconformity": np.zeros(1)}, folder / "calibration.safetensors")
    write_card(folder, card)
    prediction = predict_dataset(load(folder, layer=False).ensemble, data, progress=advance)
    scores = {
        "nonconformity": nonconformity(prediction.fine, data.label),
        "label": data.label,
        "predicted": prediction.fine.argmax(1),
        "spacing": data.spacing,
    }
    save_file(scores, folder / "calibration.safetensors")
    return write_card(folder, card)


def calibration_data(own: Dataset, rehearsed: Dataset | None) -> tuple[Dataset, int]:
    """The marshal's calibration spectra, and of the training data's those of resolutions it has few of; how many."""
    mine = own.part("calibrate")
    if rehearsed is None:
        return mine, 0
    theirs, names = rehearsed.part("calibrate"), domain_names(mine.spacing)
    kinds = domain_names(theirs.spacing)
    few = [k for k in sorted(set(kinds.tolist())) if k and int((names == k).sum()) < OF_ONES_OWN]
    added = theirs.rows(np.isin(kinds, few))
    return (joined([mine, added]), len(added)) if len(added) else (mine, 0)


def dropped(card: Mapping[str, Any]) -> list[str]:
    """What of the bundle before the candidate does not have, in words."""
    found = [why for key, why in DROPPED.items() if key in card]
    if "partial" in card["calibration"]:
        found.append("calibration spectra that cover 70-80 % (such spectra are refused)")
    return found

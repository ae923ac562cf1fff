"""From a finished training to a bundle: members, calibration, card."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import Tensor

from models.bundle import load, net_of, verify, write_card, write_member
from models.conformal.sets import nonconformity
from models.domain import COARSE_CLASSES, FINE_CLASSES
from models.spectral.prepare import LOW_RESOLUTION_A
from models.spectral.readout import Readout
from models.training.dataset import SPLITS, Dataset
from models.training.evaluate import predict_dataset
from models.training.spectral.mix import mix
from models.training.spectral.presets import TrainConfig
from models.training.spectral.temperature import fit_temperature
from plugin.lab.dataset.labelled import Labelled
from plugin.ops.progress import Advance

SOURCES = (
    "Open Supernova, TDE, Nova and Kilonova Catalogs (Guillochon et al. 2017, ApJ 835, 64)",
    "WISeREP (Yaron & Gal-Yam 2012, PASP 124, 668)",
    "kaepora (Siebert et al. 2019, MNRAS 486, 5785): CfA (Blondin et al. 2012), BSNIP (Silverman et al. 2012; Stahl et "
    "al. 2020), CSP-I (Folatelli et al. 2013)",
    "Gutierrez et al. 2017 (ApJ 850, 89)",
    "TDECat (Langis et al. 2025), CC BY-NC 4.0",
    "OzDES (Muthukrishna et al. 2019)",
    "SDSS (York et al. 2000; Bolton et al. 2012), public data",
    "SED Machine spectra of ZTF transients, 2018 to 2020 (the training set of SNIascore, Fremling et al. 2021, ApJL "
    "917, L2), reduced by pysedm (Rigault et al. 2019)",
    "SLSNe-I of the compilation of Gomez et al. (2024, MNRAS 535, 471)",
    "the NGSF bank's originals from WISeREP, an early Open Supernova Catalog, and spectra published with single papers",
    "semi-real AGN and CV spectra, made from SDSS eigen-spectra and analytic parts; never in a figure called real",
)
SIMULATED = "simulated spectra of TDEs, SLSNe, SNe II and SNe Ibc, analytic, in training alone and in no figure"


def make_bundle(
    folder: Path,
    members: Mapping[tuple[int, str], Mapping[str, Tensor]],
    config: TrainConfig,
    labelled: Labelled,
    *,
    name: str,
    device: str,
    today: date,
    earlier: Mapping[int, Any] | None = None,
    advance: Advance = lambda _: None,
) -> dict[str, Any]:
    """Write a bundle without figures; `astranet evaluate spectra --write-card` adds those.

    Parameters
    ----------
    members : mapping of (seed, kind) to weights
    labelled : Labelled
        The data the members were trained on; only its `select` and `calibrate` splits are used here.
    earlier : mapping of seed to mapping, optional
        The `training` part of the card of the bundle each seed's weights went on from, None for those that began anew.

    Returns
    -------
    dict
        The card.
    """
    _empty(folder)
    entries = []
    for (seed, kind), weights in members.items():
        file = f"member-{seed}-{kind}.safetensors"
        write_member(weights, folder / file)
        entries.append({"file": file, "seed": seed, "kind": kind})
    card = _card(name, config, labelled, device, today) | {"members": entries}
    card["training"]["earlier_stage"] = {str(seed): stage for seed, stage in (earlier or {}).items()}
    return _calibrated(folder, card, labelled, device=device, today=today, advance=advance)


def join_bundles(
    folder: Path,
    taken: Sequence[tuple[Path, Mapping[int, int]]],
    labelled: Labelled,
    *,
    name: str,
    today: date,
    kinds: Sequence[str] = (),
    device: str = "cpu",
    advance: Advance = lambda _: None,
) -> dict[str, Any]:
    """One bundle from the members of several, calibrated anew; without figures and without an anomaly layer.

    Parameters
    ----------
    taken : sequence of (folder, mapping of int to int)
        Which seeds of which bundle, and what each is called in the new one: a seed's number stands for one training,
        and two kinds of network may have begun from the same. The networks may be of different kinds.
    labelled : Labelled
        The data all of them were trained on.
    kinds : sequence of str
        Which of a training's members to take, `best` or `swa`; both when left out.

    Returns
    -------
    dict
        The card. Its `training` is the first bundle's, with the others' under `joined`; so is the mix of classes that
        was shown.

    Raises
    ------
    BundleError
        If one of them is damaged.
    ValueError
        If a bundle has no such seed, a seed is taken twice, or a bundle was trained on other data or splits: its
        training objects may be in these test splits.
    """
    cards = {source: verify(source) for source, _ in taken}
    entries: list[dict[str, Any]] = []
    files: list[tuple[Path, str]] = []
    for source, seeds in taken:
        card = cards[source]
        if card["training"]["data_hash"] != labelled.data.hash():
            raise ValueError(f"{source}: trained on other spectra or splits")
        for seed, called in seeds.items():
            if all(m["seed"] != seed for m in card["members"]):
                raise ValueError(f"{source}: no member of seed {seed}")
            if any(e["seed"] == called for e in entries):
                raise ValueError(f"seed {called} is taken twice: call one of them otherwise")
            mine = [m for m in card["members"] if m["seed"] == seed and (not kinds or m["kind"] in kinds)]
            if not mine:
                raise ValueError(f"{source}: seed {seed} has no member of kind {' or '.join(kinds)}")
            for member in mine:
                file = f"member-{called}-{member['kind']}.safetensors"
                own_net, begun = net_of(card, member).to_dict(), member.get("begun", seed)
                entries.append(
                    member | {"file": file, "seed": called, "net": own_net, "from": card["name"], "begun": begun}
                )
                files.append((source / member["file"], file))
    _empty(folder)
    for source_file, file in files:
        shutil.copyfile(source_file, folder / file)
    first = cards[taken[0][0]]
    kept = ("classes", "coarse_classes", "net", "metadata", "weaknesses")
    joined = {c["name"]: {k: v for k, v in c["training"].items() if not k.startswith("counts")} for c in cards.values()}
    made: dict[str, Any] = {k: v for k, v in first.items() if k in kept}
    made |= {"name": name, "created": today.isoformat(), "members": entries}
    made["sources"] = list(dict.fromkeys(source for c in cards.values() for source in c["sources"]))
    made["training"] = {k: v for k, v in first["training"].items() if k != "earlier_stage"} | {"joined": joined}
    return _calibrated(folder, made, labelled, device=device, today=today, advance=advance)


def _empty(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def _calibrated(
    folder: Path, card: dict[str, Any], labelled: Labelled, *, device: str, today: date, advance: Advance
) -> dict[str, Any]:
    """Add temperature, odds of the classes and calibration scores of the members in the folder, and write the card."""
    select, calibration = labelled.data.part("select"), labelled.data.part("calibrate")
    shares = mix(labelled.data, card["training"]["config"])
    readout = Readout(odds=shares.odds)
    card |= {"temperature": 1.0, "class_odds": dict(zip(FINE_CLASSES, readout.odds, strict=True))}
    card |= {"prior": shares.to_dict(), "calibration": _calibration(calibration, today)}
    save_file({"nonconformity": np.zeros(1)}, folder / "calibration.safetensors")
    write_card(folder, card)
    # From here on with the half-precision weights, as they will be served.
    ensemble = load(folder, device=device).ensemble
    chosen = predict_dataset(ensemble, select)
    card["temperature"] = round(fit_temperature(readout, chosen.member_logits, chosen.seeds, select.label), 4)
    ensemble.readout = replace(readout, temperature=card["temperature"])
    prediction = predict_dataset(ensemble, calibration, progress=advance)
    scores = {
        "nonconformity": nonconformity(prediction.fine, calibration.label),
        "label": calibration.label,
        "predicted": prediction.fine.argmax(1),
        "spacing": calibration.spacing,
    }
    save_file(scores, folder / "calibration.safetensors")
    return write_card(folder, card)


def _card(name: str, config: TrainConfig, labelled: Labelled, device: str, today: date) -> dict[str, Any]:
    data = labelled.data
    real = data.rows(~data.semi_real)
    return {
        "name": name,
        "created": today.isoformat(),
        "classes": list(FINE_CLASSES),
        "coarse_classes": list(COARSE_CLASSES),
        "net": config.net.to_dict(),
        "metadata": [k for k in ("phase", "redshift", "instrument") if getattr(config.metadata, k) > 0],
        "training": {
            "config": json.loads(json.dumps(config.to_dict())),
            "device": device,
            "torch": torch.__version__,
            "split_hash": labelled.splits_hash,
            "data_hash": data.hash(),
            "counts": {s: data.rows(data.split == i).counts() for i, s in enumerate(SPLITS)},
            "counts_real": {s: real.rows(real.split == i).counts() for i, s in enumerate(SPLITS)},
            "rejected": dict(labelled.rejected),
        },
        "sources": [*SOURCES, *([SIMULATED] if config.simulated else [])],
        "weaknesses": _weaknesses(real.rows(real.split == SPLITS.index("train"))),
    }


def _weaknesses(train: Dataset) -> list[str]:
    """What the card says of the limits, with the counts of the real training spectra."""
    n, low = train.counts(), train.rows(train.spacing > LOW_RESOLUTION_A).counts()
    few = np.isin(train.label, [FINE_CLASSES.index(c) for c in ("SLSN", "TDE")])
    disputed = int((train.disputed & few).sum())
    return [
        f"CVs are {n['CV']['spectra']} real spectra of {n['CV']['objects']} objects in training "
        f"({low['CV']['spectra']} spectra of the SED Machine, most of them in outburst), beside semi-real ones. In "
        "outburst they are blue and nearly featureless, as SNe II are in their first days and TDEs are: the spectrum "
        "alone often cannot tell.",
        f"Real AGN are {n['AGN']['spectra']} spectra of {n['AGN']['objects']} objects in training, most of them "
        "broad-line AGN of SDSS, the rest semi-real: narrow-line AGN are little tested.",
        f"SLSN ({n['SLSN']['objects']} objects, {low['SLSN']['objects']} seen by the SED Machine) and TDE "
        f"({n['TDE']['objects']} and {low['TDE']['objects']}) are few in training, {disputed} of their spectra with a "
        "disputed class, and fewer in the test: their intervals are wide.",
        "Low resolution was learned from SED Machine spectra of 2018 to 2020 and from others degraded to look like "
        "them: another low-resolution spectrograph, or another reduction, is not tested.",
        "It knows seven classes: anything else gets the nearest of them. Rare types are the anomaly layer's task.",
    ]


def _calibration(data: Dataset, today: date) -> dict[str, Any]:
    return {
        "file": "calibration.safetensors",
        "id": f"real-{data.hash()[:8]}",
        "size": len(data),
        "objects": len(set(data.groups)),
        "date": today.isoformat(),
        "method": "lac",
        "class_mix": data.counts(),
        "conditions": "real spectra, coverage >= 0.8, no redshift, no phase, no object of any other split",
    }

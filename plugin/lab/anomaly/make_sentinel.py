"""From a bundle and a data folder to the same bundle with an anomaly layer."""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from models.anomaly_layer import AnomalyLayer
from models.bundle import Bundle, load, verify, write_card
from models.domain import FINE_CLASSES
from models.sentinel.detector import FALSE_ALARM_RATE, Sentinel
from models.sentinel.stored import files_of, save_sentinel
from models.spectral.ensemble import STACKED, Ensemble, EnsemblePrediction, Member
from models.training.dataset import Dataset
from models.training.evaluate import predict_dataset
from models.training.sentinel.exposure import PRESETS
from models.training.sentinel.fitting import Material, PredictedSpectra, fit_sentinel
from models.training.sentinel.tuned import RARE_SHARE, REAL, SEMI_REAL, Tuning
from models.training.spectral.augmented_copies import augmented_copies
from models.training.spectral.oddities import ODDITIES, UNSEEN, odd_ones
from models.training.spectral.simulated import TEMPLATES, simulated
from plugin.ops.progress import Advance

ODD_FIT, ODD_TEST = 200, 200
"""Simulated spectra of each kind to learn from, and to try."""
VIEWS = 5
"""Augmented copies of each rare spectrum."""
THIN = 3
"""Every third training spectrum is shown augmented too."""
TRIED = (*ODDITIES, *UNSEEN, "galaxy")
"""What the figures try the layer on: new realisations of what it was exposed to, and kinds it was not."""

Started = Callable[[str, int], AbstractContextManager[Advance]]


def predict_material(
    bundle: Bundle,
    labelled: Dataset,
    rare: Dataset,
    *,
    started: Started,
    kept: Path | None = None,
) -> Material:
    """Ask the ensemble about every spectrum the layer needs; by far the longest part.

    Parameters
    ----------
    started : callable
        `started(what, total)` gives a context manager whose value is told of progress.
    kept : Path, optional
        Folder where answers stay, by network and spectra: whoever asks again reads them.
    """
    select, test = labelled.part("select"), labelled.part("test")
    train = labelled.part("train", real=False)
    train = train.rows(~train.disputed)
    sets = {
        "train": train,
        "select": labelled.part("select", real=False),
        "calibrate": labelled.part("calibrate"),
        "test": test,
        "rare": rare,
        "train views": augmented_copies(train.rows(np.arange(0, len(train), THIN)), 1, seed=4),
        "views": augmented_copies(rare, VIEWS, seed=3),
        **{f"odd {kind}": _odd(select, kind, ODD_FIT, 1) for kind in (*ODDITIES, *TEMPLATES)},
        **{f"odd test {kind}": _odd(test, kind, ODD_TEST, 2) for kind in TRIED},
    }
    done = {name: _predicted(bundle, name, data, started, kept) for name, data in sets.items()}
    parts = {name: done[name] for name in ("train", "select", "calibrate", "test", "rare", "views")}
    parts["train_views"] = done["train views"]
    return Material(
        **parts,
        odd={kind: done[f"odd {kind}"] for kind in (*ODDITIES, *TEMPLATES)},
        odd_test={kind: done[f"odd test {kind}"] for kind in TRIED},
    )


def tuning(
    bundle: Bundle,
    material: Material,
    preset: str,
    kept: Path,
    *,
    device: str = "cpu",
    advance: Advance = lambda _: None,
) -> Tuning:
    """Fine-tuning by a preset, kept in a folder of its own for these networks, spectra and settings."""
    config = PRESETS[preset]
    files = " ".join(bundle.card["files"][m["file"]] for m in bundle.card["members"])
    shares = (REAL, SEMI_REAL, RARE_SHARE)
    key = f"{_key(files, material.rare.data)} {material.train.data.hash()} {config} {shares}"
    mark = hashlib.sha256(key.encode())
    folder = kept / f"tuned-{preset}-{mark.hexdigest()[:16]}"
    return Tuning(material, bundle.ensemble.members, config, folder, device=device, progress=advance)


def _odd(data: Dataset, kind: str, n: int, seed: int) -> Dataset:
    return simulated(data, kind, n, seed) if kind in TEMPLATES else odd_ones(data, kind, n, seed)


def _predicted(bundle: Bundle, name: str, data: Dataset, started: Started, kept: Path | None) -> PredictedSpectra:
    """Each member's answers by themselves, so that a bundle with one member more asks that one alone."""
    members = bundle.ensemble.members
    files = [bundle.card["files"][m["file"]] for m in bundle.card["members"]]
    with started(name, len(data) * len(members)) as advance:
        parts = [_asked(m, _key(f, data), data, kept, advance) for m, f in zip(members, files, strict=True)]
    columns = {f: np.concatenate([p[f] for p in parts]).astype(np.float64) for f in STACKED if f != "member_fine"}
    fine = bundle.ensemble.readout(columns["member_logits"])
    texture = tuple(p["member_texture"].astype(np.float64) for p in parts)
    prediction = EnsemblePrediction(**columns, member_fine=fine, member_texture=texture, seeds=bundle.ensemble.seeds)
    return PredictedSpectra(data=data, prediction=prediction)


def _asked(
    member: Member, key: str, data: Dataset, kept: Path | None, advance: Advance
) -> dict[str, NDArray[np.floating]]:
    """One member's answers but for the readout, from the folder where it was asked before."""
    path = None if kept is None else kept / f"believed-{key}.safetensors"
    if path is not None and path.exists():
        advance(len(data))
        return load_file(path)
    prediction = predict_dataset(Ensemble([member]), data, progress=advance)
    columns = {f: getattr(prediction, f) for f in STACKED if f != "member_fine"}
    columns |= {"member_texture": prediction.member_texture[0]}
    answers = {f: np.ascontiguousarray(v.astype(np.float32)) for f, v in columns.items()}
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        save_file(answers, fresh)
        fresh.replace(path)
    return answers


def _key(networks: str, data: Dataset) -> str:
    """Which networks looked at which spectra."""
    digest = hashlib.sha256(networks.encode())
    digest.update(data.flux.tobytes())
    digest.update(data.mask.tobytes())
    return digest.hexdigest()[:16]


def add_sentinel(
    folder: Path,
    labelled: Dataset,
    rare: Dataset,
    *,
    today: date,
    started: Started,
    preset: str | None = "compact",
    seeds: Sequence[int] = (),
    kept: Path | None = None,
) -> dict[str, Any]:
    """Fit the layer for a bundle, write it into the folder and into the card; replaces an earlier one.

    Parameters
    ----------
    preset : str, optional
        Of the outlier exposure; without it the detectors are not tuned.
    seeds : sequence of int
        Those that get a detector; all when left out.
    kept : Path, optional
        See `predict_material`; adapters stay there too.

    Returns
    -------
    dict
        The card's `sentinel` section.

    Raises
    ------
    BundleError
        If the bundle is damaged.
    ValueError
        If the data are not those the bundle was trained with: its test objects may be in these training splits. If
        the preset tunes whole networks, which a bundle does not hold twice. Or if the bundle has no such seed.
    """
    bundle = load(folder, layer=False)  # an earlier one may need scores that are gone
    if labelled.hash() != bundle.card["training"]["data_hash"]:
        raise ValueError("these spectra or splits are not those the bundle was trained with")
    if preset is not None and PRESETS[preset].part != "top":
        raise ValueError(f"a bundle holds adapters, and {preset!r} tunes whole networks")
    if missing := set(seeds) - set(bundle.ensemble.seeds):
        raise ValueError(f"the bundle has no members of seeds {sorted(missing)}")
    material = predict_material(bundle, labelled, rare, started=started, kept=kept)
    with tempfile.TemporaryDirectory() as scratch:
        tuned = None if preset is None else tuning(bundle, material, preset, kept or Path(scratch))
        sentinel = fit_sentinel(material, tuned, seeds)
    card = _without(folder)
    section = save_sentinel(sentinel, folder) | _described(sentinel, material, today, preset)
    write_card(folder, card | {"sentinel": section})
    return section


def _without(folder: Path) -> dict[str, Any]:
    """Take an earlier layer out of the folder and the card."""
    card = verify(folder)
    if "sentinel" in card:
        for name in files_of(card["sentinel"]):
            (folder / name).unlink(missing_ok=True)
    return {k: v for k, v in card.items() if k not in ("sentinel", "files")}


def _described(sentinel: Sentinel, material: Material, today: date, preset: str | None) -> dict[str, Any]:
    layer = AnomalyLayer(sentinel)
    rare, cal = material.rare.data, material.calibrate.data
    predicted = np.bincount(sentinel.calibration.predicted, minlength=len(FINE_CLASSES)).tolist()
    gains = {str(d.seed): d.combiner.importances for d in sentinel.detectors}
    return {
        "date": today.isoformat(),
        "false_alarm_rate": FALSE_ALARM_RATE,
        "domains": {name: {k: round(v, 4) for k, v in rates.items()} for name, rates in layer.expected().items()},
        "thresholds": {name: round(own.limits.anchor, 6) for name, own in layer.calibrated.items()},
        "calibration_size": len(cal),
        "calibration_objects": len(set(cal.groups)),
        "calibration_predicted": dict(zip(FINE_CLASSES, predicted, strict=True)),
        "exposure_real": dict(sorted(Counter(np.array(rare.kinds)[~rare.semi_real].tolist()).items())),
        "exposure_semi_real": dict(sorted(Counter(np.array(rare.kinds)[rare.semi_real].tolist()).items())),
        "exposure_simulated": {kind: len(b.data) for kind, b in material.odd.items()},
        "exposure": preset,
        "analogs": len(sentinel.analogs.names),
        "fine_tuned": preset is not None,
        "conditions": "no redshift, no phase; banks from train, ranks and combiner from select, thresholds from "
        "calibrate; every rare spectrum is exposure, so figures come from the k-fold protocol only",
        "importances": {seed: {k: round(v, 4) for k, v in g.items()} for seed, g in gains.items()},
    }

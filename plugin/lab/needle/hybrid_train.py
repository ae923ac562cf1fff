"""Train the hybrid networks: ten folds, every configuration of the ablation, the fold nearest the mean deployed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from models.bundle import write_card, write_member
from models.domain import NEEDLE_CLASSES
from models.needle.hybrid.inputs import FEATURES, Samples, concatenate
from models.needle.hybrid.model import CALIBRATION, NOTES, PREFERENCES, REAL, REAL_NOTES, VARIANTS
from models.needle.hybrid.net import PRESETS, HybridConfig, HybridNet
from models.needle.lightcurves.lightcurve import CleanRules
from models.training.needle.figures import choose_shift, confidences
from models.training.needle.hybrid_examples import HybridRules
from models.training.needle.hybrid_training import HybridTraining, answer_samples, train_hybrid
from models.training.needle.resample import ResampleRules
from plugin.lab.needle.hybrid_data import FOLDS, Drawing, Part, Parts, SampleRules, Tell, kept

Floats = NDArray[np.float64]
LOOSE_PURITIES: Final = (0.15, 0.15)
"""What completeness-first answers are set to: about one candidate in seven is one."""
METRICS: Final = ("macro_confidence", "b_confidence", "b_entropy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One row of the ablation (Table 7 and Fig. 20)."""

    images: bool = True
    masking: bool = True
    up_sampled: bool = True
    focal: bool = True


CONFIGURATIONS: Final[Mapping[str, Configuration]] = {  # the ablation is of TH alone, as in the paper (Sec. 6.2)
    "full": Configuration(),
    "nofocal": Configuration(focal=False),
    "masking": Configuration(up_sampled=False),
    "plain": Configuration(masking=False, up_sampled=False),
    "blind": Configuration(images=False),
}
DEPLOYED: Final = {"purity": "full", "completeness": "nofocal"}
"""Without the focal loss more is found and less of it is right (App. B)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridRun:
    """Settings of a run.

    Parameters
    ----------
    purities : (float, float)
        Purity that the threshold 0.8 shall give on out-of-fold answers, SLSN-I and TDE, when purity is preferred.
    """

    samples: SampleRules
    training: HybridTraining = field(default_factory=HybridTraining)
    purities: tuple[float, float] = (0.5, 0.5)


def settings(preset: str, *, epochs: int | None, up_samples: int | None, device: str) -> HybridRun:
    """The settings of a preset, with what was asked for otherwise.

    Raises
    ------
    ValueError
        For an unknown preset.
    """
    if preset not in PRESETS:
        raise ValueError(f"no preset {preset!r}: choose from {', '.join(PRESETS)}")
    training = HybridTraining(net=PRESETS[preset], device=device)
    rules = HybridRules()
    return HybridRun(
        samples=SampleRules(examples=replace(rules, up_samples=rules.up_samples if up_samples is None else up_samples)),
        training=replace(training, epochs=epochs or training.epochs),
    )


def run_of(card: Mapping[str, Any]) -> HybridRun:
    """The settings a model was trained with, from its card."""
    network, samples = dict(card["training"]["network"]), dict(card["training"]["samples"])
    rules = dict(samples.pop("examples"))
    clean, resample = CleanRules(**rules.pop("clean")), ResampleRules(**rules.pop("resample"))
    first, other = rules.pop("per_object")
    found = HybridRules(**rules, per_object=(first, other), clean=clean, resample=resample)
    return HybridRun(
        samples=SampleRules(**samples, examples=found),
        training=HybridTraining(**{**network, "net": HybridConfig.from_dict(network["net"])}),
    )


def train(source: Drawing, out: Path, run: HybridRun, *, today: date, tell: Tell) -> dict[str, Any]:
    """Train, or go on, and write `OUT/needle-hybrid`; return its card."""
    out.mkdir(parents=True, exist_ok=True)
    folder = out / "needle-hybrid"
    folder.mkdir(exist_ok=True)
    calibration: dict[str, NDArray[Any]] = {}
    shift: dict[str, Any] = {}
    deployed: dict[str, Any] = {}
    validation: dict[str, Any] = {}
    importance: dict[str, Any] = {}
    for variant in VARIANTS:
        parts = kept(source, variant, out)
        tell(f"{variant}: {_told(parts)}")
        rows = one_epoch_each(parts.validation.samples, run.samples.seed)
        for prefer, name in DEPLOYED.items():
            key = f"{variant}.{prefer}"
            answers, by_fold = _folds(parts, variant, name, out, run, tell)
            nearest = nearest_the_mean(by_fold)
            net = network_of(out, variant, name, nearest, run)
            validation[f"{variant}.{name}"] = by_fold
            calibration[f"{key}.probabilities"] = answers[rows].astype(np.float32)
            calibration[f"{key}.label"] = parts.validation.samples.label[rows].astype(np.int8)
            shift[key] = _shift(calibration, key, prefer, run)
            write_member(net.state_dict(), folder / f"{key}.safetensors")
            deployed[key] = {"configuration": name, "fold": nearest}
            importance[key] = _weights(net, variant)
    save_file({k: torch.from_numpy(v) for k, v in calibration.items()}, folder / CALIBRATION)
    card = {
        "name": "needle-hybrid-1" if source.images != REAL else "needle-hybrid-real-1",
        "images": source.images,
        "made": today.isoformat(),
        "classes": list(NEEDLE_CLASSES),
        "features": {variant: list(FEATURES[variant]) for variant in VARIANTS},
        "net": run.training.net.to_dict(),
        "clean": asdict(run.samples.examples.clean),
        "shift": shift,
        "deployed": deployed,
        "feature_weights": importance,
        "validation": validation,
        "training": {
            "splits_hash": source.data.splits_hash,
            "samples": asdict(run.samples),
            "network": run.training.to_dict(),
            "fields": len(source.fields),
        },
        "notes": list(REAL_NOTES if source.images == REAL else NOTES),
    }
    write_card(folder, card)
    # What is deployed is there before the networks that only the ablation needs are begun.
    for name in (n for n in CONFIGURATIONS if n not in DEPLOYED.values()):
        validation[f"TH.{name}"] = _folds(kept(source, "TH", out), "TH", name, out, run, tell)[1]
    return write_card(folder, card)


def shown_as(part: Part, configuration: Configuration) -> Samples:
    """Samples with the images that a configuration sees; blank ones if it sees none."""
    samples = part.shown(configuration.masking)
    return samples if configuration.images else replace(samples, images=np.zeros_like(samples.images))


def training_rows(parts: Parts, configuration: Configuration, fold: int) -> Samples:
    """What the network of a fold may learn from: nothing of it, neither object nor galaxy nor field, is of the fold."""
    used = [parts.real, parts.up] if configuration.up_sampled else [parts.real]
    shown = [shown_as(part, configuration) for part in used]
    return concatenate([samples.rows((samples.folds != fold).all(1)) for samples in shown])


def nearest_the_mean(by_fold: list[dict[str, float]]) -> int:
    """The fold whose figures are nearest to their means over folds, in units of their scatter (Sec. 6.2)."""
    table = np.array([[figures[name] for name in METRICS] for figures in by_fold])
    scaled = (table - np.nanmean(table, 0)) / np.maximum(np.nanstd(table, 0), 1e-9)
    return int(np.where(np.isfinite(scaled), scaled**2, 1e3).sum(1).argmin())


def one_epoch_each(samples: Samples, seed: int) -> NDArray[np.int64]:
    """A random row of each object."""
    shuffled = np.random.default_rng(seed).permutation(len(samples))
    _, first = np.unique(samples.object_index[shuffled], return_index=True)
    return np.asarray(shuffled[first])


def checkpoint(out: Path, variant: str, name: str, fold: int, run: HybridRun) -> Path:
    """Where a network of a run is; other settings, another file."""
    settings = json.dumps([run.training.to_dict(), asdict(run.samples)], sort_keys=True)
    return out / f"{variant}-{name}-{fold}-{hashlib.sha256(settings.encode()).hexdigest()[:8]}.safetensors"


def network_of(out: Path, variant: str, name: str, fold: int, run: HybridRun) -> HybridNet:
    """A trained network of a run, from its checkpoint."""
    tensors = load_file(checkpoint(out, variant, name, fold, run))
    weights = {k.removeprefix("net."): v for k, v in tensors.items() if k.startswith("net.")}
    blank = [0.0] * len(FEATURES[variant])
    net = HybridNet(run.training.net, blank, blank, blank)
    net.load_state_dict(weights)
    return net.eval()


def _folds(
    parts: Parts, variant: str, name: str, out: Path, run: HybridRun, tell: Tell
) -> tuple[Floats, list[dict[str, float]]]:
    """Train every fold; out-of-fold answers to the validation samples, and the figures of each fold."""
    configuration, training = CONFIGURATIONS[name], run.training
    held_out = shown_as(parts.validation, configuration)
    answers, by_fold = np.zeros((len(held_out), len(NEEDLE_CLASSES))), []
    for k in range(FOLDS):
        config = replace(training, seed=training.seed + k, focal=training.focal * configuration.focal)
        path = checkpoint(out, variant, name, k, run)
        rows = training_rows(parts, configuration, k)
        net = train_hybrid(rows, variant, config, path)
        mine = held_out.folds[:, 0] == k
        p = answer_samples(net, held_out.rows(mine), variant, training.device)
        answers[mine] = p
        by_fold.append(confidences(p, held_out.label[mine], held_out.weight[mine]))
        tell(f"{variant} {name} fold {k + 1} of {FOLDS}: " + ", ".join(f"{m} {by_fold[-1][m]:.3f}" for m in METRICS))
    return answers, [{m: round(v, 4) for m, v in figures.items()} for figures in by_fold]


def _shift(calibration: Mapping[str, NDArray[Any]], key: str, prefer: str, run: HybridRun) -> list[float]:
    """What makes the threshold 0.8 give the purity wanted, out of fold and at the paper's class mix."""
    p, label = calibration[f"{key}.probabilities"].astype(float), calibration[f"{key}.label"].astype(int)
    purities = run.purities if prefer == "purity" else LOOSE_PURITIES
    return [round(float(s), 4) for s in choose_shift(p, label, np.ones(len(p)), purities)]


def _weights(net: HybridNet, variant: str) -> dict[str, float]:
    """The weighting layer after training, largest first."""
    values = [round(abs(float(v)), 3) for v in net.importance.detach()]
    return dict(sorted(zip(FEATURES[variant], values, strict=True), key=lambda pair: -pair[1]))


def _told(parts: Parts) -> str:
    counts = {name: len(getattr(parts, name).samples) for name in Parts.__dataclass_fields__}
    return ", ".join(f"{n} {name}" for name, n in counts.items())


assert set(DEPLOYED) == set(PREFERENCES)

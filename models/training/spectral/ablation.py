"""What each part of the method is worth: short trainings with one part changed (paper, Table XVII, and beyond).

Every variant learns from four fifths of the training objects and is scored on the remaining fifth together with the
`select` split, so that no choice made here has seen `calibrate` or `test`. Where a fifth has too few rare objects,
several are held out in turn.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.conformal.domains import HIGH, LOW
from models.spectral.ensemble import Ensemble, EnsemblePrediction, Member
from models.spectral.net import ASTRANet
from models.training.dataset import SPLITS, Dataset, joined
from models.training.evaluate import predict_dataset, summary
from models.training.sentinel.protocol import domain_names
from models.training.spectral.augment import PAPER_AUGMENT
from models.training.spectral.auxiliary import ALL_AUXILIARY, AuxiliaryConfig
from models.training.spectral.controls import SEDM_RESOLUTION, SEDM_SNR, degraded, source_probe
from models.training.spectral.presets import TrainConfig
from models.training.spectral.sampling import PAPER_SAMPLING
from models.training.spectral.scaling import scaled
from models.training.spectral.train import Progress, train_seed

Change = Callable[[TrainConfig], TrainConfig]


def _net(**changes: Any) -> Change:
    return lambda c: replace(c, net=replace(c.net, **changes))


def _loss(**changes: Any) -> Change:
    return lambda c: replace(c, loss=replace(c.loss, **changes))


def _auxiliary(**changes: Any) -> Change:
    return lambda c: replace(c, auxiliary=replace(c.auxiliary, **changes))


def _flat(c: TrainConfig) -> TrainConfig:
    return replace(c, net=replace(c.net, hierarchy=False), loss=replace(c.loss, coarse=0.0, supcon_coarse=0.0))


def _single_scale(c: TrainConfig) -> TrainConfig:
    middle, channels = c.net.stem_kernels[1], c.net.stem_channels * len(c.net.stem_kernels)
    return replace(c, net=replace(c.net, stem_kernels=(middle,), stem_channels=channels))


def _mean_pool(c: TrainConfig) -> TrainConfig:
    return replace(c, net=replace(c.net, attention=False))


def _scaling(how: str) -> Change:
    return lambda c: replace(c, scaling=how)


def _both(*changes: Change) -> Change:
    return lambda c: reduce(lambda config, change: change(config), changes, c)


def _no_metadata(c: TrainConfig) -> TrainConfig:
    return replace(c, metadata=replace(c.metadata, none=1.0))


VARIANTS: Final[Mapping[str, Change]] = MappingProxyType(
    {
        "full": lambda c: c,
        "no FiLM conditioning": _no_metadata,
        "no hierarchy (flat seven classes)": _flat,
        "no confusion penalty": _loss(confusion=0.0),
        "no SupCon": _loss(supcon_fine=0.0, supcon_coarse=0.0),
        "no multi-scale stem": _single_scale,
        "no attention pool (mean)": _mean_pool,
        "no MixUp": lambda c: replace(c, mixup=0.0),
        "AdamW for everything": lambda c: replace(c, matrix_rate=0.0),
        "no simulated transients": lambda c: replace(c, simulated=0.0),
        "no focal loss": _loss(gamma=0.0, gamma_of={}),
        "bins of equal velocity width": _net(log_bins=1024),
        "the paper's five augmentations": lambda c: replace(c, augment=PAPER_AUGMENT),
        "no redshift augmentation": lambda c: replace(c, augment=replace(c.augment, redshift=0.0)),
        "no degrading to low resolution": lambda c: replace(c, augment=replace(c.augment, degrade=(0.0, 80.0, 700.0))),
        "no host galaxy": lambda c: replace(c, augment=replace(c.augment, galaxy=(0.0, 0.6))),
        "effective-number sampling, per spectrum": lambda c: replace(c, sampling=PAPER_SAMPLING),
        "no MixUp, but subtype, redshift, phase and strangers": lambda c: replace(
            c, mixup=0.0, auxiliary=ALL_AUXILIARY
        ),
        "the same, with bins of equal velocity width": lambda c: replace(
            c, mixup=0.0, auxiliary=ALL_AUXILIARY, net=replace(c.net, log_bins=1024)
        ),
        "nothing to learn but the class": lambda c: replace(c, auxiliary=AuxiliaryConfig()),
        "no heads for subtype, redshift and phase": _auxiliary(subtype=0.0, redshift=0.0, phase=0.0),
        "no simulated strangers": _auxiliary(kind=0.0, out_of_distribution=0.0),
        "MixUp instead of strangers": lambda c: replace(_auxiliary(kind=0.0, out_of_distribution=0.0)(c), mixup=0.5),
        "no semi-real spectra": lambda c: replace(c, sampling=replace(c.sampling, semi_real=0.0)),
        "no disputed spectra": lambda c: replace(c, sampling=replace(c.sampling, disputed=0.0)),
        "no hierarchy, no multi-scale stem": _both(_flat, _single_scale),
        "no multi-scale stem, no attention pool": _both(_single_scale, _mean_pool),
        "no hierarchy, no attention pool": _both(_flat, _mean_pool),
        "no hierarchy, no multi-scale stem, no attention pool": _both(_flat, _single_scale, _mean_pool),
        "scaled by z-score": _scaling("z-score"),
        "scaled by minimum and maximum": _scaling("min-max"),
        "continuum removed": _scaling("continuum removed"),
    }
)
"""Name in the table to the change of the preset."""
COMBINED: Final = (
    "full",
    "no hierarchy (flat seven classes)",
    "no multi-scale stem",
    "no attention pool (mean)",
    "no hierarchy, no multi-scale stem",
    "no multi-scale stem, no attention pool",
    "no hierarchy, no attention pool",
    "no hierarchy, no multi-scale stem, no attention pool",
)
"""Three parts taken out alone, in pairs and together, in the order of the paper's Table XVIII."""
SCALED: Final = ("full", "scaled by z-score", "scaled by minimum and maximum", "continuum removed")
"""Scalings of the spectrum that the paper names beside its own, which `full` has (App. D a)."""


def shortened(config: TrainConfig, epochs: int) -> TrainConfig:
    """The same training with one warm-up epoch and one cosine of `epochs` in all."""
    return replace(config, epochs=epochs, warmup=1, period=max(epochs - 1, 1), multiple=0, patience=epochs)


def development_split(data: Dataset, *, held: float = 0.2, part: int = 0, share: float = 1.0, seed: int = 0) -> Dataset:
    """The data with a part of the training objects moved to `select`, and `calibrate` and `test` taken out.

    Parameters
    ----------
    held : float
        Share of the training objects that is scored instead of learned from.
    part : int
        Which of the `1 / held` parts that is.
    share : float
        Share of the remaining ones that is kept.
    """
    train, select = SPLITS.index("train"), SPLITS.index("select")
    place = np.array([_fraction(g, f"held {seed}") for g in data.groups])
    lot = np.array([_fraction(g, f"share {seed}") for g in data.groups])
    # Disputed labels must not be scored, and semi-real spectra stay where they are.
    moved = (data.split == train) & (place >= part * held) & (place < (part + 1) * held) & ~data.disputed
    left_out = (data.split == train) & ~moved & (lot >= share)
    keep = np.isin(data.split, (train, select)) & ~left_out
    return replace(data, split=np.where(moved, select, data.split)).rows(keep)


def _fraction(group: str, salt: str) -> float:
    return int(hashlib.sha256(f"{salt}:{group}".encode()).hexdigest()[:12], 16) / 16**12


def run_variant(
    parts: Sequence[Dataset],
    config: TrainConfig,
    name: str,
    folder: Path,
    *,
    preset: str,
    seed: int,
    device: str = "cpu",
    curves: NDArray[np.float32] | None = None,
    report: Progress,
) -> dict[str, Any]:
    """Train one variant, or read what an earlier call left, and score its averaged weights.

    Parameters
    ----------
    parts : sequence of Dataset
        Of `development_split`. A network is trained for each and asked about the spectra that it did not see; those of
        the `select` split, which none of them saw, count once.
    curves : ndarray of float32, shape (curves, 4096), optional
        See `train.train_seed`.

    Raises
    ------
    ValueError
        If what an earlier call left in the folder is of other spectra or another training.

    Returns
    -------
    dict
        `scored`: the figures of `summary` over real spectra with coverage of 80 % and more; `log_loss`: its mean per
        class, averaged over the classes; `degraded`: both for the same spectra at SEDM's resolution and
        signal-to-noise 10; `domains`: both for each kind of spectra apart; `train`: what the first part's network
        learned from; `source_probe`: whether the archive can be told from its embedding.
    """
    done = folder / f"{_file_name(name)}-{seed}.json"
    place = folder / f"{_file_name(name)}-{seed}"
    # As it was called when the first runs were begun: they go on.
    settings = str(config).replace("out_of_distribution=", "strangers=").replace(", scaling='percentile'", "")
    key = " ".join([settings, *(p.hash() for p in parts)])
    _claim(place, hashlib.sha256(key.encode()).hexdigest())
    if done.exists():
        result: dict[str, Any] = json.loads(done.read_text())
        return result
    asked: list[_Asked] = []
    for k, part in enumerate(parts):
        members = train_seed(part, config, seed, place / f"part-{k}", device=device, curves=curves, report=report)
        asked.append(_ask(members["swa"], config, part, {i for a in asked for i in a.data.ids}, device))
    made = {"variant": name, "preset": preset, "seed": seed, "epochs": config.epochs, "parts": len(parts)}
    result = made | _scores(asked, parts[0].part("train", real=False, min_coverage=config.min_coverage))
    done.write_text(json.dumps(result, indent=1) + "\n")
    return result


def _claim(place: Path, key: str) -> None:
    """Write down what is trained in a folder, so that nothing else goes on from its checkpoints."""
    place.mkdir(parents=True, exist_ok=True)
    mark = place / "trained-as.txt"
    if mark.exists() and mark.read_text() != key:
        raise ValueError(
            f"{place.name} holds a training on other spectra or with other settings: choose another folder"
        )
    mark.write_text(key)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Spectra and what a network that did not see them answered, as they are and brought to SEDM's quality."""

    data: Dataset
    prediction: EnsemblePrediction
    poor: EnsemblePrediction


def _ask(weights: Mapping[str, Any], config: TrainConfig, part: Dataset, known: Set[str], device: str) -> _Asked:
    net = ASTRANet(config.net).to(device)
    net.load_state_dict(weights)
    data = part.part("select")
    data = data.rows(np.array([i not in known for i in data.ids]))
    poor = degraded(data, resolution=SEDM_RESOLUTION, snr=SEDM_SNR)
    data, poor = scaled(data, config.scaling), scaled(poor, config.scaling)
    ensemble = Ensemble([Member(net=net, seed=0, kind="swa")], device=device)
    return _Asked(data=data, prediction=predict_dataset(ensemble, data), poor=predict_dataset(ensemble, poor))


def _scores(asked: Sequence[_Asked], learned: Dataset) -> dict[str, Any]:
    data = joined([a.data for a in asked])
    prediction, poor = (EnsemblePrediction.joined(b) for b in ([a.prediction for a in asked], [a.poor for a in asked]))
    return {
        "train": learned.counts(),
        **_figures(prediction.fine, data),
        "domains": {name: _figures(prediction.fine[here], data.rows(here)) for name, here in _domains(data)},
        "degraded": _figures(poor.fine, data),
        # Embeddings of several networks have nothing in common.
        "source_probe": source_probe(asked[0].data, asked[0].prediction.embedding),
    }


def _domains(data: Dataset) -> list[tuple[str, NDArray[np.bool_]]]:
    """The SED Machine's spectra and its like, and the archive's, where there are any."""
    names = domain_names(data.spacing)
    return [(name, names == name) for name in (LOW, HIGH) if (names == name).any()]


def _figures(p: NDArray[np.float64], data: Dataset) -> dict[str, Any]:
    loss = -np.log(np.clip(p[np.arange(len(p)), data.label], 1e-6, 1))
    mean = float(np.mean([loss[data.label == i].mean() for i in np.unique(data.label)]))
    return {"log_loss": round(mean, 4), "scored": summary(p, data)}


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name)

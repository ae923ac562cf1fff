"""Training of one member pair (best validation, SWA) per seed (ASTRANet paper, App. B b and G)."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from models.bundle import read_member
from models.domain import FINE_CLASSES
from models.spectral.net import ASTRANet, Output
from models.spectral.prepare import LOW_RESOLUTION_A
from models.training.dataset import SPLITS, Dataset, joined
from models.training.spectral.augment import Augmenter
from models.training.spectral.auxiliary import (
    OOD_KINDS,
    Auxiliary,
    kinds,
    out_of_distribution,
    subtypes,
)
from models.training.spectral.going_on import GoingOn
from models.training.spectral.losses import total_loss
from models.training.spectral.optimizer import Optimizer
from models.training.spectral.presets import TrainConfig
from models.training.spectral.sampling import (
    metadata,
    mixup,
    weights,
)
from models.training.spectral.scaling import SCALINGS, scaled
from models.training.spectral.schedule import learning_rate, update_average
from models.training.spectral.transients import shared, transients

SEEDS = (42, 123, 7)
KINDS = len(FINE_CLASSES) + len(OOD_KINDS)
OOD_EACH, SIMULATED_EACH = 400, 1600
"""Simulated spectra of each kind and of each class that has some, made anew for every seed and seen through the
augmentations."""


Progress = Callable[[dict[str, Any]], None]


def train_seed(
    data: Dataset,
    config: TrainConfig,
    seed: int,
    folder: Path,
    *,
    device: str = "cpu",
    start_from: Path | None = None,
    compiled: bool = False,
    curves: NDArray[np.float32] | None = None,
    going_on: GoingOn | None = None,
    report: Progress = lambda _: None,
) -> dict[str, dict[str, Tensor]]:
    """Train one seed to the end, or on from its last checkpoint.

    Parameters
    ----------
    data : Dataset
        Labelled spectra with splits; only `train` is learned from and only `select` chooses.
    folder : Path
        Checkpoint and `curve-SEED.jsonl` go here.
    start_from : Path, optional
        Folder of a bundle: begin with its averaged weights of the same seed instead of random ones. Or one file of
        weights.
    compiled : bool
        Let PyTorch compile the network first, which takes a minute and a C++ compiler and a quarter off each epoch.
        Sums come in another order then: as repeatable, but not the same weights.
    curves : ndarray of float32, shape (curves, 4096), optional
        Noise along wavelength of training spectra of the SED Machine; see `augment.Augmenter`.
    going_on : GoingOn, optional
        What to show besides, and in which mix of classes, to networks that have learned before.
    report : callable
        Called with the figures of each epoch.

    Returns
    -------
    dict
        Weights of the two members, `best` and `swa`.
    """
    run = _Run(data, config, seed, folder, device, start_from, compiled, curves, going_on)
    for epoch in range(run.epoch, config.epochs):
        if epoch - run.best_epoch > config.patience:
            break
        report(run.one_epoch(epoch))
    return {"best": run.best, "swa": run.swa if run.swa_count else run.average}


class _Batch(NamedTuple):
    """Augmented spectra with what is shown of them and asked about them; `redshift` is NaN where unknown."""

    flux: Tensor
    mask: Tensor
    values: Tensor
    valid: Tensor
    targets: Tensor
    mixed: bool
    rows: Tensor
    redshift: Tensor


class _Run:
    """The state of one training: network, optimiser, averages; written after every epoch."""

    def __init__(
        self,
        data: Dataset,
        config: TrainConfig,
        seed: int,
        folder: Path,
        device: str,
        start_from: Path | None,
        compiled: bool,
        curves: NDArray[np.float32] | None,
        going_on: GoingOn | None,
    ) -> None:
        self.config, self.seed, self.folder, self.device = config, seed, folder, torch.device(device)
        self.train = data.part("train", real=False, min_coverage=config.min_coverage)
        self.select = scaled(data.part("select", real=False), config.scaling)
        self.weights = weights(self.train, config.sampling)
        if going_on is not None:
            self.train, self.weights = going_on.together(self.train, self.weights, config)
        if config.simulated:
            made = transients(self.train, SIMULATED_EACH, seed)
            self.weights = shared(self.weights, self.train, made, config.simulated)
            self.train = joined([self.train, made])
        if share := config.auxiliary.out_of_distribution:
            others = out_of_distribution(self.train, OOD_EACH, seed)
            self.train = joined([self.train, others])
            equal = torch.full((len(others),), share / len(others))
            self.weights = torch.cat([(1 - share) * self.weights, equal])
        self.flux = torch.from_numpy(self.train.flux)
        self.mask = torch.from_numpy(self.train.masks())
        self.floor = torch.from_numpy(self.train.floor)
        self.coarse = torch.from_numpy(self.train.spacing > LOW_RESOLUTION_A)
        self.curves = None if curves is None else torch.from_numpy(curves).to(self.device)
        self.precision = precision(self.device)
        # For the range of redshifts alone; an out-of-distribution example's -1 takes the last class's, as good as any.
        self.labels = torch.from_numpy(self.train.label)
        self.subtypes = torch.from_numpy(subtypes(self.train))
        self.kinds = torch.from_numpy(kinds(self.train))
        self.phase = torch.from_numpy(self.train.phase_days)
        self.redshift = torch.from_numpy(self.train.redshift)
        torch.manual_seed(seed)
        self.net = ASTRANet(config.net).to(self.device)
        self.heads = Auxiliary(config.net.embedding).to(self.device)
        if start_from is not None:
            file = start_from if start_from.is_file() else start_from / f"member-{seed}-swa.safetensors"
            self.net.load_state_dict(read_member(file))
        self.forward: Callable[..., Output] = torch.compile(self.net, dynamic=False) if compiled else self.net
        self.learned = [*self.net.parameters(), *(self.heads.parameters() if config.auxiliary.used else ())]
        self.optimizer = Optimizer(
            self.learned,
            rate=config.learning_rate,
            decay=config.weight_decay,
            matrix_rate=config.matrix_rate,
            precision=self.precision,
        )
        self.average = self._weights()
        self.best, self.swa = self._weights(), self._weights()
        self.epoch, self.best_epoch, self.best_score, self.swa_count = 0, 0, -1.0, 0
        self.steps = config.steps_per_epoch or -(-len(self.train) // config.batch)
        if self._checkpoint().exists():
            self._resume()

    def one_epoch(self, epoch: int) -> dict[str, Any]:
        """Learn for one epoch, look at the validation set, write everything down."""
        started = time.monotonic()
        torch.manual_seed(self.seed * 100_003 + epoch)
        self.net.train()
        terms: dict[str, float] = {}
        for i, batch in enumerate(self._batches(epoch)):
            for name, value in self._step(epoch * self.steps + i, batch).items():
                terms[name] = terms.get(name, 0.0) + value / self.steps
        if epoch >= self.config.swa_from * self.config.epochs:
            self.swa_count += 1
            for name, latest in self.average.items():
                mean = self.swa[name]
                mean.copy_(latest if self.swa_count == 1 else mean + (latest - mean) / self.swa_count)
        scores = self._validate()
        if scores["macro_recall"] >= self.best_score:
            self.best_score, self.best_epoch = scores["macro_recall"], epoch
            self.best = {k: v.clone() for k, v in self.average.items()}
        self.epoch = epoch + 1
        row = {"seed": self.seed, "epoch": epoch, **scores, **terms, "seconds": time.monotonic() - started}
        self._save(row)
        return row

    def _batches(self, epoch: int) -> Iterator[_Batch]:
        host = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        local = torch.Generator(device=self.device).manual_seed(self.seed * 2_000_003 + epoch)
        augment = Augmenter(self.config.augment, local, self.curves)
        for _ in range(self.steps):
            index = torch.multinomial(self.weights, self.config.batch, replacement=True, generator=host)
            values, valid = (t.to(self.device) for t in metadata(self.train, index, self.config.metadata, host))
            flux = self.flux[index].to(self.device).float()
            mask = self.mask[index].to(self.device).float()
            floor, label, coarse = (t[index].to(self.device) for t in (self.floor, self.labels, self.coarse))
            flux, mask, redshift = augment(flux, mask, values[:, 1], floor, label, coarse)
            flux = SCALINGS[self.config.scaling](flux, mask)
            values[:, 1] = redshift * valid[:, 1]
            targets = F.one_hot(self.kinds[index], KINDS)[:, : len(FINE_CLASSES)].float().to(self.device)
            mixed = bool(torch.rand((), generator=host) < self.config.mixup)
            if mixed:
                flux, mask, targets = mixup(flux, mask, targets, self.config.mixup_alpha, host)
                valid = torch.zeros_like(valid)
            known = self.redshift[index].isfinite().to(self.device)
            yield _Batch(flux, mask, values, valid, targets, mixed, index, torch.where(known, redshift, torch.nan))

    def _step(self, step: int, batch: _Batch) -> dict[str, float]:
        c = self.config
        with torch.autocast(self.device.type, dtype=self.precision, enabled=self.precision != torch.float32):
            output = self.forward(batch.flux, batch.mask, batch.values, batch.valid)
        # Out-of-distribution examples are of no class: their row of targets is empty.
        ordinary = batch.targets.sum(1) > 0
        ours = Output(*(t[ordinary] for t in output))
        terms = total_loss(ours, batch.targets[ordinary], c.loss, mixed=batch.mixed)
        # A blend of two spectra has no one subtype, redshift or phase.
        if c.auxiliary.used and not batch.mixed:
            rows = batch.rows
            asked = self.heads.terms(
                output.embedding,
                self.kinds[rows].to(self.device),
                self.subtypes[rows].to(self.device),
                batch.redshift,
                self.phase[rows].to(self.device),
                batch.valid,
            )
            terms["total"] = terms["total"] + sum(getattr(c.auxiliary, k) * v for k, v in asked.items())
            terms |= asked
        terms["total"].backward()
        torch.nn.utils.clip_grad_norm_(self.learned, c.clip)
        rate = learning_rate(
            step,
            per_epoch=self.steps,
            base=c.learning_rate,
            warmup=c.warmup,
            period=c.period,
            multiple=c.multiple,
            floor=c.floor,
        )
        self.optimizer.step(rate)
        # A short memory at the start, or the average would remember the random weights for many epochs.
        update_average(self.average, self.net, min(c.ema, (step + 1) / (step + 10)))
        return {k: float(v.detach()) for k, v in terms.items()}

    def _validate(self) -> dict[str, float]:
        """Accuracy and macro recall with each object once; mean over low and high resolution where there are both."""
        right = predict(self._averaged(), self.select, device=self.device).argmax(1) == self.select.label
        coarse = self.select.spacing > LOW_RESOLUTION_A
        parts = [_each_object_once(self.select.rows(part), right[part]) for part in (coarse, ~coarse) if part.any()]
        return dict(zip(("accuracy", "macro_recall"), np.mean(parts, 0).tolist(), strict=True))

    def _averaged(self) -> ASTRANet:
        net = ASTRANet(self.config.net).to(self.device)
        net.load_state_dict(self.average)
        return net.eval()

    def _weights(self) -> dict[str, Tensor]:
        return {k: v.detach().clone().contiguous() for k, v in self.net.state_dict().items()}

    def _checkpoint(self) -> Path:
        return self.folder / f"checkpoint-{self.seed}.safetensors"

    def _save(self, row: dict[str, Any]) -> None:
        tensors = {f"{name}.{k}": v for name in ("average", "best", "swa") for k, v in getattr(self, name).items()}
        tensors |= {f"net.{k}": v for k, v in self._weights().items()}
        tensors |= {f"heads.{k}": v for k, v in self.heads.state_dict().items()}
        tensors |= dict(self.optimizer.tensors())
        tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
        counters = {k: json.dumps(getattr(self, k)) for k in ("epoch", "best_epoch", "best_score", "swa_count", "seed")}
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self._checkpoint().with_suffix(".new")
        save_file(tensors, fresh, metadata=counters)
        fresh.replace(self._checkpoint())
        with (self.folder / f"curve-{self.seed}.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")

    def _resume(self) -> None:
        with safe_open(self._checkpoint(), framework="pt") as file:
            counters = {k: json.loads(v) for k, v in file.metadata().items()}
        tensors = {k: v.to(self.device) for k, v in load_file(self._checkpoint()).items()}
        for name in ("average", "best", "swa"):
            setattr(self, name, {k[len(name) + 1 :]: v for k, v in tensors.items() if k.startswith(name + ".")})
        self.net.load_state_dict({k[4:]: v for k, v in tensors.items() if k.startswith("net.")})
        self.heads.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("heads.")})
        self.optimizer.restore(tensors)
        for name in ("epoch", "best_epoch", "best_score", "swa_count"):
            setattr(self, name, counters[name])


def _each_object_once(data: Dataset, right: NDArray[np.bool_]) -> tuple[float, float]:
    _, group, size = np.unique(np.array(data.groups), return_inverse=True, return_counts=True)
    weight = 1 / size[group]
    total, hits = (np.bincount(data.label, w, len(FINE_CLASSES)) for w in (weight, weight * right))
    return float(hits.sum() / total.sum()), float((hits[total > 0] / total[total > 0]).mean())


def precision(device: torch.device) -> torch.dtype:
    """What a training step is computed in: bfloat16 where the processor multiplies it, else float32.

    A processor without such instructions (AVX2 alone) emulates them, and a step takes eight times as long.
    """
    fast = device.type != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if fast else torch.float32


@torch.inference_mode()
def predict(
    net: ASTRANet, data: Dataset, *, device: torch.device | str = "cpu", batch: int = 128
) -> NDArray[np.float32]:
    """Fine-class probabilities without any metadata, shape (n, 7)."""
    flux, mask = torch.from_numpy(data.flux), torch.from_numpy(data.masks())
    parts = []
    for i in range(0, len(data), batch):
        f, m = flux[i : i + batch].to(device).float(), mask[i : i + batch].to(device).float()
        nothing = torch.zeros(len(f), 3, device=device)
        parts.append(net(f, m, nothing, nothing).fine_logits.softmax(-1).cpu())
    return torch.cat(parts).numpy() if parts else np.zeros((0, len(FINE_CLASSES)), np.float32)


def describe(data: Dataset) -> str:
    """Class counts of each split in one line each, for logs."""
    return "\n".join(
        f"{split}: "
        + ", ".join(f"{k} {v['spectra']}/{v['objects']}" for k, v in data.rows(data.split == i).counts().items())
        for i, split in enumerate(SPLITS)
    )

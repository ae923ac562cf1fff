"""Training of the quality checker (Sec. 3.1): real good and bad stamps, and good ones spoiled on purpose.

Resumable: after every epoch network, optimiser and epoch number are written down.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from models.needle.images.noise import fill, noise_set
from models.needle.images.quality_net import network
from models.needle.images.stamps import FloatImage, stretch
from models.training.needle.corrupt import add_galaxy, corrupt


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityTraining:
    """Everything that decides a training besides the stamps."""

    kind: str = "resnet18"
    width: int = 16
    epochs: int = 12
    batch: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    patched: float = 0.15
    """Share of the good ones of which an edge is filled with their own noise, as restoration leaves it."""
    galaxies: float = 0.25
    """Share of the good ones to which a large galaxy is added: real ones are too few to learn from."""
    seed: int = 42

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types, for the card."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamps:
    """Real 60x60 stamps with a label.

    Parameters
    ----------
    images : ndarray, shape (n, 60, 60)
        Counts.
    good : ndarray of bool, shape (n,)
    object_id : sequence of str, length n
        Stamps of one object never are on both sides of a split.
    """

    images: NDArray[np.float64]
    good: NDArray[np.bool_]
    object_id: Sequence[str]

    def part(self, rows: NDArray[np.bool_]) -> "Stamps":
        """Only the rows that are true."""
        return Stamps(
            images=self.images[rows],
            good=self.good[rows],
            object_id=[o for o, kept in zip(self.object_id, rows, strict=True) if kept],
        )


def folds(object_id: Sequence[str], count: int) -> NDArray[np.int64]:
    """Assign each stamp a fold by a hash of its object: the same object, the same fold, on every machine."""
    return np.array([int(hashlib.sha256(o.encode()).hexdigest()[:8], 16) % count for o in object_id])


def train(
    stamps: Stamps, config: QualityTraining, checkpoint: Path, report: Callable[[str], None] = lambda _: None
) -> dict[str, Tensor]:
    """Train a network to the end, or on from its checkpoint; returns its weights."""
    torch.manual_seed(config.seed)
    net = network(config.kind, config.width)
    optimizer = torch.optim.AdamW(net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    done = load_checkpoint(net, optimizer, checkpoint)
    for epoch in range(done, config.epochs):
        images, labels = epoch_samples(stamps, config, np.random.default_rng((config.seed, epoch)))
        loss = _one_epoch(net, optimizer, torch.from_numpy(images), torch.from_numpy(labels), config, epoch)
        save_checkpoint(net, optimizer, epoch + 1, checkpoint)
        report(f"{checkpoint.stem} epoch {epoch + 1} of {config.epochs}: loss {loss:.4f}")
    return at_real_odds({k: v.detach().clone() for k, v in net.state_dict().items()}, stamps.good)


def at_real_odds(weights: dict[str, Tensor], good: NDArray[np.bool_]) -> dict[str, Tensor]:
    """Shift the last bias so that P(good) is that of real stamps.

    An epoch has as many spoiled stamps as good ones and each bad one twice; in the stream bad ones are far rarer. The
    logit grows by the logarithm of the ratio of both odds.
    """
    bias = [name for name in weights if name.endswith("bias")][-1]
    n_good, n_bad = int(good.sum()), max(int((~good).sum()), 1)
    return {**weights, bias: weights[bias] + float(np.log((n_good + 2 * n_bad) / n_bad))}


def epoch_samples(
    stamps: Stamps, config: QualityTraining, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw one epoch: every good stamp once as it is and once spoiled, every bad one twice; turned and flipped."""
    good, bad = stamps.images[stamps.good], stamps.images[~stamps.good]
    whole = [_varied(image, config, rng) for image in good]
    spoiled = [corrupt(_varied(image, config, rng), rng) for image in good]
    images = [*whole, *spoiled, *bad, *bad]
    labels = np.zeros(len(images), dtype=np.float32)
    labels[: len(whole)] = 1.0
    order = rng.permutation(len(images))
    return np.stack([stretch(_turned(images[i], rng)) for i in order]), labels[order]


def _varied(image: FloatImage, config: QualityTraining, rng: np.random.Generator) -> FloatImage:
    """A good image that stays good."""
    if rng.random() < config.galaxies:
        image = add_galaxy(image, rng)
    return _patched(image, rng) if rng.random() < config.patched else image


def _patched(image: FloatImage, rng: np.random.Generator) -> FloatImage:
    where = np.zeros(image.shape, dtype=bool)
    np.rot90(where, int(rng.integers(4)))[: rng.integers(1, 16)] = True
    return fill(image, where, noise_set(image), rng)


def _turned(image: FloatImage, rng: np.random.Generator) -> FloatImage:
    turned = np.rot90(image, int(rng.integers(4)))
    return np.fliplr(turned) if rng.random() < 0.5 else turned


def _one_epoch(
    net: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    config: QualityTraining,
    epoch: int,
) -> float:
    net.train()
    steps = max(len(images) // config.batch, 1)
    total = 0.0
    for step, (x, y) in enumerate(zip(images.chunk(steps), labels.chunk(steps), strict=True)):
        at = (epoch + step / steps) / config.epochs
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * min(1.0, 10 * at + 0.1) * (0.5 + 0.5 * np.cos(np.pi * at))
        loss = F.binary_cross_entropy_with_logits(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) / steps
    return total


def save_checkpoint(net: torch.nn.Module, optimizer: torch.optim.Optimizer, epoch: int, path: Path) -> None:
    """Write network, optimiser and the number of epochs done, in one step."""
    tensors = {f"net.{k}": v.contiguous() for k, v in net.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"state.{index}.{k}": v.contiguous() for k, v in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({**tensors, "epoch": torch.tensor(epoch)}, partial)
    partial.replace(path)


def load_checkpoint(net: torch.nn.Module, optimizer: torch.optim.Optimizer, path: Path) -> int:
    """Take up a checkpoint if there is one; returns the number of epochs done."""
    if not path.exists():
        return 0
    tensors = load_file(path)
    net.load_state_dict({k.removeprefix("net."): v for k, v in tensors.items() if k.startswith("net.")})
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("state."):
            _, index, name = key.split(".")
            state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return int(tensors["epoch"])

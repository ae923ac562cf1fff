"""Training of one hybrid network on one fold; resumable epoch by epoch, on CPU or CUDA."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.needle.hybrid.inputs import FEATURES, NAMES, Samples
from models.needle.hybrid.net import CLASSES, HybridConfig, HybridNet
from models.needle.lightcurves.lightcurve import Floats
from models.training.needle.net import FOCAL_ALPHA, FOCAL_GAMMA, importances
from models.training.needle.quality_training import load_checkpoint, save_checkpoint

RANKING_ROUNDS = 40
RANKING = {
    "objective": "multiclass",
    "num_class": CLASSES,
    "num_leaves": 8,
    "learning_rate": 0.1,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "min_data_in_leaf": 30,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "verbose": -1,
    "deterministic": True,
    "num_threads": 1,
}
"""Trees that rank the features."""
BATCH_ANSWERED = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridTraining:
    """Everything that decides a training besides the samples.

    Parameters
    ----------
    focal : float
        Weight of the focal loss beside the class-weighted cross-entropy; 0 leaves it out.
    device : str
        `cpu` or `cuda`.
    """

    net: HybridConfig = field(default_factory=HybridConfig)
    epochs: int = 10
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 2e-2
    focal: float = 1.0
    seed: int = 42
    device: str = "cpu"

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types, without the device, which decides nothing."""
        return {**{k: v for k, v in asdict(self).items() if k != "device"}, "net": self.net.to_dict()}


def train_hybrid(
    samples: Samples,
    variant: str,
    config: HybridTraining,
    checkpoint: Path,
    report: Callable[[str], None] = lambda _: None,
) -> HybridNet:
    """Train one network to the end, or on from its checkpoint.

    Parameters
    ----------
    variant : str
        `TH` or `T`: which features it sees.
    """
    torch.manual_seed(config.seed)
    x = columns(samples.x, FEATURES[variant])
    gains = rank(samples, variant, config.seed)
    net = HybridNet(config.net, *standard(x), importances(gains)).to(config.device)
    optimizer = torch.optim.AdamW(net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    done = load_checkpoint(net, optimizer, checkpoint)
    balance = torch.tensor(class_balance(samples), dtype=torch.float32, device=config.device)
    data = [torch.from_numpy(samples.images), torch.from_numpy(x.astype(np.float32))]
    data += [torch.from_numpy(samples.label), torch.from_numpy(samples.weight.astype(np.float32))]
    data = [column.to(config.device) for column in data]
    for epoch in range(done, config.epochs):
        loss = _one_epoch(net, optimizer, data, balance, config, epoch)
        save_checkpoint(net, optimizer, epoch + 1, checkpoint)
        report(f"{checkpoint.stem} epoch {epoch + 1} of {config.epochs}: loss {loss:.4f}")
    return net.eval()


@torch.no_grad()
def answer_samples(net: HybridNet, samples: Samples, variant: str, device: str = "cpu") -> Floats:
    """Class probabilities for equal class shares, shape (n, 3)."""
    x, found = torch.from_numpy(columns(samples.x, FEATURES[variant]).astype(np.float32)), []
    for start in range(0, len(samples), BATCH_ANSWERED):
        rows = slice(start, start + BATCH_ANSWERED)
        images = torch.from_numpy(samples.images[rows]).float().to(device)
        found.append(torch.softmax(net(images, x[rows].to(device)), 1).double().cpu().numpy())
    return np.concatenate(found) if found else np.zeros((0, CLASSES))


def rank(samples: Samples, variant: str, seed: int) -> list[float]:
    """Gain of each feature in gradient-boosted trees, the paper's XGBoost ranking (Sec. 2.2)."""
    import lightgbm

    weight = samples.weight * class_balance(samples)[samples.label]
    data = lightgbm.Dataset(columns(samples.x, FEATURES[variant]), samples.label, weight=weight / weight.mean())
    booster = lightgbm.train({**RANKING, "seed": seed}, data, RANKING_ROUNDS)
    return [float(gain) for gain in booster.feature_importance("gain")]


def class_balance(samples: Samples) -> Floats:
    """Weights that give each class the same total."""
    totals = np.bincount(samples.label, samples.weight, minlength=CLASSES)
    return np.where(totals > 0, totals.sum() / np.maximum(totals, 1e-9) / CLASSES, 0.0)


def columns(x: Floats, names: Sequence[str]) -> Floats:
    """The features named, from all of them."""
    return x[:, [NAMES.index(name) for name in names]]


def standard(x: Floats) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of what is known of each feature (Eq. 1)."""
    some = np.where(np.isfinite(x).any(0), x, 0.0)
    return np.nanmean(some, 0).tolist(), np.maximum(np.nanstd(some, 0), 1e-3).tolist()


def _one_epoch(
    net: HybridNet,
    optimizer: torch.optim.Optimizer,
    data: Sequence[Tensor],
    balance: Tensor,
    config: HybridTraining,
    epoch: int,
) -> float:
    net.train()
    rng = np.random.default_rng((config.seed, epoch))
    torch.manual_seed(config.seed * 1000 + epoch)
    batches = torch.from_numpy(rng.permutation(len(data[0]))).to(config.device).split(config.batch)
    total = 0.0
    for step, rows in enumerate(batches):
        at = (epoch + step / len(batches)) / config.epochs
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * min(1.0, 10 * at + 0.1) * (0.5 + 0.5 * np.cos(np.pi * at))
        images, x, label, weight = (column[rows] for column in data)
        loss = combined_loss(net(_turned(images.float(), rng), x), label, weight, balance, focal=config.focal)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) / len(batches)
    return total


def _turned(images: Tensor, rng: np.random.Generator) -> Tensor:
    """A batch turned by quarters and mirrored: any angle was drawn when the images were made (Sec. 3.4)."""
    images = torch.rot90(images, int(rng.integers(4)), (2, 3))
    return images.flip(3) if rng.integers(2) else images


def combined_loss(logits: Tensor, label: Tensor, weight: Tensor, balance: Tensor, *, focal: float) -> Tensor:
    """Class-weighted cross-entropy, and `focal` times Eq. 5 with Table 4's parameters.

    Both are weighted means, so that neither drowns the other. Table 4's alpha stands for the balance of the classes
    in the focal term; `balance` does in the other.

    Parameters
    ----------
    weight : Tensor, shape (n,)
        Of each example, one in sum for each object.
    balance : Tensor, shape (3,)
        Of each class.
    """
    log_p = torch.log_softmax(logits, 1).gather(1, label[:, None])[:, 0]
    shares = weight * balance[label]
    loss = -(shares * log_p).sum() / shares.sum()
    if not focal:
        return loss
    gamma, alpha = (
        torch.tensor(t, dtype=logits.dtype, device=logits.device)[label] for t in (FOCAL_GAMMA, FOCAL_ALPHA)
    )
    focused = weight * alpha * (1 - log_p.exp()) ** gamma * -log_p
    return loss + focal * focused.sum() / (weight * alpha).sum()

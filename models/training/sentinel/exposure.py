"""Outlier-exposure fine-tuning (Hendrycks et al. 2019; ASTRANet paper, Sec. IV D b).

The classification loss on ordinary training spectra, plus two terms on exposed anomalies: an entropy term towards a
uniform softmax, and a margin term that pushes their embeddings away from every class centre.

`paper` tunes whole networks on the fluxes, with these terms alone; for a GPU. `compact` leaves the networks as they are
and tunes an adapter (`models.sentinel.adapter`) on what they make of each spectrum, which is asked once: seconds per
fold on one thread. Besides, and beyond the paper, a second layer of the adapter learns to tell exposed from ordinary.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from math import cos, pi
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.domain import FINE_CLASSES
from models.sentinel.adapter import Adapter
from models.spectral.net import ASTRANet, Output
from models.training.spectral.losses import LossConfig, total_loss

Inputs = tuple[Tensor, ...]
K = len(FINE_CLASSES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureConfig:
    """How to fine-tune; the weights of both terms and the 20 epochs are the paper's.

    Parameters
    ----------
    part : str
        `all`, the whole network, or `top`, an adapter.
    steps : int
        Per epoch.
    batch, exposed : int
        Ordinary spectra and anomalies per step.
    margin : float
        How far anomalies should be from every class centre, in mean 95 % class radii; the paper gives no number.
    telling_steps, telling_batch : int
        For the part beyond the paper: steps, and spectra of either side in each.
    telling_rate : float
        Its learning rate.
    hidden : int
        Of the adapter.
    """

    part: Literal["all", "top"] = "all"
    epochs: int = 20
    steps: int = 64
    batch: int = 128
    exposed: int = 64
    learning_rate: float = 1e-4
    weight_decay: float = 1e-2
    entropy_weight: float = 1.0
    margin_weight: float = 1.0
    telling_steps: int = 400
    telling_batch: int = 256
    telling_rate: float = 2e-3
    margin: float = 2.0
    hidden: int = 128
    clip: float = 1.0
    loss: LossConfig = field(default_factory=LossConfig)


PRESETS: Mapping[str, ExposureConfig] = {
    "paper": ExposureConfig(),
    "compact": ExposureConfig(part="top", steps=6, batch=64, exposed=64, learning_rate=2e-3),
    "tiny": ExposureConfig(
        part="top",
        epochs=3,
        steps=10,
        batch=32,
        exposed=16,
        hidden=16,
        learning_rate=3e-3,
        telling_steps=60,
        telling_batch=32,
    ),
}


class Whole(nn.Module):
    """The whole network; inputs are flux and mask, without metadata."""

    def __init__(self, net: ASTRANet) -> None:
        super().__init__()
        self.net = deepcopy(net).requires_grad_(True)

    def forward(self, flux: Tensor, mask: Tensor) -> Output:
        """Classify a batch."""
        nothing = torch.zeros(len(flux), 3, device=flux.device)
        output: Output = self.net(flux.float(), mask.float(), nothing, nothing)
        return output


Model = Whole | Adapter


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Spectra to tune on.

    Parameters
    ----------
    inputs : tuple of Tensor
        What the model takes, first axis the spectrum.
    weights : Tensor, shape (n,)
        How often each is drawn.
    """

    inputs: Inputs
    weights: Tensor

    def drawn(self, n: int, generator: torch.Generator, device: torch.device) -> tuple[Tensor, Inputs]:
        """`n` of them, with replacement: their numbers and inputs."""
        index = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        return index, tuple(x[index].to(device) for x in self.inputs)


def entropy_term(logits: Tensor) -> Tensor:
    """Cross-entropy with the uniform distribution: least where the softmax is flat."""
    return -logits.log_softmax(-1).mean()


def margin_term(embedding: Tensor, centres: Tensor, margin: float) -> Tensor:
    """Mean of `max(0, margin - distance to the nearest class centre) / margin`."""
    nearest = torch.cdist(embedding, centres).min(1).values
    return F.relu(margin - nearest).mean() / margin


def fine_tune(
    model: Model, ordinary: Shown, labels: Tensor, exposed: Shown, config: ExposureConfig, *, seed: int
) -> list[float]:
    """Tune a model in place; returns the mean loss of each epoch.

    Parameters
    ----------
    labels : Tensor of int64
        Of the ordinary ones.

    Raises
    ------
    ValueError
        If nothing is exposed.
    """
    if not len(exposed.inputs[0]):
        raise ValueError("outlier exposure needs anomalies")
    host = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=config.learning_rate, weight_decay=config.weight_decay)
    total, curve = config.epochs * config.steps, []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for epoch in range(config.epochs):
            centres, radius = class_centres(model, ordinary.inputs, labels)
            model.train()
            losses = []
            for step in range(epoch * config.steps, (epoch + 1) * config.steps):
                for group in optimizer.param_groups:
                    group["lr"] = config.learning_rate * min(1.0, (step + 1) / 20) * (1 + cos(pi * step / total)) / 2
                index, usual = ordinary.drawn(config.batch, host, device)
                _, strange = exposed.drawn(config.exposed, host, device)
                # One pass each: the two batches must not share a contrastive loss.
                targets = F.one_hot(labels[index], K).float().to(device)
                loss = _loss(model(*usual), model(*strange), targets, centres, radius, config)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                nn.utils.clip_grad_norm_(trained, config.clip)
                optimizer.step()
                losses.append(float(loss.detach()))
            curve.append(sum(losses) / len(losses))
    model.eval()
    return curve


def _loss(
    ordinary: Output,
    anomalous: Output,
    targets: Tensor,
    centres: Tensor,
    radius: float,
    config: ExposureConfig,
) -> Tensor:
    loss = total_loss(ordinary, targets, config.loss, mixed=False)["total"]
    loss = loss + config.entropy_weight * entropy_term(anomalous.fine_logits)
    return loss + config.margin_weight * margin_term(anomalous.embedding, centres, config.margin * radius)


def learn_to_tell(
    adapter: Adapter, ordinary: Shown, exposed: Shown, config: ExposureConfig, *, seed: int
) -> list[float]:
    """Train the adapter's log-odds in place, on textures; returns the loss of each step.

    Parameters
    ----------
    ordinary, exposed : Shown
        Their inputs are the textures alone.
    """
    host = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(
        adapter.telling.parameters(), lr=config.telling_rate, weight_decay=config.weight_decay
    )
    device, losses = torch.device("cpu"), []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        adapter.train()
        for step in range(config.telling_steps):
            for group in optimizer.param_groups:
                group["lr"] = config.telling_rate * (1 + cos(pi * step / config.telling_steps)) / 2
            usual, strange = (s.drawn(config.telling_batch, host, device)[1][0] for s in (ordinary, exposed))
            odds = adapter.log_odds(torch.cat([usual, strange]))
            side = (torch.arange(len(odds)) >= len(usual)).float()
            loss = F.binary_cross_entropy_with_logits(odds, side)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
    adapter.eval()
    return losses


@torch.no_grad()
def class_centres(model: Model, inputs: Inputs, labels: Tensor, most: int = 2000) -> tuple[Tensor, float]:
    """Centre of each class's embeddings (7, d), and the mean over classes of their 95 % radius.

    Of every second, third, ... spectrum where there are more than `most`.
    """
    thin = slice(None, None, -(-len(labels) // most))
    labels = labels[thin]
    e = forward_outputs(model, tuple(x[thin] for x in inputs)).embedding
    present = [k for k in range(K) if (labels == k).any()]
    centres = torch.stack([e[labels == k].mean(0) for k in present])
    radii = [torch.quantile((e[labels == k] - c).norm(dim=1), 0.95) for k, c in zip(present, centres, strict=True)]
    return centres.to(next(model.parameters()).device), float(torch.stack(radii).mean())


@torch.no_grad()
def forward_outputs(model: Model, inputs: Inputs, batch: int = 256) -> Output:
    """What the model says of everything, on the host, without dropout."""
    model.eval()
    device = next(model.parameters()).device
    parts = [model(*(x[i : i + batch].to(device) for x in inputs)) for i in range(0, max(len(inputs[0]), 1), batch)]
    return Output(*(torch.cat([t.cpu().float() for t in column]) for column in zip(*parts, strict=True)))

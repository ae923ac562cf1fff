"""Outlier-exposure fine-tuning (Hendrycks et al. 2019; ASTRANet paper, Sec. IV D b).

The classification loss on ordinary training spectra, plus two terms on exposed anomalies: an entropy term towards a
uniform softmax, and a margin term that pushes their embeddings away from every class centre.

`paper` tunes the whole network on the fluxes. `compact` leaves the network as it is and tunes a small residual adapter
on its cached embeddings, with the network's own heads behind it: minutes on one thread, and weaker, because what the
embedding has lost no adapter brings back.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.domain import FINE_CLASSES
from models.spectral.losses import LossConfig, total_loss
from models.spectral.net import ASTRANet, Output

Inputs = tuple[Tensor, ...]
K = len(FINE_CLASSES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureConfig:
    """How to fine-tune; the weights of both terms and the 20 epochs are the paper's.

    Parameters
    ----------
    part : str
        `all` or `top`.
    exposed : int
        Anomalies per step.
    margin : float
        How far anomalies should be from every class centre, in mean 95 % class radii; the paper gives no number.
    """

    part: Literal["all", "top"] = "all"
    epochs: int = 20
    batch: int = 128
    exposed: int = 64
    learning_rate: float = 1e-4
    weight_decay: float = 1e-2
    entropy_weight: float = 1.0
    margin_weight: float = 1.0
    margin: float = 2.0
    hidden: int = 64
    clip: float = 1.0
    loss: LossConfig = field(default_factory=LossConfig)


PRESETS: Mapping[str, ExposureConfig] = {
    "paper": ExposureConfig(),
    "compact": ExposureConfig(part="top", learning_rate=1e-3),
    "tiny": ExposureConfig(part="top", learning_rate=3e-3, epochs=3, batch=32, exposed=16),
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


class Top(nn.Module):
    """A residual adapter on the embedding, then the network's heads, which stay as they are."""

    def __init__(self, net: ASTRANet, hidden: int) -> None:
        super().__init__()
        size = net.config.embedding
        self.first, self.second = nn.Linear(size, hidden), nn.Linear(hidden, size)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)
        heads = (net.coarse_head, net.fine_head, net.fine_projection, net.coarse_projection)
        self.heads = nn.ModuleList(deepcopy(h) for h in heads).eval().requires_grad_(False)

    def train(self, mode: bool = True) -> "Top":
        """Keep the heads without dropout: they are not trained."""
        super().train(mode)
        self.heads.eval()
        return self

    def forward(self, embedding: Tensor) -> Output:
        """Classify cached embeddings."""
        e = embedding + self.second(F.gelu(self.first(embedding)))
        coarse_head, fine_head, fine_projection, coarse_projection = self.heads
        coarse = coarse_head(e)
        fine = fine_head(torch.cat([e, coarse.softmax(-1).detach()], dim=1))
        return Output(
            fine_logits=fine,
            coarse_logits=coarse,
            embedding=e,
            fine_projection=F.normalize(fine_projection(e), dim=-1),
            coarse_projection=F.normalize(coarse_projection(e), dim=-1),
            attention_entropy=e.new_zeros(len(e)),
        )


def entropy_term(logits: Tensor) -> Tensor:
    """Cross-entropy with the uniform distribution: least where the softmax is flat."""
    return -logits.log_softmax(-1).mean()


def margin_term(embedding: Tensor, centres: Tensor, margin: float) -> Tensor:
    """Mean of `max(0, margin - distance to the nearest class centre) / margin`."""
    nearest = torch.cdist(embedding, centres).min(1).values
    return F.relu(margin - nearest).mean() / margin


def fine_tune(
    model: Whole | Top, ordinary: Inputs, labels: Tensor, exposed: Inputs, config: ExposureConfig, *, seed: int
) -> list[float]:
    """Tune a model in place; returns the mean loss of each epoch.

    Parameters
    ----------
    ordinary, exposed : tuple of Tensor
        What the model takes, first axis the spectrum.
    labels : Tensor of int64
        Of the ordinary ones.

    Raises
    ------
    ValueError
        If nothing is exposed.
    """
    if not len(exposed[0]):
        raise ValueError("outlier exposure needs anomalies")
    host = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    device = next(model.parameters()).device
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=config.learning_rate, weight_decay=config.weight_decay)
    curve = []
    for _ in range(config.epochs):
        centres, radius = class_centres(model, ordinary, labels, config.batch)
        model.train()
        order, losses = torch.randperm(len(labels), generator=host), []
        for index in order.split(config.batch):
            pick = torch.randint(len(exposed[0]), (config.exposed,), generator=host)
            # One pass each: the two batches must not share a contrastive loss.
            out = model(*(x[index].to(device) for x in ordinary))
            strange = model(*(x[pick].to(device) for x in exposed))
            targets = F.one_hot(labels[index], K).float().to(device)
            loss = total_loss(out, targets, config.loss, mixed=False)["total"]
            loss = loss + config.entropy_weight * entropy_term(strange.fine_logits)
            loss = loss + config.margin_weight * margin_term(strange.embedding, centres, config.margin * radius)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(trained, config.clip)
            optimizer.step()
            losses.append(float(loss.detach()))
        curve.append(sum(losses) / len(losses))
    model.eval()
    return curve


@torch.no_grad()
def class_centres(model: Whole | Top, inputs: Inputs, labels: Tensor, batch: int) -> tuple[Tensor, float]:
    """Centre of each class's embeddings (7, d), and the mean over classes of their 95 % radius."""
    e = answers(model, inputs, batch).embedding
    present = [k for k in range(K) if (labels == k).any()]
    centres = torch.stack([e[labels == k].mean(0) for k in present])
    radii = [torch.quantile((e[labels == k] - c).norm(dim=1), 0.95) for k, c in zip(present, centres, strict=True)]
    return centres.to(next(model.parameters()).device), float(torch.stack(radii).mean())


@torch.no_grad()
def answers(model: Whole | Top, inputs: Inputs, batch: int = 256) -> Output:
    """What the model says of everything, on the host, without dropout."""
    model.eval()
    device = next(model.parameters()).device
    parts = [model(*(x[i : i + batch].to(device) for x in inputs)) for i in range(0, max(len(inputs[0]), 1), batch)]
    return Output(*(torch.cat([t.cpu().float() for t in column]) for column in zip(*parts, strict=True)))

"""The dense network on metadata, with its loss (NEEDLE paper, Sec. 2.2 and 6.1).

Input: standardised features and, beside each, whether it is known. A feature-weighting layer comes first; it starts at
the importance that gradient-boosted trees give each feature and is trained with the rest.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from models.needle.hybrid.net import CLASSES
from models.needle.lightcurves.lightcurve import Floats

FOCAL_GAMMA: Final = (0.0, 2.0, 2.5)
FOCAL_ALPHA: Final = (0.02, 0.49, 0.49)
"""Table 4: SN, SLSN-I, TDE."""


class MetadataNet(nn.Module):
    """Feature weights, two hidden layers, three logits.

    Parameters
    ----------
    mean, scale : sequence of float, length features
        Of the known training values.
    importance : sequence of float, length features
        Starting point of the weighting layer; positive, mean 1.
    hidden : int
        Width of the first hidden layer; the second is half as wide.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self, mean: Sequence[float], scale: Sequence[float], importance: Sequence[float], hidden: int = 64
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        self.importance = nn.Parameter(torch.tensor(importance, dtype=torch.float32))
        self.layers = nn.Sequential(
            nn.Linear(2 * len(self.mean), hidden),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(hidden, hidden // 2),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(hidden // 2, CLASSES),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits of shape (n, 3) for raw features of shape (n, features), NaN where missing."""
        known = torch.isfinite(x)
        scaled = ((torch.nan_to_num(x) - self.mean) / self.scale).clamp(-5, 5) * known * self.importance
        return self.layers(torch.cat([scaled, known.to(x.dtype)], dim=1))


def importances(gains: Sequence[float]) -> list[float]:
    """Starting weights from the gains of gradient-boosted trees: square roots (as contrast), mean 1, at least 0.1."""
    root = np.sqrt(np.asarray(gains, float))
    return np.maximum(root / max(root.mean(), 1e-12), 0.1).tolist()


def focal_loss(logits: Tensor, label: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of Eq. 5: `-alpha_i (1 - p)^gamma_i log p`, with Table 4's parameters per class."""
    log_p = torch.log_softmax(logits, 1).gather(1, label[:, None])[:, 0]
    gamma, alpha = (torch.tensor(t, dtype=logits.dtype)[label] for t in (FOCAL_GAMMA, FOCAL_ALPHA))
    return (weight * alpha * (1 - log_p.exp()) ** gamma * -log_p).sum() / weight.sum()


def cross_entropy(logits: Tensor, label: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean cross-entropy; the weights hold the classes' balance."""
    return (weight * nn.functional.cross_entropy(logits, label, reduction="none")).sum() / weight.sum()


def train_net(
    x: Floats,
    label: np.ndarray,
    weight: Floats,
    importance: Sequence[float],
    *,
    focal: float = 1.0,
    epochs: int = 40,
    seed: int = 0,
    batch: int = 512,
) -> MetadataNet:
    """Train one network.

    Parameters
    ----------
    x : ndarray, shape (n, features)
        NaN where missing.
    label : ndarray of int, shape (n,)
    weight : ndarray, shape (n,)
    focal : float
        Weight of the focal loss beside the class-weighted cross-entropy; 0 leaves it out.
    """
    torch.manual_seed(seed)
    known = np.isfinite(x)
    mean = np.nan_to_num(np.nanmean(np.where(known.any(0), x, 0.0), 0))
    scale = np.maximum(np.nan_to_num(np.nanstd(np.where(known.any(0), x, 0.0), 0)), 1e-3)
    net = MetadataNet(mean.tolist(), scale.tolist(), importance)
    data = [torch.tensor(x, dtype=torch.float32), torch.tensor(label), torch.tensor(weight, dtype=torch.float32)]
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(batch):
            part, names, shares = (column[rows] for column in data)
            logits = net(part)
            loss = cross_entropy(logits, names, shares)
            if focal:
                loss = loss + focal * focal_loss(logits, names, shares)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
    return net.eval()


@torch.no_grad()
def predict(net: MetadataNet, x: Floats) -> Floats:
    """Class probabilities, shape (n, 3)."""
    return torch.softmax(net(torch.tensor(np.atleast_2d(x), dtype=torch.float32)), 1).numpy().astype(float)

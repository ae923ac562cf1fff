"""The hybrid network: a CNN on two masked images, dense layers on the features, one answer (NEEDLE, Sec. 2 and 6.1).

The feature branch begins with a weighting layer: it starts at the importance that gradient-boosted trees give each
feature (Sec. 2.2) and is trained with the rest.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

CLASSES: Final = 3
CLIP_SIGMAS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridConfig:
    """Shape of the network.

    Parameters
    ----------
    channels : (int, int, int)
        Of the three convolutions.
    image_width, dense : int
        Outputs of the image branch; width of the first dense layer on the features, and half of it of the others.
    dropout : float
        In every dense layer.
    """

    channels: tuple[int, int, int] = (8, 16, 16)
    image_width: int = 16
    dense: int = 64
    dropout: float = 0.2

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        return {**asdict(self), "channels": list(self.channels)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "HybridConfig":
        """From `to_dict`.

        Raises
        ------
        TypeError, ValueError
            If the values do not describe a network.
        """
        first, second, third = (int(v) for v in values["channels"])
        return cls(**{**values, "channels": (first, second, third)})


PRESETS: Final = {
    "small": HybridConfig(),
    "large": HybridConfig(channels=(64, 128, 128), image_width=64, dense=128),
    "tiny": HybridConfig(channels=(2, 4, 4), image_width=4, dense=8),
}
"""`small` for two CPU cores, `large` for a GPU (the paper does not give its shape), `tiny` for tests."""


class HybridNet(nn.Module):
    """Logits of three classes from images (n, 2, 60, 60) and raw features (n, features), NaN where missing.

    Parameters
    ----------
    mean, scale : sequence of float, length features
        Of the known training values (Eq. 1, standardisation).
    importance : sequence of float, length features
        Where the weighting layer starts; positive, mean 1.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self, config: HybridConfig, mean: Sequence[float], scale: Sequence[float], importance: Sequence[float]
    ) -> None:
        super().__init__()
        first, second, third = config.channels
        half = config.dense // 2
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        self.importance = nn.Parameter(torch.tensor(importance, dtype=torch.float32))
        self.convolutions = nn.Sequential(
            nn.Conv2d(2, first, 5, 2, 2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(first, second, 3, 1, 1),
            nn.ReLU(),
            nn.Conv2d(second, third, 3, 1, 1),
            nn.ReLU(),
        )
        self.image = nn.Sequential(
            nn.MaxPool2d(3), nn.Flatten(), *_dense(25 * third, config.image_width, config.dropout)
        )
        self.features = nn.Sequential(
            *_dense(2 * len(mean), config.dense, config.dropout), *_dense(config.dense, half, config.dropout)
        )
        self.head = nn.Sequential(*_dense(config.image_width + half, half, config.dropout), nn.Linear(half, CLASSES))

    def maps(self, images: Tensor) -> Tensor:
        """Activations of the final convolution, shape (n, channels, 15, 15)."""
        return self.convolutions(images)

    def answer(self, maps: Tensor, x: Tensor) -> Tensor:
        """Logits (n, 3) from the activations and the raw features."""
        known = torch.isfinite(x)
        scaled = (torch.nan_to_num(x) - self.mean) / self.scale
        weighted = scaled.clamp(-CLIP_SIGMAS, CLIP_SIGMAS) * known * self.importance
        told = self.features(torch.cat([weighted, known.to(x.dtype)], dim=1))
        return self.head(torch.cat([self.image(maps), told], dim=1))

    def forward(self, images: Tensor, x: Tensor) -> Tensor:
        """Logits, shape (n, 3)."""
        return self.answer(self.maps(images), x)


def _dense(inputs: int, outputs: int, dropout: float) -> list[nn.Module]:
    return [nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(dropout)]

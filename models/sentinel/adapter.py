"""What outlier exposure tunes (ASTRANet paper, Sec. IV D b): small enough for a bundle and for two CPU cores.

The network stays as it is. From the texture of its middle layers an adapter makes a residual on the embedding; behind
it stand copies of the network's heads, tuned too. A second hidden layer says how much like the exposed anomalies a
spectrum is. Each of the three terms of the fine-tuning gives one score (`models.sentinel.scores.beyond`): the log-odds
of exposure, the entropy of the tuned softmax, the distance of the tuned embedding from every class. The sixteen scores
stay those of the network, whose embedding knows less of what it was not trained to tell apart than its middle layers.

The adapter sees the texture alone: embeddings of training spectra are tighter than those of new ones, and an adapter
that saw them would take everything new for strange.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from models.domain import COARSE_CLASSES, FINE_CLASSES
from models.sentinel.features import Features
from models.spectral.layers import mlp, projection
from models.spectral.net import ASTRANet, Output

HEADS = ("coarse_head", "fine_head", "fine_projection", "coarse_projection")
LARGEST = 8.0
"""Textures farther than this many standard deviations from the training mean count as that far: garbage has none."""


class Adapter(nn.Module):
    """Residual adapter, heads, and the log-odds of exposure.

    Parameters
    ----------
    embedding, texture, hidden : int
    coarse_hidden, fine_hidden : int
        Of the network's heads.
    dropout : float
        On the hidden layer, in training.
    """

    centre: Tensor
    scale: Tensor
    class_centres: Tensor

    def __init__(
        self,
        embedding: int,
        texture: int,
        hidden: int,
        *,
        coarse_hidden: int = 256,
        fine_hidden: int = 384,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(texture))
        self.register_buffer("scale", torch.ones(texture))
        self.register_buffer("class_centres", torch.zeros(len(FINE_CLASSES), embedding))
        self.inner = nn.Linear(texture, hidden)
        self.drop = nn.Dropout(dropout)
        self.outer = nn.Linear(hidden, embedding)
        self.telling = nn.Sequential(nn.Linear(texture, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, 1))
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)
        # The paper's dropout of 0.4 and 0.5 was for training the heads from nothing.
        self.coarse_head = mlp(embedding, coarse_hidden, len(COARSE_CLASSES), dropout)
        self.fine_head = mlp(embedding + len(COARSE_CLASSES), fine_hidden, len(FINE_CLASSES), dropout)
        self.fine_projection = projection(embedding, 256, 128)
        self.coarse_projection = projection(embedding, 128, 128)

    @classmethod
    def before(cls, net: ASTRANet, texture: NDArray[np.float64], hidden: int) -> Self:
        """An adapter that changes nothing yet, with the network's heads; `texture` (n, t) of training spectra."""
        c = net.config
        made = cls(c.embedding, texture.shape[1], hidden, coarse_hidden=c.coarse_hidden, fine_hidden=c.fine_hidden)
        for name in HEADS:
            getattr(made, name).load_state_dict(getattr(net, name).state_dict())
        made.centre.copy_(torch.tensor(texture.mean(0)))
        made.scale.copy_(torch.tensor(texture.std(0) + 1e-3))
        return made

    def scaled(self, texture: Tensor) -> Tensor:
        """Textures in standard deviations of the training spectra, within limits."""
        return ((texture - self.centre) / self.scale).clamp(-LARGEST, LARGEST)

    def log_odds(self, texture: Tensor) -> Tensor:
        """Log-odds of being exposed, (batch,)."""
        odds: Tensor = self.telling(self.scaled(texture))
        return odds[:, 0]

    def forward(self, embedding: Tensor, texture: Tensor) -> Output:
        """The network's output with the residual."""
        e, coarse, fine = self._tuned(embedding, texture)
        return Output(
            fine_logits=fine,
            coarse_logits=coarse,
            embedding=e,
            fine_projection=F.normalize(self.fine_projection(e), dim=-1),
            coarse_projection=F.normalize(self.coarse_projection(e), dim=-1),
            attention_entropy=e.new_zeros(len(e)),
            texture=texture,
        )

    def _tuned(self, embedding: Tensor, texture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The embedding with the residual, coarse logits and fine logits."""
        hidden = self.drop(F.gelu(self.inner(self.scaled(texture))))
        e = embedding + self.outer(hidden)
        coarse = self.coarse_head(e)
        return e, coarse, self.fine_head(torch.cat([e, coarse.softmax(-1).detach()], dim=1))

    @torch.inference_mode()
    def adapted(self, features: Features) -> Features:
        """The same features, with what exposure adds to them."""
        embedding, texture = (torch.tensor(v, dtype=torch.float32) for v in (features.embedding, features.texture))
        e, _, fine = self._tuned(embedding, texture)
        log_p = fine.log_softmax(-1)
        far = torch.cdist(e, self.class_centres).amin(1)
        added = torch.stack([self.log_odds(texture), -(log_p.exp() * log_p).sum(1), far], dim=1)
        return replace(features, exposure=added.double().numpy())

    def rounded(self) -> Self:
        """As it will be stored, in half precision; in place."""
        self.load_state_dict({k: v.half().float() for k, v in self.state_dict().items()})
        return self

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As named arrays of half precision."""
        return {f"adapter.{k}": v.half().numpy() for k, v in self.state_dict().items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Read what `arrays` gave.

        Raises
        ------
        KeyError, RuntimeError
            If an array is missing or does not fit.
        """
        own = {k.removeprefix("adapter."): torch.from_numpy(v).float() for k, v in arrays.items()
               if k.startswith("adapter.")}  # fmt: skip
        embedding, hidden = own["outer.weight"].shape
        sizes = {"coarse_hidden": len(own["coarse_head.0.bias"]), "fine_hidden": len(own["fine_head.0.bias"])}
        made = cls(embedding, len(own["centre"]), hidden, **sizes)
        made.load_state_dict(own)
        return made.eval().requires_grad_(False)

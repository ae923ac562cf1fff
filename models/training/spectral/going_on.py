"""Networks that have learned before go on with other spectra, in the mix they know, the earlier ones among them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.domain import FINE_CLASSES
from models.training.dataset import Dataset, joined
from models.training.spectral.sampling import weights

if TYPE_CHECKING:
    from models.training.spectral.presets import TrainConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class GoingOn:
    """What is shown besides, and how often.

    Parameters
    ----------
    shown : ndarray, shape (7,)
        Share of each class in what the networks were shown before. It stays: with another mix the factors that turn it
        into the mix the answers are for would not hold any more (`models.training.spectral.mix`).
    rehearsed : Dataset, optional
        Spectra the networks have learned from, to be shown again lest they forget.
    share : float
        Of those among all that is shown.
    """

    shown: NDArray[np.float64]
    rehearsed: Dataset | None = None
    share: float = 0.5

    def together(self, data: Dataset, own: Tensor, config: "TrainConfig") -> tuple[Dataset, Tensor]:
        """All that is shown, and the probability of each row, shape (n,)."""
        own = in_mix(own, data.label, self.shown)
        if self.rehearsed is None:
            return data, own
        again = in_mix(weights(self.rehearsed, config.sampling), self.rehearsed.label, self.shown)
        return joined([data, self.rehearsed]), torch.cat([(1 - self.share) * own, self.share * again])


def in_mix(weight: Tensor, label: NDArray[np.int64], shown: NDArray[np.float64]) -> Tensor:
    """Rows of each class with its share of what is shown; classes without rows leave theirs to the others."""
    sums = np.bincount(label, weight.numpy(), len(FINE_CLASSES))
    factor = np.where(sums > 0, shown / np.where(sums > 0, sums, 1.0), 0.0)
    mixed = weight * torch.from_numpy(factor[label])
    return mixed / mixed.sum()


def blended(before: Mapping[str, Tensor], after: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Weights between those before and after, `share` of the way (WiSE-FT: Wortsman et al. 2022, arXiv:2109.01903).

    What is gained where it was learned is mostly kept, and less is forgotten elsewhere. Counters are those of `after`.
    """
    return {
        name: torch.lerp(before[name].float(), value.float(), share) if value.dtype.is_floating_point else value
        for name, value in after.items()
    }

"""From a network's logits to the probabilities that are told."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.domain import FINE_CLASSES
from models.special import softmax


@dataclass(frozen=True, slots=True, kw_only=True)
class Readout:
    """`softmax(logits / T + log(odds))`, the same for every member.

    Parameters
    ----------
    temperature : float
        T (Guo et al. 2017): makes the probabilities as bold as the answers are right.
    odds : tuple of float, length 7
        For each fine class, how much more frequent it is where the answers are used than among the spectra shown in
        training, where rare classes are shown too often (Saerens et al. 2002, Neural Computation 14, 21, Eq. 2.4).

    Raises
    ------
    ValueError
        If a number is not above zero, or the odds are not one for each class.
    """

    temperature: float = 1.0
    odds: tuple[float, ...] = (1.0,) * len(FINE_CLASSES)

    def __post_init__(self) -> None:
        """Refuse what would make every answer a NaN or a certainty."""
        numbers = np.array([self.temperature, *self.odds])
        if len(self.odds) != len(FINE_CLASSES) or not (np.isfinite(numbers) & (numbers > 0)).all():
            raise ValueError(f"a temperature and {len(FINE_CLASSES)} odds above zero, got {self}")

    def __call__(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Probabilities along the last axis, of the shape of the logits."""
        return softmax(logits.astype(np.float64) / self.temperature + np.log(self.odds))

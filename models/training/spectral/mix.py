"""Which mix of classes the answers are for, against the mix that training shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.domain import FINE_CLASSES
from models.training.dataset import Dataset
from models.training.spectral.sampling import ENOUGH_REAL, SamplingConfig, real_counts, weights

SKYPORTAL: Final[Mapping[str, int]] = MappingProxyType(
    {"SN Ia": 12973, "SN Ibc": 3215, "SLSN": 835, "SN II": 7148, "AGN": 494, "CV": 765, "TDE": 848}
)
"""Spectra of each class in ZTF's marshal (ASTRANet paper, Table XIV)."""

POWER = 0.7
"""Of those numbers. With 1 the probabilities would be right on average and rare classes missed more often; with 0.3,
about what training shows, rare classes would be found a little more often, and more often wrongly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Share of each fine class, each of shape (7,).

    Parameters
    ----------
    shown : ndarray
        Among the spectra that training draws.
    answered : ndarray
        Among those the answers are for: the marshal's numbers to the power of `POWER`, which brings rare classes
        forward. A class that is known from semi-real spectra alone, as CVs are, is not brought forward: too little is
        known of what a poor spectrum of one looks like, and SNe II would pay for it.
    """

    shown: NDArray[np.float64]
    answered: NDArray[np.float64]

    @property
    def odds(self) -> tuple[float, ...]:
        """`answered / shown` for each class; 1 for a class that training does not show."""
        factor = np.where(self.shown > 0, self.answered / np.where(self.shown > 0, self.shown, 1.0), 1.0)
        return tuple(round(float(f), 4) for f in factor)

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Both by class, as plain JSON."""
        both = {"shown": self.shown.tolist(), "answered": self.answered.tolist()}
        return {k: {c: round(v, 4) for c, v in zip(FINE_CLASSES, mix, strict=True)} for k, mix in both.items()}


def mix(data: Dataset, training: Mapping[str, Any]) -> Mix:
    """What the settings of a training, as in a bundle's card (`sampling`, `min_coverage`), showed of this data."""
    train = data.part("train", real=False, min_coverage=training["min_coverage"])
    drawn = weights(train, SamplingConfig(**training["sampling"])).numpy()
    natural = np.array([SKYPORTAL[c] for c in FINE_CLASSES], float)
    natural /= natural.sum()
    forward = natural**POWER
    answered = np.where(real_counts(train) >= ENOUGH_REAL, forward / forward.sum(), natural)
    return Mix(
        shown=np.asarray(np.bincount(train.label, drawn, len(FINE_CLASSES)), float), answered=answered / answered.sum()
    )

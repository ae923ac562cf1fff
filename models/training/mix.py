"""Which mix of classes the answers are for, against the mix that training shows."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.domain import FINE_CLASSES
from models.training.dataset import Dataset
from models.training.sampling import SamplingConfig, weights

SKYPORTAL: Final[Mapping[str, int]] = MappingProxyType(
    {"SN Ia": 12973, "SN Ibc": 3215, "SLSN": 835, "SN II": 7148, "AGN": 494, "CV": 765, "TDE": 848}
)
"""Spectra of each class in ZTF's marshal (ASTRANet paper, Table XIV)."""

POWER = 0.6
"""Of those numbers. With 1 the probabilities would be right on average and rare classes missed more often, with 0.3,
about what training shows, more often found and more often wrongly so; chosen on objects that are in no figure."""


def answered(power: float = POWER) -> NDArray[np.float64]:
    """Share of each fine class among what the answers are for, shape (7,)."""
    share = np.array([SKYPORTAL[c] for c in FINE_CLASSES]) ** power
    return np.asarray(share / share.sum())


def shown(data: Dataset, training: Mapping[str, Any]) -> NDArray[np.float64]:
    """Share of each fine class among the spectra that training draws, shape (7,).

    Parameters
    ----------
    training : mapping
        The settings as in a bundle's card: `sampling` and `min_coverage`.
    """
    train = data.part("train", real=False, min_coverage=training["min_coverage"])
    drawn = weights(train, SamplingConfig(**training["sampling"])).numpy()
    return np.asarray(np.bincount(train.label, drawn, len(FINE_CLASSES)), np.float64)


def odds(share: NDArray[np.float64]) -> tuple[float, ...]:
    """For each class `answered / shown`; 1 for a class that training does not show."""
    factor = np.where(share > 0, answered() / np.where(share > 0, share, 1.0), 1.0)
    return tuple(round(float(f), 4) for f in factor)

"""From correlations to a probability of each redshift, its two best peaks, and how far either can be believed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.domain import FINE_CLASSES
from models.matching.grid import REDSHIFTS, Floats, Singles

SHARPNESS: Final = 15.0
"""Of the soft maximum over matches: several good ones at one redshift count for more than a single one."""
NEAR: Final = 0.01
"""Half the width of a peak, in units of 1 + z."""
GALACTIC: Final = FINE_CLASSES.index("CV")
"""A class whose redshift is zero whatever matches."""
_STELLAR: Final = 0.003


def evidence(scores: Singles) -> Floats:
    """Soft maximum over the spectra of one class, shape (redshifts,).

    Parameters
    ----------
    scores : ndarray, shape (m, redshifts)
        From `models.matching.correlate.correlated`.
    """
    if not len(scores):
        return np.zeros(len(REDSHIFTS))
    return np.asarray(np.log(np.exp(SHARPNESS * scores).sum(axis=0, dtype=np.float64)) / SHARPNESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How evidence and prior are weighed, for one domain; fitted on training objects, each left out of its matches.

    Parameters
    ----------
    recipes : ndarray, shape (recipes,)
        Of each recipe's evidence.
    prior : float
        Of the logarithm of the class's redshifts.
    log_prior : ndarray, shape (7, redshifts)
        Density of each class's redshifts among training objects of the domain, logarithm, zero at its maximum.
    """

    recipes: Floats
    prior: float
    log_prior: Floats

    def of_class(self, evidences: Floats, label: int) -> Floats:
        """Probability of each redshift, if the class is `label`; shape (redshifts,), sums to 1.

        Parameters
        ----------
        evidences : ndarray, shape (recipes, redshifts)
        """
        if label == GALACTIC:
            at_rest = (np.abs(REDSHIFTS) < _STELLAR).astype(np.float64)
            return at_rest / at_rest.sum()
        logits = self.recipes @ evidences + self.prior * self.log_prior[label]
        shifted = np.exp(logits - logits.max())
        return np.asarray(shifted / shifted.sum())


def log_prior(redshifts: Floats, *, width: float = 0.3, lowest: float = 1e-6) -> Floats:
    """Kernel density of ln z of some objects, as a density of z over the grid; logarithm, zero at its maximum."""
    at, known = (np.log(np.maximum(x, _STELLAR)) for x in (REDSHIFTS, redshifts))
    density = np.exp(-0.5 * ((at[:, None] - known[None]) / width) ** 2).sum(axis=1) / np.exp(at)
    return np.asarray(np.log(np.maximum(density / density.max(), lowest)))


@dataclass(frozen=True, slots=True)
class Peak:
    """One redshift and the probability within `NEAR` of it, in units of 1 + z."""

    redshift: float
    share: float


def mixed(parts: Mapping[int, Floats], probabilities: Floats) -> Floats:
    """Probability of each redshift over the classes that come into question, each with its own probability."""
    total = sum(float(probabilities[k]) for k in parts)
    return np.asarray(sum(part * (float(probabilities[k]) / total) for k, part in parts.items()))


def peaks(posterior: Floats) -> tuple[Peak, Peak | None]:
    """The redshift with most probability around it, and the next that is another one; None where there is none left."""
    left = posterior.copy()
    first = _highest(left)
    left[np.abs(REDSHIFTS - first.redshift) < 2.0 * NEAR * (1.0 + first.redshift)] = 0.0
    return first, _highest(left) if left.sum() > 0 else None


def _highest(posterior: Floats) -> Peak:
    summed = np.concatenate([[0.0], np.cumsum(posterior)])
    low = np.searchsorted(REDSHIFTS, REDSHIFTS - NEAR * (1.0 + REDSHIFTS), "left")
    high = np.searchsorted(REDSHIFTS, REDSHIFTS + NEAR * (1.0 + REDSHIFTS), "right")
    mass = summed[high] - summed[low]
    best = int(np.argmax(mass + 1e-9 * posterior))
    inside = slice(int(low[best]), int(high[best]))
    weight = posterior[inside]
    redshift = float((weight * REDSHIFTS[inside]).sum() / weight.sum())
    return Peak(redshift=redshift, share=float(mass[best]))

"""How bright each class is: the law of its absolute magnitude, as evidence beside what the spectrum says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from models.card_fields import LuminosityFields
from models.domain import FINE_CLASSES, Luminosity
from models.domain.matching import WithLuminosity

ANYTHING: Final = 0.05
"""Share of objects of each class that may be of any magnitude, so that no class is ruled out."""
RANGE_MAG: Final = 12.0
"""Over how many magnitudes those are spread."""
MATCHED: Final = "matches"
"""Origin of a redshift that the spectrum itself showed: nobody measured it, so no distance is believed for this."""
DIGITS: Final = 6
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LuminosityLaws:
    """A normal law for each class that has one, with a floor; the likelihood counts to the power of `power`.

    Parameters
    ----------
    median, spread : ndarray, shape (7,)
        Absolute magnitude of the brightest detection, in the order of `FINE_CLASSES`; NaN for a class without a law.
    power : float
        Below 1 where the light curve is trusted less than its likelihood says.
    """

    median: Floats
    spread: Floats
    power: float = 1.0

    @classmethod
    def of(cls, section: LuminosityFields) -> Self:
        """From the card's section.

        Raises
        ------
        ValueError
            If it names no class of ours, or a spread is not positive.
        """
        laws = section["laws"]
        if not laws or set(laws) - set(FINE_CLASSES):
            raise ValueError(f"laws of luminosity of other classes: {', '.join(sorted(laws))}")
        if any(law["spread"] <= 0 for law in laws.values()):
            raise ValueError("a law of luminosity without a spread")
        median, spread = (np.array([laws[c][k] if c in laws else np.nan for c in FINE_CLASSES]) for k in _NUMBERS)
        return cls(median=median, spread=spread, power=section["power"])

    def log_likelihood(self, magnitude: Floats) -> Floats:
        """Of magnitudes of shape (n,), under each class, shape (n, 7); NaN for a class without a law."""
        away = (magnitude[:, None] - self.median) / self.spread
        normal = np.exp(-0.5 * away**2) / (self.spread * np.sqrt(2 * np.pi))
        return np.asarray(np.log((1 - ANYTHING) * normal + ANYTHING / RANGE_MAG))

    def weighed(self, probabilities: Floats, magnitude: Floats) -> Floats:
        """Probabilities once more, shape (n, 7), with magnitudes of shape (n,) as evidence.

        A class without a law keeps its probability: a luminosity says nothing for or against it.
        """
        return weighed(probabilities, self.log_likelihood(magnitude), self.power)

    def beside(self, probabilities: Mapping[str, float], told: Luminosity | None) -> WithLuminosity | None:
        """What the spectrum and the luminosity say together; None where no distance is known.

        Parameters
        ----------
        probabilities : mapping of str to float
            Of each class, by the spectrum.
        """
        if told is None or told.redshift_origin == MATCHED:
            return None
        p = np.array([[probabilities[c] for c in FINE_CLASSES]], dtype=float)
        found = self.weighed(p, np.array([told.magnitude]))[0]
        label = FINE_CLASSES[int(found.argmax())]
        return WithLuminosity(
            label=label,
            probabilities={c: round(float(x), DIGITS) for c, x in zip(FINE_CLASSES, found, strict=True)},
            magnitude=told.magnitude,
            redshift=told.redshift,
            agrees=label == max(probabilities, key=lambda c: probabilities[c]),
        )


def weighed(probabilities: Floats, log_likelihood: Floats, power: float) -> Floats:
    """Probabilities with one more piece of evidence, shape (n, 7): its likelihood counts to a power.

    Parameters
    ----------
    log_likelihood : ndarray, shape (n, 7)
        NaN for a class without a law, which keeps its probability.
    """
    known = np.isfinite(log_likelihood)
    logs = np.where(known, power * np.where(known, log_likelihood, 0.0), -np.inf)
    raised = probabilities * np.exp(logs - np.where(known.any(1), logs.max(1), 0.0)[:, None])
    total = raised.sum(1, keepdims=True)
    share = (probabilities * known).sum(1, keepdims=True)
    return np.where(known, raised / np.where(total > 0, total, 1.0) * share, probabilities)


_NUMBERS: Final = ("median", "spread")

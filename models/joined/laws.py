"""How likely what was measured of a source is under each class; NaN for a class without a law."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from models.joined.evidence import EVIDENCE, Measured
from models.luminosity_law import ANYTHING, LuminosityLaws

EDGES_DEG: Final = (0.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0)
"""Of the classes of |b|."""
RISE_RANGES: Final = (3.5, 5.0, 2.5, 3.0)
"""Over which the light curves of a share `ANYTHING` of each class may be spread, so that no class is ruled out."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Laws:
    """The laws of all evidence.

    Parameters
    ----------
    latitude : ndarray, shape (7, 6)
        Share of each class's objects in each interval of `EDGES_DEG`.
    counterpart : ndarray, shape (7, 4)
        Share of each class's objects with each of `COUNTERPARTS`.
    luminosity : LuminosityLaws
    rise_mean : ndarray, shape (7, 4)
    rise_covariance : ndarray, shape (4, 4)
        Of all classes, within them.
    """

    latitude: Floats
    counterpart: Floats
    luminosity: LuminosityLaws
    rise_mean: Floats
    rise_covariance: Floats

    def log_likelihoods(self, found: Measured) -> dict[str, Floats]:
        """Of each evidence, by name, in the order in which it is weighed: shape (n, 7); NaN where it says nothing."""
        known = found.known()
        likely = {
            "latitude": _looked_up(self.latitude, interval(found.latitude)),
            "counterpart": _looked_up(self.counterpart, found.counterpart),
            "luminosity": self.luminosity.log_likelihood(found.luminosity),
            "rise": np.array([self._rise(row) for row in found.rise]).reshape(-1, len(self.rise_mean)),
        }
        return {name: np.where(known[name][:, None], likely[name], np.nan) for name in EVIDENCE}

    def _rise(self, row: Floats) -> Floats:
        """A normal law of what is known of the four numbers, with a floor."""
        there = np.isfinite(row)
        if not there.any():
            return np.full(len(self.rise_mean), np.nan)
        spread = self.rise_covariance[np.ix_(there, there)]
        away = row[there] - self.rise_mean[:, there]
        distance = np.einsum("ki,ij,kj->k", away, np.linalg.inv(spread), away)
        normal = (1 - ANYTHING) * np.exp(-0.5 * distance) / np.sqrt(np.linalg.det(2 * np.pi * spread))
        return np.asarray(np.log(normal + ANYTHING / np.prod(np.array(RISE_RANGES)[there])))

    def arrays(self) -> dict[str, Floats]:
        """As a file holds them."""
        return {
            "latitude": self.latitude,
            "counterpart": self.counterpart,
            "luminosity_median": self.luminosity.median,
            "luminosity_spread": self.luminosity.spread,
            "rise_mean": self.rise_mean,
            "rise_covariance": self.rise_covariance,
        }

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """From what `arrays` gave.

        Raises
        ------
        KeyError
            If one is missing.
        """
        luminosity = LuminosityLaws(median=arrays["luminosity_median"], spread=arrays["luminosity_spread"])
        plain = {name: arrays[name] for name in ("latitude", "counterpart", "rise_mean", "rise_covariance")}
        return cls(luminosity=luminosity, **plain)


def interval(latitude_deg: Floats) -> NDArray[np.int64]:
    """Index of the interval of |b|; -1 where it is not known."""
    found = np.digitize(np.nan_to_num(latitude_deg), EDGES_DEG[1:-1])
    return np.where(np.isfinite(latitude_deg), found, -1).astype(np.int64)


def _looked_up(shares: Floats, index: NDArray[np.int64]) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(shares[:, np.maximum(index, 0)]).T)

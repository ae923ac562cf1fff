"""What a host galaxy says for each class: a likelihood ratio of five numbers, heavy tails, few parameters.

There are some tens of hosts of each rare class: trees on host features learn those galaxies by heart, and did worse
out of fold than no host at all. What is missing says nothing, for it is missing because of the catalogue: manyTDE gives
no offsets, and has no redshifts.

A catalogue's nearest galaxy may be a chance neighbour. That is rare for a SN and a fifth of the cases for a SLSN-I,
whose own host is too faint for the catalogue: so chance is part of the law of each class, with a share of its own, and
the galaxy's numbers then say nothing else.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np

from models.needle.lightcurves import luminosity
from models.needle.lightcurves.lightcurve import Floats

CLASSES: Final = 3
FREEDOM: Final = 5.0
PRIOR_OBJECTS: Final = 8.0
PRIOR_VARIANCE: Final = np.array([2.0, 0.1, 1.5])
SLOPE_PRIOR: Final = 5.0
REFERENCE_MAG: Final = 18.5
NUCLEAR: Final = (-1.8, 0.5, 20.0)
"""Prior of the log offset of TDEs, mean, variance and objects: they are in the nucleus, so that their offset is the
error of two positions, some 0.2 arcsec."""
CHANCE_MAG: Final = (20.5, 4.0)
CHANCE_COLOUR: Final = (0.6, 0.5)
CHANCE_LOG_OFFSET: Final = (2.8, 0.8)
"""Mean and variance of r, g - r and log offset of a galaxy that has nothing to do with the transient. Fixed: with
CHANCE_MAG at 20 or 21 and the offset at 12 arcsec the answers are the same out of fold, fitted they are worse."""
CHANCE_PRIOR: Final = (0.05, 8.0)
"""Share of such galaxies, and the objects that the prior counts for."""
ROUNDS: Final = 8
COLOUR_SHARE: Final = 0.5
OFFSET_SHARE: Final = 0.75
"""Of the log ratios that are believed: magnitudes and the light curve are not independent, nor quite the offset. Chosen
out of fold among 0.35, 0.5, 0.65, 0.75 and 1, and 0.5, 0.75 and 1; the luminosity counts whole."""
LARGEST: Final = 4.0


class Galaxy(IntEnum):
    """Columns of host numbers: r and g - r, magnitudes; natural log of the offset in arcsec; redshift and its error."""

    R = 0
    GR = 1
    LOG_OFFSET = 2
    Z = 3
    Z_ERROR = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class HostModel:
    """Student-t laws of r and g - r, given how bright the transient is, of the offset and the luminosity, by class.

    Parameters
    ----------
    line : ndarray, shape (3, 2, 2)
        For each class: r and g - r at a transient of 18.5 mag, and their change per magnitude.
    covariance : ndarray, shape (3, 2, 2)
        Of r and g - r about the line.
    offset : ndarray, shape (3, 2)
        Mean and variance of the log offset.
    luminosity : ndarray, shape (3, 2)
        Mean and standard deviation of the transient's absolute magnitude.
    chance : ndarray, shape (3,)
        Share of galaxies with an offset that are chance neighbours.
    """

    line: Floats
    covariance: Floats
    offset: Floats
    luminosity: Floats
    chance: Floats

    def log_ratio(self, galaxies: Floats, bright: Floats) -> Floats:
        """What is added to the log probabilities, relative to SN; zero where nothing is known.

        Parameters
        ----------
        galaxies : ndarray, shape (n, 5)
            `Galaxy` columns; NaN where missing.
        bright : ndarray, shape (n,)
            Brightest magnitude of the transient so far.

        Returns
        -------
        ndarray, shape (n, 3)
        """
        neighbour_colours, neighbour_offset = _chance_colours(galaxies), _chance_offset(galaxies)
        logs = np.zeros((len(galaxies), CLASSES))
        for k in range(CLASSES):
            own = COLOUR_SHARE * (_colours(self.line[k], self.covariance[k], galaxies, bright) - neighbour_colours)
            own += OFFSET_SHARE * (_log_t(galaxies[:, Galaxy.LOG_OFFSET], *self.offset[k]) - neighbour_offset)
            own += luminosity.log_ratio(self.luminosity[k], galaxies[:, Galaxy.Z], galaxies[:, Galaxy.Z_ERROR], bright)
            either = np.logaddexp(np.log1p(-self.chance[k]) + own, np.log(self.chance[k]))
            logs[:, k] = np.where(_placed(galaxies), either, own)
        return np.asarray(np.clip(logs - logs[:, :1], -LARGEST, LARGEST))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for a card."""
        return {name: getattr(self, name).round(5).tolist() for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, numbers: Mapping[str, Any]) -> "HostModel":
        """The inverse of `to_dict`."""
        return cls(**{name: np.array(numbers[name], float) for name in cls.__dataclass_fields__})


def fit_hosts(galaxies: Floats, bright: Floats, label: np.ndarray, weight: Floats) -> HostModel:
    """Weighted moments of each class, drawn a little towards common variances, chance neighbours left out by weight.

    Parameters
    ----------
    weight : ndarray, shape (n,)
        Sums to one for each object.
    """
    laws = [_fit_class(k, galaxies[label == k], bright[label == k], weight[label == k]) for k in range(CLASSES)]
    columns = {name: np.array([law[name] for law in laws]) for name in HostModel.__dataclass_fields__}
    return HostModel(**columns)


def _fit_class(k: int, galaxies: Floats, bright: Floats, weight: Floats) -> dict[str, Any]:
    """Expectation and maximisation: how probably each galaxy is a chance neighbour, and the laws of the others."""
    offset, placed = galaxies[:, Galaxy.LOG_OFFSET], _placed(galaxies) & np.isfinite(bright)
    coloured, known = np.isfinite(galaxies[:, :2]).all(1) & np.isfinite(bright), np.isfinite(offset)
    prior = NUCLEAR if k == CLASSES - 1 else None
    share, counts = CHANCE_PRIOR
    by_chance = np.where(placed, share, 0.0)
    neighbour = _chance_colours(galaxies) + _chance_offset(galaxies)
    chance = share
    for _ in range(ROUNDS):
        w = weight * (1 - by_chance)
        line, covariance = _line(galaxies[coloured, :2], bright[coloured], w[coloured])
        law = _moments(offset[known], w[known], prior)
        own = _colours(line, covariance, galaxies, bright) + _log_t(offset, *law)
        odds = np.exp(np.clip(np.log1p(-chance) + own - np.log(chance) - neighbour, -50, 50))
        by_chance = np.where(placed, 1 / (1 + odds), 0.0)
        chance = float((weight @ by_chance + counts * share) / (weight[placed].sum() + counts))
    z, error = galaxies[:, Galaxy.Z], galaxies[:, Galaxy.Z_ERROR]
    bright_law = luminosity.fit(z, error, bright, weight * (1 - by_chance), k)
    return {
        "line": line,
        "covariance": covariance,
        "offset": law,
        "luminosity": bright_law,
        "chance": chance,
    }


def _placed(galaxies: Floats) -> np.ndarray:
    """Whether magnitude and offset are known, without which nothing tells a neighbour."""
    return np.asarray(np.isfinite(galaxies[:, [Galaxy.R, Galaxy.LOG_OFFSET]]).all(1))


def _chance_colours(galaxies: Floats) -> Floats:
    (r, r_variance), (colour, colour_variance) = CHANCE_MAG, CHANCE_COLOUR
    line = np.array([[r, colour], [0.0, 0.0]])
    return _colours(line, np.diag([r_variance, colour_variance]), galaxies, np.full(len(galaxies), REFERENCE_MAG))


def _chance_offset(galaxies: Floats) -> Floats:
    return _log_t(galaxies[:, Galaxy.LOG_OFFSET], *CHANCE_LOG_OFFSET)


def _colours(line: Floats, covariance: Floats, galaxies: Floats, bright: Floats) -> Floats:
    left = galaxies[:, :2] - np.column_stack([np.ones(len(bright)), bright - REFERENCE_MAG]) @ line
    scale = covariance * (FREEDOM - 2) / FREEDOM
    both, only_r = np.isfinite(left).all(1), np.isfinite(left[:, 0]) & ~np.isfinite(left[:, 1])
    out = np.zeros(len(left))
    distance = np.einsum("ni,ij,nj->n", left[both], np.linalg.inv(scale), left[both])
    out[both] = _student(distance, 2) - 0.5 * np.log(np.linalg.det(scale))
    out[only_r] = _student(left[only_r, 0] ** 2 / scale[0, 0], 1) - 0.5 * np.log(scale[0, 0])
    return out


def _log_t(values: Floats, mean: float, variance: float) -> Floats:
    scale = variance * (FREEDOM - 2) / FREEDOM
    return np.nan_to_num(_student((values - mean) ** 2 / scale, 1) - 0.5 * np.log(scale), nan=0.0)


def _student(distance: Floats, dimensions: int) -> Floats:
    """Log density of the Student-t law of unit scale at a squared distance; scipy's takes milliseconds each time."""
    half = (FREEDOM + dimensions) / 2
    norm = math.lgamma(half) - math.lgamma(FREEDOM / 2) - dimensions / 2 * math.log(FREEDOM * math.pi)
    return np.asarray(norm - half * np.log1p(distance / FREEDOM))


def _line(values: Floats, bright: Floats, weight: Floats) -> tuple[Floats, Floats]:
    if not len(values):
        return np.zeros((2, 2)), np.diag(PRIOR_VARIANCE[:2]) * 100
    design = np.column_stack([np.ones(len(bright)), bright - REFERENCE_MAG])
    normal = design.T @ (design * weight[:, None]) + np.diag([0.0, SLOPE_PRIOR])
    line = np.linalg.solve(normal, design.T @ (values * weight[:, None]))
    left = values - design @ line
    total = (left.T * weight) @ left + PRIOR_OBJECTS * np.diag(PRIOR_VARIANCE[:2])
    return np.asarray(line), np.asarray(total / (weight.sum() + PRIOR_OBJECTS))


def _moments(values: Floats, weight: Floats, prior: tuple[float, float, float] | None) -> tuple[float, float]:
    """Mean and variance; the mean is drawn towards a prior only where there is one."""
    middle, variance, counts = prior or (0.0, PRIOR_VARIANCE[2], PRIOR_OBJECTS)
    if not len(values) and prior is None:
        return 0.0, float(variance * 100)
    held = 0.0 if prior is None else counts
    mean = float((weight @ values + held * middle) / (weight.sum() + held))
    total = float(weight @ (values - mean) ** 2 + counts * variance)
    return mean, total / (float(weight.sum()) + counts)

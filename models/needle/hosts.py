"""What a host galaxy says for each class: a likelihood ratio of three numbers, heavy tails, few parameters.

There are some tens of hosts of each rare class: trees on host features learn those galaxies by heart, and did worse
out of fold than no host at all. A missing offset, or a missing host, says nothing, for either is missing because of
the catalogue: manyTDE gives no offsets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from scipy.stats import multivariate_t, t

from models.needle.lightcurve import Floats

CLASSES: Final = 3
FREEDOM: Final = 5.0
PRIOR_OBJECTS: Final = 8.0
PRIOR_VARIANCE: Final = np.array([2.0, 0.1, 1.5])
SLOPE_PRIOR: Final = 5.0
REFERENCE_MAG: Final = 18.5
SHARE: Final = 0.5
"""Of the log ratio that is believed: it and the light curve are not independent. Chosen out of fold among 0, 1/2, 1."""
LARGEST: Final = 4.0


class Galaxy(IntEnum):
    """Columns of host numbers: r and g - r, magnitudes; natural log of the offset in arcsec."""

    R = 0
    GR = 1
    LOG_OFFSET = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class HostModel:
    """Student-t laws of r and g - r, given how bright the transient is, and of the offset, for each class.

    Parameters
    ----------
    line : ndarray, shape (3, 2, 2)
        For each class: r and g - r at a transient of 18.5 mag, and their change per magnitude.
    covariance : ndarray, shape (3, 2, 2)
        Of r and g - r about the line.
    offset : ndarray, shape (3, 2)
        Mean and variance of the log offset.
    """

    line: Floats
    covariance: Floats
    offset: Floats

    def log_ratio(self, galaxies: Floats, bright: Floats) -> Floats:
        """What is added to the log probabilities, relative to SN; zero where nothing is known.

        Parameters
        ----------
        galaxies : ndarray, shape (n, 3)
            `Galaxy` columns; NaN where missing.
        bright : ndarray, shape (n,)
            Brightest magnitude of the transient so far.

        Returns
        -------
        ndarray, shape (n, 3)
        """
        logs = np.zeros((len(galaxies), CLASSES))
        for k in range(CLASSES):
            logs[:, k] = self._colours(k, galaxies, bright) + self._offset(k, galaxies[:, Galaxy.LOG_OFFSET])
        return np.asarray(np.clip(SHARE * (logs - logs[:, :1]), -LARGEST, LARGEST))

    def _colours(self, k: int, galaxies: Floats, bright: Floats) -> Floats:
        left = galaxies[:, :2] - np.column_stack([np.ones(len(bright)), bright - REFERENCE_MAG]) @ self.line[k]
        scale = self.covariance[k] * (FREEDOM - 2) / FREEDOM
        both, only_r = np.isfinite(left).all(1), np.isfinite(left[:, 0]) & ~np.isfinite(left[:, 1])
        out = np.zeros(len(left))
        if both.any():
            out[both] = multivariate_t(np.zeros(2), scale, df=FREEDOM).logpdf(left[both])
        out[only_r] = t.logpdf(left[only_r, 0], FREEDOM, scale=np.sqrt(scale[0, 0]))
        return out

    def _offset(self, k: int, log_offset: Floats) -> Floats:
        mean, variance = self.offset[k]
        scale = np.sqrt(variance * (FREEDOM - 2) / FREEDOM)
        return np.nan_to_num(t.logpdf(log_offset, FREEDOM, loc=mean, scale=scale), nan=0.0)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for a card."""
        return {name: getattr(self, name).round(5).tolist() for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, numbers: Mapping[str, Any]) -> "HostModel":
        """The inverse of `to_dict`."""
        return cls(**{name: np.array(numbers[name], float) for name in cls.__dataclass_fields__})


def fit_hosts(galaxies: Floats, bright: Floats, label: np.ndarray, weight: Floats) -> HostModel:
    """Weighted moments of each class, drawn a little towards common variances.

    Parameters
    ----------
    weight : ndarray, shape (n,)
        Sums to one for each object.
    """
    lines, covariances, offsets = [], [], []
    for k in range(CLASSES):
        known = (label == k) & np.isfinite(galaxies[:, :2]).all(1) & np.isfinite(bright)
        line, covariance = _line(galaxies[known, :2], bright[known], weight[known])
        lines.append(line)
        covariances.append(covariance)
        known = (label == k) & np.isfinite(galaxies[:, Galaxy.LOG_OFFSET])
        offsets.append(_moments(galaxies[known, Galaxy.LOG_OFFSET], weight[known]))
    return HostModel(line=np.array(lines), covariance=np.array(covariances), offset=np.array(offsets))


def _line(values: Floats, bright: Floats, weight: Floats) -> tuple[Floats, Floats]:
    if not len(values):
        return np.zeros((2, 2)), np.diag(PRIOR_VARIANCE[:2]) * 100
    design = np.column_stack([np.ones(len(bright)), bright - REFERENCE_MAG])
    normal = design.T @ (design * weight[:, None]) + np.diag([0.0, SLOPE_PRIOR])
    line = np.linalg.solve(normal, design.T @ (values * weight[:, None]))
    left = values - design @ line
    total = (left.T * weight) @ left + PRIOR_OBJECTS * np.diag(PRIOR_VARIANCE[:2])
    return np.asarray(line), np.asarray(total / (weight.sum() + PRIOR_OBJECTS))


def _moments(values: Floats, weight: Floats) -> tuple[float, float]:
    if not len(values):
        return 0.0, float(PRIOR_VARIANCE[2] * 100)
    mean = float(np.average(values, weights=weight))
    total = float(weight @ (values - mean) ** 2 + PRIOR_OBJECTS * PRIOR_VARIANCE[2])
    return mean, total / (float(weight.sum()) + PRIOR_OBJECTS)

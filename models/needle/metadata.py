"""The metadata classifier: gradient-boosted trees on the light curve, times a likelihood ratio of the host.

Members are the models of the folds; their mean is deployed, so that every object has taught most of them. They learn
with the rare classes rare: with classes balanced, a leaf with a few early SN Ia in it looks like a TDE, and the purity
that matters is decided among the last few in a thousand. What is answered is shifted so that the threshold 0.8 lies
where it is wanted on held-out objects at the class mix of the paper's untouched set, 2559 : 14 : 15. The two ways of
asking differ in it: `purity` holds the paper's purities, `completeness` finds half of the objects.
The probabilities are scores on that scale, not frequencies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from models.conformal.mondrian import p_values
from models.domain import NEEDLE_CLASSES
from models.needle.hosts import HostModel
from models.needle.inputs import brightest
from models.needle.lightcurves.lightcurve import Floats

PAPER_MIX: Final = np.array([2559.0, 14.0, 15.0]) / 2588.0
"""Class shares of the paper's untouched set, Table 5: SN, SLSN-I, TDE."""
VARIANTS: Final = ("TH", "T")
"""With a host, and without (Sec. 6.2): the same members, calibrated apart."""
PREFERENCES: Final = ("purity", "completeness")
ALPHAS: Final = (0.05, 0.1, 0.2)
TRAINING_MIX: Final = np.array([1.0, 0.012, 0.013])
"""Total weight of each class in training; the paper's mix would be 1 : 0.0055 : 0.0059."""
SHARPNESS: Final = 3.0
"""Exponent of the odds of SLSN-I against TDE once an object is one of them: without it, half of the rare objects are
neither above 0.8, though few of either are mistaken for the other at the paper's mix. Chosen out of fold among 1, 2, 3,
5 and 8."""


class Member(Protocol):
    """What gives class probabilities: `models.trees.Trees`, or the LightGBM booster that a training has made."""

    def predict(self, inputs: Floats, /) -> Any:
        """Give class probabilities, shape (n, 3), of rows in the order of `inputs.NAMES`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The classifier.

    Parameters
    ----------
    members : sequence of Member
    hosts : HostModel
    shift : mapping of str to ndarray, shape (3,)
        What is added to the log probabilities for each preference.
    calibration : mapping of str to ndarray
        `TH.probabilities` (n, 3) and `TH.label` (n,) of held-out objects with a host, as the balanced classes'
        probabilities; `T` likewise of those without one.
    """

    members: Sequence[Member]
    hosts: HostModel
    shift: Mapping[str, Floats]
    calibration: Mapping[str, np.ndarray]

    def balanced(self, x: Floats, galaxies: Floats) -> Floats:
        """Class probabilities for equal class shares, shape (n, 3).

        Parameters
        ----------
        x : ndarray, shape (n, inputs)
            In the order of `inputs.NAMES`.
        galaxies : ndarray, shape (n, 5)
            `hosts.Galaxy` columns; NaN where there is no host.
        """
        return with_hosts(mean_of(self.members, x), x, galaxies, self.hosts)

    def probabilities(self, balanced: Floats, prefer: str) -> Floats:
        """The posterior for a preference."""
        return posterior(balanced, self.shift[prefer])

    def class_p_values(self, balanced: Floats, variant: str) -> Floats:
        """Mondrian p-value of each class: how usual `1 - p(class)` is among held-out objects of that class."""
        known, label = self.calibration[f"{variant}.probabilities"], self.calibration[f"{variant}.label"]
        columns = [p_values(1 - known[label == k, k], 1 - balanced[:, k]) for k in range(len(NEEDLE_CLASSES))]
        return np.column_stack(columns)


def mean_of(members: Sequence[Member], x: Floats) -> Floats:
    """Geometric mean of the members' class probabilities, for equal class shares.

    The shifts and the calibration are those of single members, out of fold. An arithmetic mean of small probabilities
    is that of the largest of them, so the rare classes would come out more probable than they were calibrated.
    """
    logs = np.mean([np.log(np.maximum(np.asarray(member.predict(x), float), 1e-12)) for member in members], axis=0)
    return shifted(np.exp(logs), -np.log(TRAINING_MIX))


def with_hosts(balanced: Floats, x: Floats, galaxies: Floats, hosts: HostModel) -> Floats:
    """Probabilities of the light curve and the host's likelihood ratio, joined."""
    ratio = np.exp(hosts.log_ratio(galaxies, brightest(x)))
    return shifted(balanced * ratio, np.zeros(len(NEEDLE_CLASSES)))


def shifted(probabilities: Floats, shift: Floats) -> Floats:
    """`p exp(shift)`, normalised: the posterior for another class mix."""
    out = np.maximum(probabilities, 1e-9) * np.exp(shift)
    return np.asarray(out / out.sum(1, keepdims=True))


def posterior(balanced: Floats, shift: Floats) -> Floats:
    """The answer: first SN or not at the shifted mix, then which of the rare two, more decidedly (`SHARPNESS`)."""
    p = shifted(balanced, shift)
    rare = p[:, 1:].sum(1, keepdims=True)
    sharp = (p[:, 1:] / rare) ** SHARPNESS
    return np.asarray(np.hstack([p[:, :1], rare * sharp / sharp.sum(1, keepdims=True)]))

"""The metadata classifier: an ensemble of gradient-boosted trees on the features of light curve and host.

Trees, not the dense network of `net.py`, are what ships: an early comparison favoured them, and no clean one was made.
Members are the models of the folds; their mean is deployed, so that every object has taught most of them. Training
balances the classes; what is answered is shifted so that the threshold 0.8 gives a wanted purity on held-out objects at
the class mix of the paper's untouched set, 2559 : 14 : 15. The two ways of asking differ in it: `purity` wants one half
of the candidates right, `completeness` about one in seven.
The probabilities are scores on that scale, not frequencies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from lightgbm import Booster

from models.conformal.mondrian import p_values
from models.domain import NEEDLE_CLASSES
from models.needle.features import COMMON_HOST, NAMES, TRANSIENT
from models.needle.lightcurve import Floats

PAPER_MIX: Final = np.array([2559.0, 14.0, 15.0]) / 2588.0
"""Class shares of the paper's untouched set, Table 5: SN, SLSN-I, TDE."""
FEATURES: Final = {"TH": TRANSIENT + COMMON_HOST, "T": TRANSIENT}
"""With a host, and without (Sec. 6.2)."""
BLEND: Final[Mapping[str, Mapping[str, float]]] = {"TH": {"TH": 0.4, "T": 0.6}, "T": {"T": 1.0}}
"""Weights of the two kinds of members in the mean log probability: hosts lent within a class make the TH members trust
the few real ones too much, and together with T they did better than alone on out-of-fold answers."""
PREFERENCES: Final = ("purity", "completeness")
ALPHAS: Final = (0.05, 0.1, 0.2)
PARAMETERS: Final[Mapping[str, Any]] = {
    "objective": "multiclass",
    "num_class": len(NEEDLE_CLASSES),
    "num_leaves": 8,
    "learning_rate": 0.1,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "min_data_in_leaf": 30,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "verbose": -1,
    "deterministic": True,
    "num_threads": 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """One variant of the classifier.

    Parameters
    ----------
    variant : str
        `TH` or `T`.
    members : mapping of str to sequence of Booster
        For each kind in `BLEND[variant]`.
    shift : mapping of str to ndarray, shape (3,)
        What is added to the log probabilities for each preference.
    calibration : mapping of str to ndarray
        `probabilities` (n, 3) and `label` (n,) of held-out objects, as the balanced classes' probabilities.
    """

    variant: str
    members: Mapping[str, Sequence[Booster]]
    shift: Mapping[str, Floats]
    calibration: Mapping[str, np.ndarray]

    def balanced(self, x: Floats) -> Floats:
        """Class probabilities of the members for equal class shares, shape (n, 3).

        Parameters
        ----------
        x : ndarray, shape (n, features)
            All features, in the order of `features.NAMES`.
        """
        return blend({kind: mean_of(members, kind, x) for kind, members in self.members.items()}, self.variant)

    def probabilities(self, balanced: Floats, prefer: str) -> Floats:
        """The posterior for a preference."""
        return shifted(balanced, self.shift[prefer])

    def class_p_values(self, balanced: Floats) -> Floats:
        """Mondrian p-value of each class: how usual `1 - p(class)` is among held-out objects of that class."""
        known, label = self.calibration["probabilities"], self.calibration["label"]
        columns = [p_values(1 - known[label == k, k], 1 - balanced[:, k]) for k in range(len(NEEDLE_CLASSES))]
        return np.column_stack(columns)


def mean_of(members: Sequence[Booster], kind: str, x: Floats) -> Floats:
    """Mean class probabilities of members of one kind; `x` holds all features."""
    mine = x[:, [NAMES.index(name) for name in FEATURES[kind]]]
    return np.mean([member.predict(mine) for member in members], axis=0)


def blend(by_kind: Mapping[str, Floats], variant: str) -> Floats:
    """Weighted geometric mean of the kinds' probabilities, normalised."""
    logs = sum(share * np.log(np.maximum(by_kind[kind], 1e-9)) for kind, share in BLEND[variant].items())
    return shifted(np.exp(logs), np.zeros(len(NEEDLE_CLASSES)))


def train_member(x: Floats, label: np.ndarray, weight: Floats, variant: str, *, seed: int, rounds: int) -> Booster:
    """Fit one member on features in the order of `features.NAMES`."""
    import lightgbm

    names = FEATURES[variant]
    data = lightgbm.Dataset(x[:, [NAMES.index(n) for n in names]], label, weight=weight, feature_name=list(names))
    return lightgbm.train({**PARAMETERS, "seed": seed}, data, rounds)


def balance(label: np.ndarray, weight: Floats, core_collapse: np.ndarray, core_collapse_share: float) -> Floats:
    """Weights that give each class the same total, and core-collapse supernovae their share among SN.

    The SN of the training set are 96 % SN Ia; in a magnitude-limited survey about 28 % are core-collapse.
    """
    out = weight.astype(float).copy()
    groups = [(label == 0) & ~core_collapse, (label == 0) & core_collapse, label == 1, label == 2]
    totals = [1 - core_collapse_share, core_collapse_share, 1.0, 1.0]
    for rows, total in zip(groups, totals, strict=True):
        if rows.any():
            out[rows] *= total / out[rows].sum()
    return out / out.mean()


def shifted(probabilities: Floats, shift: Floats) -> Floats:
    """`p exp(shift)`, normalised: the posterior for another class mix."""
    out = np.maximum(probabilities, 1e-9) * np.exp(shift)
    return np.asarray(out / out.sum(1, keepdims=True))

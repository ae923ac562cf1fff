"""Training a member of the metadata classifier with LightGBM, and the weights its objects get."""

from collections.abc import Mapping
from typing import Any, Final

import lightgbm
import numpy as np

from models.domain import NEEDLE_CLASSES
from models.needle.inputs import NAMES
from models.needle.lightcurves.lightcurve import Floats
from models.needle.metadata import TRAINING_MIX
from models.training.needle.mix import OTHER, survey_weights

PARAMETERS: Final[Mapping[str, Any]] = {
    "objective": "multiclass",
    "num_class": len(NEEDLE_CLASSES),
    "num_leaves": 6,
    "learning_rate": 0.05,
    "feature_fraction": 0.3,
    "extra_trees": True,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "min_data_in_leaf": 30,
    "min_sum_hessian_in_leaf": 1e-3,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "verbose": -1,
    "deterministic": True,
    "num_threads": 1,
}
"""Thresholds drawn at random and small trees, for few objects of two classes."""


def train_member(
    x: Floats, label: np.ndarray, weight: Floats, *, seed: int, rounds: int, mix: Floats = TRAINING_MIX
) -> lightgbm.Booster:
    """Fit one member on inputs in the order of `inputs.NAMES`; `weight` balances the classes (`balance`)."""
    weight = weight * mix[label]
    data = lightgbm.Dataset(x, label, weight=weight / weight.mean(), feature_name=list(NAMES))
    return lightgbm.train({**PARAMETERS, "seed": seed}, data, rounds)


def balance(label: np.ndarray, weight: Floats, kind: np.ndarray) -> Floats:
    """Weights that give each class the same total, and each kind of SN its share in a magnitude-limited survey.

    Parameters
    ----------
    kind : ndarray of int
        From `mix.kind_index`.
    """
    out = survey_weights(weight, np.where(label == 0, kind, OTHER))
    for k in range(len(NEEDLE_CLASSES)):
        if (label == k).any():
            out[label == k] /= out[label == k].sum()
    return out / out.mean()

"""Uncertainty scores: how little the classifier commits itself (App. C a)."""

import numpy as np
from numpy.typing import NDArray

from models.sentinel.bank import Bank
from models.sentinel.features import Features
from models.sentinel.features import entropy as _entropy
from models.sentinel.scores.registry import score
from models.special import softmax

Floats = NDArray[np.float64]
ODIN_TEMPERATURE = 1.5


@score("msp", "uncertainty")
def msp(x: Features, bank: Bank) -> Floats:
    """`-max_k p_k` (Hendrycks & Gimpel 2017)."""
    return -x.fine.max(1)


@score("entropy", "uncertainty")
def entropy(x: Features, bank: Bank) -> Floats:
    """`-sum_k p_k log p_k`, nats."""
    return _entropy(x.fine)


@score("energy", "uncertainty")
def energy(x: Features, bank: Bank) -> Floats:
    """`-log sum_k exp z_k` of the logits (Liu et al. 2020)."""
    top = x.logits.max(1)
    return -(top + np.log(np.exp(x.logits - top[:, None]).sum(1)))


@score("odin", "uncertainty")
def odin(x: Features, bank: Bank) -> Floats:
    """`-max_k softmax(z / T)_k` with T = 1.5; temperature only (Liang et al. 2018)."""
    return -softmax(x.logits / ODIN_TEMPERATURE).max(1)

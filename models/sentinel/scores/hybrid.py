"""Hybrid scores: fine against coarse answer, and the distance to the class manifolds (App. C d)."""

import numpy as np
from numpy.typing import NDArray

from models.domain import COARSE_CLASSES, COARSE_OF, FINE_CLASSES
from models.sentinel.bank import Bank
from models.sentinel.features import Features, entropy
from models.sentinel.scores.registry import score

Floats = NDArray[np.float64]
HEC_WEIGHTS = (1.0, 0.5, 1.0)
PARENT = np.array([COARSE_CLASSES.index(COARSE_OF[c]) for c in FINE_CLASSES])


@score("hec", "hybrid")
def hec(x: Features, bank: Bank) -> Floats:
    """`a H_fine + b H_coarse + g (1 - p_coarse[parent of the fine class])` with (a, b, g) = (1, 0.5, 1)."""
    a, b, g = HEC_WEIGHTS
    disagreement = 1.0 - x.coarse[np.arange(len(x)), PARENT[x.predicted]]
    return a * entropy(x.fine) + b * entropy(x.coarse) + g * disagreement


@score("mrs", "hybrid")
def mrs(x: Features, bank: Bank) -> Floats:
    """`min_c || e - recon_c(e) ||` with twelve principal components per class."""
    return bank.manifolds.residual(x.embedding)

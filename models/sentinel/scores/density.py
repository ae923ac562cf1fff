"""Density scores: how empty it is there (App. C c)."""

import numpy as np
from numpy.typing import NDArray

from models.sentinel.bank import Bank
from models.sentinel.features import Features
from models.sentinel.scores.distance import nearest_references
from models.sentinel.scores.registry import score

Floats = NDArray[np.float64]


@score("gmm", "density")
def gmm(x: Features, bank: Bank) -> Floats:
    """Negative log density under the class mixture that fits best."""
    return -bank.mixtures.log_density(x.embedding).max(1)


@score("iforest", "density")
def iforest(x: Features, bank: Bank) -> Floats:
    """Isolation forest of 200 trees."""
    return bank.forest.score(x.embedding)


@score("lof", "density")
def lof(x: Features, bank: Bank) -> Floats:
    """Local outlier factor among the 20 nearest references."""
    return bank.references.outlier_factor(*nearest_references(x, bank))


@score("pca_recon", "density")
def pca_recon(x: Features, bank: Bank) -> Floats:
    """`min_c || e - P_c P_c^T e ||` over the class PCA planes."""
    return bank.pca.residual(x.embedding)

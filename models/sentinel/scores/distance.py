"""Distance scores: how far from what was trained on (App. C b)."""

import numpy as np
from numpy.typing import NDArray

from models.sentinel.bank import Bank
from models.sentinel.features import Features
from models.sentinel.neighbours import KNN
from models.sentinel.scores.registry import score

Floats = NDArray[np.float64]


@score("mahal_global", "distance")
def mahal_global(x: Features, bank: Bank) -> Floats:
    """Mahalanobis distance to the centre of all training spectra."""
    return bank.gaussians.global_distance(x.embedding)


@score("mahal_class", "distance")
def mahal_class(x: Features, bank: Bank) -> Floats:
    """The smallest Mahalanobis distance to any class (Lee et al. 2018)."""
    return bank.gaussians.distances(x.embedding).min(1)


@score("mahal_within", "distance")
def mahal_within(x: Features, bank: Bank) -> Floats:
    """Mahalanobis distance to the predicted class."""
    return bank.gaussians.distances(x.embedding)[np.arange(len(x)), x.predicted]


@score("knn", "distance")
def knn(x: Features, bank: Bank) -> Floats:
    """Mean Euclidean distance to the ten nearest reference spectra."""
    near, _ = bank.references.nearest(x.embedding, min(KNN, len(bank.references.points)))
    return near.mean(1)


@score("cosine", "distance")
def cosine(x: Features, bank: Bank) -> Floats:
    """Cosine distance to the nearest class centre in the space of the contrastive loss."""
    return 1.0 - (_unit(x.projection) @ _unit(bank.projection_centres).T).max(1)


@score("typicality", "distance")
def typicality(x: Features, bank: Bank) -> Floats:
    """Distance to the predicted class's mean over its 95 % radius."""
    g = bank.gaussians
    return np.linalg.norm(x.embedding - g.means[x.predicted], axis=1) / g.radius[x.predicted]


def _unit(values: Floats) -> Floats:
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)

"""Distance scores: how far from what was trained on (App. C b)."""

import numpy as np
from numpy.typing import NDArray

from models.sentinel.bank import Bank
from models.sentinel.features import Features
from models.sentinel.neighbours import KNN, LOF_K
from models.sentinel.scores.registry import score

Floats = NDArray[np.float64]


@score("mahal_global", "distance")
def mahal_global(x: Features, bank: Bank) -> Floats:
    """Mahalanobis distance to the centre of all training spectra."""
    return bank.gaussians.global_distance(x.embedding)


@score("mahal_class", "distance")
def mahal_class(x: Features, bank: Bank) -> Floats:
    """The smallest Mahalanobis distance to any class (Lee et al. 2018)."""
    return _to_classes(x, bank).min(1)


@score("mahal_within", "distance")
def mahal_within(x: Features, bank: Bank) -> Floats:
    """Mahalanobis distance to the predicted class."""
    return _to_classes(x, bank)[np.arange(len(x)), x.predicted]


@score("knn", "distance")
def knn(x: Features, bank: Bank) -> Floats:
    """Mean Euclidean distance to the ten nearest reference spectra."""
    return nearest_references(x, bank)[0][:, :KNN].mean(1)


@score("cosine", "distance")
def cosine(x: Features, bank: Bank) -> Floats:
    """Cosine distance to the nearest class centre in the space of the contrastive loss."""
    return 1.0 - (_unit(x.projection) @ _unit(bank.projection_centres).T).max(1)


@score("typicality", "distance")
def typicality(x: Features, bank: Bank) -> Floats:
    """Distance to the predicted class's mean over its 95 % radius."""
    g = bank.gaussians
    return np.linalg.norm(x.embedding - g.means[x.predicted], axis=1) / g.radius[x.predicted]


def nearest_references(x: Features, bank: Bank) -> tuple[Floats, NDArray[np.int64]]:
    """Distances, ascending, and indices of the 20 nearest reference spectra, or of all where there are fewer."""
    part = bank.references
    return x.once("nearest", part, lambda: part.nearest(x.embedding, min(LOF_K, len(part.points))))


def _to_classes(x: Features, bank: Bank) -> Floats:
    return x.once("classes", bank.gaussians, lambda: bank.gaussians.distances(x.embedding))


def _unit(values: Floats) -> Floats:
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)

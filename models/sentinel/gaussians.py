"""Means and covariances of the embeddings, kept as whitening matrices."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaussians:
    """Class Gaussians and the global one.

    Parameters
    ----------
    means : ndarray, shape (classes, d)
    whitening : ndarray, shape (classes, d, d)
        `|| (e - mean) W ||` is the Mahalanobis distance.
    radius : ndarray, shape (classes,)
        95th percentile of the Euclidean distance of a class's training spectra from its mean.
    global_mean : ndarray, shape (d,)
    global_whitening : ndarray, shape (d, d)
    """

    means: Floats
    whitening: Floats
    radius: Floats
    global_mean: Floats
    global_whitening: Floats

    def distances(self, e: Floats) -> Floats:
        """Mahalanobis distance to every class, shape (n, classes)."""
        whitened = (e[None] - self.means[:, None]) @ self.whitening
        return np.sqrt((whitened**2).sum(2)).T

    def global_distance(self, e: Floats) -> Floats:
        """Mahalanobis distance to the centre of everything, shape (n,)."""
        return np.sqrt((((e - self.global_mean) @ self.global_whitening) ** 2).sum(1))

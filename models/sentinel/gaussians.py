"""Means and covariances of the embeddings, kept as whitening matrices, safe for classes of few spectra.

A class of 30 spectra has no usable covariance in 192 dimensions. Two steps keep it invertible: Ledoit-Wolf shrinkage
(2004, J. Multivariate Anal. 88, 365), and a pull towards the pooled within-class covariance with the weight of
`PULL` spectra, so that a class of few is measured with the shape all classes share.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf

Floats = NDArray[np.float64]
PULL = 100.0


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


def fit_gaussians(e: Floats, labels: NDArray[np.int64], classes: int) -> Gaussians:
    """Fit on training embeddings e (n, d).

    Raises
    ------
    ValueError
        If a class has fewer than two spectra.
    """
    counts = np.bincount(labels, minlength=classes)
    if counts.min() < 2:
        raise ValueError(f"every class needs two training spectra, there are {counts.tolist()}")
    means = np.stack([e[labels == k].mean(0) for k in range(classes)])
    pooled, _ = ledoit_wolf(e - means[labels], assume_centered=True)
    covariances = [_pulled(e[labels == k] - means[k], pooled) for k in range(classes)]
    spread = [np.linalg.norm(e[labels == k] - means[k], axis=1) for k in range(classes)]
    centre = e.mean(0)
    return Gaussians(
        means=means,
        whitening=np.stack([whitening(c) for c in covariances]),
        radius=np.array([np.percentile(s, 95) for s in spread]),
        global_mean=centre,
        global_whitening=whitening(ledoit_wolf(e - centre, assume_centered=True)[0]),
    )


def _pulled(centred: Floats, pooled: Floats) -> Floats:
    own, _ = ledoit_wolf(centred, assume_centered=True)
    n = len(centred)
    return (n * own + PULL * pooled) / (n + PULL)


def whitening(covariance: Floats) -> Floats:
    """Symmetric inverse square root; directions without any variance count with a thousandth of the mean variance."""
    values, vectors = np.linalg.eigh(covariance)
    floor = max(1e-3 * float(values.mean()), 1e-12)
    return (vectors / np.sqrt(np.maximum(values, floor))) @ vectors.T

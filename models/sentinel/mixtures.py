"""A Gaussian mixture per class, on the leading principal components of all embeddings."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.mixture import GaussianMixture

Floats = NDArray[np.float64]
DIMENSIONS = 32
SPECTRA_PER_COMPONENT = 60
MOST_COMPONENTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixtures:
    """Diagonal mixtures in principal components, where little correlation is left.

    Parameters
    ----------
    centre : ndarray, shape (d,)
    axes : ndarray, shape (d, q)
    log_weights : ndarray, shape (classes, m)
        Minus infinity for components a class does not have.
    means, variances : ndarray, shape (classes, m, q)
    """

    centre: Floats
    axes: Floats
    log_weights: Floats
    means: Floats
    variances: Floats

    def log_density(self, e: Floats) -> Floats:
        """Log density under each class's mixture, shape (n, classes)."""
        x = (e - self.centre) @ self.axes
        off = x[:, None, None] - self.means[None]
        log_p = -0.5 * (off**2 / self.variances + np.log(2 * np.pi * self.variances)).sum(3)
        return np.asarray(logsumexp(log_p + self.log_weights, axis=2))


def fit_mixtures(e: Floats, labels: NDArray[np.int64], classes: int, seed: int) -> Mixtures:
    """Fit on training embeddings e (n, d); a class gets one component per 60 spectra, four at most."""
    centre = e.mean(0)
    _, _, vectors = np.linalg.svd(e - centre, full_matrices=False)
    axes = vectors[: min(DIMENSIONS, len(vectors))].T
    x = (e - centre) @ axes
    floor = 1e-2 * float(x.var(0).mean())
    shape = (classes, MOST_COMPONENTS, axes.shape[1])
    log_weights, means, variances = np.full(shape[:2], -np.inf), np.zeros(shape), np.ones(shape)
    for k in range(classes):
        own = x[labels == k]
        m = int(np.clip(len(own) // SPECTRA_PER_COMPONENT, 1, MOST_COMPONENTS))
        fitted = GaussianMixture(m, covariance_type="diag", reg_covar=floor, random_state=seed, max_iter=200).fit(own)
        log_weights[k, :m] = np.log(fitted.weights_)
        means[k, :m], variances[k, :m] = fitted.means_, fitted.covariances_
    return Mixtures(centre=centre, axes=axes, log_weights=log_weights, means=means, variances=variances)

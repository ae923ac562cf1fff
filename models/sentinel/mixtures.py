"""A Gaussian mixture per class, on the leading principal components of all embeddings."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.special import logsumexp

Floats = NDArray[np.float64]


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
        return logsumexp(log_p + self.log_weights)

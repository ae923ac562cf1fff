"""Per-class principal components of the embeddings, for the two residual scores."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subspaces:
    """One plane per class.

    Parameters
    ----------
    centres : ndarray, shape (classes, d)
        A point of each plane; zero for planes through the origin.
    axes : ndarray, shape (classes, d, k)
        Orthonormal columns; a class of few spectra has zero columns at the end.
    """

    centres: Floats
    axes: Floats

    def residual(self, e: Floats) -> Floats:
        """Distance to the nearest plane, shape (n,)."""
        centred = e[None] - self.centres[:, None]
        off = centred - (centred @ self.axes) @ self.axes.transpose(0, 2, 1)
        return np.sqrt((off**2).sum(2)).min(0)


def fit_subspaces(e: Floats, labels: NDArray[np.int64], classes: int, size: int, *, centred: bool) -> Subspaces:
    """`size` components per class of training embeddings e (n, d).

    Parameters
    ----------
    centred : bool
        True takes the class mean away first (usual PCA, for MRS); False has the plane go through the origin, as
        `P_c P_c^T e` of App. C c asks.
    """
    centres, axes = np.zeros((classes, e.shape[1])), np.zeros((classes, e.shape[1], size))
    for k in range(classes):
        own = e[labels == k]
        if centred:
            centres[k] = own.mean(0)
        _, values, vectors = np.linalg.svd(own - centres[k], full_matrices=False)
        keep = min(size, int((values > 1e-9 * values[0]).sum()))
        axes[k, :, :keep] = vectors[:keep].T
    return Subspaces(centres=centres, axes=axes)

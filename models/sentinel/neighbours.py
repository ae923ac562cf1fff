"""Reference embeddings: distances to the nearest of them, and the local outlier factor (Breunig et al. 2000)."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
KNN = 10
LOF_K = 20


@dataclass(frozen=True, kw_only=True)
class References:
    """Training embeddings a query is compared with.

    Parameters
    ----------
    points : ndarray, shape (m, d)
    reach : ndarray, shape (m,)
        Distance of each to its 20th neighbour among the others.
    density : ndarray, shape (m,)
        Local reachability density of each.
    """

    points: Floats
    reach: Floats
    density: Floats

    @cached_property
    def _squares(self) -> Floats:
        return np.asarray((self.points**2).sum(1))

    def nearest(self, e: Floats, k: int) -> tuple[Floats, NDArray[np.int64]]:
        """Distances, ascending, and indices of the k nearest references, each (n, k)."""
        return _nearest(distances(e, self.points, self._squares), k)

    def outlier_factor(self, d: Floats, index: NDArray[np.int64]) -> Floats:
        """Mean density of the 20 nearest references over the query's own, shape (n,); about 1 for an ordinary one.

        Parameters
        ----------
        d, index : ndarray, shape (n, 20)
            As from `nearest`.
        """
        own = _reachability_density(np.maximum(d, self.reach[index]))
        return self.density[index].mean(1) / own


def fit_references(points: Floats) -> References:
    """Densities of the references among themselves."""
    d = distances(points, points)
    np.fill_diagonal(d, np.inf)
    near, index = _nearest(d, min(LOF_K, len(points) - 1))
    reach = near[:, -1]
    return References(points=points, reach=reach, density=_reachability_density(np.maximum(near, reach[index])))


def distances(a: Floats, b: Floats, squares: Floats | None = None) -> Floats:
    """Euclidean distances, shape (len(a), len(b)); `squares` are the squared lengths of b where they are known."""
    squared = (a**2).sum(1)[:, None] + ((b**2).sum(1) if squares is None else squares)[None] - 2 * a @ b.T
    return np.sqrt(np.maximum(squared, 0.0))


def thinned(labels: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """Indices of at most `most` rows: every small class whole, the large ones cut to one common size."""
    rng = np.random.default_rng(seed)
    counts = np.bincount(labels)
    cut = next(c for c in range(int(counts.max()), -1, -1) if np.minimum(counts, c).sum() <= most)
    kept = [rng.permutation(np.flatnonzero(labels == k))[:cut] for k in range(len(counts))]
    return np.sort(np.concatenate(kept))


def _nearest(d: Floats, k: int) -> tuple[Floats, NDArray[np.int64]]:
    index = np.argpartition(d, k - 1, axis=1)[:, :k]
    near = np.take_along_axis(d, index, 1)
    order = np.argsort(near, axis=1, kind="stable")
    return np.take_along_axis(near, order, 1), np.take_along_axis(index, order, 1)


def _reachability_density(reachability: Floats) -> Floats:
    return 1.0 / (reachability.mean(1) + 1e-10)

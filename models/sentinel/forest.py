"""An isolation forest (Liu et al. 2008) as plain arrays, so that a bundle needs no pickle; same answers as sklearn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """All trees, padded to one length; the left child of a node is the next node.

    Parameters
    ----------
    feature : ndarray of int16, shape (trees, nodes)
        -1 at a leaf.
    threshold : ndarray of float32, shape (trees, nodes)
        At a leaf: its depth, lengthened by what a full tree of its samples would add.
    right : ndarray of int16, shape (trees, nodes)
    samples : int
        Spectra per tree.
    """

    feature: NDArray[np.int16]
    threshold: NDArray[np.float32]
    right: NDArray[np.int16]
    samples: int

    def score(self, e: Floats) -> Floats:
        """`2^(-mean depth / c)`, shape (n,), higher = more anomalous; sklearn's `-score_samples`."""
        x = e.astype(np.float32)
        trees = np.arange(len(self.feature))[None]
        rows = np.arange(len(x))[:, None]
        node = np.zeros((len(x), len(self.feature)), np.int64)
        while True:
            feature = self.feature[trees, node]
            if (feature < 0).all():
                break
            left = x[rows, feature] <= self.threshold[trees, node]
            deeper = np.where(left, node + 1, self.right[trees, node])
            node = np.where(feature < 0, node, deeper)
        depth = self.threshold[trees, node].astype(np.float64).mean(1)
        return np.exp2(-depth / float(average_depth(np.array([self.samples]))[0]))


def average_depth(n: NDArray[np.int64]) -> Floats:
    """Mean depth of an unsuccessful search in a binary tree of n points: `2 (ln(n-1) + gamma) - 2 (n-1)/n`."""
    size = np.maximum(n, 2).astype(float)
    long = 2 * (np.log(size - 1) + np.euler_gamma) - 2 * (size - 1) / size
    return np.where(n <= 1, 0.0, np.where(n == 2, 1.0, long))

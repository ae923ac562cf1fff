"""An isolation forest (Liu et al. 2008) as plain arrays, so that a bundle needs no pickle; same answers as sklearn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

Floats = NDArray[np.float64]
TREES = 200
SAMPLES = 256


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


def fit_forest(e: Floats, seed: int) -> Forest:
    """200 trees of 256 training embeddings each."""
    model = IsolationForest(n_estimators=TREES, max_samples=min(SAMPLES, len(e)), random_state=seed)
    model.fit(e.astype(np.float32))
    trees = [t.tree_ for t in model.estimators_]
    size = max(t.node_count for t in trees)
    feature = np.full((TREES, size), -1, np.int16)
    threshold, right = np.zeros((TREES, size), np.float32), np.zeros((TREES, size), np.int16)
    for i, tree in enumerate(trees):
        n, leaf = tree.node_count, tree.children_left < 0
        feature[i, :n] = np.where(leaf, -1, tree.feature)
        right[i, :n] = np.where(leaf, 0, tree.children_right)
        length = _depths(tree) + average_depth(tree.n_node_samples)
        # sklearn compares float32 values with float64 thresholds: rounded down, float32 thresholds decide alike.
        threshold[i, :n] = np.where(leaf, length, _rounded_down(tree.threshold))
    return Forest(feature=feature, threshold=threshold, right=right, samples=model.max_samples_)


def average_depth(n: NDArray[np.int64]) -> Floats:
    """Mean depth of an unsuccessful search in a binary tree of n points: `2 (ln(n-1) + gamma) - 2 (n-1)/n`."""
    size = np.maximum(n, 2).astype(float)
    long = 2 * (np.log(size - 1) + np.euler_gamma) - 2 * (size - 1) / size
    return np.where(n <= 1, 0.0, np.where(n == 2, 1.0, long))


def _depths(tree: object) -> NDArray[np.int64]:
    left, right = tree.children_left, tree.children_right  # type: ignore[attr-defined]
    depth = np.zeros(len(left), np.int64)
    for node in range(len(left)):
        if left[node] >= 0:
            assert left[node] == node + 1
            depth[left[node]] = depth[right[node]] = depth[node] + 1
    return depth


def _rounded_down(values: Floats) -> NDArray[np.float32]:
    near = values.astype(np.float32)
    return np.where(near.astype(np.float64) > values, np.nextafter(near, np.float32(-np.inf)), near)

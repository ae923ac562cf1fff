"""Fitting what the scores compare a spectrum with: means, covariances, references, mixtures, a forest, planes.

A class of 30 spectra has no usable covariance in 192 dimensions. Two steps keep it invertible: Ledoit-Wolf shrinkage
(2004, J. Multivariate Anal. 88, 365), and a pull towards the pooled within-class covariance with the weight of
`PULL` spectra, so that a class of few is measured with the shape all classes share.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf
from sklearn.ensemble import IsolationForest
from sklearn.mixture import GaussianMixture

from models.domain import FINE_CLASSES
from models.sentinel.bank import Bank
from models.sentinel.features import Features
from models.sentinel.forest import Forest, average_depth
from models.sentinel.gaussians import Gaussians
from models.sentinel.mixtures import Mixtures
from models.sentinel.neighbours import fit_references, thinned
from models.sentinel.subspaces import fit_subspaces

Floats = NDArray[np.float64]
K = len(FINE_CLASSES)
MRS_COMPONENTS = 12
PCA_COMPONENTS = 24
REFERENCES = 1400
"""Reference spectra per seed; all of a small class, a part of SN Ia and SN II. More would only make the bundle big."""
PULL = 100.0
TREES, SAMPLES = 200, 256
DIMENSIONS = 32
SPECTRA_PER_COMPONENT = 60
MOST_COMPONENTS = 4


def fit_bank(features: Features, labels: NDArray[np.int64], *, seed: int = 0, references: int = REFERENCES) -> Bank:
    """Fit on training spectra. What comes back is already rounded as it will be stored, so scores do not move later.

    Raises
    ------
    ValueError
        If a class has fewer than two spectra.
    """
    e = features.embedding
    bank = Bank(
        gaussians=fit_gaussians(e, labels, K),
        references=fit_references(_rounded(e[thinned(labels, references, seed)])),
        mixtures=fit_mixtures(e, labels, K, seed),
        forest=fit_forest(e, seed),
        pca=fit_subspaces(e, labels, K, PCA_COMPONENTS, centred=False),
        manifolds=fit_subspaces(e, labels, K, MRS_COMPONENTS, centred=True),
        projection_centres=np.stack([features.projection[labels == k].mean(0) for k in range(K)]),
    )
    return Bank.from_arrays(bank.arrays())


def _rounded(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points.astype(np.float16).astype(np.float64)


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

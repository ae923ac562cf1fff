"""Every score against a slow reference on random data, and that all of them point the same way."""

import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor

from models.domain import COARSE_CLASSES, COARSE_OF, FINE_CLASSES
from models.sentinel import forest, neighbours, subspaces
from models.sentinel.bank import Bank
from models.sentinel.scores import FAMILIES, SCORES, compute, names, score
from models.special import softmax
from models.training.sentinel.bank import fit_bank, fit_forest, fit_gaussians, whitening
from tests.models.sentinel.made import K, clouds


@pytest.fixture(scope="module")
def bank() -> Bank:
    return fit_bank(*clouds(420, 0), seed=3, references=150)


@pytest.fixture(scope="module")
def x():
    return clouds(7, 1)[0]


def slow(name: str, x, bank: Bank, i: int) -> float:
    """Score `name` of spectrum i, written out with loops."""
    z, e, g = x.logits[i], x.embedding[i], bank.gaussians
    p = [math.exp(v) / sum(math.exp(w) for w in z) for v in z]
    said = max(range(K), key=lambda k: z[k])

    def entropy(q) -> float:
        return -sum(v * math.log(v) for v in q if v > 0)

    def mahalanobis(k: int) -> float:
        covariance = np.linalg.inv(g.whitening[k] @ g.whitening[k].T)
        return math.sqrt((e - g.means[k]) @ np.linalg.solve(covariance, e - g.means[k]))

    def plane(planes, k: int) -> float:
        offset = e - planes.centres[k]
        for axis in planes.axes[k].T:
            offset = offset - (offset @ axis) * axis
        return math.sqrt((offset**2).sum())

    match name:
        case "msp":
            return -max(p)
        case "entropy":
            return entropy(p)
        case "energy":
            return -math.log(sum(math.exp(v) for v in z))
        case "odin":
            return -max(math.exp(v / 1.5) / sum(math.exp(w / 1.5) for w in z) for v in z)
        case "mahal_global":
            covariance = np.linalg.inv(g.global_whitening @ g.global_whitening.T)
            return math.sqrt((e - g.global_mean) @ np.linalg.solve(covariance, e - g.global_mean))
        case "mahal_class":
            return min(mahalanobis(k) for k in range(K))
        case "mahal_within":
            return mahalanobis(said)
        case "knn":
            return float(np.mean(sorted(math.dist(e, r) for r in bank.references.points)[:10]))
        case "cosine":
            return 1 - max(
                x.projection[i] @ c / np.linalg.norm(c) / np.linalg.norm(x.projection[i])
                for c in bank.projection_centres
            )
        case "typicality":
            return math.dist(e, g.means[said]) / g.radius[said]
        case "gmm":
            return -max(mixture(bank, e, k) for k in range(K))
        case "iforest":
            return walk(bank.forest, e)
        case "lof":
            model = LocalOutlierFactor(n_neighbors=20, novelty=True).fit(bank.references.points)
            return float(-model.score_samples(e[None])[0])
        case "pca_recon":
            return min(plane(bank.pca, k) for k in range(K))
        case "hec":
            parent = COARSE_CLASSES.index(COARSE_OF[FINE_CLASSES[said]])
            return entropy(p) + 0.5 * entropy(x.coarse[i]) + 1 - x.coarse[i][parent]
        case "mrs":
            return min(plane(bank.manifolds, k) for k in range(K))
    raise KeyError(name)


def mixture(bank: Bank, e, k: int) -> float:
    m = bank.mixtures
    q = (e - m.centre) @ m.axes
    total = 0.0
    for w, mean, variance in zip(m.log_weights[k], m.means[k], m.variances[k], strict=True):
        total += math.exp(w) * math.prod(
            math.exp(-0.5 * (a - b) ** 2 / v) / math.sqrt(2 * math.pi * v)
            for a, b, v in zip(q, mean, variance, strict=True)
        )
    return math.log(total)


def walk(trees: forest.Forest, e) -> float:
    depths = []
    for feature, threshold, right in zip(trees.feature, trees.threshold, trees.right, strict=True):
        node = 0
        while feature[node] >= 0:
            node = node + 1 if np.float32(e[feature[node]]) <= threshold[node] else int(right[node])
        depths.append(float(threshold[node]))
    n = trees.samples
    usual = 2 * (math.log(n - 1) + np.euler_gamma) - 2 * (n - 1) / n
    return 2 ** (-np.mean(depths) / usual)


@pytest.mark.parametrize("name", names())
def test_a_score_is_what_its_formula_says(name: str, x, bank: Bank) -> None:
    fast = SCORES[name].function(x, bank)
    assert fast.shape == (len(x),)
    np.testing.assert_allclose(fast, [slow(name, x, bank, i) for i in range(len(x))], rtol=2e-5, atol=1e-12)


def test_there_are_sixteen_in_four_families() -> None:
    assert [len(names(f)) for f in FAMILIES] == [4, 6, 4, 2]
    assert len(names()) == 16


@pytest.mark.parametrize("name", [*names("distance"), *names("density"), "mrs"])
def test_outliers_score_higher(name: str, bank: Bank) -> None:
    ordinary, odd = clouds(100, 2)[0], clouds(100, 2, shift=12.0)[0]
    if name == "cosine":
        odd = replace(odd, projection=-odd.projection)
    function = SCORES[name].function
    assert np.median(function(odd, bank)) > np.quantile(function(ordinary, bank), 0.9)


@pytest.mark.parametrize("name", [*names("uncertainty"), "hec"])
def test_doubt_scores_higher(name: str, x, bank: Bank) -> None:
    doubtful = replace(x, logits=0.1 * x.logits - 20)
    function = SCORES[name].function
    assert (function(doubtful, bank) > function(x, bank)).all()


def test_the_forest_is_sklearns() -> None:
    e, q = clouds(500, 4)[0].embedding, clouds(60, 5)[0].embedding
    model = IsolationForest(n_estimators=200, max_samples=256, random_state=7).fit(e.astype(np.float32))
    np.testing.assert_allclose(fit_forest(e, 7).score(q), -model.score_samples(q.astype(np.float32)), rtol=1e-6)


def test_the_outlier_factor_is_sklearns() -> None:
    points, q = clouds(200, 6)[0].embedding, clouds(40, 7, shift=3)[0].embedding
    model = LocalOutlierFactor(n_neighbors=20, novelty=True).fit(points)
    references = neighbours.fit_references(points)
    found = references.outlier_factor(*references.nearest(q, neighbours.LOF_K))
    np.testing.assert_allclose(found, -model.score_samples(q), rtol=1e-9)


def test_one_mixture_component_is_a_gaussian(bank: Bank) -> None:
    features, labels = clouds(7 * 40, 8)
    own = fit_bank(features, labels, references=100).mixtures
    assert np.isinf(own.log_weights[:, 1:]).all()
    q = (features.embedding - own.centre) @ own.axes
    model = GaussianMixture(1, covariance_type="diag", reg_covar=1e-2 * q.var(0).mean()).fit(q[labels == 2])
    np.testing.assert_allclose(own.log_density(features.embedding)[:, 2], model.score_samples(q), rtol=1e-4)


def test_a_class_of_few_borrows_the_common_shape() -> None:
    features, labels = clouds(700, 9)
    few = np.flatnonzero((labels != 3) | (np.cumsum(labels == 3) <= 4))
    fitted = fit_gaussians(features.embedding[few], labels[few], K)
    fresh, fresh_labels = clouds(350, 10)
    own = fitted.distances(fresh.embedding)[fresh_labels == 3, 3]
    other = fitted.distances(fresh.embedding)[fresh_labels == 2, 2]
    assert np.isfinite(own).all()
    assert np.median(own) < 2 * np.median(other)


def test_whitening_makes_unit_covariance() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(6, 6))
    w = whitening(a @ a.T + np.eye(6))
    np.testing.assert_allclose(w @ (a @ a.T + np.eye(6)) @ w, np.eye(6), atol=1e-9)


def test_a_plane_has_no_more_axes_than_spectra() -> None:
    rng = np.random.default_rng(0)
    e = rng.normal(size=(9, 20))
    planes = subspaces.fit_subspaces(e, np.array([0] * 3 + [1] * 6), 2, 12, centred=True)
    assert (np.abs(planes.axes[0]).sum(0) > 0).sum() == 2
    np.testing.assert_allclose(planes.residual(e[:3]), 0, atol=1e-9)


def test_thinning_keeps_small_classes_whole() -> None:
    labels = np.array([0] * 500 + [1] * 100 + [2] * 7)
    kept = labels[neighbours.thinned(labels, 150, seed=0)]
    counts = np.bincount(kept)
    assert counts[2] == 7
    assert counts[0] == counts[1]
    assert 145 <= len(kept) <= 150


def test_a_bank_comes_back_from_its_arrays_unchanged(x, bank: Bank) -> None:
    again = Bank.from_arrays(bank.arrays())
    np.testing.assert_array_equal(compute(x, again), compute(x, bank))
    with pytest.raises(KeyError):
        Bank.from_arrays({k: v for k, v in bank.arrays().items() if k != "gaussians.radius"})


def test_a_class_without_spectra_is_refused() -> None:
    features, labels = clouds(70, 0)
    with pytest.raises(ValueError, match="two training spectra"):
        fit_bank(features.rows(labels != 4), labels[labels != 4])


def test_no_name_twice_and_no_unknown_family() -> None:
    with pytest.raises(ValueError, match="msp"):
        score("msp", "uncertainty")
    with pytest.raises(ValueError, match="astrology"):
        score("new", "astrology")


def test_softmax_survives_large_logits() -> None:
    np.testing.assert_allclose(softmax(np.array([[1e4, 0.0]])), [[1.0, 0.0]])

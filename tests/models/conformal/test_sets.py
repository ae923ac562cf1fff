"""Split-conformal sets: the finite-sample quantile, and the coverage it promises."""

import math

import numpy as np
import pytest
from crepes import ConformalClassifier
from crepes.extras import hinge
from hypothesis import given, settings
from hypothesis import strategies as st

from models.conformal.sets import LAC, nonconformity, quantile


def draw(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(7, 0.4), n)
    return p, np.array([rng.choice(7, p=row) for row in p])


def test_quantile_by_hand() -> None:
    scores = np.arange(1.0, 10.0)
    assert quantile(scores, 0.1) == 9.0
    assert quantile(scores, 0.2) == 8.0
    assert quantile(scores, 0.05) == math.inf
    assert quantile(np.array([]), 0.1) == math.inf


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0, math.nan])
def test_alpha_must_be_a_share(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        quantile(np.ones(3), alpha)


def test_too_small_a_calibration_set_gives_every_class() -> None:
    p, _ = draw(5, 0)
    assert LAC(np.array([0.1, 0.2])).members(p, 0.05).all()


@given(seed=st.integers(0, 10_000), alpha=st.sampled_from([0.05, 0.1, 0.2]))
@settings(max_examples=25, deadline=None)
def test_coverage_is_within_chance_of_what_was_promised(seed: int, alpha: float) -> None:
    p, y = draw(400, seed)
    q, z = draw(2000, seed + 1)
    hits = LAC(nonconformity(p, y)).members(q, alpha)[np.arange(2000), z]
    # Coverage given one calibration set follows Beta(n + 1 - l, l) with l about alpha n; plus the test's own scatter.
    sigma = math.sqrt(alpha * (1 - alpha) * (1 / 400 + 1 / 2000))
    assert hits.mean() > 1 - alpha - 5 * sigma


@given(st.sampled_from([0.01, 0.05, 0.1, 0.3]), st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_sets_agree_with_crepes(alpha: float, seed: int) -> None:
    p, y = draw(150, seed)
    q, _ = draw(40, seed + 1)
    oracle = ConformalClassifier().fit(hinge(p, np.arange(7), y))
    expected = oracle.predict_set(hinge(q), confidence=1 - alpha, smoothing=False)
    np.testing.assert_array_equal(LAC(nonconformity(p, y)).members(q, alpha), np.asarray(expected) > 0)


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_sets_grow_as_alpha_shrinks(seed: int) -> None:
    p, y = draw(100, seed)
    lac = LAC(nonconformity(p, y))
    for wide, narrow in ((0.01, 0.05), (0.05, 0.2)):
        assert (lac.members(p, wide) >= lac.members(p, narrow)).all()

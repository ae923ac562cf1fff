"""P-values, cells, adaptive sets, spread and policy: coverage as properties, crepes as an oracle."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.conformal.admcp import ADMCP
from models.conformal.mondrian import Mondrian, p_values
from models.conformal.policy import FailureMode, Policy, Thresholds, decide, failure_mode, fit_thresholds, sentence
from models.conformal.sets import APS, LAC, METHODS, aps_scores, cumulative, predictor
from models.conformal.spread import decompose, intervals

SEEDS = st.integers(0, 10_000)


def test_p_value_counts_what_is_at_least_as_odd() -> None:
    np.testing.assert_allclose(p_values(np.array([1.0, 2, 2, 3]), np.array([0.0, 2, 3, 9])), [1, 4 / 5, 2 / 5, 1 / 5])
    np.testing.assert_allclose(p_values(np.zeros(0), np.array([1.0])), [1.0])


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, alpha=st.sampled_from([0.05, 0.1, 0.2]))
def test_p_values_of_exchangeable_scores_are_valid(seed: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    # 400 draws of (19 calibration scores, one new): P(p <= alpha) = floor(20 alpha) / 20 exactly.
    scores = rng.normal(size=(400, 20))
    p = np.array([p_values(row[:-1], row[-1:])[0] for row in scores])
    assert (p <= alpha + 1e-12).mean() < alpha + 5 * math.sqrt(alpha * (1 - alpha) / 400)


def test_mondrian_compares_within_the_predicted_class_and_falls_back_when_it_is_small() -> None:
    scores = np.concatenate([np.arange(20.0), 100 + np.arange(20.0), [5.0, 6.0]])
    layer = Mondrian(scores=scores, predicted=np.repeat([0, 1, 2], [20, 20, 2]), classes=4)
    p = layer.per_class(np.full(4, 19.0), np.arange(4))
    np.testing.assert_allclose(p, [2 / 21, 1.0, 22 / 43, 22 / 43])
    assert layer.falls_back(np.arange(4)).tolist() == [False, False, True, True]
    assert layer.sizes.tolist() == [20, 20, 2, 0]


def test_mondrian_agrees_with_crepes() -> None:
    from crepes import ConformalClassifier

    rng = np.random.default_rng(0)
    cal, new = rng.normal(size=200), rng.normal(size=50)
    bins, new_bins = rng.integers(0, 3, 200), rng.integers(0, 3, 50)
    oracle = ConformalClassifier()
    oracle.fit(cal, bins=bins)
    expected = oracle.predict_p(new[:, None], bins=new_bins, smoothing=False)[:, 0]
    mine = Mondrian(scores=cal, predicted=bins, classes=3).per_class(new, new_bins)
    np.testing.assert_allclose(mine, expected)


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("method", METHODS)
def test_sets_cover_exchangeable_spectra(method: str, alpha: float) -> None:
    """The mean of 24 draws: one draw of 1500 strays by four standard deviations for some seeds in ten thousand."""
    covered = []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        p = rng.dirichlet(np.full(7, 0.4), size=3000)
        labels = (p.cumsum(1) > rng.random((3000, 1))).argmax(1)
        members = predictor(method, p[:1500], labels[:1500]).members(p[1500:], alpha)
        covered.append(members[np.arange(1500), labels[1500:]].mean())
    # The chance of the calibration set and that of the new spectra, four standard deviations of the mean.
    band = 4 * math.sqrt(2 * alpha * (1 - alpha) / 1500 / len(covered))
    assert np.mean(covered) > 1 - alpha - band
    if method != "aps":
        assert np.mean(covered) < 1 - alpha + band


def test_aps_takes_classes_by_falling_probability() -> None:
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]])
    np.testing.assert_allclose(cumulative(p), [[0.5, 0.8, 1.0], [1.0, 0.6, 0.9]])
    np.testing.assert_allclose(aps_scores(p, np.array([1, 2])), [0.8, 0.9])
    assert APS(np.linspace(0, 0.85, 99)).members(p, 0.05).tolist() == [[True, True, False], [False, True, False]]
    assert APS(np.linspace(0, 0.2, 99)).members(p, 0.05).sum(1).tolist() == [1, 1]


def test_randomised_aps_covers_what_is_asked_where_the_plain_one_covers_too_much() -> None:
    """Confident probabilities: nearly every set is the most probable class, and plain APS can cover no less."""
    rng = np.random.default_rng(5)
    p = rng.dirichlet(np.full(7, 0.05), size=8000)
    labels = (p.cumsum(1) > rng.random((8000, 1))).argmax(1)
    covered = {}
    for method in METHODS:
        members = predictor(method, p[:4000], labels[:4000]).members(p[4000:], 0.2)
        covered[method] = members[np.arange(4000), labels[4000:]].mean()
    assert covered["aps, randomised"] == pytest.approx(0.8, abs=0.03)
    assert covered["aps"] > 0.87


def test_lac_sets_may_be_empty_and_other_methods_are_refused() -> None:
    assert not LAC(np.linspace(0, 0.3, 99)).members(np.full((1, 7), 1 / 7), 0.1).any()
    with pytest.raises(ValueError, match="raps"):
        predictor("raps", np.eye(7), np.arange(7))


def layer(n: int, seed: int, **more) -> tuple[ADMCP, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Nonconformity that grows with the anomaly score, as real ones do, in three classes of unequal size."""
    rng = np.random.default_rng(seed)
    anomaly = rng.random(2 * n)
    nonconformity = anomaly**3 * rng.random(2 * n)
    predicted = rng.choice(3, 2 * n, p=[0.7, 0.28, 0.02])
    parts = tuple(a[:n] for a in (nonconformity, anomaly, predicted))
    return ADMCP(*parts, alpha=0.05, **more), tuple(a[n:] for a in (nonconformity, anomaly, predicted))


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS)
def test_every_stratum_is_covered_and_plain_mondrian_leaves_the_last_one_short(seed: int) -> None:
    stratified, fresh = layer(4000, seed)
    plain, _ = layer(4000, seed, strata=1)
    strata = stratified.stratum(fresh[1])
    inside, inside_plain = stratified.covered(*fresh), plain.covered(*fresh)
    for q in range(5):
        assert inside[strata == q].mean() > 0.95 - 0.04
    assert inside_plain[strata == 4].mean() < 0.9
    assert inside_plain[strata == 0].mean() == 1.0


def test_sparse_cells_of_a_quintile_share_a_threshold_then_take_the_quintile_and_say_so() -> None:
    anomaly = np.arange(150) / 150
    quintile = np.minimum(np.arange(150) // 30, 4)
    # Classes 1 and 2 have eight each in the first quintile, three each in the second, none elsewhere.
    place = np.arange(150) % 30
    few = np.select([quintile == 0, quintile == 1], [8, 3], 0)
    predicted = np.where(place < few, 1, np.where(place < 2 * few, 2, 0))
    cells = ADMCP(np.random.default_rng(0).random(150), anomaly, predicted, alpha=0.1)
    own, shared, whole = cells.cell(0.5, 0.01, 0), cells.cell(0.5, 0.01, 1), cells.cell(0.5, 0.3, 2)
    assert (own.level, own.used, own.size) == ("cell", 14, 14)
    assert (shared.level, shared.used, shared.size) == ("quintile", 16, 8)
    assert (whole.level, whole.used, whole.size) == ("quintile", 30, 3)
    assert cells.cell(0.5, 0.99, 2).used == 30
    assert own.quintile == 1
    assert own.to_dict(("a", "b", "c"))["cell"] == "a|Q1"


def test_a_quintile_with_too_few_is_compared_with_all() -> None:
    cells = ADMCP(np.arange(40.0), np.arange(40.0), np.zeros(40, int), alpha=0.1)
    assert (cells.cell(50.0, 0.0, 0).level, cells.cell(50.0, 0.0, 0).used) == ("all", 40)


def test_small_cells_do_not_leave_the_strangest_quintile_short() -> None:
    """Four rare classes live in the last quintile, where the answers are doubtful; the common one elsewhere too."""
    rng = np.random.default_rng(1)
    anomaly = rng.random(8000)
    predicted = np.where((anomaly > 0.8) & (rng.random(8000) < 0.7), rng.integers(1, 5, 8000), 0)
    predicted = np.where(rng.random(8000) < 0.03, rng.integers(1, 5, 8000), predicted)
    doubt = np.where(anomaly > 0.8, 1.0, 0.2) * rng.random(8000)
    covered = []
    for part in range(20):
        mine = slice(400 * part, 400 * part + 200), slice(400 * part + 200, 400 * (part + 1))
        cells = ADMCP(doubt[mine[0]], anomaly[mine[0]], predicted[mine[0]], alpha=0.05)
        last = cells.stratum(anomaly[mine[1]]) == 4
        covered += cells.covered(doubt[mine[1]], anomaly[mine[1]], predicted[mine[1]])[last].tolist()
    assert np.mean(covered) == pytest.approx(0.95, abs=0.025)


def test_too_few_spectra_for_alpha_never_fire() -> None:
    cells = ADMCP(np.full(12, 0.1), np.arange(12.0), np.zeros(12, int), alpha=0.05)
    cell = cells.cell(1.0, 3.0, 0)
    assert math.isinf(cell.threshold)
    assert not cell.fires
    assert cell.to_dict(("a",))["threshold"] is None


@given(seed=SEEDS, members=st.integers(1, 6))
def test_entropy_splits_without_rest(seed: int, members: int) -> None:
    p = np.random.default_rng(seed).dirichlet(np.ones(7), size=(members, 5))
    parts = decompose(p)
    np.testing.assert_allclose(parts.total, parts.aleatoric + parts.epistemic, atol=1e-9)
    assert (parts.epistemic >= 0).all()
    if members == 1:
        np.testing.assert_allclose(parts.epistemic, 0, atol=1e-12)


def test_intervals_stay_probabilities() -> None:
    found = intervals(np.array([[0.95, 0.05]]), np.array([[0.1, 0.02]]))
    np.testing.assert_allclose(found, [[[0.85, 1.0], [0.03, 0.07]]])


CUT = Thresholds(confidence=0.5, anomaly=0.8, epistemic=0.3)


def test_two_axes_three_answers() -> None:
    assert decide(0.9, 0.1, CUT) is Policy.COMMIT
    assert decide(0.4, 0.1, CUT) is Policy.ABSTAIN
    assert decide(0.9, 0.8, CUT) is Policy.ALERT
    assert decide(0.1, 0.9, CUT) is Policy.ALERT


def test_regimes_of_the_paper() -> None:
    assert failure_mode(1, 0.01, (), CUT) is FailureMode.DISGUISE
    assert failure_mode(1, 0.01, ("distance", "density"), CUT) is FailureMode.CONTINUUM
    assert failure_mode(3, 0.01, (), CUT) is FailureMode.AMBIGUOUS
    assert failure_mode(3, 0.9, (), CUT) is FailureMode.NOVEL
    assert failure_mode(0, 0.01, (), CUT) is FailureMode.NOVEL


def test_thresholds_are_quantiles_of_the_calibration_spectra() -> None:
    x = np.arange(1000.0)
    cut = fit_thresholds(x, x, x)
    assert (x < cut.confidence).mean() == pytest.approx(0.1, abs=0.002)
    assert (x >= cut.anomaly).mean() == pytest.approx(0.05, abs=0.002)


@pytest.mark.parametrize("kind", list(FailureMode))
def test_an_alert_says_why_in_one_sentence(kind: FailureMode) -> None:
    text = sentence(Policy.ALERT, "CV", ("CV", "SN II"), kind, 0.004)
    assert "0.4 %" in text
    assert "{" not in text
    assert text[0].isupper()
    assert text.endswith(".")


def test_other_answers_are_sentences_too() -> None:
    assert "SN Ia" in sentence(Policy.COMMIT, "SN Ia", ("SN Ia",), None, 0.5)
    assert "SN Ia or SN Ibc" in sentence(Policy.ABSTAIN, "SN Ia", ("SN Ia", "SN Ibc"), None, 0.5)
    assert "no class fits" in sentence(Policy.ABSTAIN, "SN Ia", (), None, 0.5)

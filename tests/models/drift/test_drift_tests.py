"""Tests for drift: bets are fair, false alarms rare, changes found, and a restart changes nothing."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.drift.blocks import Blocks, calibrated, energy_p_value
from models.drift.effect import kolmogorov_smirnov, population_stability
from models.drift.exchangeable import Exchangeability, bets
from models.drift.misses import ALPHAS, Misses, allowed
from models.drift.monitor import NEW_INSTRUMENT, SETTLING, TESTS, Monitor
from models.drift.seen import Learned, Reference, Seen
from models.drift.wealth import STARTS, Wealth

CELL = "high resolution"


def test_bets_on_a_uniform_p_value_are_fair() -> None:
    p = (np.arange(20_000) + 0.5) / 20_000
    outcomes = np.array([bets(float(x)) for x in p])
    assert (outcomes >= 0).all()
    np.testing.assert_allclose(outcomes.mean(0), 1.0, atol=0.01)


def test_the_bet_on_a_permutation_p_value_is_fair() -> None:
    for splits in (20, 200, 2000):
        possible = (np.arange(splits) + 1) / splits
        assert np.mean([calibrated(float(p)) for p in possible]) <= 1.0


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_a_fair_game_rarely_makes_rich(rate: float) -> None:
    """Ville's inequality, with many starts in each run."""
    rng, rich, runs = np.random.default_rng(3), 0, 200
    for _ in range(runs):
        wealth = Wealth(2, step=1)
        up = rng.random(600) < 0.5
        rich += any(wealth.bet([1.9, 0.1] if x else [0.1, 1.9]) >= 1 / rate for x in up)
    assert rich <= rate * runs + 3 * np.sqrt(rate * (1 - rate) * runs)


def test_who_starts_late_finds_a_late_change() -> None:
    wealth = Wealth(1, step=1)
    for _ in range(400):
        wealth.bet([0.5])  # the first gambler is ruined
    found = next(n for n in range(200) if wealth.bet([1.5]) > 100)
    assert found < 60


def test_after_the_horizon_all_begins_anew() -> None:
    wealth = Wealth(1, step=1)
    for _ in range(STARTS):
        wealth.bet([1.01])
    assert wealth.peak > 100
    wealth.bet([1.0])
    assert (wealth.horizons, wealth.bets, wealth.peak) == (1, 1, 1.0)
    assert wealth.value == pytest.approx(1.0)


def test_capital_is_conserved_by_bets_that_win_nothing() -> None:
    wealth = Wealth(3, step=2)
    for _ in range(2 * STARTS):
        assert wealth.bet([1.0, 1.0, 1.0]) == pytest.approx(1.0)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), ties=st.booleans())
def test_p_values_of_exchangeable_scores_are_uniform(seed: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 3, 400) if ties else rng.normal(size=400)
    test = Exchangeability(seed)
    test.begin(CELL, scores[:50])
    p = [test.p_value(CELL, s) for s in scores[50:]]
    assert stats.kstest(p, "uniform").pvalue > 1e-4


def test_exchangeable_scores_rarely_raise_an_alarm_and_shifted_ones_do() -> None:
    rate, early, found = 0.1, 0, []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        test = Exchangeability(seed)
        test.begin(CELL, rng.normal(size=100))
        early += any(test.saw(CELL, s) >= 1 / rate for s in rng.normal(size=500))
        capitals = [test.saw(CELL, s) for s in rng.normal(1.5, 1, 300)]
        found.append(next((n for n, c in enumerate(capitals) if c >= 1 / rate), 300))
    assert early <= 0.1 * 60 + 3 * np.sqrt(0.1 * 0.9 * 60)
    assert np.median(found) < 60
    assert max(found) < 300


def test_streams_have_luck_of_their_own() -> None:
    """With the same numbers to break ties all streams would begin with the same p-values."""
    first = [Monitor().to_dict()["scores"]["mix"]["seed"] for _ in range(3)]
    assert len(set(first)) == 3
    capital = [[t.saw(CELL, 1.0) for _ in range(8)][-1] for t in (Exchangeability(seed) for seed in range(4000))]
    assert np.mean(capital) == pytest.approx(1.0, abs=0.05)


def test_a_cell_whose_share_grows_is_no_change_of_scores() -> None:
    rng = np.random.default_rng(0)
    test = Exchangeability()
    for cell, mean in (("a", 0.0), ("b", 5.0)):
        test.begin(cell, rng.normal(mean, 1, 200))
    for n in range(600):
        cell, mean = ("b", 5.0) if rng.random() < (0.1 if n < 300 else 0.9) else ("a", 0.0)
        assert test.saw(cell, rng.normal(mean)) < 20


def told(missed: bool) -> dict[float, bool]:
    return dict.fromkeys(ALPHAS, False) | {0.05: missed}


def test_sets_that_keep_their_promise_raise_no_alarm_and_others_do() -> None:
    for seed in range(20):
        rng, test = np.random.default_rng(seed), Misses()
        limit = allowed(0.05, 400)
        assert 0.05 < limit < 0.09
        assert all(test.saw(told(rng.random() < 0.05), 400) < 20 for _ in range(2000))
    test = Misses()
    capitals = [test.saw(told(rng.random() < 0.2), 400) for _ in range(400)]
    assert max(capitals) > 1000


def test_energy_distance_tells_samples_with_equal_marginals_apart() -> None:
    rng = np.random.default_rng(0)
    null = [
        energy_p_value(rng.normal(size=(20, 3)), rng.normal(size=(100, 3)), np.random.default_rng(i))
        for i in range(200)
    ]
    assert stats.kstest(null, "uniform").pvalue > 1e-3
    x = rng.normal(size=(200, 1))
    twisted = np.concatenate([x, 0.2 * rng.normal(size=(200, 1)) + 0.98 * x], axis=1)
    assert energy_p_value(twisted, rng.normal(size=(400, 2)), rng) < 0.02


def test_blocks_find_a_change() -> None:
    rng, test = np.random.default_rng(1), Blocks()
    test.begin(CELL, rng.uniform(size=(300, 4)))
    assert all(test.saw(CELL, row) < 20 for row in rng.uniform(size=(800, 4)))
    assert max(test.saw(CELL, row) for row in rng.uniform(0.4, 1, size=(400, 4))) > 100


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(1, 60), m=st.integers(1, 60))
def test_kolmogorov_smirnov_is_scipys(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 9, n).astype(float), rng.normal(4, 3, m)
    assert kolmogorov_smirnov(a, b) == pytest.approx(stats.ks_2samp(a, b).statistic)


def test_population_stability_grows_with_the_shift() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=5000)
    found = [population_stability(a, rng.normal(shift, 1, 5000)) for shift in (0.0, 0.5, 1.5)]
    assert found[0] < 0.02 < found[1] < found[2]
    assert np.isnan(population_stability([], [1.0]))
    assert np.isnan(kolmogorov_smirnov([1.0], []))


def reference(rng: np.random.Generator, n: int = 300) -> Reference:
    u = rng.uniform(size=(n, 4))
    return Reference(confidence=u[:, 0], anomaly=u[:, 1], mix=u[:, 2], nonconformity=u[:, 3], summary=u)


def seen(rng: np.random.Generator, anomaly: float | None = None, instrument: str = "SEDM") -> Seen:
    u = rng.uniform(size=4)
    return Seen(
        cell=CELL,
        confidence=u[0],
        anomaly=u[1] if anomaly is None else anomaly,
        mix=u[2],
        summary=tuple(u),
        spacing=25.0,
        refused=False,
        instrument=instrument,
    )


def learned(rng: np.random.Generator, score: float | None = None) -> Learned:
    value = rng.uniform() if score is None else score
    misses = {alpha: value > 1 - alpha for alpha in ALPHAS}
    return Learned(cell=CELL, nonconformity=value, misses=misses, alpha=0.05, calibration=300)


def test_the_monitor_is_silent_without_a_change_and_names_what_has_changed_once() -> None:
    rng, monitor = np.random.default_rng(5), Monitor(0.05, seed=1)
    monitor.begin({CELL: reference(rng)})
    for _ in range(600):
        assert monitor.saw(seen(rng)) == []
        assert monitor.learned(learned(rng)) == []
    assert monitor.threshold == len(TESTS) / 0.05
    raised = [a for _ in range(300) for a in monitor.saw(seen(rng, anomaly=rng.uniform(0.7, 1)))]
    assert [a.test for a in raised] == ["anomaly"]
    assert "anomaly scores are no longer like those of calibration" in raised[0].sentence
    assert "KS" in raised[0].sentence
    raised = [a.test for _ in range(200) for a in monitor.learned(learned(rng, score=rng.uniform(0.6, 1)))]
    assert sorted(raised) == ["coverage", "truth"]


def test_refusals_that_become_frequent_and_spectra_like_none_are_told() -> None:
    rng, monitor = np.random.default_rng(6), Monitor(0.05, seed=1)
    monitor.begin({CELL: reference(rng)})
    for _ in range(300):
        refused = rng.random() < 0.1
        assert monitor.saw(Seen(refused=True) if refused else seen(rng)) == []
    raised = [a.test for _ in range(150) for a in monitor.saw(Seen(refused=True) if rng.random() < 0.6 else seen(rng))]
    assert raised == ["refusals"]
    odd = [Seen(cell=CELL, confidence=rng.uniform(), anomaly=rng.uniform(), mix=0.5, unlike=True) for _ in range(30)]
    assert "unlike" in [a.test for one in odd for a in monitor.saw(one)]


def test_a_new_instrument_is_told_once_it_is_there_to_stay() -> None:
    rng, monitor = np.random.default_rng(7), Monitor(seed=1)
    monitor.begin({CELL: reference(rng)})
    for _ in range(SETTLING):
        assert monitor.saw(seen(rng)) == []
    raised = [a.test for _ in range(3 * NEW_INSTRUMENT) for a in monitor.saw(seen(rng, instrument="SPRAT"))]
    assert raised == ["instrument SPRAT"]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 100), cut=st.integers(0, 120))
def test_a_restart_changes_nothing(seed: int, cut: int) -> None:
    through, stopped = Monitor(seed=1), Monitor(seed=1)
    for monitor in (through, stopped):
        monitor.begin({CELL: reference(np.random.default_rng(seed), 60)})
    rng = np.random.default_rng(seed + 1)
    stream = [(seen(rng), learned(rng)) for _ in range(120)]
    for n, (one, truth) in enumerate(stream):
        if n == cut:
            stopped = Monitor.from_dict(json.loads(json.dumps(stopped.to_dict())))
        for monitor in (through, stopped):
            monitor.saw(one)
            monitor.learned(truth)
    for name, value in through.evidence().items():
        assert stopped.evidence()[name] == pytest.approx(value, rel=1e-4), name
        assert stopped.figures(name) == through.figures(name)


def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version"):
        Monitor.from_dict({**Monitor().to_dict(), "version": 0})
    with pytest.raises(ValueError, match="between 0 and 1"):
        Monitor(1.5)

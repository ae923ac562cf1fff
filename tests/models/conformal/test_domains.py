"""Answers are compared with calibration spectra of like resolution, and say which."""

import math

import numpy as np
import pytest

from models.anomaly_layer import AnomalyLayer
from models.bundle import load
from models.conformal.admcp import ADMCP
from models.conformal.domains import ALL, HIGH, LOW, Domains, domain_of, smallest_cell
from models.conformal.sets import LAC, quantile
from models.domain import FINE_CLASSES
from tests.models.sentinel.test_detector import layer as fitted  # noqa: F401  (a fixture)

SPACING = np.repeat([1.5, 25.6], [120, 80])


@pytest.mark.parametrize(
    ("spacing", "domain"),
    [(0.5, HIGH), (9.2, HIGH), (25.6, LOW), (22.4, LOW), (60.0, None), (math.inf, None), (math.nan, None), (0.0, None)],
)
def test_the_domain_is_told_from_the_sampling(spacing, domain) -> None:
    assert domain_of(spacing) == domain


def test_each_domain_has_thresholds_of_its_own() -> None:
    domains = Domains.of(SPACING, 200)
    assert {k: int(v.sum()) for k, v in domains.masks.items()} == {HIGH: 120, LOW: 80}
    assert domains.consulted(25.0) == (LOW,)
    assert domains.caveat(25.0) is None
    assert domains.named((LOW,)) == (LOW, 80)


def test_what_is_like_neither_is_compared_with_both_and_says_so() -> None:
    domains = Domains.of(SPACING, 200)
    assert domains.consulted(60.0) == (HIGH, LOW)
    text = domains.caveat(60.0)
    assert text is not None
    assert "a pixel every 60 A" in text
    assert "high resolution (120) and low resolution (80)" in text


def test_a_domain_with_few_spectra_has_none() -> None:
    domains = Domains.of(np.repeat([1.5, 25.6], [120, 20]), 140)
    assert tuple(domains.masks) == (HIGH,)
    assert domains.consulted(25.0) == (HIGH,)
    assert "hardly any calibration spectrum of low resolution" in (domains.caveat(25.0) or "")


@pytest.mark.parametrize("spacing", [None, np.full(30, 1.5)])
def test_a_bundle_from_before_there_were_domains_compares_with_all(spacing) -> None:
    domains = Domains.of(spacing, 30)
    assert tuple(domains.masks) == (ALL,)
    assert domains.consulted(25.0) == (ALL,)
    assert domains.caveat(25.0) is None


@pytest.mark.parametrize("alpha", [0.001, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3])
def test_the_smallest_cell_can_fire(alpha) -> None:
    n = smallest_cell(alpha)
    assert n >= 10
    assert math.isfinite(quantile(np.arange(float(n)), alpha))
    assert n == 10 or math.isinf(quantile(np.arange(float(n - 1)), alpha))


@pytest.mark.parametrize("size", range(10, 19))
def test_a_quintile_of_ten_to_eighteen_falls_back_at_five_per_cent(size) -> None:
    rng = np.random.default_rng(size)
    predicted = np.zeros(5 * size, int)
    cells = ADMCP(rng.random(5 * size), np.arange(5.0 * size), predicted, alpha=0.05)
    cell = cells.cell(2.0, 0.0, 0)
    assert (cell.size, cell.level) == (size, "all")
    assert cell.fires


def test_sets_hold_in_each_domain_where_one_calibration_for_both_fails() -> None:
    rng = np.random.default_rng(0)
    scores, coarse = rng.random(4000), np.arange(4000) % 4 == 0
    scores = np.where(coarse, scores, scores / 4)
    fresh, of_coarse = rng.random(4000), np.arange(4000) % 4 == 0
    fresh = np.where(of_coarse, fresh, fresh / 4)
    domains = Domains.of(np.where(coarse, 25.6, 2.0), 4000)
    probabilities = np.stack([1 - fresh, fresh], axis=1)
    together = LAC(scores).members(probabilities, 0.1)[:, 0]
    assert together[of_coarse].mean() < 0.75
    for name, mine in ((LOW, of_coarse), (HIGH, ~of_coarse)):
        covered = LAC(scores[domains.masks[name]]).members(probabilities, 0.1)[mine, 0]
        assert covered.mean() == pytest.approx(0.9, abs=0.03)


def test_every_cell_of_the_shipped_bundle_can_fire_or_says_why_not() -> None:
    sentinel = load().sentinel
    assert sentinel is not None
    anomaly = AnomalyLayer(sentinel)
    for name, own in anomaly.calibrated.items():
        for predicted in range(len(FINE_CLASSES)):
            for edge in (*own.admcp.edges, 1.0):
                cell = own.admcp.cell(1.0, float(edge), predicted)
                assert cell.fires, (name, cell)


def test_the_budget_moves_flags_and_alerts(fitted) -> None:  # noqa: F811
    strict, loose = (AnomalyLayer(fitted, alpha=a, false_alarm_rate=r) for a, r in ((0.02, 0.01), (0.2, 0.08)))
    (tight,), (wide,) = strict.expected().values(), loose.expected().values()
    assert tight["anchor"] < wide["anchor"]
    assert tight["ALERT"] < wide["ALERT"]
    assert tight["COMMIT"] > wide["COMMIT"]
    (one,), (other,) = strict.calibrated.values(), loose.calibrated.values()
    assert one.admcp.alpha < other.admcp.alpha
    assert one.mondrian.smallest > other.mondrian.smallest

"""Learning-rate schedule and figures of merit, by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from models.training import metrics
from models.training.evaluate import binned, set_coverage
from models.training.spectral.schedule import learning_rate

RATE = {"per_epoch": 10, "base": 1.0, "warmup": 5, "period": 30, "multiple": 2, "floor": 0.05}


@pytest.mark.parametrize(
    ("epoch", "expected"), [(0, 0.02), (5, 1.0), (20, 0.525), (34.9, 0.05), (35, 1.0), (65, 0.525), (95, 1.0)]
)
def test_warm_up_then_cosine_with_restarts(epoch: float, expected: float) -> None:
    assert learning_rate(round(epoch * 10), **RATE) == pytest.approx(expected, abs=0.02)


def test_without_restarts_it_stays_low() -> None:
    assert learning_rate(10_000, **(RATE | {"multiple": 0})) == pytest.approx(0.05)


def labels(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 5, 400)
    return true, np.where(rng.random(400) < 0.7, true, rng.integers(0, 5, 400))


def test_figures_agree_with_scikit_learn() -> None:
    true, predicted = labels()
    matrix = metrics.confusion_matrix(true, predicted, 5)
    np.testing.assert_array_equal(matrix, oracle.confusion_matrix(true, predicted))
    assert metrics.accuracy(matrix) == pytest.approx(oracle.accuracy_score(true, predicted))
    assert metrics.macro_recall(matrix) == pytest.approx(oracle.balanced_accuracy_score(true, predicted))
    assert metrics.macro_f1(matrix) == pytest.approx(oracle.f1_score(true, predicted, average="macro"))
    np.testing.assert_allclose(metrics.precisions(matrix), oracle.precision_score(true, predicted, average=None))


def test_a_class_without_members_does_not_count() -> None:
    true, predicted = labels()
    wide = metrics.confusion_matrix(true, predicted, 7)
    assert metrics.macro_recall(wide) == pytest.approx(oracle.balanced_accuracy_score(true, predicted))


def test_intervals_grow_when_spectra_share_an_object() -> None:
    true, predicted = labels()
    alone = metrics.per_object(true, predicted, [str(i) for i in range(400)], 5)
    clustered = metrics.per_object(true, predicted, [str(i // 10) for i in range(400)], 5)
    assert alone.sum() == clustered.sum() == 400
    shared = metrics.per_object(np.repeat(true, 5), np.repeat(predicted, 5), [str(i // 5) for i in range(2000)], 5)

    def width(matrices) -> float:
        (estimate,) = metrics.bootstrap(matrices, lambda m: np.array([metrics.accuracy(m)]))
        assert estimate.low < estimate.value < estimate.high
        return estimate.high - estimate.low

    naive = metrics.per_object(np.repeat(true, 5), np.repeat(predicted, 5), [str(i) for i in range(2000)], 5)
    assert width(shared) > 1.8 * width(naive)


def test_calibration_error_of_an_honest_forecaster_is_small() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(20_000)
    assert metrics.expected_calibration_error(confidence, rng.random(20_000) < confidence) < 0.02
    assert metrics.expected_calibration_error(np.full(100, 0.9), np.zeros(100, bool)) == pytest.approx(0.9)


def test_binomial_interval_at_the_ends() -> None:
    assert metrics.binomial_interval(0, 10) == (0.0, pytest.approx(0.3085, abs=1e-4))
    assert metrics.binomial_interval(10, 10) == (pytest.approx(0.6915, abs=1e-4), 1.0)


def test_bins_have_names_and_nan_is_unknown() -> None:
    assert binned(np.array([3.0, 7.0, np.nan, 1e9]), (0, 5, 10, np.inf), "d") == [
        "0 to 5 d",
        "5 to 10 d",
        "unknown",
        "10 to inf d",
    ]


def test_set_coverage_counts_what_it_says() -> None:
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    found = set_coverage(np.linspace(0, 0.5, 99), p, np.array([0, 1, 1]), [0.1])["0.1"]
    assert found["coverage"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["size"] == pytest.approx(1.0)

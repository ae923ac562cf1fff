"""Two classifiers on the same spectra: what the paired draws of objects can tell."""

import numpy as np
import pytest

from models.training.spectral.compare import FIGURES, compare


def _answers(labels: np.ndarray, right: np.ndarray) -> np.ndarray:
    """0.9 for the true class where `right`, else for the next."""
    p = np.full((len(labels), 7), 0.1 / 6)
    p[np.arange(len(labels)), np.where(right, labels, (labels + 1) % 7)] = 0.9
    return p


def test_the_four_figures_are_those_of_a_count_by_hand() -> None:
    labels = np.array([0, 0, 0, 1])
    p = _answers(labels, np.array([True, True, False, True]))
    wrong = -np.log(0.1 / 6)
    found = compare({"one": [p]}, labels, "abcd", resamples=9)["one"]["value"]
    by_class, mean, accuracy, recall, _ = found.values()
    assert by_class == pytest.approx(((-2 * np.log(0.9) + wrong) / 3 - np.log(0.9)) / 2, abs=1e-4)
    assert mean == pytest.approx((-3 * np.log(0.9) + wrong) / 4, abs=1e-4)
    assert (accuracy, recall) == (0.75, pytest.approx((2 / 3 + 1) / 2, abs=1e-4))


def test_each_object_once_and_only_frequent_classes() -> None:
    # Class 0: one object of four spectra that are wrong, five of one that are right. Class 1: one object, right.
    labels = np.array([0] * 9 + [1])
    right = np.array([False] * 4 + [True] * 6)
    answers = {"one": [_answers(labels, right)]}
    by_spectrum, once = (
        compare(answers, labels, list("aaaabcdefg"), once=once, resamples=9)["one"]["value"] for once in (False, True)
    )
    assert by_spectrum["accuracy"] == 0.6
    assert once["accuracy"] == pytest.approx(6 / 7, abs=1e-4)
    assert by_spectrum["macro recall"] == pytest.approx((5 / 9 + 1) / 2, abs=1e-4)
    assert by_spectrum["macro recall, frequent classes"] == pytest.approx(5 / 9, abs=1e-4)
    assert once["macro recall, frequent classes"] == pytest.approx(5 / 6, abs=1e-4)


def test_views_are_averaged_not_joined() -> None:
    labels = np.array([0, 1])
    good, bad = (_answers(labels, np.full(2, r)) for r in (True, False))
    assert compare({"both": [good, bad]}, labels, "ab", resamples=9)["both"]["value"]["accuracy"] == 0.5


def test_a_difference_of_many_objects_is_established_and_one_of_a_single_object_is_not() -> None:
    labels = np.repeat(np.arange(7), 40)
    groups = [f"object {i // 4}" for i in range(len(labels))]  # four spectra each
    everything = np.ones(len(labels), bool)
    scattered, one = everything.copy(), everything.copy()
    scattered[::4] = False
    one[:4] = False
    found = compare(
        {
            "right": [_answers(labels, everything)],
            "same": [_answers(labels, everything)],
            "scattered": [_answers(labels, scattered)],
            "one object": [_answers(labels, one)],
        },
        labels,
        groups,
        resamples=300,
    )
    assert "difference" not in found["right"]
    assert found["same"]["difference"]["log loss"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert found["scattered"]["difference"]["accuracy"]["high"] < -0.1
    one_object = found["one object"]["difference"]["accuracy"]
    assert one_object["low"] < 0 == one_object["high"]
    assert list(found["right"]["value"]) == list(FIGURES)

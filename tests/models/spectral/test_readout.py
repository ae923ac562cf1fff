"""Probabilities for another mix of classes than the one a network was shown."""

import numpy as np
from scipy.special import softmax

from models.spectral.readout import Readout


def test_the_odds_turn_right_answers_for_one_mix_into_right_answers_for_another() -> None:
    """Two Gaussians, seen in equal numbers: where one is nine times as frequent Bayes' rule gives the same as odds."""
    x = np.linspace(-3, 3, 50)
    likelihood = np.stack([np.exp(-0.5 * (x - m) ** 2) for m in (-1.0, 1.0)], 1)
    logits = np.full((50, 7), -50.0)
    logits[:, :2] = np.log(likelihood)  # what a network learns that saw as many of the first as of the second
    bayes = likelihood * (0.9, 0.1)
    told = Readout(odds=(1.8, 0.2, 1, 1, 1, 1, 1))(logits)
    np.testing.assert_allclose(told[:, :2], bayes / bayes.sum(1, keepdims=True), atol=1e-12)


def test_equal_odds_change_nothing_and_a_temperature_divides() -> None:
    logits = np.random.default_rng(0).normal(size=(3, 5, 7)).astype(np.float32)
    np.testing.assert_allclose(Readout(temperature=0.5, odds=(3.0,) * 7)(logits), softmax(logits * 2.0, -1), atol=1e-7)

"""A temperature is found again, and makes a modest ensemble honest."""

import numpy as np
import pytest
from scipy.special import softmax

from models.spectral.readout import Readout
from models.training.metrics import expected_calibration_error
from models.training.spectral.temperature import fit_temperature


@pytest.mark.parametrize("true", [0.4, 1.0, 2.5])
def test_the_temperature_of_one_member_is_found_again(true: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 7)) * 2
    labels = np.array([rng.choice(7, p=p) for p in softmax(logits, axis=1)])
    assert fit_temperature(Readout(), (logits * true)[None], (1,), labels) == pytest.approx(true, rel=0.1)


def test_averaging_is_made_up_for() -> None:
    rng = np.random.default_rng(1)
    clean = rng.normal(size=(4000, 7)) * 3
    labels = np.array([rng.choice(7, p=p) for p in softmax(clean, axis=1)])
    members = np.stack([0.5 * clean + rng.normal(size=clean.shape) * 0.3 for _ in range(4)])
    temperature = fit_temperature(Readout(), members, (1, 1, 2, 2), labels)

    def error(t: float) -> float:
        p = softmax(members / t, axis=-1).mean(0)
        return expected_calibration_error(p.max(1), p.argmax(1) == labels)

    assert temperature < 0.8
    assert error(temperature) < 0.03 < error(1.0)

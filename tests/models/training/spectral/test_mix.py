"""What training shows of each class, and what the answers are for."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from models.domain import FINE_CLASSES
from models.training.spectral.mix import POWER, SKYPORTAL, Mix, mix
from models.training.spectral.presets import PRESETS
from models.training.spectral.sampling import SamplingConfig, weights
from tests.models.training.data import ripples

CV = FINE_CLASSES.index("CV")
CONFIG = replace(PRESETS["coarse"], sampling=SamplingConfig(balance="tempered", semi_real=0.25))


def test_what_is_shown_is_how_often_training_draws_each_class() -> None:
    data = ripples(60)
    data = replace(data, semi_real=(data.label == CV) | ((data.label == 4) & (np.arange(len(data)) % 3 == 0)))
    train = data.part("train", real=False, min_coverage=CONFIG.min_coverage)
    rng = np.random.default_rng(0)
    drawn = rng.choice(len(train), 200_000, p=weights(train, CONFIG.sampling).numpy())
    seen = np.bincount(train.label[drawn], minlength=7) / len(drawn)
    assert np.allclose(mix(data, asdict(CONFIG)).shown, seen, atol=0.005)


def test_rare_classes_are_brought_forward_unless_they_are_known_from_semi_real_spectra_alone() -> None:
    data = ripples(60)
    real, made = (mix(d, asdict(CONFIG)) for d in (data, replace(data, semi_real=data.label == CV)))
    numbers = np.array([SKYPORTAL[c] for c in FINE_CLASSES], float)
    assert real.answered == pytest.approx(numbers**POWER / (numbers**POWER).sum())
    tde = FINE_CLASSES.index("TDE")
    assert real.answered[tde] > 1.5 * numbers[tde] / numbers.sum()
    others = np.arange(7) != CV
    assert made.answered[CV] / made.answered[tde] == pytest.approx(
        numbers[CV] / numbers.sum() / real.answered[tde], rel=1e-6
    )
    assert made.answered[others] / made.answered[tde] == pytest.approx(real.answered[others] / real.answered[tde])
    assert made.answered.sum() == pytest.approx(1)


def test_odds_lead_from_one_mix_to_the_other_and_leave_an_unseen_class_alone() -> None:
    shown = np.array([0.5, 0.2, 0.1, 0.1, 0.05, 0.0, 0.05])
    answered = np.full(7, 1 / 7)
    factor = np.array(Mix(shown=shown, answered=answered).odds)
    assert factor[CV] == 1.0
    assert np.allclose(np.delete(shown * factor, CV), 1 / 7, atol=1e-4)

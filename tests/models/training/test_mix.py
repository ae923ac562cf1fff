"""What training shows of each class, and what the answers are for."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from models.domain import FINE_CLASSES
from models.training.mix import SKYPORTAL, answered, odds, shown
from models.training.presets import PRESETS
from models.training.sampling import SamplingConfig, weights
from tests.models.training.data import ripples


def test_the_natural_mix_is_the_marshals_and_a_power_flattens_it() -> None:
    natural, flat = answered(1.0), answered(0.0)
    assert natural[FINE_CLASSES.index("SN Ia")] == pytest.approx(12973 / sum(SKYPORTAL.values()))
    assert np.allclose(flat, 1 / 7)
    assert (np.abs(np.log(answered(0.5) / flat)) <= np.abs(np.log(natural / flat)) + 1e-12).all()


def test_what_is_shown_is_how_often_training_draws_each_class() -> None:
    data = ripples()
    few = replace(data, semi_real=np.isin(data.label, [5]))
    config = replace(PRESETS["coarse"], sampling=SamplingConfig(balance="tempered", semi_real=0.25))
    train = few.part("train", real=False, min_coverage=config.min_coverage)
    rng = np.random.default_rng(0)
    drawn = rng.choice(len(train), 200_000, p=weights(train, config.sampling).numpy())
    seen = np.bincount(train.label[drawn], minlength=7) / len(drawn)
    assert np.allclose(shown(few, asdict(config)), seen, atol=0.005)


def test_odds_lead_from_one_mix_to_the_other_and_leave_an_unseen_class_alone() -> None:
    share = np.array([0.5, 0.2, 0.1, 0.1, 0.05, 0.0, 0.05])
    factor = np.array(odds(share))
    assert factor[5] == 1.0
    there = np.delete(share * factor, 5)
    assert np.allclose(there, np.delete(answered(), 5), atol=1e-4)

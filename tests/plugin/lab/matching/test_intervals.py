"""Coverage is counted by object, and the procedure covers objects it was not calibrated on as promised."""

from dataclasses import replace

import numpy as np
import pytest

from models.conformal.sets import quantile, quantile_by_object
from models.matching.fitted import Fitted
from models.training.metrics import binomial_band, conformal_band
from plugin.lab.matching.intervals import coverage, halves
from tests.models.matching.synthetic import fitted


def clustered(objects: int, seed: int) -> Fitted:
    """Residuals that objects have, not spectra: a few objects with many spectra, and those the worst."""
    rng = np.random.default_rng(seed)
    counts = np.where(rng.random(objects) < 0.1, 15, 1)
    own = np.repeat(rng.exponential(0.003, objects) * np.where(counts > 1, 3, 1), counts)
    names = np.repeat(np.arange(objects), counts)
    n = len(names)
    return replace(
        fitted(), residual=own, share=np.full(n, 0.99), domain=np.zeros(n, np.int64), objects=names.astype(np.int64)
    )


def test_one_spectrum_an_object_is_the_ordinary_quantile() -> None:
    scores = np.random.default_rng(0).random(57)
    for alpha in (0.01, 0.05, 0.1, 0.2, 0.5):
        assert quantile_by_object(scores, np.arange(57), alpha) == quantile(scores, alpha)


def test_copies_of_an_object_change_nothing() -> None:
    scores = np.random.default_rng(1).random(40)
    copied, names = np.append(scores, [scores[3]] * 25), np.append(np.arange(40), [3] * 25)
    assert quantile_by_object(copied, names, 0.1) == quantile(scores, 0.1)
    assert quantile(copied, 0.1) != quantile(scores, 0.1)


def test_too_few_objects_have_no_quantile_however_many_spectra() -> None:
    assert quantile_by_object(np.arange(100.0), np.arange(100) % 10, 0.05) == np.inf


@pytest.mark.parametrize("seed", range(2))
def test_new_objects_are_covered_as_promised(seed: int) -> None:
    for row in halves(clustered(300, seed), "high resolution", seed):
        assert row["coverage"] == pytest.approx(1 - row["alpha"], abs=0.02)
        assert row["inside"] >= 0.9
    assert halves(clustered(3, seed), "high resolution") == []


def test_an_object_counts_once() -> None:
    inside, names = np.array([True] * 8 + [False, True]), ["a"] * 8 + ["b", "c"]
    found = coverage(inside, names, 0.2, 50)
    assert (found["coverage"], found["by_spectra"], found["objects"]) == (round(2 / 3, 4), 0.9, 3)
    assert coverage(inside[:0], [], 0.2, 50) == {"alpha": 0.2, "spectra": 0}


def test_the_band_knows_of_the_calibrations_chance() -> None:
    wide, narrow = conformal_band(0.1, 200, 100), binomial_band(0.9, 200)
    assert wide[0] < narrow[0] < 0.9 < narrow[1] < wide[1]
    assert conformal_band(0.1, 200, 10**7) == pytest.approx(narrow, abs=0.006)
    assert conformal_band(0.05, 30, 10) == (1.0, 1.0)

"""Planted redshifts are found, what cannot be believed is not given, and nothing is matched with itself."""

import numpy as np
import pytest

from models.domain import FINE_CLASSES
from models.matching.bank import MatchBank
from models.matching.fitted import BELIEVABLE, Fitted
from models.matching.grid import BINS, EDGES_A, LENGTH, REDSHIFTS, STEP
from models.matching.matcher import Matcher, in_question
from models.matching.posterior import NEAR, mixed, peaks
from tests.models.matching.synthetic import OBSERVED, asked, bank, fitted, matcher, observed

MATCHER = matcher()


@pytest.mark.parametrize("redshift", [0.005, 0.03, 0.08, 0.15, 0.4])
@pytest.mark.parametrize("label", [0, 1, 3])
def test_a_planted_redshift_is_found(label: int, redshift: float) -> None:
    found = MATCHER.run(asked(observed(label, 77, redshift), label), 0.05)
    assert found is not None
    assert found.redshift.value is not None
    assert abs(found.redshift.value - redshift) < 0.004
    assert found.redshift.low < redshift < found.redshift.high
    assert {m["class"] for m in found.matches} == {FINE_CLASSES[label]}
    assert found.matches[0]["score"] > 0.6


def test_nothing_comes_round_from_the_other_end() -> None:
    first = round(float(np.log(3500.0 / EDGES_A[0]) / STEP))
    assert BINS + round(float(np.log1p(REDSHIFTS[-1])) / STEP) - first < LENGTH


def test_masked_pixels_do_not_count() -> None:
    flux = observed(3, 9, 0.05)
    spoiled = flux.copy()
    hole = (OBSERVED > 5400) & (OBSERVED < 5700)
    spoiled[hole] = np.nan
    one = MATCHER.run(asked(spoiled, 3), 0.05)
    filled = np.where(hole, 1e6, flux)
    worse = MATCHER.run(asked(filled, 3), 0.05)
    assert one is not None
    assert worse is not None
    assert abs(one.redshift.best - 0.05) < 0.004
    assert one.matches[0]["score"] > worse.matches[0]["score"]
    flux[(OBSERVED > 7590) & (OBSERVED < 7700)] = 1e3
    telluric = MATCHER.run(asked(flux, 3), 0.05)
    assert telluric is not None
    assert abs(telluric.redshift.best - 0.05) < 0.004


def test_two_redshifts_are_told_when_two_classes_see_different_ones() -> None:
    """H-alpha at one redshift and something else at another: neither is hidden."""
    p = np.array([0.5, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0])
    flux = observed(0, 3, 0.05) + observed(3, 3, 0.12)
    found = MATCHER.run(asked(flux, 0, probabilities=p, classes=[0, 3]), 0.05)
    assert found is not None
    assert found.redshift.second is not None
    assert found.redshift.second_share >= 0.02
    assert abs(found.redshift.second - found.redshift.best) > 2 * NEAR


def test_peaks_are_apart_and_shares_are_probabilities() -> None:
    posterior = np.exp(-0.5 * ((REDSHIFTS - 0.05) / 0.002) ** 2) + 0.4 * np.exp(-0.5 * ((REDSHIFTS - 0.2) / 0.002) ** 2)
    posterior /= posterior.sum()
    first, second = peaks(posterior)
    assert second is not None
    assert (first.redshift, second.redshift) == (pytest.approx(0.05, abs=1e-3), pytest.approx(0.2, abs=2e-3))
    assert first.share + second.share == pytest.approx(1.0, abs=0.01)
    only, none = peaks((np.arange(len(REDSHIFTS)) == 30).astype(float))
    assert only.share == pytest.approx(1.0)
    assert none is None


def test_noise_has_no_redshift() -> None:
    given = 0
    for seed in range(8):
        flux = 1 + 0.3 * np.random.default_rng(seed).normal(size=OBSERVED.size)
        found = MATCHER.run(asked(flux, 1), 0.05)
        assert found is not None
        assert (found.redshift.value is None) == (found.redshift.share < BELIEVABLE)
        if found.redshift.value is None:
            assert (found.redshift.low, found.phase, found.subtype) == (None, None, None)
        given += found.redshift.value is not None
    assert given <= 4


def test_the_objects_own_spectra_can_be_left_out() -> None:
    own = np.array(MATCHER.bank.objects) == "SN Ia-2"
    found = MATCHER.run(asked(observed(0, 2, 0.03), 0), 0.05, without=own)
    assert found is not None
    assert "SN Ia-2" not in {m["object"] for m in found.matches}
    itself = MATCHER.run(asked(observed(0, 2, 0.03), 0), 0.05)
    assert itself is not None
    assert itself.matches[0]["object"] == "SN Ia-2"


def test_the_same_spectrum_gives_the_same_answer() -> None:
    question = asked(observed(3, 4, 0.07), 3)
    assert MATCHER.run(question, 0.05) == Matcher(bank(), fitted()).run(question, 0.05)


def test_a_known_redshift_is_compared_and_not_followed() -> None:
    flux = observed(0, 8, 0.06)
    right = MATCHER.run(asked(flux, 0, redshift=0.06, origin="host"), 0.05)
    wrong = MATCHER.run(asked(flux, 0, redshift=0.3, origin="host"), 0.05)
    assert right is not None
    assert wrong is not None
    assert right.redshift.value == wrong.redshift.value
    assert (right.redshift.agrees, wrong.redshift.agrees) == (True, False)
    assert (wrong.redshift.known, wrong.redshift.known_origin) == (0.3, "host")


@pytest.mark.parametrize(
    ("wave", "flux"),
    [
        (np.linspace(5000.0, 5100.0, 50), np.ones(50)),
        (OBSERVED, np.full(OBSERVED.size, np.nan)),
        (np.linspace(900.0, 2000.0, 200), np.ones(200)),
    ],
)
def test_too_little_spectrum_has_no_match(wave, flux) -> None:
    assert MATCHER.run(asked(flux, 0, wave), 0.05) is None


def test_a_cv_stands_at_rest_and_a_mixture_weighs_by_class() -> None:
    weights = MATCHER.fitted.weights["high resolution"]
    galactic = weights.of_class(np.zeros((2, len(REDSHIFTS))), FINE_CLASSES.index("CV"))
    assert galactic[np.abs(REDSHIFTS) < 0.003].sum() == pytest.approx(1.0)
    uniform = np.full(len(REDSHIFTS), 1 / len(REDSHIFTS))
    both = mixed({0: uniform, 5: galactic}, np.array([0.3, 0, 0, 0, 0, 0.1, 0]))
    assert both[np.abs(REDSHIFTS) < 0.003].sum() == pytest.approx(0.25, abs=0.01)


def test_the_classes_in_question() -> None:
    p = np.array([0.6, 0.2, 0.1, 0.06, 0.04, 0.0, 0.0])
    assert in_question(p > 0.5, p) == [0]
    assert in_question(np.zeros(7, bool), p) == [0, 1, 2, 3]


def test_bank_and_fits_survive_the_file(tmp_path) -> None:
    MATCHER.bank.save(tmp_path / "b.safetensors")
    MATCHER.fitted.save(tmp_path / "f.safetensors")
    again = Matcher(MatchBank.load(tmp_path / "b.safetensors"), Fitted.load(tmp_path / "f.safetensors"))
    question = asked(observed(0, 11, 0.09), 0)
    assert again.run(question, 0.05) == MATCHER.run(question, 0.05)
    wave, flux = again.drawn("SN Ia-0__0")
    assert wave.shape == flux.shape == (BINS,)
    assert np.isfinite(flux).sum() > 300


def test_a_damaged_bank_is_refused(tmp_path) -> None:
    from dataclasses import replace

    broken = replace(MATCHER.bank, redshift=np.full(len(MATCHER.bank), np.nan, np.float32))
    broken.save(tmp_path / "b.safetensors")
    with pytest.raises(ValueError, match="finite"):
        MatchBank.load(tmp_path / "b.safetensors")

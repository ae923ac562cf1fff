"""Spectrum and source together: a probability whatever is missing, nothing from after the spectrum, damage told."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.cards import BundleError
from models.conformal.domains import HIGH, LOW
from models.domain import FINE_CLASSES, LightCurve, Target
from models.domain.joined import Surrounding
from models.joined.evidence import EVIDENCE, counterpart, measured, surrounding
from models.joined.product import SPECTRUM, Product
from models.joined.stored import load, write
from tests.fakes.joiner import POWERS, card, joiner, laws

quick = settings(max_examples=60, deadline=None)
EVEN = dict.fromkeys(FINE_CLASSES, 1.0 / 7)
TAKEN = 61010.0


def perhaps(low: float, high: float) -> st.SearchStrategy[float | None]:
    return st.none() | st.floats(low, high)


@st.composite
def arounds(draw: st.DrawFn) -> Surrounding:
    mjd = sorted(draw(st.lists(st.floats(60900, 61100), max_size=6)))
    return Surrounding(
        latitude_deg=draw(perhaps(-90, 90)),
        star_score=draw(perhaps(0, 1)),
        nearest_arcsec=draw(perhaps(0, 100)),
        mjd=tuple(mjd),
        mag=tuple(draw(st.floats(12, 20.5)) for _ in mjd),
        band=tuple(draw(st.sampled_from("gri")) for _ in mjd),
    )


@st.composite
def spectra(draw: st.DrawFn) -> dict[str, float]:
    p = np.array(draw(st.lists(st.floats(0, 1), min_size=7, max_size=7))) + 1e-12
    return dict(zip(FINE_CLASSES, (p / p.sum()).tolist(), strict=True))


@quick
@given(spectra(), arounds(), st.none() | st.just(TAKEN), perhaps(-1, 20), st.booleans())
def test_it_is_a_probability_whatever_is_missing(p, around, taken, z, low):
    found = joiner().join(p, around, taken_mjd=taken, redshift=z, low=low)
    if found is None:
        known = measured([(around, taken, z)]).known()
        assert not any(flag.any() for flag in known.values())
        return
    assert set(found.probabilities) == set(FINE_CLASSES)
    assert all(0 <= x <= 1 for x in found.probabilities.values())
    assert sum(found.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
    assert set(found.used) | set(found.missing) == set(EVIDENCE)
    assert not set(found.used) & set(found.missing)
    assert found.used


@quick
@given(spectra(), arounds())
def test_what_is_missing_is_left_out_and_not_guessed(p, around):
    """Without the position the answer is that of a model that does not know positions."""
    blind = replace(joiner(), product=Product({**POWERS, "latitude": 0.0}))
    told = {"taken_mjd": TAKEN, "redshift": 0.05, "low": True}
    without = joiner().join(p, replace(around, latitude_deg=None), **told)
    never = blind.join(p, around, **told)
    assert (without is None) == (never is None)
    if without is not None:
        assert without.probabilities == never.probabilities


@quick
@given(arounds(), st.floats(0.003, 2))
def test_nothing_that_was_seen_after_the_spectrum_counts(around, z):
    later = replace(around, mjd=(*around.mjd, 61200.0), mag=(*around.mag, 12.0), band=(*around.band, "r"))
    told = {"taken_mjd": TAKEN, "redshift": z, "low": True}
    assert joiner().join(EVEN, later, **told) == joiner().join(EVEN, around, **told)


def test_no_evidence_is_no_answer_and_an_unproven_domain_is_silent():
    told = {"taken_mjd": TAKEN, "redshift": 0.1}
    assert joiner().join(EVEN, Surrounding(), low=True, **told) is None
    some = Surrounding(latitude_deg=5.0)
    assert joiner(better=False).join(EVEN, some, low=True, **told) is None
    assert joiner(better=False, everywhere=True).join(EVEN, some, low=True, **told) is not None


def test_a_spectrum_in_the_plane_on_a_star_is_a_cv_rather_than_a_supernova():
    p = {**dict.fromkeys(FINE_CLASSES, 0.04), "SN II": 0.45, "CV": 0.35}
    plane = Surrounding(latitude_deg=-6.0, star_score=0.95, nearest_arcsec=0.3)
    found = joiner().join(p, plane, taken_mjd=None, redshift=None, low=True)
    assert (found.label, found.agrees, found.used) == ("CV", False, ("latitude", "counterpart"))
    pole = Surrounding(latitude_deg=70.0, star_score=0.01, nearest_arcsec=1.0)
    other = joiner().join(p, pole, taken_mjd=None, redshift=None, low=True)
    assert (other.label, other.agrees) == ("SN II", True)
    assert other.probabilities["CV"] < 0.05


def test_a_class_without_a_law_keeps_its_probability():
    curve = Surrounding(mjd=(61000.0, 61005.0), mag=(19.0, 18.0), band=("g", "g"))
    found = joiner().join(EVEN, curve, taken_mjd=TAKEN, redshift=0.05, low=True)
    assert found.used == ("luminosity", "rise")
    assert [found.probabilities[c] for c in ("AGN", "CV")] == pytest.approx([1 / 7, 1 / 7], abs=1e-6)
    assert found.probabilities["SN Ia"] != pytest.approx(1 / 7, abs=1e-3)


def test_sets_where_enough_objects_calibrate_them_and_none_elsewhere():
    some = Surrounding(latitude_deg=5.0)
    told = {"taken_mjd": None, "redshift": None}
    found = joiner().join(EVEN, some, low=True, **told)
    assert (set(found.prediction_sets), found.calibration_size) == ({"0.05", "0.1"}, 60)
    assert joiner(objects=49).join(EVEN, some, low=True, **told).prediction_sets == {}
    high = joiner().join(EVEN, some, low=False, **told)
    assert (high.prediction_sets, high.calibration_size) == ({}, 0)


def test_the_spectrum_alone_is_what_is_left_of_it():
    alone = Product({SPECTRUM: 1.0, **dict.fromkeys(EVIDENCE, 0.0)})
    p = np.array([[0.4, 0.3, 0.1, 0.1, 0.05, 0.03, 0.02]])
    likely = laws().log_likelihoods(measured([(Surrounding(latitude_deg=3.0), None, None)]))
    assert alone(p, likely) == pytest.approx(p)


@pytest.mark.parametrize(
    ("score", "arcsec", "expected"),
    [(0.9, 1.0, 0), (0.4, 1.0, 1), (0.1, 1.9, 2), (0.9, 2.1, 3), (0.5, 1.0, -1), (None, 1.0, -1), (0.9, None, -1)],
)
def test_what_lies_at_the_place(score, arcsec, expected):
    assert counterpart(score, arcsec) == expected


def test_what_is_kept_of_a_source_is_what_is_certain_once_a_night():
    curve = LightCurve(
        mjd=np.array([60999.0, 61000.1, 61000.2, 61003.0, 61004.0]),
        band=("g", "g", "g", "r", "r"),
        mag=np.array([math.nan, 19.0, 19.2, 18.5, 20.4]),
        mag_error=np.array([math.nan, 0.05, 0.05, math.nan, 0.4]),
        limit_mag=np.full(5, 20.5),
        is_limit=np.array([1.0, 0, 0, 0, 0]),
    )
    found = surrounding(Target(target_id="t", ra_deg=192.85948, dec_deg=27.12825), curve)
    assert found.latitude_deg == pytest.approx(90.0, abs=1e-3)
    assert (found.mjd, found.mag, found.band) == ((61000.15, 61003.0), (19.1, 18.5), ("g", "r"))
    one = measured([(found, 61003.5, 0.05)])
    assert one.rise[0] == pytest.approx([math.log10(1 + 3.35), math.nan, math.nan, math.nan], nan_ok=True)
    assert one.luminosity[0] == pytest.approx(18.5 - 36.7, abs=0.2)
    assert not np.isfinite(measured([(found, None, 0.05)]).luminosity).any()


def test_what_is_written_is_read_again_and_damage_is_told(tmp_path):
    scores, objects = {LOW: np.linspace(0, 0.9, 60)}, {LOW: np.arange(60)}
    write(tmp_path, card(), laws(), scores, objects)
    some = Surrounding(latitude_deg=5.0, mjd=(61000.0, 61005.0), mag=(19.0, 18.0), band=("g", "r"))
    told = {"taken_mjd": TAKEN, "redshift": 0.05, "low": True}
    again = load(tmp_path).join(EVEN, some, **told)
    here = replace(joiner(), scores=scores, objects=objects).join(EVEN, some, **told)
    assert again.probabilities == here.probabilities
    assert again.prediction_sets == here.prediction_sets
    assert not load(tmp_path).answers_for("elsewhere")
    write(tmp_path, {**card(), "powers": {"spectrum": 1.0}}, laws(), scores, objects)
    with pytest.raises(BundleError, match="other evidence"):
        load(tmp_path)
    write(tmp_path, card(), laws(), scores, objects)
    (tmp_path / "joined.safetensors").write_bytes(b"no")
    with pytest.raises(BundleError, match="SHA-256"):
        load(tmp_path)


def test_what_ships_loads_and_says_where_it_was_measured_to_be_better():
    shipped = load()
    assert set(shipped.card["domains"]) == {LOW, HIGH}
    for domain, told in shipped.card["domains"].items():
        figures = [by[domain] for by in shipped.card["metrics"]["cross-fitted"].values() if domain in by]
        better = len(figures) == 2 and all(
            "log loss" in f and f["log loss"]["high"] < 0 and f["macro recall"]["difference"] >= 0 for f in figures
        )
        assert told["better"] == better

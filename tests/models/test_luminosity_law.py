"""Luminosity beside the spectrum: it weighs the classes that have a law, rules none out, and changes no answer."""

import dataclasses
import json

import numpy as np
import pytest

from models.analyst import Analyst
from models.bundle import load, verify, write_card
from models.card_fields import fingerprint
from models.cards import BundleError, sha256
from models.domain import FINE_CLASSES, Evidence, LightCurve, Luminosity, Report, Spectrum, Target
from models.luminosity_law import LuminosityLaws
from tests.models.bundles import tiny_bundle

SECTION = {
    "laws": {
        "SN Ia": {"median": -19.2, "spread": 0.5, "objects": 500},
        "SN Ibc": {"median": -17.9, "spread": 1.1, "objects": 50},
        "SLSN": {"median": -21.7, "spread": 1.2, "objects": 90},
    },
    "power": 1.0,
}
LAWS = LuminosityLaws.of(SECTION)
EVEN = dict.fromkeys(FINE_CLASSES, 0.1) | {"SLSN": 0.2, "SN Ibc": 0.3}


def bright(magnitude: float, origin: str = "target") -> Luminosity:
    return Luminosity(magnitude=magnitude, band="g", redshift=0.2, redshift_origin=origin, correction="none")


def test_a_bright_one_is_superluminous_and_a_faint_one_is_not() -> None:
    found = LAWS.beside(EVEN, bright(-21.5))
    assert found is not None
    assert (found.label, found.agrees, found.magnitude) == ("SLSN", False, -21.5)
    faint = LAWS.beside(EVEN, bright(-17.5))
    assert faint is not None
    assert (faint.label, faint.agrees) == ("SN Ibc", True)


def test_the_weighing_is_bayes_among_the_classes_that_have_a_law() -> None:
    p = np.array([[EVEN[c] for c in FINE_CLASSES]])
    found = LAWS.weighed(p, np.array([-20.0]))[0]
    each = {
        c: 0.95 * np.exp(-0.5 * ((-20.0 - law["median"]) / law["spread"]) ** 2) / (law["spread"] * np.sqrt(2 * np.pi))
        + 0.05 / 12
        for c, law in SECTION["laws"].items()
    }
    joint = {c: EVEN[c] * each[c] for c in each}
    for c in FINE_CLASSES:
        expected = joint[c] / sum(joint.values()) * 0.6 if c in each else EVEN[c]
        assert found[FINE_CLASSES.index(c)] == pytest.approx(expected)
    assert found.sum() == pytest.approx(1.0)


def test_no_magnitude_rules_a_class_out() -> None:
    p = np.array([[EVEN[c] for c in FINE_CLASSES]] * 3)
    found = LAWS.weighed(p, np.array([-30.0, -10.0, -21.7]))
    assert (found > 0.001).all()
    half = dataclasses.replace(LAWS, power=0.5).weighed(p, np.array([-30.0, -10.0, -21.7]))
    slsn = FINE_CLASSES.index("SLSN")
    assert p[2, slsn] < half[2, slsn] < found[2, slsn]


def test_a_redshift_that_only_matches_show_is_no_distance() -> None:
    assert LAWS.beside(EVEN, None) is None
    assert LAWS.beside(EVEN, bright(-21.5, "matches")) is None


@pytest.mark.parametrize(
    "laws",
    [{}, {"Nova": {"median": -8.0, "spread": 1.0, "objects": 9}}, {"SLSN": SECTION["laws"]["SLSN"] | {"spread": 0}}],
)
def test_laws_that_are_none_are_refused(laws: dict) -> None:
    with pytest.raises(ValueError, match="luminosity"):
        LuminosityLaws.of({"laws": laws, "power": 1.0})


@pytest.fixture
def folder(tmp_path):
    made = tiny_bundle(tmp_path / "bundle")
    card = dict(verify(made))
    write_card(made, {k: v for k, v in {**card, "luminosity": SECTION}.items() if k not in ("files", "format")})
    return made, card


def evidence(**more) -> Evidence:
    wavelength = np.arange(3700.0, 9300.0, 8.0)
    spectrum = Spectrum(spectrum_id="1", wavelength_A=wavelength, flux=2 + np.sin(wavelength / 150))
    return Evidence(target=Target(target_id="ZTF1", redshift=0.2), spectrum=spectrum, **more)


def test_a_report_has_it_beside_the_class_and_everything_else_is_as_before(folder) -> None:
    made, _ = folder
    curve = LightCurve(
        mjd=np.array([59000.0]), band=("g",), mag=np.array([18.4]), mag_error=np.array([0.1]),
        limit_mag=np.array([np.nan]), is_limit=np.array([0.0]),
    )  # fmt: skip
    bundle = load(made)
    report = Analyst(bundle).run(evidence(light_curve=curve))
    also = report.with_luminosity
    assert also is not None
    assert sum(also.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
    assert Report.from_json(report.to_json()) == report
    plain = Analyst(dataclasses.replace(bundle, luminosity=None)).run(evidence(light_curve=curve))
    assert plain == dataclasses.replace(report, with_luminosity=None)
    assert Analyst(bundle).run(evidence()).with_luminosity is None


def test_laws_belong_to_the_name_of_a_bundle_and_change_no_file(folder) -> None:
    made, card = folder
    assert load(made).card["files"] == card["files"] == {n: sha256(made / n) for n in card["files"]}
    assert fingerprint(load(made).card) != fingerprint(card)


def test_a_card_with_laws_of_nothing_is_no_bundle(folder) -> None:
    made, _ = folder
    card = json.loads((made / "card.json").read_text())
    card["luminosity"]["laws"]["Nova"] = SECTION["laws"]["SLSN"]
    (made / "card.json").write_text(json.dumps(card))
    with pytest.raises(BundleError, match="do not fit"):
        load(made)

"""A bundle with a bank answers with redshift, matches and what a known redshift changes; one without is as before."""

import dataclasses
import json

import numpy as np
import pytest

from models.analyst import Analyst
from models.bundle import load, verify, write_card
from models.cards import BundleError
from models.domain import FINE_CLASSES, CaveatCode, Evidence, LightCurve, Report, Spectrum, Target
from models.luminosity import luminosity_of
from models.match_layer import MatchLayer, known_redshift
from tests.models.bundles import tiny_bundle
from tests.models.matching.synthetic import OBSERVED, matcher, observed


def told(n: int = 120) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "nonconformity": rng.uniform(0, 1, n),
        "spacing": np.repeat([5.0, 25.0], n // 2),
        "together_nonconformity": rng.uniform(0, 1, n),
        "together_low": np.arange(n) % 2,
    }


@pytest.fixture(scope="module")
def analyst(tmp_path_factory) -> Analyst:
    bundle = load(tiny_bundle(tmp_path_factory.mktemp("bundle")))
    return Analyst(dataclasses.replace(bundle, matching=MatchLayer(matcher(), told())))


def evidence(redshift: float | None = None, own: float | None = None, **more) -> Evidence:
    spectrum = Spectrum(spectrum_id="1", wavelength_A=OBSERVED, flux=observed(0, 50, 0.06), redshift=own)
    target = Target(target_id="ZTF1", redshift=redshift, redshift_origin="host" if redshift else None)
    return Evidence(target=target, spectrum_id="1", spectrum=spectrum, **more)


def test_an_answer_has_matches_and_is_the_same_every_time(analyst: Analyst) -> None:
    report = analyst.run(evidence())
    assert report.redshift is not None
    assert len(report.matches) == 5
    assert report.what_if is None
    assert Report.from_json(report.to_json()) == report
    (again, _) = analyst.run_many([(evidence(), ()), (evidence(0.06), ())])
    assert again == report


def test_the_marshals_redshift_reaches_the_networks_and_both_answers_are_told(analyst: Analyst) -> None:
    plain, known = analyst.run(evidence()), analyst.run(evidence(0.3))
    assert known.what_if is not None
    assert known.what_if.origin == "target (host)"
    assert known.what_if.without_redshift == plain.verdict.probabilities
    assert known.what_if.with_redshift == known.verdict.probabilities != plain.verdict.probabilities
    assert known.confidence.calibration_cell == "high resolution, redshift known"
    assert known.what_if.sets_with == known.confidence.prediction_sets["0.05"]
    # What the spectrum itself shows does not follow what it is compared with.
    assert known.redshift.best == plain.redshift.best
    assert known.redshift.known == 0.3
    assert known.input_hash != plain.input_hash


def test_the_spectrums_own_redshift_comes_before_its_objects() -> None:
    assert known_redshift(evidence(0.2, own=0.05)).redshift == 0.05
    assert known_redshift(evidence(0.2)).origin == "target (host)"
    assert known_redshift(evidence(-3.0)) is None
    assert known_redshift(evidence()) is None


def test_without_calibration_for_it_a_redshift_is_not_told(tmp_path) -> None:
    few = {k: v[:10] for k, v in told().items()}
    bundle = load(tiny_bundle(tmp_path))
    analyst = Analyst(dataclasses.replace(bundle, matching=MatchLayer(matcher(), few)))
    plain, known = analyst.run(evidence()), analyst.run(evidence(0.06))
    assert known.what_if is None
    assert known.verdict == plain.verdict
    assert known.redshift.known == 0.06


def test_a_bundle_without_a_bank_answers_as_before(tmp_path) -> None:
    analyst = Analyst(load(tiny_bundle(tmp_path)))
    report = analyst.run(evidence(0.06))
    assert (report.redshift, report.phase, report.subtype, report.matches, report.what_if) == (
        None,
        None,
        None,
        (),
        None,
    )
    assert report.verdict == analyst.run(evidence()).verdict
    assert analyst.together is None


def test_the_bank_is_read_from_the_bundle_and_its_files_are_named(tmp_path) -> None:
    from safetensors.numpy import save_file

    folder = tiny_bundle(tmp_path / "b")
    one = matcher()
    one.bank.save(folder / "bank.safetensors")
    one.fitted.save(folder / "fitted.safetensors")
    save_file(told(), folder / "told.safetensors")
    section = {"bank": "bank.safetensors", "fitted": "fitted.safetensors", "told": "told.safetensors"}
    write_card(folder, {**verify(folder), "matching": section})
    assert Analyst(load(folder)).run(evidence()).redshift is not None
    assert Analyst(load(folder)).together is not None
    assert load(folder, layer=False).matching is None
    card = json.loads((folder / "card.json").read_text())
    card["matching"]["bank"] = "absent.safetensors"
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(BundleError, match=r"absent\.safetensors"):
        load(folder)


def test_luminosity_needs_a_redshift_and_a_detection() -> None:
    curve = LightCurve(
        mjd=np.array([1.0, 2.0, 3.0]), band=("g", "r", "g"), mag=np.array([18.0, 17.5, np.nan]),
        mag_error=np.full(3, 0.1), limit_mag=np.array([np.nan, np.nan, 16.0]), is_limit=np.array([0.0, 0.0, 1.0]),
    )  # fmt: skip
    one = evidence(light_curve=curve)
    found = luminosity_of(one, 0.06, "target")
    assert (found.band, found.correction) == ("r", "none")
    assert found.magnitude == pytest.approx(17.5 - 37.24, abs=0.05)
    dusty = dataclasses.replace(one, target=dataclasses.replace(one.target, ebv_mag=0.1))
    assert luminosity_of(dusty, 0.06, None).magnitude < found.magnitude
    assert luminosity_of(one, None, None) is None
    assert luminosity_of(evidence(), 0.06, None) is None
    assert luminosity_of(one, 0.0001, None) is None


def test_the_luminosity_at_the_spectrum_is_of_the_nearest_detection() -> None:
    curve = LightCurve(
        mjd=np.array([60000.0, 60003.0, 60020.0]), band=("g", "r", "r"), mag=np.array([18.0, np.nan, 17.0]),
        mag_error=np.full(3, 0.1), limit_mag=np.full(3, 20.0), is_limit=np.array([0.0, 1.0, 0.0]),
    )  # fmt: skip
    one = evidence(light_curve=curve)

    def at(when: str | None):
        spectrum = dataclasses.replace(one.spectrum, observed_at=when)
        return luminosity_of(dataclasses.replace(one, spectrum=spectrum), 0.06, "target")

    found = at("2023-02-28T12:00:00")  # MJD 60003.5
    assert (found.band, found.at_spectrum_band, found.days_from_spectrum) == ("r", "g", -3.5)
    assert found.at_spectrum == pytest.approx(found.magnitude + 1.0, abs=0.011)
    assert at("2023-02-28T14:00:00+02:00") == found
    for when in ("2023-03-08T00:00:00", None, "some night"):
        assert (at(when).at_spectrum, at(when).days_from_spectrum) == (None, None)
        assert at(when).magnitude == found.magnitude


def test_a_spectrum_too_short_to_match_is_answered_all_the_same(analyst: Analyst) -> None:
    wave = np.linspace(8950.0, 9300.0, 60)
    short = Spectrum(spectrum_id="1", wavelength_A=wave, flux=2 + np.sin(wave / 9))
    report = analyst.run(Evidence(target=Target(target_id="t"), spectrum_id="1", spectrum=short))
    assert report.verdict is None or report.redshift is None
    assert CaveatCode.FLAT not in {c.code for c in report.caveats}
    assert set(FINE_CLASSES) >= {m["class"] for m in report.matches}

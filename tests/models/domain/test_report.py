"""Reports are stable JSON and read back as themselves."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain import (
    COARSE_CLASSES,
    COARSE_OF,
    FINE_CLASSES,
    Anomaly,
    Caveat,
    CaveatCode,
    Confidence,
    Cutouts,
    HostVerdict,
    LightCurve,
    Report,
    Spectrum,
    Status,
    Verdict,
)

text = st.text(max_size=20)
share = st.floats(0, 1)


@st.composite
def reports(draw) -> Report:
    verdict = Verdict(
        label=draw(st.sampled_from(FINE_CLASSES)),
        probabilities={c: draw(share) for c in FINE_CLASSES},
        coarse={c: draw(share) for c in COARSE_CLASSES},
        spread={},
        members=draw(st.integers(1, 6)),
    )
    confidence = Confidence(
        prediction_sets={"0.05": tuple(draw(st.lists(st.sampled_from(FINE_CLASSES), unique=True)))},
        method="lac",
        calibration_id=draw(text),
        calibration_size=draw(st.integers(1, 9999)),
        calibration_date="2026-11-22",
        p_mondrian=draw(st.none() | share),
        entropy={"total": draw(share)},
    )
    anomaly = Anomaly(score=draw(share), flagged=draw(st.booleans()), threshold=0.5, scores={"msp": 0.1}, families={})
    host = HostVerdict(label="SN", probabilities={"SN": 1.0}, model="TH", details={"n_g": 3})
    return Report(
        target_id=draw(st.none() | text),
        spectrum_id=draw(st.none() | text),
        status=Status.OK,
        verdict=draw(st.none() | st.just(verdict)),
        confidence=draw(st.none() | st.just(confidence)),
        anomaly=draw(st.none() | st.just(anomaly)),
        host_verdict=draw(st.none() | st.just(host)),
        caveats=tuple(Caveat(code=c, text=draw(text)) for c in draw(st.lists(st.sampled_from(CaveatCode), max_size=3))),
        bundle=draw(text),
        input_hash=draw(text),
    )


@given(reports())
def test_a_report_reads_back_as_itself(report: Report) -> None:
    again = Report.from_json(report.to_json())
    assert again == report
    assert again.to_json() == report.to_json()


@given(reports())
def test_the_keys_never_depend_on_the_content(report: Report) -> None:
    empty = Report(target_id=None, spectrum_id=None, status=Status.REFUSED)
    assert set(json.loads(report.to_json())) == set(json.loads(empty.to_json()))


def test_nan_is_never_written() -> None:
    report = Report(
        target_id="a",
        spectrum_id="1",
        status=Status.OK,
        verdict=Verdict(label="SN Ia", probabilities={"SN Ia": float("nan")}, coarse={}),
    )
    with pytest.raises(ValueError, match="JSON compliant"):
        report.to_json()


@pytest.mark.parametrize("bad", ["[]", "{}", '{"schema": 99}', "nonsense", '{"schema": 1, "other": 2}'])
def test_what_is_no_report_is_refused(bad: str) -> None:
    with pytest.raises(ValueError):
        Report.from_json(bad)


def test_keys_of_a_later_version_are_passed_over() -> None:
    report = Report(
        target_id="a", spectrum_id="1", status=Status.REFUSED, caveats=(Caveat(code=CaveatCode.FLAT, text="f"),)
    )
    later = json.loads(report.to_json()) | {"new": {"a": [1]}}
    later["caveats"][0]["newer"] = 2
    assert Report.from_json(json.dumps(later)) == report


def test_a_refusal_gives_its_first_refusing_caveat_as_the_reason() -> None:
    note = Caveat(code=CaveatCode.UNITS_UNKNOWN, text="no units")
    why = Caveat(code=CaveatCode.LOW_COVERAGE, text="coverage 61 %")
    report = Report.refusal(target_id="a", spectrum_id="1", caveats=(note, why), bundle="b", input_hash="h")
    assert (report.status, report.reason) == (Status.REFUSED, "coverage 61 %")


def test_every_fine_class_has_a_superclass() -> None:
    assert set(COARSE_OF) == set(FINE_CLASSES)
    assert set(COARSE_OF.values()) == set(COARSE_CLASSES)


def test_arrays_cannot_be_changed() -> None:
    spectrum = Spectrum(spectrum_id="1", wavelength_A=np.arange(4000.0, 4010), flux=np.ones(10))
    with pytest.raises(ValueError, match="read-only"):
        spectrum.flux[0] = 2.0


@pytest.mark.parametrize(
    ("wavelength", "flux"),
    [([4000.0], [1.0]), ([4000.0, 4001.0], [1.0]), ([4001.0, 4000.0], [1.0, 1.0]), ([4000.0, 4000.0], [1.0, 1.0]),
     ([4000.0, np.nan], [1.0, 1.0]), ([4000.0, 4001.0], [1.0, np.inf])],
)  # fmt: skip
def test_a_spectrum_keeps_its_promises_from_birth(wavelength, flux) -> None:
    with pytest.raises(ValueError):
        Spectrum(spectrum_id="1", wavelength_A=wavelength, flux=flux)


def test_a_light_curve_must_be_sorted_and_even() -> None:
    one = {"mag": [19.0], "mag_error": [0.1], "limit_mag": [20.5], "is_limit": [0.0]}
    assert LightCurve(mjd=[60000.0], band=("g",), **one).mjd.size == 1
    with pytest.raises(ValueError, match="same length"):
        LightCurve(mjd=[60000.0, 60001.0], band=("g",), **one)
    two = {k: v * 2 for k, v in one.items()}
    with pytest.raises(ValueError, match="ascending"):
        LightCurve(mjd=[60001.0, 60000.0], band=("g", "r"), **two)


def test_a_stamp_is_a_picture() -> None:
    with pytest.raises(ValueError, match="dimension"):
        Cutouts(candid="1", band="g", mjd=60000.0, science=np.zeros(63))

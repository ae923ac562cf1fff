"""What SkyPortal sends is read without being run, and refused when it is not as agreed."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from plugin.cycle.analyses.inputs import LATEST, MOST_PIXELS, Inputs, numbers, read
from plugin.cycle.analyses.match import match
from plugin.store.context import canonical
from tests.fakes.marshal import good
from tests.fakes.requests import table

DATA = os.environ.get("ASTRANET_DATA_DIR")


@pytest.mark.skipif(not DATA, reason="needs ASTRANET_DATA_DIR with the recorded exchanges of SkyPortal")
def test_a_recorded_request():
    file = Path(DATA or "") / "skyportal" / "responses" / "analysis_service_incoming_payload.json"
    sent = json.loads(file.read_text())["json"]["inputs"]
    inputs = Inputs(**json.loads(canonical(read(sent).plain())))
    latest, first = inputs.raw_spectra("ZTF26aaapple")
    assert (first.observed_at, latest.observed_at) == ("2026-06-10 07:12:00", "2026-06-23 04:48:00")
    assert len(first.wavelengths) == len(first.fluxes) == 220
    assert first.wavelengths[:2] == [3800.0, 3824.66]
    assert first.origin == "SEDM"
    assert inputs.redshift == 0.0312
    curve = inputs.light_curve()
    assert set(curve.band) == {"g", "r"}
    assert curve.mag[np.isfinite(curve.mag)].min() == pytest.approx(17.802)


def test_lists_of_numbers():
    assert numbers("[1.0, nan, inf, None, -2e-17]", "x") == [1.0, None, None, None, -2e-17]
    assert numbers("[]", "x") == []
    assert numbers("", "x") is None
    assert numbers("None", "x") is None


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "[__import__('os')]",
        "[1.0, [2.0]]",
        "(1.0, 2.0)",
        "[1.0; 2.0]",
        "[1.0 for _ in range(9)]",
        "[1.0, 2.0",
        "[" * 100_000,
        "{'a': 1}",
        f"[{'0,' * MOST_PIXELS}0]",
    ],
)
def test_nothing_is_run_and_nothing_is_too_long(text):
    with pytest.raises(ValueError):
        numbers(text, "spectra: fluxes")


@pytest.mark.parametrize(
    "sent",
    [
        {"spectra": ["a list"]},
        {"spectra": {"observed_at": []}},
        {"spectra": 'observed_at,wavelengths\n2026-01-01,"[1.0'},
        {"photometry": "mjd,mag\nx,18.0\n"},
        {"redshift": "redshift\nhigh\n"},
        {"photometry": "mjd,mag\n" + "1.0,18.0\n" * 50_001},
    ],
)
def test_what_is_no_table_is_refused(sent):
    with pytest.raises(ValueError):
        read(sent)


@pytest.mark.parametrize("sent", [{}, {"spectra": "\n", "photometry": "", "redshift": "\n"}, {"other": 1}])
def test_what_is_missing_is_missing(sent):
    inputs = read(sent)
    assert (list(inputs.raw_spectra("x")), inputs.light_curve(), inputs.redshift) == ([], None, None)


def test_the_latest_spectra_are_read():
    rows = [replace(good("1", "x"), observed_at=f"2026-06-{day:02d}T05:00:00") for day in range(1, 20)]
    found = read({"spectra": table(rows)}).raw_spectra("x")
    assert len(found) == LATEST
    assert found[0].observed_at == "2026-06-19 05:00:00"


def sent_as(raw):
    return read({"spectra": table([raw])}).raw_spectra("x")[0]


def test_a_spectrum_is_found_by_its_content():
    one, other = good("1", "x"), good("2", "x", observed_at="2026-06-10T05:00:00")
    fluxes = [None if i == 3 else value for i, value in enumerate(one.fluxes)]
    gap = replace(one, spectrum_id="3", fluxes=fluxes)
    there = [other, one, gap]
    assert match(sent_as(one), there) is one
    assert match(sent_as(gap), there) is gap
    assert match(sent_as(other), there) is other


@pytest.mark.parametrize(
    "change",
    [
        {"observed_at": "2026-06-09T05:00:01"},
        {"wavelengths": [w + 0.01 for w in good("1", "x").wavelengths]},
        {"fluxes": good("1", "x").fluxes[:-1]},
        {"fluxes": [f * 1.0001 for f in good("1", "x").fluxes]},
        {"fluxes": "no list"},
        {"fluxes": [["nested"]] * 400},
    ],
)
def test_another_spectrum_is_not(change):
    one = good("1", "x")
    assert match(sent_as(one), [replace(one, **change)]) is None


def test_of_two_that_are_the_same_the_one_with_its_time_stamp():
    one = good("1", "x")
    twin = replace(one, spectrum_id="2", modified="2026-07-01T00:00:00")
    assert match(sent_as(one), [twin, one]) is one
    assert match(sent_as(twin), [one, twin]) is twin
    assert match(replace(sent_as(one), modified=None), [one, twin]) is twin

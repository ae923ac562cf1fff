"""Lines to look at: what goes in comes out within a step, and nothing that was sent breaks one."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain import Anomaly, RawSpectrum, Report, Spectrum, Status
from plugin.cycle.spectra.sketch import ARCHIVE_A, BLUE_A, POINTS, RED_A, binned, packed, sketches, unpacked

WAVE = np.linspace(3700.0, 9300.0, 1500)
FLUX = 3e-16 * (2 + np.sin(WAVE / 200))


def test_a_line_comes_back_within_a_step() -> None:
    line = binned(WAVE, FLUX)
    assert line is not None
    found = unpacked(packed(line, BLUE_A, RED_A))
    assert found is not None
    wave, flux = found
    known = line[np.isfinite(line)]
    expected = (known - known.min()) / (known.max() - known.min())
    assert wave.size == known.size < POINTS
    assert np.abs(flux - expected).max() < 1 / 254
    assert np.abs(np.interp(wave, WAVE, FLUX) - known).max() < 0.02 * known.max()


def test_what_sticks_out_far_is_cut_and_the_rest_stays_visible() -> None:
    line = np.sin(np.arange(POINTS) / 9.0)
    line[100] = 1e6
    found = unpacked(packed(line, BLUE_A, RED_A))
    assert found is not None
    assert found[1][100] == 1.0
    assert np.ptp(np.delete(found[1], 100)) > 0.4


def test_facts_hold_the_line_the_neighbours_and_the_redshift() -> None:
    anomaly = Anomaly(
        score=0.9,
        flagged=True,
        threshold=0.5,
        scores={},
        families={},
        neighbours=tuple({"spectrum": n} for n in "abcd"),
    )
    report = Report(target_id="t", spectrum_id="1", status=Status.OK, anomaly=anomaly)
    spectrum = Spectrum(spectrum_id="1", wavelength_A=WAVE, flux=FLUX)
    archive = np.r_[np.full(20, np.nan), np.linspace(0, 1, 180)]
    facts = sketches(spectrum, RawSpectrum(spectrum_id="1"), report, 0.05, lambda _: archive)
    assert set(facts) == {"sketch", "analog_1", "analog_2", "analog_3", "redshift"}
    found = unpacked(facts["analog_1"])
    assert found is not None
    assert found[0].size == 180
    assert ARCHIVE_A[0] < found[0][0] < found[0][-1] < ARCHIVE_A[1]
    assert sum(len(str(value)) for value in facts.values()) < 1400


def test_of_a_refused_spectrum_whatever_are_numbers_is_drawn() -> None:
    raw = RawSpectrum(
        spectrum_id="1", wavelengths=[4000.0, "x", 5000.0, 6000.0, None], fluxes=[1.0, 2.0, True, 10**400, 1.0]
    )
    report = Report(target_id="t", spectrum_id="1", status=Status.REFUSED)
    facts = sketches(None, raw, report, math.nan, None)
    found = unpacked(facts["sketch"])
    assert found is not None
    assert found[0].round(-2).tolist() == [4000.0, 5000.0]
    assert set(facts) == {"sketch"}


@pytest.mark.parametrize(
    ("wavelengths", "fluxes"), [((), ()), ("abc", "abc"), (None, 5), ([1.0] * 9, [1.0] * 9), ([5000.0], [1.0])]
)
def test_where_there_is_nothing_to_draw_nothing_is_kept(wavelengths: Any, fluxes: Any) -> None:
    raw = RawSpectrum(spectrum_id="1", wavelengths=wavelengths, fluxes=fluxes)
    assert sketches(None, raw, Report(target_id="t", spectrum_id="1", status=Status.REFUSED), None, None) == {}


@given(st.text(max_size=60))
def test_whatever_stands_in_the_database_is_a_line_or_none(text: str) -> None:
    found = unpacked(text)
    assert found is None or (np.isfinite(found[0]).all() and np.isfinite(found[1]).all())

"""Spectra of 70-80 % coverage: which calibration spectra they are held against, what is said, and what is refused."""

import dataclasses

import numpy as np
import pytest

from models.analyst import Analyst
from models.bundle import load
from models.conformal.domains import (
    BLUE_MISSING,
    HIGH,
    LOW,
    PARTIAL_DOMAINS,
    RED_MISSING,
    Domains,
    domain_of,
)
from models.domain import CaveatCode, Evidence, Report, Spectrum, Status, Target
from models.sentinel.detector import Sentinel
from models.spectral.prepare import GRID_A, Extent, extent
from tests.models.bundles import tiny_bundle

RED, BLUE = f"{HIGH}, {RED_MISSING}", f"{HIGH}, {BLUE_MISSING}"
WITHOUT_RED, WITHOUT_BLUE, SPRAT = Extent(0.75, 0, 0.25), Extent(0.75, 0.25, 0), Extent(0.77, 0.03, 0.2)


def seen(low: float, high: float, hole: tuple[float, float] = (0, 0)) -> Spectrum:
    wave = np.arange(low, high, 8.0)
    flux = np.where((wave > hole[0]) & (wave < hole[1]), np.nan, 2 + np.sin(wave / 150))
    return Spectrum(spectrum_id="1", wavelength_A=wave, flux=flux)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return load(tiny_bundle(tmp_path_factory.mktemp("bundle")))


def answered(bundle, spectrum: Spectrum) -> Report:
    return Analyst(bundle).run(Evidence(target=Target(target_id="t"), spectrum_id="1", spectrum=spectrum))


@pytest.fixture(scope="module")
def partial_bundle(bundle):
    """Calibrated by scores that tell the three cells apart: 0.1 whole, 0.5 without red, 0.99 without blue."""
    rows = (
        [(0.1, 1.0, 0.0, 0.0, False)] * 90 + [(0.5, 0.75, 0.0, 0.25, True)] * 40 + [(0.5, 0.75, 0.0, 0.25, False)] * 30
    )
    columns = np.array([*rows, *[(0.99, 0.75, 0.25, 0.0, True)] * 60]).T
    names = ("nonconformity", "coverage", "blue_end", "red_end")
    calibration = dict(zip(names, columns, strict=False)) | {"cut": columns[4].astype(bool)}
    return dataclasses.replace(bundle, calibration=calibration | {"spacing": np.full(columns.shape[1], 2.0)})


def test_a_mask_tells_what_is_missing_where() -> None:
    mask = (GRID_A > 4021) & (GRID_A < 7994) & ~((GRID_A > 5000) & (GRID_A < 5103))
    found = extent(mask)
    assert found.coverage == pytest.approx(0.7515, abs=1e-3)
    assert found.blue_end == pytest.approx(171 / 5150, abs=1e-3)
    assert found.red_end == pytest.approx(1006 / 5150, abs=1e-3)
    assert found.gaps == pytest.approx(0.02, abs=1e-3)


@pytest.mark.parametrize(
    ("spacing", "told", "domain"),
    [
        (2.0, Extent(0.8, 0.2, 0), HIGH),
        (2.0, Extent(0.7996, 0.2004, 0), HIGH),  # what the grid takes off 80 %
        (2.0, Extent(0.799, 0.201, 0), BLUE),
        (2.0, WITHOUT_RED, RED),
        (2.0, SPRAT, RED),
        (25.0, WITHOUT_BLUE, f"{LOW}, {BLUE_MISSING}"),
        (2.0, Extent(0.7, 0, 0.3), RED),
        (2.0, Extent(0.69, 0, 0.31), None),
        (2.0, Extent(0.75, 0, 0.19), None),  # 6 % missing in the middle
        (60.0, WITHOUT_RED, None),
        (25.0, Extent(0.81, 0, 0.1), LOW),  # a whole one may have holes, as ever
    ],
)
def test_the_domain_is_told_from_the_ends_too(spacing, told, domain) -> None:
    assert domain_of(spacing, told) == domain


@pytest.mark.parametrize("told", [WITHOUT_RED, WITHOUT_BLUE, SPRAT])
def test_without_such_calibration_spectra_there_is_no_answer(told) -> None:
    for domains in (Domains.of(None, 90), Domains.of(np.full(90, 2.0), 90)):
        assert domains.answers(2.0)
        assert not domains.answers(2.0, told)
        assert "80 % needed" in domains.refusal(2.0, told)


def test_with_one_end_alone_calibrated_the_other_and_both_are_refused() -> None:
    coverage, red = np.repeat([1.0, 0.75], [90, 60]), np.repeat([0.0, 0.25], [90, 60])
    domains = Domains.of(np.full(150, 2.0), 150, coverage=coverage, blue_end=np.zeros(150), red_end=red)
    assert domains.answers(2.0, WITHOUT_RED)
    assert not domains.answers(2.0, WITHOUT_BLUE)
    assert not domains.answers(2.0, SPRAT)
    assert not domains.answers(25.0, WITHOUT_RED)
    assert domains.consulted(60.0) == (HIGH,)


def test_each_is_answered_from_its_cell_and_says_so(partial_bundle) -> None:
    whole, red, sprat = (answered(partial_bundle, seen(*ends)) for ends in ((3700, 9300), (3700, 7700), (4021, 7994)))
    cells = [(r.confidence.calibration_cell, r.confidence.calibration_size) for r in (whole, red, sprat)]
    assert cells == [(HIGH, 90), (RED, 70), (f"{RED} and {BLUE}", 130)]
    told = [{c.code: c.text for c in r.caveats}.get(CaveatCode.PARTIAL_COVERAGE) for r in (whole, red, sprat)]
    assert told[0] is None
    assert told[1] == (
        "covers 74 % of 3850-9000 A, red end missing: "
        "calibrated on 70 spectra like it, 40 of them whole spectra cut to it"
    )
    assert "77 %" in told[2]
    assert "both ends missing" in told[2]
    assert "130 spectra" in told[2]
    sizes = [len(r.confidence.prediction_sets["0.1"]) for r in (whole, red, sprat)]
    assert sizes[0] <= sizes[1] <= sizes[2] == 7  # of two cells the more cautious counts


def test_a_missing_blue_end_is_refused_by_any_bundle(partial_bundle) -> None:
    told = answered(partial_bundle, seen(5100, 9300))
    assert told.status is Status.REFUSED
    assert "blue end missing" in told.reason


@pytest.mark.parametrize("ends", [(3700, 7700), (5100, 9300), (4021, 7994)])
def test_an_old_bundle_refuses_below_eighty_per_cent(bundle, ends) -> None:
    told = answered(bundle, seen(*ends))
    assert told.status is Status.REFUSED
    assert [c.code for c in told.caveats] == [CaveatCode.LOW_COVERAGE]
    assert "80 % needed" in told.reason


def test_a_hole_in_the_middle_is_refused_and_named(partial_bundle) -> None:
    told = answered(partial_bundle, seen(3700, 9300, hole=(5500, 6800)))
    assert told.status is Status.REFUSED
    assert "25 % missing between its ends" in told.reason


def test_the_shipped_bundle_answers_where_it_was_shown_to_hold() -> None:
    shipped = load()
    analyst = Analyst(shipped)
    assert set(analyst.expected) == {HIGH, LOW, *PARTIAL_DOMAINS}
    told = answered(shipped, seen(4021, 7994))
    assert told.confidence.calibration_cell == f"{RED} and {BLUE}"
    assert told.confidence.calibration_size == 749 + 577
    assert 0 < told.confidence.p_marginal <= 1
    assert answered(shipped, seen(3700, 7700)).confidence.calibration_size == 749
    assert answered(shipped, seen(5100, 9300)).status is Status.REFUSED


def test_whole_spectra_are_answered_as_they_were_without_the_partial_ones() -> None:
    shipped = load()
    sentinel = shipped.sentinel
    assert sentinel is not None
    calibration = dict(shipped.calibration)
    whole = calibration["coverage"] >= 0.7995
    assert 0 < whole.sum() < len(whole)
    ends = ("coverage", "blue_end", "red_end", "cut")
    bare = {k: v[whole] for k, v in calibration.items() if k not in ends}
    rows = dataclasses.replace(sentinel.calibration.rows(whole), coverage=None, blue_end=None, red_end=None)
    old = dataclasses.replace(shipped, calibration=bare, sentinel=Sentinel(sentinel.detectors, rows, sentinel.analogs))
    for step in (3.0, 25.0, 50.0):  # high resolution, low, and like neither
        wave = np.arange(3700.0, 9300.0, step)
        spectrum = Spectrum(spectrum_id="1", wavelength_A=wave, flux=2 + np.sin(wave / 150))
        assert answered(old, spectrum) == answered(shipped, spectrum)
        assert answered(old, seen(4021, 7994)).status is Status.REFUSED

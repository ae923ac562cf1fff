"""Spectra cut to 70-80 % are what a narrower spectrograph would have seen; a bundle learns their thresholds alone."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from models.bundle import load, verify
from models.conformal import domains
from models.conformal.domains import BLUE_MISSING, HIGH, PARTIAL_DOMAINS, RED_MISSING
from models.domain import Spectrum
from models.spectral.prepare import GRID_A, prepare
from models.training.dataset import Dataset
from plugin.lab.spectra.add_partial import add_partial
from plugin.lab.spectra.partial import cut, domains_of, extents, masked, middle_missing, partial, windowed
from tests.models.bundles import tiny_bundle
from tests.models.training.data import ripples


@pytest.fixture(scope="module")
def whole() -> Dataset:
    return ripples().part("test")


@pytest.mark.parametrize(("end", "index"), [(RED_MISSING, 2), (BLUE_MISSING, 1)])
def test_spectra_are_cut_at_the_end_that_is_named(whole, end, index) -> None:
    shorter = cut(whole, end)
    assert len(shorter) >= len(whole) - 1  # one that was drawn within the grid's rounding of 80 % counts as whole
    told = np.array(extents(shorter))
    assert (told[:, 0] >= 0.7 - domains.ROUNDING).all()
    assert (told[:, 0] < 0.8).all()
    assert (told[:, index] > 0.1).all()
    other = told[:, 3 - index]
    assert (other == 0).any()
    assert (other > 0.01).any()
    assert set(domains_of(shorter)) == {f"{HIGH}, {end}"}
    assert np.std(told[:, 0]) > 0.01
    assert np.array_equal(cut(whole, end).flux, shorter.flux)


def test_a_cut_spectrum_is_what_a_narrower_spectrograph_would_have_seen(whole) -> None:
    rng = np.random.default_rng(3)
    wave = np.arange(3700.0, 9200.0, 2.0)
    flux = 4 + np.sin(wave / 100) + wave / 3000 + 0.1 * rng.normal(size=wave.size)
    inside = (wave > 4021) & (wave < 7994)
    full, narrow = (
        prepare(Spectrum(spectrum_id="1", wavelength_A=wave[rows], flux=flux[rows])) for rows in (wave > 0, inside)
    )
    one = dataclasses.replace(
        whole.rows(np.arange(1)), flux=full.flux[None].astype(np.float16), mask=np.packbits(full.mask)[None]
    )
    (found,) = masked(one, narrow.mask[None]).flux.astype(float)
    assert np.abs(found - narrow.flux).max() < 3e-3  # half precision, twice
    assert windowed(one, 4021, 7994).coverage[0] == pytest.approx(narrow.coverage, abs=1e-3)


def test_what_an_instrument_leaves_too_little_of_is_left_out(whole) -> None:
    assert len(windowed(whole, 3850, 7000)) == 0
    assert len(windowed(whole, 3850, 7600)) == len(whole)


def test_a_hole_is_no_missing_end(whole) -> None:
    holed = middle_missing(whole)
    assert len(holed) > 0
    assert set(domains_of(holed)) == {""}
    assert (holed.masks()[:, [100, -100]]).all()


def with_partial(data: Dataset) -> Dataset:
    """The same with every second calibration spectrum of the set cut by its instrument at 7600 A."""
    short = np.flatnonzero(data.split == 2)[::2]
    masks = data.masks()
    masks[short] &= GRID_A < 7600
    return masked(data, masks)


def test_the_real_ones_come_first_and_none_is_cut_that_is_short_already() -> None:
    data = with_partial(ripples())
    found, was_cut = partial(data, "calibrate")
    assert was_cut.tolist() == [False] * 7 + [True] * 14
    assert found.ids[:7] == tuple(np.array(data.ids)[data.split == 2][::2])
    assert set(found.ids[7:14]) == set(found.ids[14:]) == set(np.array(data.ids)[data.split == 2][1::2])


def test_a_bundle_learns_the_cells_and_keeps_everything_else(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(domains, "SMALLEST_DOMAIN", 10)
    folder = tiny_bundle(tmp_path / "b")
    before, card = load_file(folder / "calibration.safetensors"), verify(folder)
    described = add_partial(folder, ripples())
    after = load_file(folder / "calibration.safetensors")
    assert described["domains"][f"{HIGH}, {RED_MISSING}"] == {"spectra": 14, "objects": 7, "cut": 14}
    n = len(before["label"])
    for name, values in before.items():
        np.testing.assert_array_equal(after[name][:n], values)
        assert after[name].dtype == values.dtype
    assert after["cut"].tolist() == [False] * n + [True] * 28
    assert (after["coverage"][:n] >= 0.8).all()
    assert (after["coverage"][n:] < 0.8).all()
    members = {m["file"] for m in card["members"]}
    assert {k: v for k, v in verify(folder)["files"].items() if k in members} == {
        k: v for k, v in card["files"].items() if k in members
    }
    found = load(folder).calibration
    cells = domains.Domains.of(
        found["spacing"], len(found["label"]), **{k: found[k] for k in ("coverage", "blue_end", "red_end", "cut")}
    )
    assert set(cells.masks) == {HIGH, *(name for name in PARTIAL_DOMAINS if name.startswith(HIGH))}
    # Once more changes nothing.
    add_partial(folder, ripples())
    again = load_file(folder / "calibration.safetensors")
    for name, values in after.items():
        np.testing.assert_array_equal(again[name], values)


def test_other_data_than_the_bundles_are_refused(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "b")
    with pytest.raises(ValueError, match="not those the bundle was trained with"):
        add_partial(folder, ripples(objects=11))

"""Preprocessing against its definition (Sec. III c, App. D a)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.domain import Spectrum
from models.spectral.prepare import GRID_A, GRID_SIZE, on_grid, percentile_scaled, prepare


def make(wavelength, flux) -> Spectrum:
    return Spectrum(spectrum_id="t", wavelength_A=wavelength, flux=flux)


def test_the_grid_is_the_papers() -> None:
    assert GRID_SIZE == 4096
    assert (GRID_A[0], GRID_A[-1]) == (3850.0, 9000.0)
    np.testing.assert_allclose(np.diff(GRID_A), 5150 / 4095)


def test_interpolation_is_linear() -> None:
    wavelength = np.arange(3500.0, 9500, 10)
    flux, mask = on_grid(wavelength, 2 * wavelength + 1)
    assert mask.all()
    np.testing.assert_allclose(flux, 2 * GRID_A + 1)


def test_scaling_is_by_percentiles_of_what_was_measured() -> None:
    wavelength = np.arange(5000.0, 9500, 2)
    prepared = prepare(make(wavelength, np.sin(wavelength / 100)))
    low, high = np.percentile(prepared.flux[prepared.mask], (5, 95))
    assert abs(low) < 1e-5
    assert abs(high - 1) < 1e-5
    assert (prepared.flux[~prepared.mask] == 0).all()


def test_missing_is_masked_and_zero() -> None:
    wavelength = np.arange(3800.0, 9100, 2)
    flux = np.sin(wavelength / 50) + 3
    flux[(wavelength > 6000) & (wavelength < 6500)] = np.nan
    prepared = prepare(make(wavelength, flux))
    hole = (GRID_A > 6003) & (GRID_A < 6497)
    assert not prepared.mask[hole].any()
    assert prepared.mask[(GRID_A < 5990) | (GRID_A > 6510)].all()
    assert 0.88 < prepared.coverage < 0.92


def test_coarse_sampling_is_no_gap() -> None:
    wavelength = np.arange(3800.0, 9100, 25.0)
    assert prepare(make(wavelength, np.sin(wavelength / 80))).coverage == 1.0


def test_redshift_is_never_used() -> None:
    wavelength = np.arange(3800.0, 9100, 5.0)
    flux = np.sin(wavelength / 80)
    near = Spectrum(spectrum_id="t", wavelength_A=wavelength, flux=flux, redshift=0.5)
    np.testing.assert_array_equal(prepare(near).flux, prepare(make(wavelength, flux)).flux)


@pytest.mark.parametrize("wavelength", [np.arange(1000.0, 3000, 5), np.arange(10000.0, 12000, 5)])
def test_nothing_in_the_window_is_an_error(wavelength) -> None:
    with pytest.raises(ValueError, match="within 3850-9000"):
        prepare(make(wavelength, np.sin(wavelength)))


def test_constant_flux_is_an_error() -> None:
    with pytest.raises(ValueError, match="constant"):
        prepare(make(np.arange(3800.0, 9100, 5), np.ones(1060)))


@given(
    hnp.arrays(float, 300, elements=st.floats(-1e3, 1e3)),
    st.floats(1e-3, 1e3),
    st.floats(-1e3, 1e3),
)
def test_scale_and_offset_of_the_flux_do_not_matter(flux, scale, offset) -> None:
    mask = np.ones(300, bool)
    low, high = np.percentile(flux, (5, 95))
    if high - low < 1e-3:
        return
    once = percentile_scaled(flux, mask)
    again = percentile_scaled(flux * scale + offset, mask)
    np.testing.assert_allclose(once, again, atol=1e-4 * max(1, np.abs(once).max()))

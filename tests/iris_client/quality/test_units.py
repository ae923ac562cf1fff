"""Units in every spelling that was met, and what they mean."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iris_client.quality.units import flux_converter, is_unit, parsed, to_angstrom

WAVE = np.array([4000.0, 6000.0, 9000.0])
ONE = np.ones(3)


@pytest.mark.parametrize(
    "unit",
    [
        "erg/s/cm/cm/AA", "erg/cm2/s/A", "1E-17 erg/cm^2/s/Ang", "erg s-1 cm-2 A-1", "erg s**(-1) cm**(-2) nm**(-1)",
        "erg nm-1 s-1 cm-2", "erg/s/cm^2/micron", "W m-2 A-1", "10**-17 erg s-1 cm-2 Angstrom-1",
        "erg / (Angstrom s cm2)", "10^(-15) erg/s/cm2/A", "ergs/s cm^2 A", "10-16 erg/s/cm2/A", "W/m2/um",
        "ERG/CM2/S/A", "1e-20 erg s^-1 cm^-2 Å^-1", r"erg s$^{-1}$ cm$^{-2}$ \AA$^{-1}$", "erg s⁻¹ cm⁻² Å⁻¹",
        "erg/s/cm2/A/arcsec2", "FLAM", "10**(-17) erg/cm**2/s/Ang.", "erg.s-1.cm-2.Angstrom-1",
    ],
)  # fmt: skip
def test_f_lambda_stays(unit: str) -> None:
    convert, note = flux_converter(unit)
    assert note is None
    assert np.array_equal(convert(WAVE, ONE), ONE)


@pytest.mark.parametrize(
    ("unit", "power"),
    [("mJy", -2), ("MJy/sr", -2), ("erg/s/cm2/Hz", -2), ("W m-2 Hz-1", -2), ("f_nu", -2), ("photons/s/cm2/A", -1)],
)
def test_what_is_per_frequency_or_photon_is_converted(unit: str, power: int) -> None:
    convert, note = flux_converter(unit)
    assert note is not None
    assert np.allclose(convert(WAVE, ONE), (WAVE / 6000.0) ** power)


@pytest.mark.parametrize("unit", ["counts", "adu/s", "electron", "furlong", "K", "erg", "erg/s/cm2", 17, [], "m/s"])
def test_what_is_no_flux_density_is_refused(unit: object) -> None:
    with pytest.raises(ValueError, match="unit"):
        flux_converter(unit)


@pytest.mark.parametrize(
    ("unit", "value"),
    [("nm", 600.0), ("um", 0.6), ("microns", 0.6), ("m", 6e-7), ("Å", 6000.0), (None, 6000.0), ("GHz", 499654.0967),
     ("Hz", 4.996540967e14), ("eV", 2.066403)],
)  # fmt: skip
def test_wavelengths_become_angstrom(unit: str | None, value: float) -> None:
    convert = to_angstrom(unit)
    assert convert is not None
    assert convert(np.array([value]))[0] == pytest.approx(6000.0, rel=1e-6)


@pytest.mark.parametrize("unit", ["furlong", "s", "erg", 7, "km/s"])
def test_no_wavelength_unit(unit: object) -> None:
    assert to_angstrom(unit) is None


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    parsed(text)
    is_unit(text)
    to_angstrom(text)
    with contextlib.suppress(ValueError):
        flux_converter(text)

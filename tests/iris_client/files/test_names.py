"""Names of columns are read word by word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iris_client.files.columns import choose
from iris_client.files.names import understood
from iris_client.files.trouble import Unreadable

ROLES = {
    "wavelength": "wavelength wave lambda_obs OPT_WAVE spectral_axis λ wavelen restwave x Wavelength(A) wave_um",
    "log_wavelength": "loglam log10(wavelength) log_lambda logwave",
    "ln_wavelength": "ln_lambda",
    "flux": "flux FLUX_REDUCED OPT_FLAM f_lambda F_λ fluxcal flux_sky_subtracted fnu f_nu AB_mag flux(mJy) y",
    "counts": "counts OPT_COUNTS adu",
    "error": "err fluxErr flux_unc sigma e_flux dflux ERR_REDUCED OPT_FLAM_SIG",
    "ivar": "ivar OPT_FLAM_IVAR inverse_variance invvar",
    "variance": "var VARIANCE flux_variance STAT",
    "mask": "mask QUAL DQ flags and_mask",
    "good": "good isgood",
    "sky": "sky sky_flux BGFLUX_REDUCED SKYBACK OPT_COUNTS_SKY",
    "index": "pix pixel idx spec_id",
    "other": "model continuum snr wave_err delta_lambda WAVEMIN model_flux wdisp",
    "": "value sn2026abc HELIO_VEL",
}


@pytest.mark.parametrize(("name", "role"), [(name, role) for role, names in ROLES.items() for name in names.split()])
def test_roles(name: str, role: str) -> None:
    assert understood(name).role == role


@pytest.mark.parametrize(
    ("name", "unit"),
    [("wavelength_nm", "nm"), ("wave_a", "Angstrom"), ("Flux / erg s-1 cm-2 A-1", "erg s-1 cm-2 A-1"),
     ("Wavelength (vacuum, Angstrom)", "Angstrom"), ("flux (observer frame)", None), ("flux_a", None),
     ("wavelength in nm", "nm"), ("fnu", "erg/s/cm2/Hz"), ("mag", "AB"), ("counts", "counts")],
)  # fmt: skip
def test_units(name: str, unit: str | None) -> None:
    assert understood(name).unit == unit


def test_rest_only_if_not_observed() -> None:
    assert [understood(n).rest for n in ("rest_wavelength", "lambda_rest", "wave_obs", "restwave")] == [1, 1, 0, 1]


def test_the_error_goes_with_its_flux() -> None:
    choice = choose(["WAVE", "FLUX", "ERR_REDUCED", "FLUX_REDUCED"])
    assert choice.at == {"flux": 1, "wavelength": 0}
    choice = choose(["OPT_WAVE", "OPT_COUNTS", "OPT_COUNTS_SIG", "OPT_FLAM", "OPT_FLAM_IVAR"])
    assert choice.at == {"wavelength": 0, "flux": 3, "ivar": 4}


@given(st.lists(st.text(max_size=30), max_size=8))
def test_no_names_break_it(names: list[str]) -> None:
    try:
        choice = choose(names)
    except Unreadable:
        return
    assert all(0 <= position < len(names) for position in choice.at.values())

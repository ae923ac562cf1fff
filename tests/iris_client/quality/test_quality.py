import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from iris_client.quality.checks import CHECKS, coverage, signal_to_noise
from iris_client.quality.control import QualityRules, examine
from models.domain import CaveatCode, RawSpectrum

N = 400
WAVE = np.linspace(3700.0, 9300.0, N)


def continuum(noise: float = 0.05) -> np.ndarray:
    rng = np.random.default_rng(1)
    bumps = 1 + 0.5 * np.sin(WAVE / 300.0) + 4000.0 / WAVE
    return np.asarray(bumps + rng.normal(0, noise, N))


FLUX = continuum()


def raw(wavelengths: Any = WAVE, fluxes: Any = FLUX, **rest: Any) -> RawSpectrum:
    return RawSpectrum(**{"spectrum_id": "7", "wavelengths": wavelengths, "fluxes": fluxes, **rest})


def codes(examined: Any) -> list[str]:
    return [str(c.code) for c in examined.caveats]


def with_flux(index: slice | int, value: float) -> np.ndarray:
    flux = FLUX.copy()
    flux[index] = value
    return flux


def with_wave(index: slice | int, value: float) -> np.ndarray:
    wave = WAVE.copy()
    wave[index] = value
    return wave


C = CaveatCode
nulls = [None if i % 3 == 0 else float(f) for i, f in enumerate(FLUX)]
BAD = {
    "empty": (raw([], []), C.EMPTY, "empty"),
    "one_point": (raw([5000.0], [1.0]), C.TOO_FEW_POINTS, "1 pixel,"),
    "too_few_points": (raw(WAVE[::20], FLUX[::20]), C.TOO_FEW_POINTS, "20 pixels"),
    "wide_pixels": (raw(np.linspace(10, 3e5, N), FLUX), C.TOO_FEW_POINTS, "6 pixels with flux"),
    "all_nan": (raw(fluxes=np.full(N, np.nan)), C.TOO_MANY_GAPS, "all 400"),
    "all_null": (raw(fluxes=[None] * N), C.TOO_MANY_GAPS, "all 400"),
    "many_nulls": (raw(fluxes=nulls), C.TOO_MANY_GAPS, "33 %"),
    "null_wavelengths": (raw([None, *WAVE[1:].tolist()]), C.NOT_NUMBERS, "1 of 400 wavelengths"),
    "inf": (raw(fluxes=with_flux(5, np.inf)), C.INFINITE_VALUES, "1 of 400 flux"),
    "inf_wavelength": (raw(with_wave(5, -np.inf)), C.INFINITE_VALUES, "wavelength"),
    "too_large_an_integer": (raw(fluxes=[10**400, *FLUX[1:].tolist()]), C.INFINITE_VALUES, "infinite"),
    "unsorted": (raw(np.random.default_rng(2).permutation(WAVE)), C.UNSORTED, "steps backwards"),
    "duplicated": (raw(np.repeat(WAVE[::2], 2)), C.DUPLICATED_WAVELENGTHS, "200 wavelengths given more"),
    "nanometre": (raw(WAVE / 10), C.WRONG_UNIT, "nanometre"),
    "micron": (raw(WAVE / 1e4), C.WRONG_UNIT, "micron"),
    "metre": (raw(WAVE / 1e10), C.WRONG_UNIT, "metre"),
    "log10": (raw(np.log10(WAVE)), C.WRONG_UNIT, "log10"),
    "gigahertz": (raw(3e9 / WAVE[::-1]), C.WRONG_UNIT, "not in Angstrom"),
    "unknown_wavelength_unit": (raw(wavelength_unit="furlong"), C.WRONG_UNIT, "'furlong'"),
    "wavelength_unit_no_text": (raw(wavelength_unit=10), C.WRONG_UNIT, "not known"),
    "unequal_lengths": (raw(fluxes=FLUX[:-1]), C.UNEQUAL_LENGTHS, "400 wavelengths but 399"),
    "only_wavelengths": (raw(fluxes=[]), C.UNEQUAL_LENGTHS, "but 0"),
    "flat": (raw(fluxes=np.full(N, 1.5)), C.FLAT, "every flux value is 1.5"),
    "zero": (raw(fluxes=np.zeros(N)), C.FLAT, "every flux value is 0"),
    "nearly_flat": (raw(fluxes=1 + 1e-5 * FLUX), C.FLAT, "varies by"),
    "two_values": (raw(fluxes=np.tile([1.0, 2.0], N // 2)), C.FLAT, "only 2 different"),
    "zero_padded": (raw(fluxes=with_flux(slice(0, 200), 0.0)), C.FLAT, "exactly zero"),
    "all_negative": (raw(fluxes=-FLUX), C.MOSTLY_NEGATIVE, "every flux value is negative"),
    "mostly_negative": (raw(fluxes=FLUX - 2.0), C.MOSTLY_NEGATIVE, "%"),
    "huge": (raw(fluxes=FLUX * 1e300), C.OUT_OF_RANGE, "no physical flux"),
    "denormal": (raw(fluxes=FLUX * 1e-310), C.OUT_OF_RANGE, "too small"),
    "host": (raw(kind="host"), C.HOST_SPECTRUM, "host galaxy"),
    "host_center": (raw(kind="host_center"), C.HOST_SPECTRUM, "host_center"),
    "coverage_30": (raw(np.linspace(3850, 5395, N)), C.LOW_COVERAGE, "coverage 30 %"),
    "hole_in_the_middle": (raw(np.r_[WAVE[:100], WAVE[250:]], np.r_[FLUX[:100], FLUX[250:]]), C.LOW_COVERAGE, "58.8 %"),
    "outside": (raw(WAVE + 6000), C.LOW_COVERAGE, "coverage 0 %"),
    "text": (raw("3850,3851", "1,2"), C.NOT_NUMBERS, "wavelength is text"),
    "list_of_text": (raw(fluxes=["1.0"] * N), C.NOT_NUMBERS, "flux holds text"),
    "booleans": (raw(fluxes=[True, *FLUX[1:].tolist()]), C.NOT_NUMBERS, "boolean"),
    "boolean_array": (raw(fluxes=FLUX > 1), C.NOT_NUMBERS, "boolean"),
    "nested": (raw(fluxes=[[1.0]] * N), C.NOT_NUMBERS, "holds a list"),
    "two_dimensions": (raw(fluxes=FLUX.reshape(2, -1)), C.NOT_NUMBERS, "2 dimensions"),
    "complex": (raw(fluxes=FLUX * 1j), C.NOT_NUMBERS, "complex"),
    "mapping": (raw({"a": 1}), C.NOT_NUMBERS, "a mapping"),
    "missing": (raw(None, None), C.NOT_NUMBERS, "missing"),
    "counts": (raw(units="counts"), C.WRONG_UNIT, "'counts' is not known"),
    "unit_no_text": (raw(units=3.5), C.WRONG_UNIT, "type float"),
    "not_magnitudes": (raw(units="AB", fluxes=FLUX * 1e-16), C.WRONG_UNIT, "cannot be AB"),
    "negative_wavelength": (raw(WAVE - 4000), C.OUT_OF_RANGE, "zero or negative"),
    "zero_wavelength": (raw(with_wave(0, 0.0)), C.OUT_OF_RANGE, "1 of 400"),
    "unreadable": (raw(trouble="the FITS file is truncated"), C.UNREADABLE, "truncated"),
    "odd_trouble": (raw(trouble=17), C.UNREADABLE, "could not be read"),
    "spike": (raw(fluxes=with_flux(200, 9e3)), C.OUT_OF_RANGE, "a spike"),
    "fill_values": (raw(fluxes=np.where(np.arange(N) % 15 == 3, FLUX * 1e16, FLUX)), C.OUT_OF_RANGE, "pixels up to"),
    "rest_frame": (raw(rest_frame="the file says 'rest'"), C.REST_FRAME, "the file says 'rest'"),
    "masked": (
        raw(bad=np.arange(N) % 2, bad_because="ivar 0"),
        C.TOO_MANY_GAPS,
        "200 pixels are missing values: ivar 0",
    ),
    "read_as": (raw(WAVE / 10, read_as="column 7"), C.WRONG_UNIT, "read as: column 7"),
    "noise": (raw(fluxes=continuum(20.0) + 10), C.LOW_SNR, "signal to noise"),
    "alternating": (raw(fluxes=2 + np.tile([1.0, -1.0], N // 2) + FLUX / 100), C.LOW_SNR, "signal to noise"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_spectrum_is_refused_with_a_reason(kind: str) -> None:
    spectrum, code, words = BAD[kind]
    found = examine(spectrum)
    assert found.spectrum is None
    assert codes(found) == [code]
    assert words in (found.reason or "")
    assert len(found.reason or "") < 160


def test_a_good_spectrum_passes_untouched() -> None:
    found = examine(raw(units="erg/s/cm/cm/AA", redshift=0.02, phase_days=-3, instrument="SEDM"))
    assert found.caveats == ()
    assert found.reason is None
    assert found.spectrum is not None
    assert np.array_equal(found.spectrum.flux, FLUX)
    assert (found.spectrum.redshift, found.spectrum.phase_days, found.spectrum.instrument) == (0.02, -3.0, "SEDM")


@pytest.mark.parametrize("values", [FLUX.tolist(), tuple(FLUX), FLUX.astype(">f4"), FLUX.astype(object), list(FLUX)])
def test_numbers_come_in_many_shapes(values: Any) -> None:
    assert examine(raw(fluxes=values)).spectrum is not None


def test_no_unit_is_the_normal_case_and_is_noted() -> None:
    found = examine(raw(units=None))
    assert found.spectrum is not None
    assert codes(found) == ["units_unknown"]


@pytest.mark.parametrize("unit", ["erg/s/cm/cm/AA", "erg/cm2/s/A", "1E-17 erg/cm^2/s/Ang", "erg s-1 cm-2 A-1"])
def test_every_spelling_of_f_lambda_passes_without_a_note(unit: str) -> None:
    assert codes(examine(raw(units=unit))) == []


def test_from_red_to_blue_is_turned_round() -> None:
    found = examine(raw(WAVE[::-1], FLUX[::-1], errors=np.arange(N)[::-1] + 1.0, units="erg/s/cm/cm/AA"))
    assert codes(found) == ["repaired"]
    assert found.spectrum is not None
    assert found.spectrum.flux_error is not None
    assert np.array_equal(found.spectrum.flux, FLUX)
    assert np.array_equal(found.spectrum.flux_error, np.arange(N) + 1.0)


@pytest.mark.parametrize("value", [FLUX[7], np.nan])
def test_a_wavelength_given_twice_gets_the_mean(value: float) -> None:
    found = examine(raw(np.insert(WAVE, 7, WAVE[7]), np.insert(FLUX, 7, value)))
    assert "1 wavelength given more than once: the mean is taken" in [c.text for c in found.caveats]
    assert found.spectrum is not None
    assert np.allclose(found.spectrum.flux, FLUX)


def test_the_refusal_for_coverage_carries_it() -> None:
    short = examine(raw(np.linspace(3850, 7197.5, N)))
    assert short.spectrum is None
    assert short.coverage == pytest.approx(0.65, abs=0.001)
    assert "wavelengths 3850-7197.5 A" in (short.reason or "")
    assert examine(raw()).coverage == pytest.approx(1.0)
    assert examine(raw([], [])).coverage is None


def test_lines_are_no_fill_values() -> None:
    flux = FLUX.copy()
    flux[200:203] = [60.0, 80.0, 60.0]
    found = examine(raw(fluxes=flux, units="erg/s/cm/cm/AA"))
    assert codes(found) == []
    assert found.spectrum is not None
    assert np.array_equal(found.spectrum.flux, flux)


def test_coarse_numbers_have_runs_that_are_no_fill_values() -> None:
    smooth = np.round(10 * (2 + np.sin(WAVE / 900)))
    found = examine(raw(fluxes=smooth, units="erg/s/cm/cm/AA"))
    assert found.spectrum is not None
    assert np.array_equal(found.spectrum.flux, smooth)


@pytest.mark.parametrize("bad", [[True] * 3, "xx", {"a": 1}, 7, ["a"] * N])
def test_a_mask_that_is_none_costs_only_itself(bad: Any) -> None:
    found = examine(raw(bad=bad))
    assert found.spectrum is not None
    assert any("mask is not used" in c.text for c in found.caveats)


def test_a_few_gaps_are_masked() -> None:
    found = examine(raw(fluxes=np.where(np.arange(N) % 9 == 0, np.nan, FLUX)))
    assert found.spectrum is not None
    assert np.isnan(found.spectrum.flux).sum() == 45


def test_missing_values_at_the_ends_are_padding_and_count_against_coverage_only() -> None:
    wave = np.linspace(1000.0, 15000.0, 4 * N)
    flux = np.where((wave > 3900) & (wave < 8950), 1 + np.sin(wave / 300) ** 2, np.nan)
    assert examine(raw(wave, flux)).spectrum is not None
    flux[wave > 6000] = np.nan
    assert codes(examine(raw(wave, flux))) == ["low_coverage"]


def test_jansky_and_magnitudes_become_the_same_f_lambda() -> None:
    f_nu = FLUX * WAVE**2
    from_jansky = examine(raw(fluxes=f_nu, units="Jy"))
    from_mag = examine(raw(fluxes=20 - 2.5 * np.log10(f_nu / f_nu.mean()), units="AB"))
    assert codes(from_jansky) == codes(from_mag) == ["repaired"]
    for found in (from_jansky, from_mag):
        assert found.spectrum is not None
        assert np.allclose(found.spectrum.flux / FLUX, found.spectrum.flux[0] / FLUX[0])


def test_a_stated_wavelength_unit_is_converted() -> None:
    found = examine(raw(WAVE / 10, wavelength_unit="nm", units="W m-2 nm-1"))
    assert codes(found) == ["repaired"]
    assert found.spectrum is not None
    assert np.allclose(found.spectrum.wavelength_A, WAVE)


@pytest.mark.parametrize(
    "rest",
    [
        {"errors": FLUX[:-3]},
        {"errors": ["a"] * N},
        {"errors": 0.1},
        {"redshift": float("nan")},
        {"redshift": 77.0},
        {"redshift": 10**400},
        {"redshift": "0.1"},
        {"redshift": True},
        {"phase_days": -1e6},
        {"phase_days": []},
    ],
)
def test_bad_extras_cost_only_themselves(rest: dict[str, Any]) -> None:
    found = examine(raw(units="erg/s/cm/cm/AA", **rest))
    assert found.spectrum is not None
    assert codes(found) == ["metadata_ignored"]
    assert "not used" in found.caveats[0].text
    assert getattr(found.spectrum, {"errors": "flux_error"}.get(next(iter(rest)), next(iter(rest)))) is None


def test_errors_that_are_no_errors_are_missing() -> None:
    errors = np.r_[0.0, -1.0, np.inf, np.nan, np.full(N - 4, 0.1)]
    found = examine(raw(errors=errors.tolist()))
    assert found.spectrum is not None
    assert found.spectrum.flux_error is not None
    assert np.isfinite(found.spectrum.flux_error).sum() == N - 4


def test_errors_are_converted_with_the_flux_but_for_magnitudes() -> None:
    found = examine(raw(units="mJy", errors=FLUX / 10))
    assert codes(found) == ["repaired"]
    assert found.spectrum is not None
    assert found.spectrum.flux_error is not None
    assert np.allclose(found.spectrum.flux_error, found.spectrum.flux / 10)
    assert codes(examine(raw(units="AB", fluxes=18 + FLUX / 10, errors=FLUX / 10))) == ["repaired", "metadata_ignored"]


def test_rules_can_be_loosened() -> None:
    short = raw(np.linspace(3850, 5395, N))
    assert examine(short, QualityRules(min_coverage=0.25)).spectrum is not None


def test_checks_carry_their_reason_to_exist() -> None:
    assert len(CHECKS) == len(set(CHECKS))
    assert all(check.__doc__ for check in CHECKS)


def test_coverage_leaves_gaps_out() -> None:
    rules = QualityRules(window_A=(4000.0, 8000.0))
    assert coverage(np.arange(3000.0, 9000.0), rules) == pytest.approx(1.0)
    assert coverage(np.r_[4000.0:5000.0, 7000.0:8000.0], rules) == pytest.approx(0.5, abs=0.01)


def test_noise_is_measured_and_not_the_shape() -> None:
    flux = 100 + 0.01 * WAVE + np.random.default_rng(3).normal(0, 2.0, N)
    assert signal_to_noise(flux) == pytest.approx(np.median(flux) / 2.0, rel=0.2)
    assert signal_to_noise(np.linspace(1, 2, 50)) > 1e6
    assert signal_to_noise(np.zeros(2)) == 0.0


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=3),
    st.complex_numbers(),
)
anything = st.recursive(
    scalars, lambda c: st.lists(c, max_size=4) | st.dictionaries(st.text(max_size=2), c, max_size=2)
)
arrays = hnp.arrays(st.sampled_from([float, "f2", int, bool, complex, object]), hnp.array_shapes(max_dims=2))
columns = st.one_of(anything, st.lists(st.floats() | st.none(), min_size=30, max_size=60), arrays)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(columns, columns, columns, anything, anything, anything, anything)
def test_examine_never_raises(
    wave: Any, flux: Any, errors: Any, units: Any, redshift: Any, kind: Any, trouble: Any
) -> None:
    found = examine(raw(wave, flux, errors=errors, units=units, redshift=redshift, kind=kind, trouble=trouble))
    assert (found.spectrum is None) == any(c.refuses for c in found.caveats)


@settings(max_examples=200, deadline=None)
@given(
    hnp.arrays(float, 60, elements=st.floats(allow_nan=True, allow_infinity=True)),
    st.sampled_from([None, "Jy", "AB", "erg/s/cm/cm/AA"]),
    st.sampled_from([1e-320, 1e-30, 1.0, 1e20, 1e308]),
)
def test_examine_never_raises_on_flux_of_any_size(flux: np.ndarray, units: str | None, scale: float) -> None:
    with np.errstate(all="ignore"):
        flux = flux * scale
    found = examine(raw(np.linspace(3800, 9100, 60), flux, units=units))
    assert (found.spectrum is None) == any(c.refuses for c in found.caveats)


@given(anything)
def test_what_is_no_raw_spectrum_is_refused_too(thing: Any) -> None:
    assert codes(examine(thing)) == ["unreadable"]


@given(anything)
def test_odd_names_do_not_survive(thing: Any) -> None:
    odd = dataclasses.replace(raw(), spectrum_id=thing, target_id=thing, instrument=thing, observed_at=thing)
    found = examine(odd)
    assert found.spectrum is not None
    assert isinstance(found.spectrum.spectrum_id, str)

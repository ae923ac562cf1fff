"""Quality control: a spectrum exactly as it came in, a spectrum the classifier may see out, or the reason why not.

    RawSpectrum --read--> Draft --CHECKS--> Spectrum + notes
                   `-----------`----------> refusal, one sentence

A refusal is an answer, so nothing here raises, whatever the input. Host spectra are refused: they show the galaxy.
Bad redshifts, phases and errors cost only themselves.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from iris_client.quality.checks import CHECKS
from iris_client.quality.checks import coverage as share_covered
from iris_client.quality.input import Draft, NotNumbers, to_floats
from iris_client.quality.phase import Redshift
from iris_client.quality.repair import masked, ordered, without_error, without_fills
from iris_client.quality.rules import QualityRules
from iris_client.quality.units import flux_converter, is_linear, is_same, to_angstrom
from models.domain import Caveat, CaveatCode, RawSpectrum, Spectrum
from models.domain.arrays import FloatArray

__all__ = ["Examined", "QualityRules", "examine"]

_DEFAULT_RULES = QualityRules()


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What quality control found: a spectrum, or none and at least one caveat that refuses.

    Parameters
    ----------
    coverage : float or None
        Share of the window that is covered, 0 to 1, also of a spectrum refused for it; None where that cannot be said.
    """

    spectrum: Spectrum | None
    caveats: tuple[Caveat, ...] = ()
    coverage: float | None = None

    @property
    def reason(self) -> str | None:
        """Why there is no spectrum; None when there is one."""
        return next((c.text for c in self.caveats if c.refuses), None)


def examine(raw: RawSpectrum, rules: QualityRules = _DEFAULT_RULES, *, redshift: Redshift | None = None) -> Examined:
    """Turn a raw spectrum into one the classifier may see, or into reasons why not. Never raises.

    Parameters
    ----------
    raw : RawSpectrum
        Nothing is promised about its values.
    rules : QualityRules
        The thresholds.
    redshift : Redshift, optional
        The best there is of the object, for a spectrum without its own. Only the check of the frame looks at it; the
        spectrum that comes out has its own redshift or none.

    Returns
    -------
    Examined
        `spectrum` is None exactly when one of the `caveats` refuses.
    """
    draft = _read(raw, rules)
    if isinstance(draft, Caveat):
        return _refused(raw, draft)
    if draft.redshift is None and redshift is not None:
        value, _ = _optional("redshift", redshift.value, *rules.redshift_range)
        draft = replace(draft, redshift=value, redshift_origin=_text(redshift.origin))
    for check in CHECKS:
        caveat = check(draft, rules)
        if caveat is not None:
            return _refused(raw, caveat, draft, rules)
    return _accepted(raw, draft, rules)


def _refused(raw: object, caveat: Caveat, draft: Draft | None = None, rules: QualityRules | None = None) -> Examined:
    """A refusal with its cause: what was taken for what, and why values are missing."""
    told = [caveat.text]
    if draft is not None and draft.masked_because is not None and caveat.code in _BY_MISSING:
        told.append(draft.masked_because)
    read_as = _text(getattr(raw, "read_as", None))
    if read_as is not None and caveat.code in _BY_READING:
        told.append(f"read as: {read_as[:200]}")
    share = None
    if draft is not None and rules is not None:
        known = np.isfinite(draft.flux) & np.isfinite(draft.wavelength_A)
        at = draft.wavelength_A[known]
        share = share_covered(at, rules) if at.size > 1 and (np.diff(at) > 0).all() else None
    whole = replace(caveat, text="; ".join(told))
    return Examined(spectrum=None, caveats=(whole, *(n for n in _notes(raw) if not n.refuses)), coverage=share)


_BY_MISSING = frozenset({CaveatCode.TOO_MANY_GAPS, CaveatCode.LOW_COVERAGE, CaveatCode.TOO_FEW_POINTS})
_BY_READING = frozenset(CaveatCode) - {CaveatCode.UNREADABLE, CaveatCode.HOST_SPECTRUM, CaveatCode.EMPTY}


def _notes(raw: object) -> tuple[Caveat, ...]:
    notes = getattr(raw, "notes", ())
    return tuple(note for note in notes if isinstance(note, Caveat)) if isinstance(notes, tuple | list) else ()


def _read(raw: RawSpectrum, rules: QualityRules) -> Draft | Caveat:
    """Make arrays of it: numbers, one length, Angstrom, F_lambda, NaN where nothing was measured, in order."""
    if not isinstance(raw, RawSpectrum):
        return _no(CaveatCode.UNREADABLE, f"not a spectrum but a value of type {type(raw).__name__}")
    if raw.trouble is not None:
        return _no(CaveatCode.UNREADABLE, _text(raw.trouble) or "the spectrum could not be read")
    if isinstance(raw.kind, str) and raw.kind.lower().startswith("host"):
        return _no(CaveatCode.HOST_SPECTRUM, f"spectrum of the host galaxy (type {raw.kind!r}), not of the transient")
    if raw.rest_frame is not None:
        said = _text(raw.rest_frame) or "the file says so"
        text = f"wavelengths at rest ({said[:100]}); the classifier needs them as observed"
        return _no(CaveatCode.REST_FRAME, text)
    columns = _columns(raw)
    return columns if isinstance(columns, Caveat) else _in_our_units(raw, *columns, rules)


def _columns(raw: RawSpectrum) -> tuple[FloatArray, FloatArray] | Caveat:
    found = []
    for name, values in (("wavelength", raw.wavelengths), ("flux", raw.fluxes)):
        try:
            found.append(to_floats(values))
        except NotNumbers as problem:
            return _no(CaveatCode.NOT_NUMBERS, f"{name} {problem}")
    wavelength, flux = found
    if not wavelength.size and not flux.size:
        return _no(CaveatCode.EMPTY, "the spectrum is empty")
    if wavelength.size != flux.size:
        return _no(CaveatCode.UNEQUAL_LENGTHS, f"{wavelength.size} wavelengths but {flux.size} flux values")
    return wavelength, flux


def _in_our_units(raw: RawSpectrum, wavelength: FloatArray, flux: FloatArray, rules: QualityRules) -> Draft | Caveat:
    in_angstrom = to_angstrom(raw.wavelength_unit)
    if in_angstrom is None:
        return _no(CaveatCode.WRONG_UNIT, f"wavelength unit {(_text(raw.wavelength_unit) or '?')[:40]!r} is not known")
    with np.errstate(over="ignore"):
        wavelength_A = in_angstrom(wavelength)
    error, trouble = _errors(raw.errors, flux.size)
    flux, *told = _measured(raw, flux, error, rules)
    try:
        convert, note = flux_converter(raw.units)
        flux = convert(wavelength_A, flux)
    except ValueError as problem:
        return _no(CaveatCode.WRONG_UNIT, str(problem))
    notes = [*_notes(raw), *([note] if note else []), *told]
    if not is_same(in_angstrom):
        notes.append(_no(CaveatCode.REPAIRED, f"wavelengths converted from {raw.wavelength_unit} to Angstrom"))
    if error is not None and is_linear(convert):
        error = convert(wavelength_A, error)
    elif error is not None:
        error, trouble = _ignored("flux errors not used: those of magnitudes are not converted with the flux")
    wavelength_A, flux, error, repaired = ordered(wavelength_A, flux, error)
    notes += [*([trouble] if trouble else []), *repaired]
    redshift, _ = _optional("redshift", raw.redshift, *QualityRules().redshift_range)
    return Draft(
        wavelength_A=wavelength_A,
        flux=flux,
        error=_positive(error),
        notes=tuple(notes),
        redshift=redshift,
        masked_because="; ".join(caveat.text for caveat in told) or None,
    )


def _measured(raw: RawSpectrum, flux: FloatArray, error: FloatArray | None, rules: QualityRules) -> list[Any]:
    """Flux with NaN where there is no measurement, and what was masked for which reason."""
    flux, by_mask = masked(flux, raw.bad, _text(raw.bad_because))
    flux, by_error = without_error(flux, error)
    by_value = None
    if rules.take_out_fills:
        flux, by_value = without_fills(flux, most_zero=rules.max_zero)
    return [flux, *(note for note in (by_mask, by_error, by_value) if note is not None)]


def _errors(values: object, size: int) -> tuple[FloatArray | None, Caveat | None]:
    """The flux errors as they came, where they are numbers, one a pixel."""
    if values is None:
        return None, None
    try:
        error = to_floats(values)
    except NotNumbers as problem:
        return _ignored(f"flux errors not used: the column {problem}")
    if error.size != size:
        return _ignored(f"flux errors not used: {error.size} values for {size} pixels")
    return error, None


def _positive(error: FloatArray | None) -> FloatArray | None:
    """What is not positive and finite is missing; None when all is."""
    if error is None:
        return None
    good = np.isfinite(error) & (error > 0)
    return np.where(good, error, np.nan) if good.any() else None


def _accepted(raw: RawSpectrum, draft: Draft, rules: QualityRules) -> Examined:
    redshift, redshift_note = _optional("redshift", raw.redshift, *rules.redshift_range)
    phase, phase_note = _optional("phase", raw.phase_days, -rules.max_phase_days, rules.max_phase_days)
    spectrum = Spectrum(
        spectrum_id=_text(raw.spectrum_id) or "?",
        target_id=_text(raw.target_id),
        wavelength_A=draft.wavelength_A,
        flux=draft.flux,
        flux_error=draft.error,
        redshift=redshift,
        phase_days=phase,
        instrument=_text(raw.instrument),
        observed_at=_text(raw.observed_at),
    )
    notes = [*draft.notes, redshift_note, phase_note]
    share = share_covered(draft.wavelength_A[np.isfinite(draft.flux)], rules)
    return Examined(spectrum=spectrum, caveats=tuple(note for note in notes if note), coverage=share)


def _optional(name: str, value: object, low: float, high: float) -> tuple[float | None, Caveat | None]:
    """A number that helps but is not needed: None with a note when it cannot be right."""
    if value is None:
        return None, None
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
        return _ignored(f"{name} not used: it is no number")
    if not low <= value <= high:  # NaN, too, is in no range
        return _ignored(f"{name} not used: {min(max(value, -1e99), 1e99):.4g} is outside {low:g} to {high:g}")
    return float(value), None


def _ignored(text: str) -> tuple[None, Caveat]:
    return None, _no(CaveatCode.METADATA_IGNORED, text)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _no(code: CaveatCode, text: str) -> Caveat:
    return Caveat(code=code, text=text)

"""Quality control: a spectrum exactly as it came in, a spectrum the classifier may see out, or the reason why not.

    RawSpectrum --read--> Draft --CHECKS--> Spectrum + notes
                   `-----------`----------> refusal, one sentence

A refusal is an answer, so nothing here raises, whatever the input. Host spectra are refused: they show the galaxy.
Bad redshifts, phases and errors cost only themselves.
"""

from dataclasses import dataclass, replace

import numpy as np

from iris_client.quality.checks import CHECKS
from iris_client.quality.input import Draft, NotNumbers, as_is, flux_converter, to_floats, wavelength_factor
from iris_client.quality.phase import Redshift
from iris_client.quality.rules import QualityRules
from models.domain import Caveat, CaveatCode, RawSpectrum, Spectrum
from models.domain.arrays import FloatArray

__all__ = ["Examined", "QualityRules", "examine"]

_DEFAULT_RULES = QualityRules()


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What quality control found: a spectrum, or none and at least one caveat that refuses."""

    spectrum: Spectrum | None
    caveats: tuple[Caveat, ...] = ()

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
    draft = _read(raw)
    if isinstance(draft, Caveat):
        return Examined(spectrum=None, caveats=(draft,))
    if draft.redshift is None and redshift is not None:
        value, _ = _optional("redshift", redshift.value, *rules.redshift_range)
        draft = replace(draft, redshift=value, redshift_origin=_text(redshift.origin))
    for check in CHECKS:
        caveat = check(draft, rules)
        if caveat is not None:
            return Examined(spectrum=None, caveats=(caveat,))
    return _accepted(raw, draft, rules)


def _read(raw: RawSpectrum) -> Draft | Caveat:
    """Make arrays of it: numbers, one length, Angstrom, F_lambda."""
    if not isinstance(raw, RawSpectrum):
        return _no(CaveatCode.UNREADABLE, f"not a spectrum but a value of type {type(raw).__name__}")
    if raw.trouble is not None:
        return _no(CaveatCode.UNREADABLE, _text(raw.trouble) or "the spectrum could not be read")
    if isinstance(raw.kind, str) and raw.kind.lower().startswith("host"):
        return _no(CaveatCode.HOST_SPECTRUM, f"spectrum of the host galaxy (type {raw.kind!r}), not of the transient")
    columns = _columns(raw)
    return columns if isinstance(columns, Caveat) else _in_our_units(raw, *columns)


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


def _in_our_units(raw: RawSpectrum, wavelength: FloatArray, flux: FloatArray) -> Draft | Caveat:
    factor = wavelength_factor(raw.wavelength_unit)
    if factor is None:
        return _no(CaveatCode.WRONG_UNIT, f"wavelength unit {(_text(raw.wavelength_unit) or '?')[:40]!r} is not known")
    with np.errstate(over="ignore"):
        wavelength_A = wavelength * factor
    try:
        convert, note = flux_converter(raw.units)
        flux = convert(wavelength_A, flux)
    except ValueError as problem:
        return _no(CaveatCode.WRONG_UNIT, str(problem))
    notes = [note] if note else []
    if factor != 1.0:
        notes.append(_no(CaveatCode.REPAIRED, f"wavelengths converted from {raw.wavelength_unit} to Angstrom"))
    error, trouble = _errors(raw.errors, flux.size, same_unit=convert is as_is)
    notes += [trouble] if trouble else []
    redshift, _ = _optional("redshift", raw.redshift, *QualityRules().redshift_range)
    return Draft(wavelength_A=wavelength_A, flux=flux, error=error, notes=tuple(notes), redshift=redshift)


def _errors(values: object, size: int, *, same_unit: bool) -> tuple[FloatArray | None, Caveat | None]:
    """The flux errors, where they are any good; what is not positive and finite is missing."""
    if values is None:
        return None, None
    try:
        error = to_floats(values)
    except NotNumbers as problem:
        return _ignored(f"flux errors not used: the column {problem}")
    if error.size != size:
        return _ignored(f"flux errors not used: {error.size} values for {size} pixels")
    if not same_unit:
        return _ignored("flux errors not used: they were not converted with the flux")
    good = np.isfinite(error) & (error > 0)
    return (np.where(good, error, np.nan), None) if good.any() else (None, None)


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
    return Examined(spectrum=spectrum, caveats=tuple(note for note in notes if note))


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

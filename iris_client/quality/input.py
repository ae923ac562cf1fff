"""From whatever somebody sent to arrays of numbers in Angstrom and F_lambda, or to the reason why not.

Nothing here trusts its input: only lists, tuples and arrays are looked into, and only real numbers count as numbers.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.domain import Caveat, CaveatCode
from models.domain.arrays import FloatArray

_NUMBER_TYPES: Final = {int, float, type(None)}
_ANGSTROM: Final = {"", "a", "aa", "å", "ang", "angs", "angstrom", "angstroms"}
_WAVELENGTH_FACTORS: Final = {
    "nm": 10.0,
    "nanometer": 10.0,
    "nanometers": 10.0,
    "um": 1e4,
    "µm": 1e4,
    "micron": 1e4,
    "microns": 1e4,
    "m": 1e10,
}
_NO_UNIT: Final = {"", "none", "null", "nan", "arbitrary", "arb", "arb. units", "uncalibrated", "relative", "unknown"}
_PER_WAVELENGTH: Final = re.compile(r"erg.*(/\s*a|angstrom|\bang|a{1,2}\s*[\^*]*\(?-1|å)|^w.*(um|µm|micron|nm)")
_PER_FREQUENCY: Final = re.compile(r"^(10\^?[-+]?\d+\s*)?[munpµ]?jy$|^jansky$|erg.*hz")
_PLAUSIBLE_MAG: Final = (1.0, 35.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Arrays of one length, not yet judged: missing is NaN, anything else may still be wrong with them."""

    wavelength_A: FloatArray
    flux: FloatArray
    error: FloatArray | None
    notes: tuple[Caveat, ...] = ()
    redshift: float | None = None
    redshift_origin: str | None = None
    """Where it comes from, when not from the spectrum itself."""


class NotNumbers(ValueError):
    """The value is not a flat sequence of numbers; the message ends a sentence that starts with the column's name."""


def to_floats(values: object) -> FloatArray:
    """Read a flat list, tuple or array of numbers; None becomes NaN.

    Raises
    ------
    NotNumbers
        For anything else: text, booleans, nested lists, mappings, complex numbers.
    """
    if isinstance(values, np.ma.MaskedArray):
        values = values.tolist()
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiu":
        return _flat(values)
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if not isinstance(values, list | tuple):
        raise NotNumbers(f"is {_kind(values)}, not a list of numbers")
    return _from_items(values)


def _flat(values: np.ndarray) -> FloatArray:
    if values.ndim != 1:
        raise NotNumbers(f"has {values.ndim} dimensions, not one")
    with np.errstate(over="ignore"):
        return values.astype(np.float64)


def _from_items(values: list[object] | tuple[object, ...]) -> FloatArray:
    odd = set(map(type, values)) - _NUMBER_TYPES
    for kind in odd:
        if not issubclass(kind, np.floating | np.integer):
            example = next(v for v in values if type(v) is kind)
            raise NotNumbers(f"holds {_kind(example)} where a number should be")
    return np.array([_number(v) for v in values], dtype=np.float64)


def _number(value: object) -> float:
    if value is None:
        return np.nan
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:  # an integer beyond 1e308
        return np.inf


def _kind(value: object) -> str:
    names = {str: "text", bytes: "text", bool: "a boolean", np.bool_: "a boolean", dict: "a mapping", list: "a list"}
    return names.get(type(value), f"of type {type(value).__name__}" if value is not None else "missing")


def wavelength_factor(unit: object) -> float | None:
    """What to multiply with to get Angstrom; None for a unit that is not known. No unit means Angstrom."""
    text = "" if unit is None else _plain(unit)
    if text is None:
        return None
    return 1.0 if text in _ANGSTROM else _WAVELENGTH_FACTORS.get(text)


def flux_converter(unit: object) -> tuple[Callable[[FloatArray, FloatArray], FloatArray], Caveat | None]:
    """How to make F_lambda (in any scale) of flux in `unit`, given (wavelength in Angstrom, flux), and what to note.

    SkyPortal knows `erg/s/cm/cm/AA`, `Jy`, `AB` and null. Null is by far the most common and is taken as F_lambda in an
    arbitrary scale, which is all that the network needs. Jansky and AB magnitudes convert exactly.

    Raises
    ------
    ValueError
        For a unit that is not known, or text where there is none.
    """
    text = "" if unit is None else _plain(unit)
    if text is None:
        raise ValueError(f"the flux unit is {_kind(unit)}, not text")
    if text in _NO_UNIT:
        note = "no flux unit given; taken as F_lambda in an arbitrary scale"
        return as_is, Caveat(code=CaveatCode.UNITS_UNKNOWN, text=note)
    if _PER_FREQUENCY.search(text):
        return _from_f_nu, Caveat(code=CaveatCode.REPAIRED, text=f"flux converted from {text[:40]} to F_lambda")
    if _PER_WAVELENGTH.search(text) or text in {"flam", "f_lambda", "flambda"}:
        return as_is, None
    if text in {"ab", "abmag", "mag(ab)"}:
        return _from_ab, Caveat(code=CaveatCode.REPAIRED, text="flux converted from AB magnitudes to F_lambda")
    raise ValueError(f"flux unit {text[:40]!r} is not known; F_lambda, Jy or AB expected")


def _plain(unit: object) -> str | None:
    return unit.strip().lower() if isinstance(unit, str) else None


def as_is(wavelength_A: FloatArray, flux: FloatArray) -> FloatArray:
    """Leave flux that is F_lambda already."""
    return flux


def _from_f_nu(wavelength_A: FloatArray, flux: FloatArray) -> FloatArray:
    """F_lambda is F_nu c / lambda^2; the constant does not matter, so the scale stays that of F_nu at 6000 Angstrom."""
    with np.errstate(all="ignore"):
        return np.asarray(flux * (6000.0 / wavelength_A) ** 2)


def _from_ab(wavelength_A: FloatArray, mag: FloatArray) -> FloatArray:
    seen = mag[np.isfinite(mag)]
    low, high = _PLAUSIBLE_MAG
    if seen.size and not (low <= seen.min() and seen.max() <= high):
        raise ValueError(f"values from {seen.min():.4g} to {seen.max():.4g} cannot be AB magnitudes, as the unit says")
    return _from_f_nu(wavelength_A, 10 ** (-0.4 * (mag - 20.0)))

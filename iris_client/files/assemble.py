"""A raw spectrum from columns whose roles are known: scales undone, what goes with the flux read with it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from iris_client.files.columns import Choice
from iris_client.files.trouble import Unreadable
from models.domain import Caveat, CaveatCode, RawSpectrum
from models.domain.arrays import FloatArray

_INDEX_ONLY: Final = frozenset({"and", "or", "andmask", "ormask"})
"""SDSS's masks are full of bits about pixels that are good; its inverse variance knows which are not."""


def assemble(
    spectrum_id: str,
    choice: Choice,
    values: Mapping[str, Any],
    *,
    units: str | None = None,
    wavelength_unit: str | None = None,
    notes: Iterable[Caveat] = (),
    rest_frame: str | None = None,
    read_as: str | None = None,
    good_is_one: bool = False,
    **about: Any,
) -> RawSpectrum:
    """Put a spectrum together.

    Parameters
    ----------
    values : mapping of str to array or list
        By role, as in `choice.at`.
    units, wavelength_unit : str or None
        Where a column does not give its own.
    good_is_one : bool
        Whether 1 in a mask is known to stand for a good pixel, as in PypeIt's.

    Raises
    ------
    Unreadable
        If a column that is needed is not there.
    """
    axis = choice.axis
    if axis is None or "flux" not in values:
        missing = " and ".join(
            w for w, there in (("wavelength", axis), ("flux", "flux" in values or None)) if not there
        )
        names = ", ".join(repr(column.name[:30]) for column in choice.columns[:20])
        raise Unreadable(f"no column is called {missing}; the columns are {names}")
    wavelengths, from_log = _wavelengths(axis, values[axis])
    unit = choice.unit(axis) or wavelength_unit
    errors = _errors(values)
    bad, because, told = _bad(choice, values, good_is_one=good_is_one)
    return RawSpectrum(
        spectrum_id=spectrum_id,
        wavelengths=wavelengths,
        fluxes=values["flux"],
        errors=errors,
        units=choice.unit("flux") or units,
        wavelength_unit=None if from_log else unit,
        bad=bad,
        bad_because=because,
        rest_frame=(choice.rest and f"the wavelengths are called {choice.rest[:40]!r}") or rest_frame,
        read_as=read_as or choice.described(),
        notes=(*notes, *([guessed(choice.doubt)] if choice.doubt else []), *told),
        **about,
    )


def guessed(text: str) -> Caveat:
    """A caveat on what the reader had to guess."""
    return Caveat(code=CaveatCode.GUESSED, text=text)


def floats(values: Sequence[Any] | Any) -> FloatArray:
    """Numbers of a column; NaN for what is none."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        return np.asarray(values, dtype=np.float64)
    return np.array([_float(v) for v in values], dtype=np.float64)


def _float(value: Any) -> float:
    if isinstance(value, str):
        return float({"true": 1, "t": 1, "false": 0, "f": 0}.get(value.strip().lower(), np.nan))
    try:
        return float("nan" if value is None else value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def _wavelengths(axis: str, values: Any) -> tuple[Any, bool]:
    if axis not in ("log_wavelength", "ln_wavelength") or not isinstance(values, np.ndarray | list | tuple):
        return values, False
    exponents = floats(values)
    top = float(np.nanmax(exponents, initial=0.0))
    limit = 10.0 if axis == "log_wavelength" else 23.0
    if top > limit:
        raise Unreadable(f"logarithms of wavelengths up to {top:.5g}: these are no logarithms")
    return (10.0**exponents if axis == "log_wavelength" else np.exp(exponents)), True


def _errors(values: Mapping[str, Any]) -> Any:
    if "error" in values:
        return values["error"]
    for role, power in (("ivar", -0.5), ("variance", 0.5)):
        if role in values:
            found = floats(values[role])
            good = found > 0
            return np.where(good, np.where(good, found, 1.0) ** power, np.nan)
    return None


def _bad(choice: Choice, values: Mapping[str, Any], *, good_is_one: bool) -> tuple[Any, str | None, tuple[Caveat, ...]]:
    """Which pixels hold no measurement, what says so, and what had to be guessed about it."""
    found: list[tuple[Any, str]] = []
    notes: list[Caveat] = []
    for role in ("ivar", "variance"):
        if role in values:
            zero = ~(floats(values[role]) > 0)
            if not zero.all():
                found.append((zero, f"{role} 0"))
    if "good" in values:
        found.append((floats(values["good"]) == 0, f"{choice.columns[choice.at['good']].name!r} 0"))
    if "mask" in values and not _of_sdss(choice, values):
        flagged, why, note = _flagged(choice, floats(values["mask"]), good_is_one=good_is_one)
        found.append((flagged, why))
        notes += [note] if note else []
    sizes = {one.shape for one, _ in found}
    if not found or len(sizes) != 1:
        return None, None, tuple(notes)
    bad = np.any([one for one, _ in found], axis=0)
    return (bad if bad.any() else None), " or ".join(why for _, why in found), tuple(notes)


def _of_sdss(choice: Choice, values: Mapping[str, Any]) -> bool:
    return bool("ivar" in values and choice.columns[choice.at["mask"]].words & _INDEX_ONLY)


def _flagged(choice: Choice, mask: FloatArray, *, good_is_one: bool) -> tuple[Any, str, Caveat | None]:
    """In most masks anything but 0 is bad; one that would leave next to nothing is meant the other way round."""
    name = choice.columns[choice.at["mask"]].name.strip()[:30]
    set_ = (mask != 0) & np.isfinite(mask)
    binary = bool(np.isin(mask[np.isfinite(mask)], (0.0, 1.0)).all())
    if good_is_one:
        return ~set_, f"{name!r} 0", None
    if binary and set_.mean() > 0.7:
        share = f"{100 * set_.mean():.0f} %"
        return ~set_, f"{name!r} 0", guessed(f"{name!r} is 1 in {share} of the pixels: taken as 1 for a good pixel")
    return set_, f"{name!r} not 0", None

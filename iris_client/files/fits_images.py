"""Spectra in FITS images: one row of pixels, or several of which the header says what they are."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from iris_client.files.assemble import guessed
from iris_client.files.columns import Choice
from iris_client.files.fits_axis import Axis, dispersion
from iris_client.files.fits_parts import Part, bounded, label, native, rank_of, role_of, text
from iris_client.files.names import Column, understood
from iris_client.files.trouble import Unreadable
from models.domain import Caveat

_COMPANIONS: Final = ("error", "variance", "ivar", "mask", "good", "wavelength", "log_wavelength")
_BAND: Final = ("BANDID", "ARRAY", "ROW", "PLANE", "BAND")


def from_image(hdu: Any, number: int, others: Sequence[tuple[int, Any]]) -> Part:
    """The spectrum of an image.

    Parameters
    ----------
    others : sequence of (int, HDU)
        The other images of the file: errors, masks and wavelengths of the same size go with it.

    Raises
    ------
    Unreadable
        If it is a picture of the slit, a cube, or has no wavelength scale.
    """
    bounded(hdu.shape)
    data = native(hdu.data, ndim=None)
    along = 1
    if data.ndim > 1 and data.shape[-1] == 1:  # NAXIS1 = 1: the wavelengths run along the second axis
        data, along = data[..., 0], 2
    size = data.shape[-1]
    beside = {role: native(one.data, ndim=None).reshape(-1) for role, one in _beside(others, size)}
    stack = data.reshape(-1, size)
    try:
        axis = _axis(hdu.header, size, along, beside, number, hdu)
    except Unreadable:
        if not (2 <= len(stack) <= 4 and _wavelengths(stack[0])):
            raise
        axis = Axis(stack[0], text(hdu.header.get("CUNIT1")), "wavelengths from row 1 of the image")
    rows, notes = _rows(hdu, data, stack, axis)
    values: dict[str, Any] = {"wavelength": axis.wavelengths, **rows}
    values |= {k: v for k, v in beside.items() if k not in values and not ("log" in k or k == "wavelength")}
    named = {role: Column(name=role, role=role, words=frozenset()) for role in values}
    return Part(
        label=label(hdu, number),
        rank=rank_of(hdu),
        choice=Choice(at={role: i for i, role in enumerate(values)}, columns=list(named.values())),
        values=values,
        header=hdu.header,
        units=text(hdu.header.get("BUNIT")),
        wavelength_unit=axis.unit,
        rest_frame="the header says SPECSYS = 'SOURCE'" if axis.rest else None,
        read_as=f"{axis.read_as}, flux from {label(hdu, number)}",
        notes=tuple(notes),
    )


def _beside(others: Sequence[tuple[int, Any]], size: int) -> list[tuple[str, Any]]:
    found: dict[str, Any] = {}
    for _, one in others:
        role = role_of(one)
        if role in _COMPANIONS and one.shape and int(np.prod(one.shape)) == size:
            found.setdefault(role, one)
    return list(found.items())


def _axis(header: Any, size: int, along: int, beside: Mapping[str, Any], number: int, hdu: Any) -> Axis:
    for role in ("wavelength", "log_wavelength"):
        if role in beside:
            values = beside[role] if role == "wavelength" else 10.0 ** np.minimum(beside[role], 300.0)
            return Axis(values, None, f"wavelengths from the HDU called so, beside {label(hdu, number)}")
    return dispersion(header, size, along)


def _rows(hdu: Any, data: Any, stack: Any, axis: Axis) -> tuple[dict[str, Any], list[Caveat]]:
    """Which rows of an image are what."""
    if len(stack) == 1:
        return {"flux": stack[0]}, []
    named = _named(hdu.header, data)
    if named is not None:
        return named
    if data.ndim > 2 and min(data.shape[:-1]) > 1:
        raise Unreadable(f"a cube of {' x '.join(map(str, data.shape))} pixels, not an extracted spectrum")
    there = [i for i, row in enumerate(stack) if np.isfinite(row).any() and np.nanmax(np.abs(row)) > 0]
    if there == [0]:
        return {"flux": stack[0]}, []
    if "COEFF0" in hdu.header and 3 <= len(stack) <= 6:
        return _of_survey(stack, axis)
    if str(hdu.header.get("CTYPE1", "")).upper().startswith("MULTISPE") or "APNUM1" in hdu.header:
        return {"flux": stack[0]}, [_first_of(len(there), "apertures")]
    if len(stack) <= 4 and _same_axis(stack[0], axis):
        return _after_wavelengths(stack)
    if len(there) == 2 and _like_error(stack[there[0]], stack[there[1]]):
        note = guessed("two rows in the image: the second, as large as the noise of the first, is taken for its error")
        return {"flux": stack[there[0]], "error": stack[there[1]]}, [note]
    shape = " x ".join(map(str, data.shape))
    text_ = f"an image of {shape} pixels, and nothing in the header says that a row of it is an extracted spectrum"
    raise Unreadable(f"{text_} (APNUM, BANDID, ARRAY): is it a picture of the slit?")


def _named(header: Any, data: Any) -> tuple[dict[str, Any], list[Caveat]] | None:
    """Rows or bands as BANDIDn (IRAF) or ARRAYn name them; None when nothing does."""
    count = data.shape[0]
    flat = data.reshape(count, -1, data.shape[-1])
    for key in _BAND:
        names = [str(header.get(f"{key}{i + 1}", "")).strip() for i in range(count)]
        roles = [_role_of_band(name) for name in names]
        if not any(roles):
            continue
        flux = next((i for i, role in enumerate(roles) if role == "flux"), None)
        if flux is None:
            raise Unreadable(f"the header calls the rows {', '.join(map(repr, names[:6]))}: none is the flux")
        notes = [_first_of(flat.shape[1], "apertures")] if flat.shape[1] > 1 else []
        found = {"flux": flat[flux, 0]}
        for i, role in enumerate(roles):
            if role in ("error", "variance", "ivar", "mask", "good"):
                found.setdefault(role, flat[i, 0])
        return found, notes
    return None


def _role_of_band(name: str) -> str:
    """IRAF says `spectrum - background fit, weights variance, clean no`: the first words are the name."""
    first = re.split(r"\s+-\s+|[:,]", name.strip())[0]
    return understood(first).role if first else ""


def _of_survey(stack: Any, axis: Axis) -> tuple[dict[str, Any], list[Caveat]]:
    """SDSS to DR7: flux, flux without continuum, noise, mask. LAMOST: flux, inverse variance, wavelengths, masks."""
    if len(stack) >= 3 and _same_axis(stack[2], axis):
        return {"flux": stack[0], "ivar": stack[1]}, []
    return {"flux": stack[0], **({"error": stack[2]} if _like_error(stack[0], stack[2]) else {})}, []


def _after_wavelengths(stack: Any) -> tuple[dict[str, Any], list[Caveat]]:
    """Rows as IDL writes them: wavelength, flux, error."""
    found = {"flux": stack[1]}
    if len(stack) > 2 and _like_error(stack[1], stack[2]):
        found["error"] = stack[2]
    return found, [guessed("row 1 of the image equals the wavelengths: row 2 is taken for the flux")]


def _same_axis(row: Any, axis: Axis) -> bool:
    if row.shape != axis.wavelengths.shape or not np.isfinite(row).all():
        return False
    spread = float(np.ptp(axis.wavelengths)) or 1.0
    return bool(np.abs(row - axis.wavelengths).max() < 0.02 * spread and np.ptp(row) > 0.9 * spread)


def _wavelengths(row: Any) -> bool:
    """Whether a row of pixels can be nothing but wavelengths in Angstrom."""
    return bool(np.isfinite(row).all() and (np.diff(row) > 0).all() and row[0] > 1000.0 and row[-1] < 30_000.0)


def _like_error(flux: Any, error: Any) -> bool:
    """Whether a row is as large as the noise of another: not negative, smaller, and of the right size."""
    good = np.isfinite(flux) & np.isfinite(error)
    if good.sum() < 10 or (error[good] < 0).any():
        return False
    noise = 1.4826 / np.sqrt(6.0) * float(np.median(np.abs(2 * flux[1:-1] - flux[:-2] - flux[2:])[good[1:-1]]))
    size = float(np.median(error[good]))
    return bool(0 < size < float(np.median(np.abs(flux[good]))) and noise / 5 < size < noise * 5)


def _first_of(n: int, what: str) -> Caveat:
    return guessed(f"the image holds {n} {what}: the first of them is taken")

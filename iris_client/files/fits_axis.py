"""The wavelength of each pixel of a FITS image, as the header tells it.

Linear (`CRVAL1 + (pixel - CRPIX1) step`), log10-linear (IRAF's `DC-FLAG = 1`, SDSS's `COEFF0`/`COEFF1`), natural-log
linear (`CTYPE1 = WAVE-LOG`, Greisen et al. 2006, A&A 446, 747), and IRAF's multispec with a linear or log scale.
The step is `CD1_1`, or `CDELT1` times `PC1_1` (FITS 4.0, 8.1.2); with a `CD1_1` there, `CDELT1` does not count.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from iris_client.files.trouble import Unreadable
from models.domain.arrays import FloatArray

_SPEC1: Final = re.compile(r'spec1\s*=\s*"([^"]*)"')
_NOT_WAVELENGTHS: Final = ("PIXEL", "VELO", "VRAD", "VOPT", "RA--", "DEC-", "GLON", "GLAT", "TIME", "STOKES", "POS")
_HIGHEST_LOG: Final = 10.0


@dataclass(frozen=True, slots=True)
class Axis:
    """Wavelengths of the pixels, their unit if the header names one, and which of its words say so."""

    wavelengths: FloatArray
    unit: str | None
    read_as: str
    rest: bool = False


def dispersion(header: Mapping[str, Any], size: int, axis: int = 1) -> Axis:
    """Wavelengths of `size` pixels along an axis.

    Raises
    ------
    Unreadable
        If the header holds no wavelength scale, or one this does not know.
    """
    kind = str(header.get(f"CTYPE{axis}", "")).strip().upper()
    rest = str(header.get("SPECSYS", "")).strip().upper() == "SOURCE"
    if kind.startswith("MULTISPE"):
        return Axis(_multispec(header, size), None, "wavelengths from the first aperture of WAT2", rest)
    if "COEFF0" in header and "COEFF1" in header:
        return Axis(_sdss(header, size), None, "wavelengths from COEFF0 and COEFF1", rest)
    if kind.startswith(_NOT_WAVELENGTHS):
        raise Unreadable(f"axis {axis} of the image is {kind!r} (CTYPE{axis}), not a wavelength")
    step, step_key = _step(header, axis)
    if f"CRVAL{axis}" not in header or step == 0.0:
        raise Unreadable(f"the FITS header has no wavelength scale (CRVAL{axis} with CDELT{axis} or CD{axis}_{axis})")
    start = _number(header, f"CRVAL{axis}")
    offset = _pixels(size) + 1.0 - _number(header, f"CRPIX{axis}", 1.0)
    unit = str(header.get(f"CUNIT{axis}", "")).strip() or None
    said = f"wavelengths from CRVAL{axis} {start:g} and {step_key} {step:g}"
    if unit is not None and unit.lower() in ("pixel", "pixels", "pix"):
        raise Unreadable(f"axis {axis} of the image counts pixels (CUNIT{axis}), and has no wavelengths")
    if kind.endswith("-LOG") and start:
        return Axis(start * _bounded_exp(offset * step / start), unit, f"{said}, {kind}", rest)
    if _number(header, "DC-FLAG", 0.0) == 1.0 or "LOG" in kind:
        if start > _HIGHEST_LOG:
            raise Unreadable(f"{said}: the header says that the scale is logarithmic, and {start:g} is no logarithm")
        return Axis(_ten_to(start + offset * step), None, f"{said}, logarithmic", rest)
    return Axis(start + offset * step, unit, said, rest)


def _step(header: Mapping[str, Any], axis: int) -> tuple[float, str]:
    cd, pc, delta = (f"{name}{axis}{rest}" for name, rest in (("CD", f"_{axis}"), ("PC", f"_{axis}"), ("CDELT", "")))
    if _number(header, cd, 0.0) != 0.0:
        return _number(header, cd), cd
    if pc in header:
        return _number(header, delta, 1.0) * _number(header, pc), f"{delta} times {pc}"
    return _number(header, delta, 0.0), delta


def _sdss(header: Mapping[str, Any], size: int) -> FloatArray:
    start = _number(header, "COEFF0")
    if start > _HIGHEST_LOG:
        raise Unreadable(f"COEFF0 is {start:g}, no logarithm of a wavelength")
    return _ten_to(start + _number(header, "COEFF1") * _pixels(size))


def _multispec(header: Mapping[str, Any], size: int) -> FloatArray:
    """First aperture of IRAF's multispec: `ap beam dtype w1 dw nw z ...` inside the WAT2 cards."""
    cards = sorted(key for key in header if str(key).startswith("WAT2_"))
    match = _SPEC1.search("".join(str(header[key]).ljust(68) for key in cards))
    if match is None:
        raise Unreadable("multispec FITS without a spec1 entry")
    numbers = match.group(1).split()
    if len(numbers) < 7 or numbers[2] not in {"0", "1"}:
        raise Unreadable("nonlinear multispec wavelength scale; resample the spectrum first")
    start, step, doppler = (float(numbers[i]) for i in (3, 4, 6))
    wavelengths = start + step * _pixels(size)
    return (_ten_to(wavelengths) if numbers[2] == "1" else wavelengths) / (1.0 + doppler)


def _number(header: Mapping[str, Any], key: str, default: float | None = None) -> float:
    value = header.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable(f"the FITS header's {key} is no number")
    return float(value)


def _pixels(size: int) -> FloatArray:
    return np.asarray(np.arange(size), dtype=np.float64)


def _ten_to(exponent: FloatArray) -> FloatArray:
    with np.errstate(over="ignore"):
        return np.asarray(10.0**exponent)


def _bounded_exp(exponent: FloatArray) -> FloatArray:
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(exponent))

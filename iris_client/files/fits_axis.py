"""The wavelength of each pixel of a FITS image, as the header tells it.

Linear (`CRVAL1 + (pixel - CRPIX1) CDELT1`), log10-linear (IRAF's `DC-FLAG = 1`, SDSS's `COEFF0`/`COEFF1`), natural-log
linear (`CTYPE1 = WAVE-LOG`, Greisen et al. 2006, A&A 446, 747), and IRAF's multispec with a linear or log scale.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from iris_client.files.trouble import Unreadable
from models.domain.arrays import FloatArray

_SPEC1: Final = re.compile(r'spec1\s*=\s*"([^"]*)"')


def dispersion(header: Mapping[str, Any], size: int) -> tuple[FloatArray, str | None]:
    """Wavelengths of `size` pixels, and their unit if the header names one.

    Raises
    ------
    Unreadable
        If the header holds no wavelength scale, or one this does not know.
    """
    kind = str(header.get("CTYPE1", "")).strip().upper()
    if kind.startswith("MULTISPE"):
        return _multispec(header, size), None
    if "COEFF0" in header and "COEFF1" in header:
        return _ten_to(_number(header, "COEFF0") + _number(header, "COEFF1") * _pixels(size)), None
    step_key = next((key for key in ("CDELT1", "CD1_1") if _number(header, key, 0.0) != 0.0), None)
    if "CRVAL1" not in header or step_key is None:
        raise Unreadable("the FITS header has no wavelength scale (CRVAL1 with CDELT1 or CD1_1)")
    start, step = _number(header, "CRVAL1"), _number(header, step_key)
    offset = _pixels(size) + 1.0 - _number(header, "CRPIX1", 1.0)
    unit = str(header.get("CUNIT1", "")).strip() or None
    if kind.endswith("-LOG"):
        return start * _bounded_exp(offset * step / start), unit
    if _number(header, "DC-FLAG", 0.0) == 1.0 or "LOG" in kind:
        return _ten_to(start + offset * step), None
    return start + offset * step, unit


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

"""Alert stamps: FITS images of a few dozen pixels, gzipped (ZTF) or plain (LSST), as arrays with north up.

"North up" is meant as FITS and SkyPortal mean it: drawn with the first row at the bottom, north is at the top and east
at the left. ZTF's stamps arrive with the first row in the north, so their rows are turned round.
"""

import io
import math
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from scipy.ndimage import rotate

from iris_client.errors import BadPayload
from models.domain import Caveat, CaveatCode, Cutouts

SIZE: Final = 63
"""Rows and columns of a whole ZTF stamp; the transient is in the middle one."""
ZTF_ARCSEC: Final = 1.01
LSST_ARCSEC: Final = 0.2
ARCSEC: Final = {"ZTF": ZTF_ARCSEC, "LSST": LSST_ARCSEC, "WINTER": 1.12, "WIRC": 0.25, "PGIR": 8.7}
"""Per pixel, where the header does not tell."""
KINDS: Final = ("science", "template", "difference")
_MAX_BYTES: Final = 1 << 24
_MAX_SIDE: Final = 1024
_ABSURD: Final = 1e20
"""No count rate is as high: fill values of float32 and what is left of them after resampling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """One image, with north up.

    Parameters
    ----------
    pixels : ndarray of float64, shape (rows, columns)
    pixel_arcsec : float or None
        From the header; None when it does not say, as in ZTF's.
    """

    pixels: np.ndarray[Any, np.dtype[np.float64]]
    pixel_arcsec: float | None


def decode(data: bytes, *, survey: str = "ZTF") -> Stamp:
    """Read one stamp.

    Raises
    ------
    BadPayload
        If the bytes are no image, are cut short, or unpack to more than a stamp can be.
    """
    content = _unpacked(data) if data[:2] == b"\x1f\x8b" else data
    if not content:
        raise BadPayload("the stamp is empty")
    if not content.startswith(b"SIMPLE"):
        raise BadPayload(f"no FITS image: it starts with {content[:4]!r}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)
            with fits.open(io.BytesIO(content), lazy_load_hdus=False, memmap=False) as hdus:
                return _first_image(hdus, survey)
    except (OSError, ValueError, TypeError, KeyError, IndexError, EOFError, AttributeError, OverflowError) as error:
        # astropy reports a broken header by whichever of these its code happens to meet first
        raise BadPayload(f"broken FITS image ({type(error).__name__}: {str(error)[:100]})") from None
    except (fits.VerifyError, MemoryError) as error:
        raise BadPayload(f"broken FITS image ({type(error).__name__})") from None


def cutouts(
    stamps: Mapping[str, bytes | None],
    *,
    candid: str,
    band: str,
    mjd: float,
    position: tuple[float, float] | None = None,
    survey: str = "ZTF",
) -> tuple[Cutouts, tuple[Caveat, ...]]:
    """Read an alert's stamps; each that cannot be read is None and has a caveat that says why.

    Stamps with gaps or with rows missing are kept, and reported.

    Parameters
    ----------
    stamps : mapping of str to bytes
        Under `science`, `template` and `difference`.
    position : (x, y), optional
        Where the transient is on the detector quadrant, pixels counted from 1: it tells which side of a stamp at the
        edge is missing, and so where in the stamp the transient is.
    """
    found: dict[str, Stamp] = {}
    caveats: list[Caveat] = []
    for kind in KINDS:
        try:
            found[kind] = decode(stamps.get(kind) or b"", survey=survey)
        except BadPayload as error:
            caveats.append(_bad(f"{kind} stamp: {error}"))
            continue
        caveats += [_bad(f"{kind} stamp: {text}") for text in _blemishes(found[kind].pixels, survey)]
    scale = next((s.pixel_arcsec for s in found.values() if s.pixel_arcsec), None)
    shape = next((s.pixels.shape for s in found.values()), None)
    center, unknown = _center(shape, position) if survey == "ZTF" else (None, False)
    if unknown:
        caveats.append(_bad("incomplete stamp of which it is not known where the transient is"))
    return Cutouts(
        candid=candid,
        band=band,
        mjd=mjd,
        pixel_arcsec=scale or ARCSEC.get(survey, LSST_ARCSEC),
        center_yx=center,
        **{kind: stamp.pixels for kind, stamp in found.items()},
    ), tuple(caveats)


def _unpacked(data: bytes) -> bytes:
    machine = zlib.decompressobj(wbits=31)
    try:
        content = machine.decompress(data, _MAX_BYTES)
    except zlib.error as error:
        raise BadPayload(f"broken gzip ({error})") from None
    if not machine.eof:
        raise BadPayload("the gzipped stamp is cut short, or far too large")
    return content


def _first_image(hdus: Any, survey: str) -> Stamp:
    for hdu in hdus:
        sides = [hdu.header.get(f"NAXIS{axis}") for axis in (1, 2)]
        if not hdu.is_image or hdu.header.get("NAXIS") != 2:
            continue
        if not all(isinstance(side, int) and 0 < side <= _MAX_SIDE for side in sides):
            raise BadPayload(f"not a stamp: {sides[1]} x {sides[0]} pixels")
        if hdu.data is None:
            raise BadPayload("the image has no pixels")
        with np.errstate(over="ignore", invalid="ignore"):
            pixels = np.asarray(hdu.data, dtype=np.float64)
        return Stamp(pixels=_north_up(pixels, survey, hdu.header), pixel_arcsec=_scale(hdu.header))
    raise BadPayload("no two-dimensional image in this FITS file")


def _north_up(pixels: Any, survey: str, header: Any) -> Any:
    """ZTF: first row last. LSST: turned by the position angle of its header, gaps where nothing was."""
    if survey == "ZTF":
        return np.flipud(pixels)
    angle = _number(header.get("ROTPA"))
    if survey != "LSST" or not angle:
        return pixels
    return rotate(pixels, -angle, reshape=False, order=1, mode="constant", cval=np.nan)


def _scale(header: Any) -> float | None:
    """Arcsec per pixel from the CD matrix, the geometric mean of both axes."""
    cd = [_number(header.get(key)) for key in ("CD1_1", "CD1_2", "CD2_1", "CD2_2")]
    a, b, c, d = (value or 0.0 for value in cd)
    side = 3600.0 * math.sqrt(min(abs(a * d - b * c), 1.0))
    return side if 0.01 < side < 100.0 else None


def _number(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _ABSURD
    return float(value) if good else None


def _center(
    shape: tuple[int, ...] | None, position: tuple[float, float] | None
) -> tuple[tuple[float, float] | None, bool]:
    """Row and column of the transient with north up, and whether it is unknown.

    A stamp at the edge of the detector lacks rows or columns. Those at the lower edge are missing before the transient,
    those at the upper edge after it. The reversal of rows is allowed for.
    """
    if shape is None or shape == (SIZE, SIZE):
        return None, False
    if position is None or max(shape) > SIZE:
        return None, True
    half = SIZE // 2
    (rows, columns), (x, y) = shape, position
    row = half - (SIZE - rows) if y <= half else half
    column = half - (SIZE - columns) if x <= half else half
    inside = 0 <= row < rows and 0 <= column < columns
    return ((float(rows - 1 - row), float(column)), False) if inside else (None, True)


def _blemishes(pixels: Any, survey: str) -> list[str]:
    found = []
    if survey == "ZTF" and pixels.shape != (SIZE, SIZE):
        found.append(f"incomplete, {pixels.shape[0]} x {pixels.shape[1]} of {SIZE} x {SIZE} pixels")
    if gaps := int((~np.isfinite(pixels)).sum()):
        found.append(f"{gaps} of {pixels.size} pixels are not a number")
    if absurd := int((np.isfinite(pixels) & (np.abs(pixels) > _ABSURD)).sum()):
        found.append(f"{absurd} of {pixels.size} pixels beyond any possible count")
    return found


def _bad(text: str) -> Caveat:
    return Caveat(code=CaveatCode.BAD_IMAGE, text=text)

"""What the readers of FITS share: a part of a file that may hold a spectrum, arrays in native order, names of parts."""

import re
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from iris_client.files.columns import Choice
from iris_client.files.names import understood
from iris_client.files.trouble import Unreadable
from models.domain import Caveat

NO_SPECTRUM: Final = 9
"""Rank of a part that by its name holds something else: sky, errors, a model."""
MOST_PIXELS: Final = 8_000_000
"""Of a picture, or of one column: a compressed picture of a few kilobytes can be of any size."""
_FIRST: Final = re.compile(r"coadd|spectrum|spec$|^sci|^obj|combined|merged|flux|final", re.IGNORECASE)
_ARM: Final = re.compile(r"^(.*?)[_\s-]?(blue|red|uvb|vis|nir|[brz]|arm\d|ccd\d|order\d+|\d+)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a FITS file with a spectrum in it.

    Parameters
    ----------
    label : str
        Its EXTNAME, or its number.
    rank : int
        0 for a part that says it is the spectrum, more for one that says less.
    values : mapping of str to array
        By role.
    """

    label: str
    rank: int
    choice: Choice
    values: dict[str, Any]
    header: Any
    units: str | None = None
    wavelength_unit: str | None = None
    rest_frame: str | None = None
    read_as: str | None = None
    good_is_one: bool = False
    notes: tuple[Caveat, ...] = field(default=())


def label(hdu: Any, number: int) -> str:
    """What an HDU is called in a sentence."""
    return f"{hdu.name!r}" if hdu.name and hdu.name != "PRIMARY" else f"HDU {number}"


def role_of(hdu: Any) -> str:
    """What an HDU holds by its name; empty when it does not say."""
    name = str(hdu.name or "").strip()
    if name.upper() in ("", "PRIMARY"):
        return ""
    return understood(name).role


def rank_of(hdu: Any) -> int:
    """How much the name of an HDU says for it being the spectrum."""
    name = str(hdu.name or "")
    if role_of(hdu) in ("sky", "error", "variance", "ivar", "mask", "good", "other", "wavelength"):
        return NO_SPECTRUM
    return 0 if _FIRST.search(name) else 1 if name.upper() in ("", "PRIMARY") else 2


def native(values: Any, ndim: int | None = 1) -> Any:
    """Native byte order, masked values as NaN, and a vector cell of a one-row table as a plain vector."""
    if isinstance(values, np.ndarray) and values.dtype == object:
        values = values[0] if len(values) == 1 else values
    array = np.ma.filled(np.ma.asarray(values).astype(np.float64), np.nan)
    return array[0] if ndim == 1 and array.ndim == 2 and array.shape[0] == 1 else array


def bounded(shape: tuple[int, ...] | None) -> None:
    """Refuse what no spectrum is, before it is read.

    Raises
    ------
    Unreadable
        If it has more than `MOST_PIXELS`.
    """
    size = int(np.prod([int(side) for side in shape or (0,)], dtype=object))
    if size > MOST_PIXELS:
        raise Unreadable(f"an image of {' x '.join(map(str, shape or ()))} pixels, not an extracted spectrum")


def text(value: Any) -> str | None:
    """Text, if it is some."""
    return str(value).strip() or None if isinstance(value, str) else None

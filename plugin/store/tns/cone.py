"""Rows within a cone on the sky, by an index over the whole arcminute of declination and the right ascension."""

import math
from typing import Any, Final

from sqlalchemy import ColumnElement, or_

_BANDS_PER_DEG: Final = 60.0


def band(dec_deg: float) -> int:
    """The whole arcminute of declination that a position lies in."""
    return math.floor(dec_deg * _BANDS_PER_DEG)


def in_cone(dec_band: Any, ra_column: Any, ra_deg: float, dec_deg: float, radius_arcsec: float) -> ColumnElement[bool]:
    """Which rows may lie within the radius: all that do, and few that do not, so that each is to be measured."""
    radius = radius_arcsec / 3600.0
    found: ColumnElement[bool] = dec_band.between(band(dec_deg - radius), band(dec_deg + radius)) & _ra_window(
        ra_column, ra_deg, dec_deg, radius
    )
    return found


def _ra_window(column: Any, ra_deg: float, dec_deg: float, radius: float) -> Any:
    """Right ascensions within the radius at this declination; all of them near a pole, and both sides of zero."""
    shrink = math.cos(math.radians(min(abs(dec_deg) + radius, 90.0)))
    if shrink < 1e-3 or radius / shrink >= 180.0:
        return column.between(0.0, 360.0)
    width = radius / shrink * 1.0001 + 1e-9
    low, high = ra_deg - width, ra_deg + width
    if low < 0.0:
        return or_(column >= low + 360.0, column <= high)
    if high >= 360.0:
        return or_(column >= low, column <= high - 360.0)
    return column.between(low, high)

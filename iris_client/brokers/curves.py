"""One light curve from several of the same object: each exposure once, the better record of it."""

from collections.abc import Iterable
from typing import Final

import numpy as np

from models.domain import LightCurve

_SAME_DAYS: Final = 1e-4
"""Exposures take 30 s; the same one is written with times that differ by rounding."""
_COLUMNS: Final = ("mjd", "mag", "mag_error", "limit_mag", "is_limit")


def merged(curves: Iterable[LightCurve | None]) -> LightCurve | None:
    """Put light curves together, sorted by time; None when there is not one point.

    Of two records of one exposure in one band a detection stays rather than a limit, then the one of the earlier curve.
    """
    there = [curve for curve in curves if curve is not None and curve.mjd.size]
    if not there:
        return None
    column = {name: np.concatenate([getattr(curve, name) for curve in there]) for name in _COLUMNS}
    band = np.array([name for curve in there for name in curve.band])
    rank = np.repeat(np.arange(len(there)), [curve.mjd.size for curve in there])
    kept = _first_of_each(band, column["mjd"], column["is_limit"], rank)
    kept = kept[np.lexsort((band[kept], column["mjd"][kept]))]
    return LightCurve(band=tuple(str(b) for b in band[kept]), **{name: column[name][kept] for name in _COLUMNS})


def _first_of_each(band: np.ndarray, mjd: np.ndarray, is_limit: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Indices of the records that stay."""
    order = np.lexsort((mjd, band))
    apart = np.ones(order.size, dtype=bool)
    apart[1:] = (band[order][1:] != band[order][:-1]) | (np.diff(mjd[order]) >= _SAME_DAYS)
    exposure = np.empty(order.size, dtype=int)
    exposure[order] = np.cumsum(apart)
    best = np.lexsort((rank, is_limit, exposure))
    return best[np.unique(exposure[best], return_index=True)[1]]

"""The light curve in an alert: this candidate, earlier ones, non-detections and forced photometry, each epoch once.

Magnitudes are AB, of the difference image and as observed. Forced fluxes come as ZTF writes them (counts with the
zero point of their image) or as BOOM does (1e9 times the flux at a fixed zero point).
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from iris_client.brokers.words import band as short_band
from iris_client.brokers.words import truth
from models.domain import Caveat, CaveatCode, LightCurve

BANDS: Final[Mapping[Any, str]] = {1: "g", 2: "r", 3: "i"}
MJD_0: Final = 2400000.5
ZERO_POINTS: Final[Mapping[str, float]] = {"ZTF": 23.9, "LSST": 8.9}
"""Of BOOM's `psfFlux` times 1e-9; 8.9 makes it nJy."""
DETECTED: Final = 3.0
"""Signal to noise of a forced flux from which it is a detection."""
LIMIT: Final = 5.0
"""Sigmas at which a limit is quoted, as in ZTF's `diffmaglim`."""
_SAME_DAYS: Final = 1e-4
"""Exposures take 30 s; the same one is written with times that differ by rounding."""
_POGSON: Final = 2.5 / math.log(10.0)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    mjd: float
    band: str
    mag: float = math.nan
    error: float = math.nan
    limit: float = math.nan
    rank: int
    """Which of two records of one exposure stays: the lower. Detections first, the alert's own before forced ones."""


def light_curve(packet: Row, *, survey: str = "ZTF") -> tuple[LightCurve | None, tuple[Caveat, ...]]:
    """Put a packet's epochs together, sorted by time, each exposure once.

    A negative subtraction is a non-detection: the object was fainter than in the template. Rows without a time, a
    filter, or any brightness are left out. Both are counted in a caveat.

    Returns
    -------
    (LightCurve or None, tuple of Caveat)
        None when nothing is left.
    """
    points, negative, useless = [], 0, 0
    unclear = [str(row.get("isdiffpos"))[:20] for row, _ in _rows(packet) if _sign_unclear(row)]
    for row, forced in _rows(packet):
        point = None if _sign_unclear(row) else _forced(row, survey) if forced else _alerted(row, survey)
        if point is None:
            useless += 1
            continue
        points.append(point)
        negative += not forced and math.isnan(point.mag) and _number(row.get("magpsf")) is not None
    caveats = []
    if negative:
        text = f"{negative} negative subtraction(s) in the light curve count as non-detections"
        caveats.append(Caveat(code=CaveatCode.REPAIRED, text=text))
    if useless:
        text = f"{useless} row(s) of photometry without a usable time, filter or brightness are left out"
        text += f"; isdiffpos {unclear[0]!r} says neither yes nor no" if unclear else ""
        caveats.append(Caveat(code=CaveatCode.METADATA_IGNORED, text=text))
    return _assembled(_once_each(points)), tuple(caveats)


def positive(row: Row) -> bool:
    """Whether this is a positive subtraction, as the field says in any spelling. Unsaid ones count as such."""
    return truth(row.get("isdiffpos")) is not False


def _sign_unclear(row: Row) -> bool:
    """Whether the field says something that is neither yes nor no."""
    value = row.get("isdiffpos")
    return value is not None and value == value and truth(value) is None


def usable_jd(row: Row) -> float | None:
    """The Julian date of a row, if it is one: later than 1858 and earlier than 2132."""
    jd = _number(row.get("jd"))
    return jd if jd is not None and 2400001.0 < jd < 2500000.0 else None


def _rows(packet: Row) -> Iterator[tuple[Row, bool]]:
    for key in ("prv_candidates", "prv_nondetections"):
        yield from ((row, False) for row in _mappings(packet.get(key)))
    yield from ((row, True) for row in _mappings(packet.get("fp_hists")))
    yield from ((row, False) for row in _mappings([packet.get("candidate")]))


def _mappings(value: Any) -> Iterable[Row]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list | tuple) else []


def _alerted(row: Row, survey: str) -> _Point | None:
    """A detection by the survey, or its limit."""
    where = _where(row)
    limit, mag, error = (_magnitude(row.get(key)) for key in ("diffmaglim", "magpsf", "sigmapsf"))
    if where is None:
        return None
    if mag is None and _number(row.get("psfFlux")) is not None:
        return _from_flux(row, where, _flux(row, survey), limit, ranks=(0, 2))
    if mag is not None and positive(row):  # without an error it is a detection all the same
        return _Point(mjd=where[0], band=where[1], mag=mag, error=_or_nan(error), limit=_or_nan(limit), rank=0)
    limit = _limit_of_error(row, survey) if limit is None else limit
    if limit is None:
        return None
    return _Point(mjd=where[0], band=where[1], limit=limit, rank=2)


def _forced(row: Row, survey: str) -> _Point | None:
    where = _where(row)
    if where is None:
        return None
    limit = _magnitude(row.get("diffmaglim"))
    flux = _flux(row, survey)
    limit = _limit_of_error(row, survey) if flux is None and limit is None else limit
    return _from_flux(row, where, flux, limit, ranks=(1, 3))


def _from_flux(
    row: Row,
    where: tuple[float, str],
    flux: tuple[float, float] | None,
    limit: float | None,
    ranks: tuple[int, int],
) -> _Point | None:
    """A detection when the flux is well above its error, else the limit that the error gives."""
    if flux is None:
        return None if limit is None else _Point(mjd=where[0], band=where[1], limit=limit, rank=ranks[1])
    value, error = flux
    least = -2.5 * math.log10(LIMIT * error)
    limit = least if limit is None else limit
    if value < DETECTED * error or not positive(row):
        return _Point(mjd=where[0], band=where[1], limit=limit, rank=ranks[1])
    mag = -2.5 * math.log10(value)
    return _Point(mjd=where[0], band=where[1], mag=mag, error=_POGSON * error / value, limit=limit, rank=ranks[0])


def _flux(row: Row, survey: str) -> tuple[float, float] | None:
    """Flux and error in units of the zero-magnitude flux; -99999 stands for none."""
    scale = _scale(row, survey)
    if scale is None:
        return None
    unit, keys = scale
    value, error = (_number(row.get(key)) for key in keys)
    limit = _magnitude(row.get("diffmaglim"))
    if error is None and limit is not None:
        error = 10.0 ** (-0.4 * limit) / LIMIT / unit  # the limit of the image says as much
    if value is None or error is None or not 0.0 < error < 1e30 or abs(value) > 1e30 or value == -99999.0:
        return None
    return value * unit, error * unit


def _limit_of_error(row: Row, survey: str) -> float | None:
    """The limit of a row that has the error of a flux and no flux, as Babamul sends non-detections."""
    scale = _scale(row, survey)
    if scale is None or _number(row.get(scale[1][0])) is not None:
        return None
    error = _number(row.get(scale[1][1]))
    return -2.5 * math.log10(LIMIT * error * scale[0]) if error is not None and 0.0 < error < 1e30 else None


def _scale(row: Row, survey: str) -> tuple[float, tuple[str, str]] | None:
    """What makes a row's flux one in units of the zero-magnitude flux, and the names of flux and error."""
    if "psfFlux" in row or "psfFluxErr" in row:
        return 1e-9 * 10.0 ** (-0.4 * ZERO_POINTS.get(survey, 8.9)), ("psfFlux", "psfFluxErr")
    zero = _number(row.get("magzpsci"))
    if zero is None or not 10.0 < zero < 40.0:
        return None
    return 10.0 ** (-0.4 * zero), ("forcediffimflux", "forcediffimfluxunc")


def _where(row: Row) -> tuple[float, str] | None:
    jd, name = usable_jd(row), row.get("band")
    name = _named(name) if isinstance(name, str) and name else of_fid(row.get("fid"))
    return None if jd is None or name is None else (jd - MJD_0, name)


def of_fid(fid: Any) -> str | None:
    """The filter of a number of ZTF's, which some write as 1.0 or as text."""
    if isinstance(fid, str):
        fid = int(fid) if fid.strip() in ("1", "2", "3") else None
    return BANDS.get(fid) if isinstance(fid, int | float) and not isinstance(fid, bool) else None


def _named(name: str) -> str:
    """ZTF's filters get their short names; others stay as they are written."""
    short = short_band(name)
    return short if short in BANDS.values() else name


def _once_each(points: list[_Point]) -> list[_Point]:
    """Of records of the same exposure in the same band, the best."""
    kept: list[_Point] = []
    for point in sorted(points, key=lambda p: (p.band, p.mjd, p.rank)):
        if kept and kept[-1].band == point.band and point.mjd - kept[-1].mjd < _SAME_DAYS:
            kept[-1] = min(kept[-1], point, key=lambda p: p.rank)
        else:
            kept.append(point)
    return sorted(kept, key=lambda p: (p.mjd, p.band))


def _assembled(points: list[_Point]) -> LightCurve | None:
    if not points:
        return None
    mag = np.array([p.mag for p in points])
    return LightCurve(
        mjd=np.array([p.mjd for p in points]),
        band=tuple(p.band for p in points),
        mag=mag,
        mag_error=np.array([p.error for p in points]),
        limit_mag=np.array([p.limit for p in points]),
        is_limit=np.isnan(mag).astype(float),
    )


def _magnitude(value: Any) -> float | None:
    """A magnitude or its error, if it can be one; -999 stands for none."""
    number = _number(value)
    return number if number is not None and 0.0 < number < 40.0 else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e300 else None  # JSON has integers that no float can hold


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value

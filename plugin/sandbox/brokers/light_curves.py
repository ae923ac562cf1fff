"""Invented light curves and stamps: the plain shapes people know of each class, fitted to nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from plugin.sandbox.brokers.alerts import Json, forced_free_packet, stamp_bytes

JD_0: Final = 2400000.5
SIZE: Final = 63
DEEP: Final = 20.4
"""Faintest detection; what is fainter is a limit."""
_ZERO: Final = 26.0
_SKY: Final = 18.0
_STARS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How one class behaves.

    Parameters
    ----------
    rise, fall : float
        Days to brighten by one magnitude before maximum, and to fade by one after it.
    colour : float
        g - r at maximum, magnitudes; `reddens` is its change per day.
    host : float
        Host's r magnitude; `offset`, arcsec from it.
    """

    rise: float
    fall: float
    colour: float
    reddens: float
    host: float
    offset: float


SHAPES: Final[Mapping[str, Shape]] = {
    "SN Ia": Shape(rise=9.0, fall=14.0, colour=0.0, reddens=0.025, host=17.5, offset=4.0),
    "SN Ibc": Shape(rise=8.0, fall=12.0, colour=0.4, reddens=0.03, host=17.0, offset=3.0),
    "SN II": Shape(rise=4.0, fall=60.0, colour=0.1, reddens=0.012, host=17.3, offset=5.0),
    "SLSN": Shape(rise=22.0, fall=40.0, colour=-0.15, reddens=0.008, host=21.8, offset=0.5),
    "TDE": Shape(rise=13.0, fall=35.0, colour=-0.2, reddens=0.0, host=17.6, offset=0.1),
}
NEEDLE_TRUTH: Final = {"SN Ia": "SN", "SN Ibc": "SN", "SN II": "SN", "SLSN": "SLSN-I", "TDE": "TDE"}
LAST_DAY: Final = {"early": -3.0, "max": 1.0, "after": 9.0, "late": 25.0, "plateau": 20.0}
"""Days from maximum to the last exposure, by what the spectrum was simulated as; a day after it otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One exposure; `mag` None for a limit."""

    mjd: float
    band: str
    mag: float | None
    error: float
    limit: float


def light_curve(shape: Shape, peak_mjd: float, last_mjd: float, brightest: float, seed: list[int]) -> list[Point]:
    """Exposures every other night, g and r in turn half an hour apart, from well before discovery to `last_mjd`."""
    rng = np.random.default_rng(seed)
    points = []
    for night in np.arange(last_mjd - 2.2 * shape.rise - 14.0, last_mjd + 0.5, 2.0):
        for band, later in (("g", 0.0), ("r", 0.02)):
            mjd = float(night) + later
            limit = float(rng.uniform(20.3, 20.8))
            mag = brightest + _fainter(shape, mjd - peak_mjd) + (_colour(shape, mjd - peak_mjd) if band == "g" else 0.0)
            error = 0.02 + 0.12 * 10 ** (0.4 * (mag - DEEP))
            seen = round(mag + error * float(rng.normal()), 3) if mag < DEEP else None
            points.append(Point(mjd=mjd, band=band, mag=seen, error=round(min(error, 0.3), 3), limit=round(limit, 2)))
    return points


def alerts(name: str, points: list[Point], shape: Shape, *, ra: float, dec: float, seed: list[int]) -> Iterator[Json]:
    """The packets of the last three detections, with all that was seen before as their history.

    Every seventh object's templates are damaged, and can be repaired.
    """
    rng = np.random.default_rng(seed)
    detections = [p for p in points if p.mag is not None]
    field, place = _field(rng), {"ra": ra, "dec": dec, "xpos": 900.0, "ypos": 900.0}
    for point in detections[-3:]:
        history = [_row(p) for p in points if p.mjd < point.mjd]
        packet = forced_free_packet(name, _candid(seed, point), _row(point) | place | _host_row(shape), history)
        template, science = _images(shape, point, field, rng)
        if seed[-1] % 7 == 5:
            template = template.copy()
            template[:9] = np.nan
        stamps = {"cutoutScience": science, "cutoutTemplate": template, "cutoutDifference": science - template}
        yield packet | {key: stamp_bytes(pixels) for key, pixels in stamps.items()}


def _fainter(shape: Shape, day: float) -> float:
    """Magnitudes below maximum: a parabola while it rises, a straight line that begins smoothly while it fades."""
    if day < 0:
        return (day / shape.rise) ** 2
    return day**2 / (2 * shape.fall * 5.0) if day < 5.0 else (day - 2.5) / shape.fall


def _colour(shape: Shape, day: float) -> float:
    return shape.colour + shape.reddens * max(day, -5.0)


def _row(point: Point) -> Json:
    row: Json = {"jd": point.mjd + JD_0, "fid": 1 if point.band == "g" else 2, "band": point.band, "programid": 1}
    row["diffmaglim"] = point.limit
    if point.mag is not None:
        row |= {"magpsf": point.mag, "sigmapsf": point.error, "isdiffpos": "t"}
    return row


def _host_row(shape: Shape) -> Json:
    host = {"distpsnr1": shape.offset, "sgscore1": 0.05}
    return host | {"sgmag1": shape.host + 0.6, "srmag1": shape.host, "simag1": shape.host - 0.3, "szmag1": -999.0}


def _candid(seed: list[int], point: Point) -> int:
    return round(point.mjd * 1e5) * 10_000_000 + seed[-1] * 10 + (point.band == "r")


def _field(rng: np.random.Generator) -> Any:
    """Sky and some stars, the same in every stamp of an object."""
    field = np.full((SIZE, SIZE), 300.0)
    for _ in range(_STARS):
        y, x = rng.uniform(0, SIZE, 2)
        if np.hypot(y - SIZE // 2, x - SIZE // 2) > 12:
            field += _spot(y, x, float(rng.uniform(16.5, 19.5)), 1.1)
    return field


def _images(shape: Shape, point: Point, field: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """Template and science image."""
    middle = SIZE // 2
    still = field + _spot(middle + shape.offset / 1.01, middle, shape.host, 1.8)
    moving = _spot(middle, middle, point.mag or 99.0, 1.1)
    noise = rng.normal(0.0, _SKY, (2, SIZE, SIZE))
    return still + 0.5 * noise[0], still + moving + noise[1]


def _spot(y: float, x: float, mag: float, sigma: float) -> Any:
    rows, columns = np.mgrid[:SIZE, :SIZE]
    counts = 10 ** (-0.4 * (mag - _ZERO))
    return counts / (2 * np.pi * sigma**2) * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * sigma**2))

"""Every number the metadata network sees, in one place (NEEDLE paper, Table 1).

Magnitudes are AB, without Milky Way extinction; times are days in the observer's frame; slopes are magnitudes per day
(negative while brightening). What cannot be computed is NaN. In the names, `r` may be `g` as well:

    m_peak_r             mag    brightest detection so far
    m_discovery_r        mag    first detection
    dm_discovery_r       mag    current minus first detection
    dt_discovery_r       d      time between the two
    dt_discovery_any_r   d      current detection in r minus first detection in either band
    slope_recent_r       mag/d  from the detection before the current one to the current one
    slope_discovery_r    mag/d  from the first detection to the current one
    dslope_r             mag/d  slope_discovery_r - slope_recent_r
    dm_host_peak_r       mag    host minus m_peak_r
    dm_peak_gr           mag    m_peak_g - m_peak_r
    dt_peak_gr           d      time of the g peak minus time of the r peak
    dm_discovery_gr      mag    m_discovery_g - m_discovery_r
    dcolour_transient    mag    dm_peak_gr - dm_discovery_gr
    separation_arcsec    arcsec offset of the transient from the host's centre
    host_g ... host_y    mag    host, five bands
    host_gr, host_ri, host_iz, host_zy   mag   host colours
    dcolour_host_transient  mag dm_host_peak_g - dm_host_peak_r

and not in Table 1, though the paper names rise time and colour as what tells the classes apart (Sec. 2.2):

    rise_r               d      from the first detection to the brightest so far
    since_peak           d      from the brightest detection so far, either band, to the latest
    colour_mean          mag    g - r, inverse-variance mean over pairs within a day
    colour_last          mag    g - r of the latest such pair
    colour_slope         mag/d  from the first such pair to the last, when five days or more apart
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import numpy as np

from models.domain import Host
from models.needle.lightcurves.lightcurve import BANDS, EXTINCTION, Floats, Photometry

NAN: Final = float("nan")
PAIR_DAYS, COLOUR_DAYS = 1.0, 5.0
HOST_BANDS: Final = ("g", "r", "i", "z", "y")
_PER_BAND = (
    "m_peak", "m_discovery", "dm_discovery", "dt_discovery", "dt_discovery_any", "slope_recent", "slope_discovery",
    "dslope", "rise",
)  # fmt: skip
TRANSIENT: Final = (
    *(f"{name}_{band}" for band in BANDS for name in _PER_BAND),
    *("dm_peak_gr", "dt_peak_gr", "dm_discovery_gr", "dcolour_transient"),
    *("since_peak", "colour_mean", "colour_last", "colour_slope"),
)
HOST: Final = (
    *("dm_host_peak_g", "dm_host_peak_r", "separation_arcsec"),
    *(f"host_{band}" for band in HOST_BANDS),
    *("host_gr", "host_ri", "host_iz", "host_zy", "dcolour_host_transient"),
)
NAMES: Final = TRANSIENT + HOST
"""Every feature, in the order of `vector`."""
COMMON_HOST: Final = (
    "dm_host_peak_g", "dm_host_peak_r", "separation_arcsec", "host_g", "host_r", "host_gr", "dcolour_host_transient",
)  # fmt: skip
"""Host features that every catalogue of the training set has: i, z and y come for one class alone and would name it."""


def features(points: Photometry, host: Host | None, ebv_mag: float = 0.0) -> dict[str, float]:
    """Compute Table 1 for an object as it was seen at its latest detection.

    Parameters
    ----------
    points : Photometry
        Cleaned detections, none later than the moment asked about.
    host : Host or None
        Observed magnitudes; dereddened here.
    ebv_mag : float
        Milky Way reddening, magnitudes, for the host.
    """
    values = dict.fromkeys(NAMES, NAN)
    if not len(points):
        return values
    for band in BANDS:
        values |= _in_band(points.of(band), band, points.mjd[0])
    values |= _between_bands(points)
    if host is not None:
        values |= _host(host, values, ebv_mag)
    return values


def vector(values: Mapping[str, float], names: tuple[str, ...] = NAMES) -> Floats:
    """The features as an array, in the order of `names`; NaN where missing."""
    return np.array([values[name] for name in names])


def _in_band(points: Photometry, band: str, discovered: float) -> dict[str, float]:
    if not len(points):
        return {}
    mjd, mag = points.mjd, points.mag
    peak = int(np.argmin(mag))
    dm, dt = mag[-1] - mag[0], mjd[-1] - mjd[0]
    slope = dm / dt if dt > 0 else NAN
    recent = (mag[-1] - mag[-2]) / (mjd[-1] - mjd[-2]) if len(points) > 1 and mjd[-1] > mjd[-2] else NAN
    named = {
        "m_peak": mag[peak],
        "m_discovery": mag[0],
        "dm_discovery": dm,
        "dt_discovery": dt,
        "dt_discovery_any": mjd[-1] - discovered,
        "slope_recent": recent,
        "slope_discovery": slope,
        "dslope": slope - recent,
        "rise": mjd[peak] - mjd[0],
    }
    return {f"{name}_{band}": float(value) for name, value in named.items()}


def _between_bands(points: Photometry) -> dict[str, float]:
    values = {"since_peak": float(points.mjd[-1] - points.mjd[np.argmin(points.mag)])}
    g, r = points.of("g"), points.of("r")
    if not len(g) or not len(r):
        return values
    at_peak = float(g.mag.min() - r.mag.min())
    at_discovery = float(g.mag[0] - r.mag[0])
    return values | {
        "dm_peak_gr": at_peak,
        "dt_peak_gr": float(g.mjd[np.argmin(g.mag)] - r.mjd[np.argmin(r.mag)]),
        "dm_discovery_gr": at_discovery,
        "dcolour_transient": at_peak - at_discovery,
        **_colours(g, r),
    }


def _colours(g: Photometry, r: Photometry) -> dict[str, float]:
    nearest = np.abs(g.mjd[:, None] - r.mjd[None, :]).argmin(1)
    paired = np.abs(g.mjd - r.mjd[nearest]) <= PAIR_DAYS
    if not paired.any():
        return {}
    colour = (g.mag - r.mag[nearest])[paired]
    variance = (g.mag_error**2 + r.mag_error[nearest] ** 2)[paired] + 0.02**2
    mjd = g.mjd[paired]
    span = mjd[-1] - mjd[0]
    return {
        "colour_mean": float(np.average(colour, weights=1 / variance)),
        "colour_last": float(colour[-1]),
        "colour_slope": float((colour[-1] - colour[0]) / span) if span >= COLOUR_DAYS else NAN,
    }


def _host(host: Host, values: Mapping[str, float], ebv_mag: float) -> dict[str, float]:
    mags = {b: host.mags.get(b, NAN) - ebv_mag * EXTINCTION[b] for b in HOST_BANDS}
    separation = NAN if host.separation_arcsec is None else host.separation_arcsec
    contrast = {b: mags[b] - values[f"m_peak_{b}"] for b in BANDS}
    return {
        **{f"dm_host_peak_{b}": contrast[b] for b in BANDS},
        "separation_arcsec": separation,
        **{f"host_{b}": mags[b] for b in HOST_BANDS},
        **{f"host_{a}{b}": mags[a] - mags[b] for a, b in pairwise(HOST_BANDS)},
        "dcolour_host_transient": contrast["g"] - contrast["r"],
    }

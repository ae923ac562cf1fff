"""What is measured of a source as evidence of its class, only from what was known when the spectrum was taken."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.domain import LightCurve, Target
from models.domain.joined import Surrounding
from models.luminosity import REDSHIFTS
from models.needle.lightcurves.distance import distance_modulus

EVIDENCE: Final = ("latitude", "counterpart", "luminosity", "rise")
"""Galactic latitude; what lies at its place in the reference image; absolute magnitude; the light curve so far."""
COUNTERPARTS: Final = ("star", "star or galaxy", "galaxy", "nothing")
"""Within `NEAR_ARCSEC`, by the star score."""
NEAR_ARCSEC: Final = 2.0
GALAXY_BELOW: Final = 0.3
STAR_ABOVE: Final = 0.7
UNSURE: Final = 0.5
"""ZTF's catalogue gives exactly this score to a source that it could not tell."""
RISE: Final = ("log age", "amplitude", "log rise", "colour")
"""log10(1 + days) since the first detection, brightening since then in magnitudes and log10(1 + days) of it, in the
band with most detections; g - r of the latest pair."""
AFTER_DAYS: Final = 1.0
"""What was detected up to so long after a spectrum counts as known when it was taken."""
MAX_ERROR_MAG: Final = 0.217
"""Signal to noise of 5, as alerts have it: so that deeper photometry does not show as an earlier rise."""
FAINTEST_MAG: Final = 20.5
PAIR_DAYS: Final = 2.0
NO_RISE: Final = (math.nan,) * len(RISE)
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measured:
    """Of n objects; NaN, or -1 for a counterpart, where nothing is known.

    Parameters
    ----------
    latitude : ndarray, shape (n,)
        |b|, degrees.
    counterpart : ndarray of int, shape (n,)
        Index into `COUNTERPARTS`.
    luminosity : ndarray, shape (n,)
        Absolute magnitude of the brightest detection so far.
    rise : ndarray, shape (n, 4)
        See `RISE`.
    """

    latitude: Floats
    counterpart: NDArray[np.int64]
    luminosity: Floats
    rise: Floats

    def known(self) -> dict[str, NDArray[np.bool_]]:
        """Which evidence there is of each object, by name, shape (n,)."""
        return {
            "latitude": np.isfinite(self.latitude),
            "counterpart": self.counterpart >= 0,
            "luminosity": np.isfinite(self.luminosity),
            "rise": np.asarray(np.isfinite(self.rise).any(1)),
        }


def measured(around: Sequence[tuple[Surrounding, float | None, float | None]]) -> Measured:
    """Measure sources.

    Parameters
    ----------
    around : sequence of (Surrounding, MJD of the spectrum or None, redshift or None)
        Without the time of the spectrum no detection counts: how far it had come by then is not known.
    """
    curves = [detections(s, until) for s, until, _ in around]
    return Measured(
        latitude=np.array([math.nan if s.latitude_deg is None else abs(s.latitude_deg) for s, *_ in around]),
        counterpart=np.array([counterpart(s.star_score, s.nearest_arcsec) for s, *_ in around], dtype=np.int64),
        luminosity=np.array([magnitude(c[1], z) for c, (_, _, z) in zip(curves, around, strict=True)]),
        rise=np.array([rise(*c, until) for c, (_, until, _) in zip(curves, around, strict=True)]).reshape(
            -1, len(RISE)
        ),
    )


def surrounding(
    target: Target,
    curve: LightCurve | None,
    *,
    star_score: float | None = None,
    nearest_arcsec: float | None = None,
    seen_at_mjd: float | None = None,
) -> Surrounding:
    """What is kept of a source: certain detections, one a night and band."""
    from models.needle.lightcurves.lightcurve import galactic_latitude_deg  # scipy comes with it

    place = None if target.ra_deg is None or target.dec_deg is None else (target.ra_deg, target.dec_deg)
    mjd, mag, band = _nightly(curve)
    return Surrounding(
        latitude_deg=None if place is None else round(galactic_latitude_deg(*place), 3),
        star_score=star_score,
        nearest_arcsec=nearest_arcsec,
        mjd=mjd,
        mag=mag,
        band=band,
        seen_at_mjd=seen_at_mjd,
    )


def counterpart(star_score: float | None, nearest_arcsec: float | None) -> int:
    """Index into `COUNTERPARTS`; -1 where nothing is known, or not what the nearest source is."""
    if nearest_arcsec is None:
        return -1
    if nearest_arcsec > NEAR_ARCSEC:
        return COUNTERPARTS.index("nothing")
    if star_score is None or star_score == UNSURE:
        return -1
    if star_score > STAR_ABOVE:
        return COUNTERPARTS.index("star")
    return COUNTERPARTS.index("galaxy" if star_score < GALAXY_BELOW else "star or galaxy")


def detections(around: Surrounding, until_mjd: float | None) -> tuple[Floats, Floats, NDArray[np.str_]]:
    """MJD, magnitude and band of what was detected by the time of the spectrum."""
    mjd, mag, band = np.array(around.mjd, float), np.array(around.mag, float), np.array(around.band, dtype=str)
    mine = mjd <= (-math.inf if until_mjd is None else until_mjd + AFTER_DAYS)
    return mjd[mine], mag[mine], band[mine]


def magnitude(mag: Floats, redshift: float | None) -> float:
    """Absolute magnitude of the brightest; NaN where there is none, or the redshift tells no distance."""
    if not mag.size or redshift is None or not REDSHIFTS[0] <= redshift <= REDSHIFTS[1]:
        return math.nan
    return float(mag.min()) - distance_modulus(redshift)


def rise(mjd: Floats, mag: Floats, band: NDArray[np.str_], until_mjd: float | None) -> tuple[float, ...]:
    """See `RISE`; NaN for what cannot be said."""
    if until_mjd is None or not mjd.size:
        return NO_RISE
    age = math.log10(1.0 + max(until_mjd - float(mjd[0]), 0.0))
    names, counts = np.unique(band, return_counts=True)
    mine = band == names[counts.argmax()]
    own_mjd, own_mag = mjd[mine], mag[mine]
    amplitude = length = math.nan
    if own_mjd.size > 1:
        brightest = int(own_mag.argmin())
        amplitude = float(own_mag[0] - own_mag[brightest])
        length = math.log10(1.0 + float(own_mjd[brightest] - own_mjd[0]))
    return age, amplitude, length, colour(mjd, mag, band)


def colour(mjd: Floats, mag: Floats, band: NDArray[np.str_]) -> float:
    """Return g - r of the latest pair that is close enough in time; NaN without one."""
    g, r = band == "g", band == "r"
    apart = np.abs(mjd[g][:, None] - mjd[r][None, :])
    close = np.argwhere(apart <= PAIR_DAYS)
    if not len(close):
        return math.nan
    i, j = max(close.tolist(), key=lambda pair: (float(mjd[g][pair[0]] + mjd[r][pair[1]]), -float(apart[tuple(pair)])))
    return float(mag[g][i] - mag[r][j])


def _nightly(curve: LightCurve | None) -> tuple[tuple[float, ...], tuple[float, ...], tuple[str, ...]]:
    if curve is None:
        return (), (), ()
    good = (curve.is_limit == 0) & np.isfinite(curve.mag) & (curve.mag <= FAINTEST_MAG)
    good &= ~(curve.mag_error > MAX_ERROR_MAG)
    nights: dict[tuple[int, str], list[int]] = {}
    for i in np.flatnonzero(good):
        nights.setdefault((int(curve.mjd[i]), curve.band[i]), []).append(int(i))
    rows = sorted(
        (round(float(np.mean(curve.mjd[some])), 3), round(float(np.median(curve.mag[some])), 3), band)
        for (_, band), some in nights.items()
    )
    return tuple(r[0] for r in rows), tuple(r[1] for r in rows), tuple(r[2] for r in rows)

"""From photometry as it came to the detections that features are made of (NEEDLE paper, Sec. 4.1-4.2).

Every source of photometry gets the same treatment, so that its depth and its cadence do not show: the same bands, one
limiting magnitude, one signal-to-noise cut, one value per band and half day.
"""

import math
import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import UnivariateSpline
from scipy.ndimage import median_filter

from models.domain import LightCurve

Floats = NDArray[np.float64]

EXTINCTION: Final = {"u": 4.239, "g": 3.303, "r": 2.285, "i": 1.698, "z": 1.263, "y": 1.088}
"""A_band / E(B-V) for the SFD map at R_V = 3.1 (Schlafly & Finkbeiner 2011, Table 6; y of Pan-STARRS)."""
BANDS: Final = ("g", "r")
POLE_RA_DEG, POLE_DEC_DEG = 192.85948, 27.12825  # north Galactic pole, ICRS
MIN_SPLINE_POINTS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanRules:
    """What counts as a detection, and how detections are merged.

    Parameters
    ----------
    limit_mag : float
        Fainter detections are ignored, observed magnitudes (Sec. 5: 20.5, the depth of one ZTF exposure).
    max_error_mag : float
        Less certain detections are ignored; 0.25 mag is a signal-to-noise ratio of 4.3.
    merge_days, gap_days : float
        Sec. 4.1 and 4.2: window of merging, and the gap before which everything is discarded.
    outlier_sigma : float
        Distance from the spline at which a point is dropped.
    """

    limit_mag: float = 20.5
    max_error_mag: float = 0.25
    merge_days: float = 0.5
    gap_days: float = 100.0
    outlier_sigma: float = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Photometry:
    """Detections in g and r after cleaning, sorted by time.

    Parameters
    ----------
    mjd, mag, mag_error : ndarray, shape (n,)
        Days; AB magnitudes without Milky Way extinction; magnitudes.
    band : ndarray of str, shape (n,)
        `g` or `r`.
    """

    mjd: Floats
    band: NDArray[np.str_]
    mag: Floats
    mag_error: Floats

    def __len__(self) -> int:
        return len(self.mjd)

    def of(self, band: str) -> "Photometry":
        """The detections in one band."""
        return self.where(self.band == band)

    def where(self, keep: NDArray[np.bool_]) -> "Photometry":
        """Some of the detections."""
        return Photometry(mjd=self.mjd[keep], band=self.band[keep], mag=self.mag[keep], mag_error=self.mag_error[keep])

    def until(self, mjd: float) -> "Photometry":
        """What had been seen by a date, that moment included."""
        return self.where(self.mjd <= mjd + 1e-9)


def clean(curve: LightCurve, ebv_mag: float, rules: CleanRules = CleanRules()) -> Photometry:
    """Select, deredden, merge, and drop outliers and what precedes a long gap.

    Parameters
    ----------
    curve : LightCurve
        Observed magnitudes; other bands than g and r are left out.
    ebv_mag : float
        Milky Way reddening E(B-V), magnitudes.

    Returns
    -------
    Photometry
        Empty when nothing is left.
    """
    found = after_gap(merge(detections(curve, rules), rules.merge_days), rules.gap_days)
    found = drop_outliers(found, rules.outlier_sigma)
    taken_off = ebv_mag * np.array([EXTINCTION[b] for b in found.band])
    return Photometry(mjd=found.mjd, band=found.band, mag=found.mag - taken_off, mag_error=found.mag_error)


def until(curve: LightCurve, mjd: float) -> LightCurve:
    """The light curve as it was known at a date."""
    n = int(np.searchsorted(curve.mjd, mjd + 1e-9, side="right"))
    return LightCurve(
        mjd=curve.mjd[:n],
        band=curve.band[:n],
        mag=curve.mag[:n],
        mag_error=curve.mag_error[:n],
        limit_mag=curve.limit_mag[:n],
        is_limit=curve.is_limit[:n],
    )


def as_of(curve: LightCurve, mjd: float, ebv_mag: float, rules: CleanRules = CleanRules()) -> Photometry:
    """`clean` of what was known at the date of a cleaned detection.

    A merged detection carries the mean date of its half day: what went into it had been seen by the end of it.
    """
    return clean(until(curve, mjd + rules.merge_days), ebv_mag, rules).until(mjd)


def detections(curve: LightCurve, rules: CleanRules = CleanRules()) -> Photometry:
    """The rows that are usable detections, observed magnitudes; a missing error is estimated (`simulated_error`)."""
    band = np.array(curve.band, dtype="U8")
    error = np.where(np.isfinite(curve.mag_error) & (curve.mag_error > 0), curve.mag_error, simulated_error(curve.mag))
    with np.errstate(invalid="ignore"):
        keep = (curve.is_limit == 0) & np.isin(band, BANDS) & (curve.mag <= rules.limit_mag) & (curve.mag > 0)
        keep &= error <= rules.max_error_mag
    return Photometry(mjd=curve.mjd[keep], band=band[keep], mag=curve.mag[keep], mag_error=error[keep])


def simulated_error(mag: Floats) -> Floats:
    """Error of a magnitude from photon noise that reaches 0.3 mag at 20.5 mag (App. A, Eq. A7)."""
    return np.asarray(0.3 * 10.0 ** (0.2 * (np.asarray(mag, float) - 20.5)))


def merge(points: Photometry, window_days: float) -> Photometry:
    """One value per band and window: a window opens with a point and takes all that follow within `window_days`."""
    parts = [_merged(points.of(band), window_days) for band in BANDS]
    mjd, mag, error = (np.concatenate([p[i] for p in parts]) for i in range(3))
    band = np.repeat(np.array(BANDS), [len(p[0]) for p in parts])
    order = np.lexsort((band, mjd))
    return Photometry(mjd=mjd[order], band=band[order], mag=mag[order], mag_error=error[order])


def _merged(points: Photometry, window_days: float) -> tuple[Floats, Floats, Floats]:
    group = np.zeros(len(points), int)
    for i in range(1, len(points)):
        opened = points.mjd[np.searchsorted(group[:i], group[i - 1])]
        group[i] = group[i - 1] + (points.mjd[i] - opened > window_days)
    count = np.bincount(group) if len(group) else np.zeros(0)
    count = np.maximum(count, 1)
    mean = [np.bincount(group, weights=column) / count for column in (points.mjd, points.mag)]
    error = np.sqrt(np.bincount(group, weights=points.mag_error**2)) / count
    return mean[0], mean[1], error


def after_gap(points: Photometry, gap_days: float) -> Photometry:
    """Only what follows the last gap longer than `gap_days` that precedes the brightest detection.

    The paper discards what precedes a gap; a gap in the tail (the object behind the Sun, then recovered) must not cost
    the light curve itself.
    """
    if not len(points):
        return points
    peak = points.mjd[np.argmin(points.mag)]
    jumps = points.mjd[1:][(np.diff(points.mjd) > gap_days) & (points.mjd[1:] <= peak)]
    return points.where(points.mjd >= jumps[-1]) if len(jumps) else points


def drop_outliers(points: Photometry, sigma: float) -> Photometry:
    """Drop points further than `sigma` standard deviations (and errors) from a smoothing spline, band by band.

    The spline is fitted to a light curve whose jumps are replaced by the running median of five points: fitted to the
    outlier itself, a smoothing spline would bend to it.
    """
    keep = np.ones(len(points), bool)
    for band in BANDS:
        (index,) = np.nonzero(points.band == band)
        if len(index) >= MIN_SPLINE_POINTS:
            mag, error = points.mag[index], np.maximum(points.mag_error[index], 0.02)
            median = median_filter(mag, size=5, mode="nearest")
            calm = np.where(np.abs(mag - median) > 2 * sigma * error, median, mag)
            smooth = _smooth(points.mjd[index], calm, error)
            keep[index] = np.abs(mag - smooth) <= sigma * np.maximum(error, (calm - smooth).std())
    return points.where(keep)


def _smooth(mjd: Floats, mag: Floats, error: Floats) -> Floats:
    with warnings.catch_warnings():
        # "maximal number of iterations": the spline is then a little rougher than asked for, which does no harm here
        warnings.filterwarnings("ignore", category=UserWarning)
        return np.asarray(UnivariateSpline(mjd, mag, w=1 / error, s=len(mjd))(mjd))


def galactic_latitude_deg(ra_deg: float, dec_deg: float) -> float:
    """Galactic latitude b, degrees."""
    dec, pole = math.radians(dec_deg), math.radians(POLE_DEC_DEG)
    sine = math.sin(dec) * math.sin(pole)
    sine += math.cos(dec) * math.cos(pole) * math.cos(math.radians(ra_deg - POLE_RA_DEG))
    return math.degrees(math.asin(max(-1.0, min(1.0, sine))))


def typical_ebv(ra_deg: float, dec_deg: float) -> float:
    """E(B-V) of a plane-parallel dust layer, for objects that come without one: 0.019 / sin |b|, at most 0.3 mag.

    The constant is the median of E(B-V) sin |b| over 242 ZTF objects of known reddening; four in five lie within a
    factor of 2.6 of the guess. It is no dust map.
    """
    b = abs(galactic_latitude_deg(ra_deg, dec_deg))
    return min(0.019 / max(math.sin(math.radians(b)), 1e-3), 0.3)


def peak_mjd(points: Photometry) -> float:
    """When the object was brightest, either band.

    Raises
    ------
    ValueError
        If there are no detections.
    """
    if not len(points):
        raise ValueError("no detections, so no peak")
    return float(points.mjd[np.argmin(points.mag)])

"""New light curves from a fitted one: early epochs, another redshift, simulated errors.

NEEDLE paper, Sec. 4.3-4.4, 5 and App. A.

The transient's redshift is used here alone, to make training examples. No feature and no network knows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.needle.lightcurves.distance import distance_modulus
from models.needle.lightcurves.lightcurve import Floats, Photometry, peak_mjd, simulated_error
from models.training.needle.gp import GPFit


@dataclass(frozen=True, slots=True, kw_only=True)
class ResampleRules:
    """How far a new light curve may be from the fitted one.

    Parameters
    ----------
    latest_days : float
        Latest epoch after the peak, observer's frame. The paper says 5 d (Sec. 4) and 10 d (Sec. 4.3).
    redshift_share : float
        Target redshifts lie within this share of the original one (Sec. 5).
    limit_mag : float
        Fainter detections are lost.
    jitter_days : float
        New epochs scatter about the observed ones by this much, so that the cadence stays the survey's.
    """

    latest_days: float = 10.0
    redshift_share: float = 0.2
    limit_mag: float = 20.5
    jitter_days: float = 2.0


def early(points: Photometry, rules: ResampleRules = ResampleRules()) -> Photometry:
    """The detections up to `latest_days` after the peak."""
    return points.until(peak_mjd(points) + rules.latest_days)


def resample(
    curve: GPFit,
    redshift: float,
    target_redshift: float,
    rng: np.random.Generator,
    rules: ResampleRules = ResampleRules(),
) -> Photometry | None:
    """Draw one early light curve, moved to another redshift and observed anew.

    Returns
    -------
    Photometry or None
        None when nothing is brighter than the limit.
    """
    observed = early(curve.points, rules)
    peak = peak_mjd(curve.points)
    count = int(rng.integers(1, len(observed) + 1))
    picked = rng.choice(len(observed), count, replace=False)
    jitter = rng.uniform(-rules.jitter_days, rules.jitter_days, count)
    mjd = np.clip(observed.mjd[picked] + jitter, observed.mjd[0], peak + rules.latest_days)
    drawn = _sorted(mjd, observed.band[picked], curve.magnitudes(mjd, observed.band[picked]))
    return observe(move(drawn, redshift, target_redshift, peak), rng, rules)


def move(points: Photometry, redshift: float, target_redshift: float, peak: float) -> Photometry:
    """Put an object at another redshift: distance modulus and time dilation, no K correction (Sec. 4.4)."""
    stretch = (1.0 + target_redshift) / (1.0 + redshift)
    dimming = distance_modulus(target_redshift) - distance_modulus(redshift)
    return _sorted(peak + (points.mjd - peak) * stretch, points.band, points.mag + dimming)


def observe(points: Photometry, rng: np.random.Generator, rules: ResampleRules = ResampleRules()) -> Photometry | None:
    """Simulate errors (Eq. A7, A8) and lose what is fainter than the limit; None when nothing is left."""
    error = simulated_error(points.mag)
    mag = points.mag + error * rng.uniform(-1.0, 1.0, len(points))
    keep = np.isfinite(mag) & (mag <= rules.limit_mag)
    seen = Photometry(mjd=points.mjd, band=points.band, mag=mag, mag_error=error).where(keep)
    return seen if len(seen) else None


def hosts_within(redshift: float, redshifts: Floats, rules: ResampleRules = ResampleRules()) -> Sequence[int]:
    """Cross-matching (Sec. 5): which host redshifts, of one class, lie near enough to lend their galaxy."""
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(np.abs(redshifts - redshift) <= rules.redshift_share * redshift).tolist()


def cross_match(
    curve: GPFit,
    redshift: float,
    redshifts: Floats,
    rng: np.random.Generator,
    rules: ResampleRules = ResampleRules(),
) -> tuple[Photometry, int] | None:
    """Pair one object's light curve with another's galaxy (Sec. 5, Fig. 15).

    Parameters
    ----------
    redshifts : ndarray, shape (n,)
        Of the galaxies of the same class that may be lent; NaN where unknown.

    Returns
    -------
    (Photometry, int) or None
        A new light curve at the redshift of the galaxy chosen, and which one; None when no galaxy is within 20 % or
        nothing is brighter than the limit there.
    """
    near = hosts_within(redshift, redshifts, rules)
    if not near:
        return None
    chosen = int(rng.choice(near))
    drawn = resample(curve, redshift, float(redshifts[chosen]), rng, rules)
    return None if drawn is None else (drawn, chosen)


def _sorted(mjd: Floats, band: np.ndarray, mag: Floats) -> Photometry:
    order = np.argsort(mjd, kind="stable")
    return Photometry(mjd=mjd[order], band=band[order], mag=mag[order], mag_error=np.zeros(len(mjd)))

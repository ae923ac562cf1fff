"""How bright an object is in itself, where its redshift and a light curve are known: a SN Ia of M = -19 is no SLSN."""

from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from models.domain import Evidence, Luminosity
from models.needle.lightcurves.distance import distance_modulus

EXTINCTION: Final = {"g": 3.237, "r": 2.176, "i": 1.595}
"""A / E(B-V) of PS1-like bands, R_V = 3.1 (Schlafly & Finkbeiner 2011, ApJ 737, 103, Table 6)."""
REDSHIFTS: Final = (0.003, 3.0)
"""Nearer, peculiar motions make a distance of a redshift meaningless."""
NEAR_DAYS: Final = 5.0
"""A detection farther from the spectrum says little of how bright it was then."""
DIGITS: Final = 2
_MJD_0: Final = datetime(1858, 11, 17, tzinfo=UTC)


def luminosity_of(evidence: Evidence, redshift: float | None, origin: str | None) -> Luminosity | None:
    """Absolute magnitudes of the brightest detection, and of the one nearest to the spectrum.

    None without a redshift, a detection, or where it is too near. No K-correction. Dust of the Milky Way is taken out
    where the object's E(B-V) is known; dust of the host never is.
    """
    curve = evidence.light_curve
    if redshift is None or curve is None or not REDSHIFTS[0] <= redshift <= REDSHIFTS[1]:
        return None
    ebv = evidence.target.ebv_mag
    dimmed = np.array([EXTINCTION.get(band, np.nan) for band in curve.band]) * (ebv or 0.0)
    magnitudes = np.where(curve.is_limit == 0, curve.mag - dimmed, np.nan) - distance_modulus(redshift)
    if not np.isfinite(magnitudes).any():
        return None
    brightest = int(np.nanargmin(magnitudes))
    taken = None if evidence.spectrum is None else mjd_of(evidence.spectrum.observed_at)
    apart = np.where(np.isfinite(magnitudes), curve.mjd - (np.nan if taken is None else taken), np.nan)
    nearest = int(np.nanargmin(np.abs(apart))) if np.isfinite(apart).any() else None
    near = nearest is not None and abs(float(apart[nearest])) <= NEAR_DAYS
    return Luminosity(
        magnitude=round(float(magnitudes[brightest]), DIGITS),
        band=curve.band[brightest],
        redshift=redshift,
        redshift_origin=origin or "spectrum",
        correction="none" if ebv is None else f"Milky Way extinction, E(B-V) = {ebv:.3f}",
        at_spectrum=round(float(magnitudes[nearest]), DIGITS) if near else None,
        at_spectrum_band=curve.band[nearest] if nearest is not None and near else None,
        days_from_spectrum=round(float(apart[nearest]), 1) if near else None,
    )


def mjd_of(when: str | None) -> float | None:
    """Modified Julian Date of a time in ISO 8601, UTC where it does not say; None where it is none."""
    try:
        moment = datetime.fromisoformat(when or "")
    except ValueError:
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (moment - _MJD_0) / timedelta(days=1)

"""How bright an object is in itself, where its redshift and a light curve are known: a SN Ia of M = -19 is no SLSN."""

from typing import Final

import numpy as np

from models.domain import Evidence, Luminosity
from models.needle.lightcurves.distance import distance_modulus

EXTINCTION: Final = {"g": 3.237, "r": 2.176, "i": 1.595}
"""A / E(B-V) of PS1-like bands, R_V = 3.1 (Schlafly & Finkbeiner 2011, ApJ 737, 103, Table 6)."""
REDSHIFTS: Final = (0.003, 3.0)
"""Nearer, peculiar motions make a distance of a redshift meaningless."""
DIGITS: Final = 2


def luminosity_of(evidence: Evidence, redshift: float | None, origin: str | None) -> Luminosity | None:
    """Absolute magnitude of the brightest detection; None without a redshift, a detection, or where it is too near.

    No K-correction.
    """
    curve = evidence.light_curve
    if redshift is None or curve is None or not REDSHIFTS[0] <= redshift <= REDSHIFTS[1]:
        return None
    ebv = evidence.target.ebv_mag
    dimmed = np.array([EXTINCTION.get(band, np.nan) for band in curve.band]) * (ebv or 0.0)
    magnitudes = np.where(curve.is_limit == 0, curve.mag - dimmed, np.nan)
    if not np.isfinite(magnitudes).any():
        return None
    brightest = int(np.nanargmin(magnitudes))
    return Luminosity(
        magnitude=round(float(magnitudes[brightest]) - distance_modulus(redshift), DIGITS),
        band=curve.band[brightest],
        redshift=redshift,
        redshift_origin=origin or "spectrum",
        correction="none" if ebv is None else f"Milky Way extinction, E(B-V) = {ebv:.3f}",
    )

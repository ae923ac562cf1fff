"""The few derived columns of a source: galactic coordinates and distances, as the server adds them."""

import math

import numpy as np

from plugin.sandbox.skyportal.rows import Json

# North galactic pole and the longitude of the north celestial pole, J2000, degrees (IAU 1958 system in ICRS).
_POLE_RA, _POLE_DEC, _NODE = 192.85948, 27.12825, 122.93192
# Planck 2018 (A&A 641, A6), flat.
_H0, _OMEGA_M, _LIGHT_KM_S = 67.66, 0.30966, 299792.458


def galactic(ra_deg: float, dec_deg: float) -> tuple[float, float]:
    """Galactic longitude and latitude, degrees."""
    ra, dec, pole = (math.radians(v) for v in (ra_deg - _POLE_RA, dec_deg, _POLE_DEC))
    sin_b = math.sin(dec) * math.sin(pole) + math.cos(dec) * math.cos(pole) * math.cos(ra)
    y = math.cos(dec) * math.sin(ra)
    x = math.sin(dec) * math.cos(pole) - math.cos(dec) * math.sin(pole) * math.cos(ra)
    return (_NODE - math.degrees(math.atan2(y, x))) % 360.0, math.degrees(math.asin(sin_b))


def distances(redshift: float | None) -> Json:
    """Luminosity distance and angular diameter distance in Mpc, and the distance modulus; None without a redshift."""
    if redshift is None or redshift <= 0:
        return {"luminosity_distance": None, "dm": None, "angular_diameter_distance": None}
    z = np.linspace(0.0, redshift, 201)
    comoving = _LIGHT_KM_S / _H0 * float(np.trapezoid(1 / np.sqrt(_OMEGA_M * (1 + z) ** 3 + 1 - _OMEGA_M), z))
    luminosity = comoving * (1 + redshift)
    return {
        "luminosity_distance": luminosity,
        "dm": 5 * math.log10(luminosity) + 25,
        "angular_diameter_distance": comoving / (1 + redshift),
    }


def separation_deg(ra1: float, dec1: float, ra2: float, dec2: float) -> float:
    """Angle between two positions, degrees."""
    a, b, d = math.radians(dec1), math.radians(dec2), math.radians(ra1 - ra2)
    half = math.sin((a - b) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(d / 2) ** 2
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(half))))

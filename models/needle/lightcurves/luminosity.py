"""How bright a transient is, if it lies at the redshift that a catalogue gives its host: a law for each class.

A SN Ia of M = -19 is no SLSN. The redshift is the galaxy's, from a survey that was there before the transient; the
transient's own comes from the spectrum that named its class, and is never used. A missing redshift says nothing:
whether one is known depends on the catalogue.

`bright` is the brightest magnitude so far; the laws are those of random early epochs, not of peaks. No K-correction.
"""

from typing import Final

import numpy as np

from models.needle.lightcurves.distance import distance_moduli
from models.needle.lightcurves.lightcurve import Floats

FREEDOM: Final = 5.0
PRIOR_MEAN: Final = np.array([-18.7, -20.8, -19.0])
PRIOR_SD: Final = np.array([0.8, 0.9, 1.2])
"""SN, SLSN-I, TDE, magnitudes, at early epochs, so fainter than the peaks: about -19.3 for SN Ia (Richardson et al.
2014), -21 for SLSN-I (De Cia et al. 2018), -17 to -21 for TDEs (Yao et al. 2023)."""
PRIOR_OBJECTS: Final = 8.0
ANY_MEAN, ANY_SD = -19.5, 2.0
"""Of a transient that has nothing to do with the galaxy, at its redshift."""
WRONG_REDSHIFT: Final = 0.05
PHOTO_Z_STRETCH: Final = 1.5
"""Catalogues' errors are too small by about this; 1 and 2.5 do as well out of fold."""
PHOTO_Z_FLOOR, SPECTRUM_ERROR = 0.01, 0.002
"""The second is 600 km/s, peculiar motion."""
MAX_FITTED_ERROR_MAG: Final = 0.6
"""Of the distance modulus: less certain ones are asked about but teach no law."""
REDSHIFT_RANGE: Final = (0.001, 1.5)
_STEPS: Final = np.linspace(-6.0, 6.0, 49)
_UNIT_SCALE: Final = float(np.sqrt(FREEDOM / (FREEDOM - 2)))
"""Standard deviation of a Student-t of scale one."""


def spread(error: Floats) -> Floats:
    """One sigma of a redshift, from the catalogue's error; zero for one from a spectrum."""
    photometric = np.hypot(np.maximum(PHOTO_Z_STRETCH * error, PHOTO_Z_FLOOR), SPECTRUM_ERROR)
    return np.asarray(np.where(error > SPECTRUM_ERROR, photometric, SPECTRUM_ERROR))


def log_ratio(law: Floats, redshift: Floats, error: Floats, bright: Floats) -> Floats:
    """Log of the probability of the catalogue's redshift under a law, over that of an unrelated transient's.

    The true redshift is summed over, for a linear error of the distance modulus is wrong where a photometric redshift
    is as uncertain as it is large.

    Parameters
    ----------
    law : ndarray, shape (2,)
        Mean and standard deviation of the absolute magnitude.
    redshift, error, bright : ndarray, shape (n,)
        Magnitudes in g or r, the brighter, without Milky Way extinction.

    Returns
    -------
    ndarray, shape (n,)
        Zero where something is missing.
    """
    out = np.zeros(len(redshift))
    known = np.isfinite(redshift) & np.isfinite(error) & np.isfinite(bright)
    if not known.any():
        return out
    z = redshift[known, None] + spread(error[known])[:, None] * _STEPS
    inside = z > REDSHIFT_RANGE[0]
    z = np.maximum(z, REDSHIFT_RANGE[0])
    weight = np.where(inside, _density(_STEPS, 0.0, _UNIT_SCALE), 0.0) / z  # d(modulus)/dz, up to 1 + z
    magnitude = bright[known, None] - distance_moduli(z)
    mine, unrelated = ((weight * _density(magnitude, m, sd)).sum(1) for m, sd in (law, (ANY_MEAN, ANY_SD)))
    out[known] = np.log((1 - WRONG_REDSHIFT) * mine / unrelated + WRONG_REDSHIFT)
    return out


def fit(redshift: Floats, error: Floats, bright: Floats, weight: Floats, label: int) -> tuple[float, float]:
    """Mean and standard deviation of the absolute magnitude, drawn towards the class's prior."""
    with np.errstate(invalid="ignore", divide="ignore"):
        known = (5 / np.log(10) * spread(error) / redshift < MAX_FITTED_ERROR_MAG) & np.isfinite(bright)
    magnitude, w = bright[known] - distance_moduli(redshift[known]), weight[known]
    mean = (w @ magnitude + PRIOR_OBJECTS * PRIOR_MEAN[label]) / (w.sum() + PRIOR_OBJECTS)
    squares = w @ (magnitude - mean) ** 2 + PRIOR_OBJECTS * PRIOR_SD[label] ** 2
    return float(mean), float(np.sqrt(squares / (w.sum() + PRIOR_OBJECTS)))


def _density(magnitude: Floats, mean: float, sd: float) -> Floats:
    """Student-t of this standard deviation, up to a factor that cancels; by hand, for scipy's is slow."""
    scale = sd / _UNIT_SCALE
    return np.asarray((1 + ((magnitude - mean) / scale) ** 2 / FREEDOM) ** (-(FREEDOM + 1) / 2) / scale)

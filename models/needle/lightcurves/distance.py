"""Distance moduli in the paper's cosmology."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def distance_modulus(redshift: float) -> float:
    """Distance modulus, magnitudes, for flat LCDM with Om = 0.31 and H0 = 67.7 km/s/Mpc (Sec. 4.4).

    Interpolated in log redshift between 0.001 and 3, to better than 0.001 mag: astropy takes milliseconds for each.
    """
    return float(distance_moduli(np.array(redshift)))


def distance_moduli(redshift: Floats) -> Floats:
    """`distance_modulus` of many."""
    return np.asarray(np.interp(np.log(redshift), *_distances()))


@cache
def _distances() -> tuple[Floats, Floats]:
    from astropy.cosmology import FlatLambdaCDM

    grid = np.geomspace(1e-3, 3.0, 400)
    return np.log(grid), np.asarray(FlatLambdaCDM(H0=67.7, Om0=0.31).distmod(grid).value)

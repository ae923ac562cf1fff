"""The rest-frame grid on which populations are summarised, and how a spectrum comes onto it."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

FIRST_A, LAST_A, COLUMNS = 2500.0, 9800.0, 600
"""Rest wavelength of the first and last column and their number: 683 km/s per column."""
WINDOW_A = (4200.0, 6000.0)
"""Rest-frame window whose mean flux is 1 after normalisation; nearly every spectrum covers it."""


def rest_grid() -> FloatArray:
    """Column centres, Angstrom, evenly spaced in the logarithm."""
    return np.geomspace(FIRST_A, LAST_A, COLUMNS)


def to_rest(wavelength_A: FloatArray, flux: FloatArray, redshift: float) -> FloatArray:
    """Average a spectrum into the columns of the rest-frame grid; NaN where it has nothing.

    Parameters
    ----------
    wavelength_A : ndarray, shape (n,)
        Observer frame, Angstrom, ascending.
    flux : ndarray, shape (n,)
        F_lambda, any scale; NaN is skipped.
    redshift : float
        The wavelengths are divided by 1 + redshift.

    Returns
    -------
    ndarray, shape (COLUMNS,)
        Mean flux per column. Columns narrower than the spectrum's own pixels are interpolated.
    """
    good = np.isfinite(flux) & np.isfinite(wavelength_A)
    rest, values = wavelength_A[good] / (1.0 + redshift), flux[good]
    grid = rest_grid()
    if rest.size < 2:
        return np.full(COLUMNS, np.nan)
    step = np.log(LAST_A / FIRST_A) / (COLUMNS - 1)
    column = np.rint(np.log(rest / FIRST_A) / step).astype(int)
    inside = (column >= 0) & (column < COLUMNS)
    count = np.bincount(column[inside], minlength=COLUMNS)
    total = np.bincount(column[inside], weights=values[inside], minlength=COLUMNS)
    between = np.interp(grid, rest, values, left=np.nan, right=np.nan)
    return np.where(count > 0, total / np.maximum(count, 1), between)


def normalised(row: FloatArray) -> FloatArray | None:
    """Divide by the mean flux of the window; None when it covers less than half of the window or is not positive."""
    grid = rest_grid()
    inside = row[(grid >= WINDOW_A[0]) & (grid <= WINDOW_A[1])]
    known = np.isfinite(inside)
    if known.mean() < 0.5:
        return None
    level = float(inside[known].mean())
    return row / level if level > 0 else None

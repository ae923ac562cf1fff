"""Two-dimensional Gaussian process over time and wavelength (NEEDLE paper, Sec. 4.2; Boone 2019).

Fluxes of all bands are one sample of a process with a Matern-3/2 kernel in both dimensions, so that one band fills the
gaps of the other. The wavelength scale is fixed at 6000 Angstrom as in Boone (2019): two bands cannot tell it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import minimize

from models.needle.lightcurves.lightcurve import Floats, Photometry

WAVELENGTH_A: Final = {"g": 4746.48, "r": 6366.38}
"""Effective wavelengths of the ZTF bands, Angstrom."""
SCALE_A: Final = 6000.0
ZERO_POINT: Final = 25.0  # magnitude of flux 1; any value does
TIME_BOUNDS_DAYS: Final = (3.0, 300.0)
MAX_REDUCED_CHI2: Final = 4.0
JITTER = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class GPFit:
    """A fitted process.

    Parameters
    ----------
    amplitude : float
        Standard deviation of the process, in units of the brightest flux.
    time_days : float
        Time scale of the kernel.
    log_likelihood : float
        Marginal, at the optimum.
    reduced_chi2 : float
        Of the data about the mean curve; near or below 1 for a fair fit.
    at_bound : bool
        Whether the time scale ran into its bounds, which means that the data did not determine it.
    """

    amplitude: float
    time_days: float
    log_likelihood: float
    reduced_chi2: float
    at_bound: bool
    points: Photometry
    scale: float
    weights: Floats

    @property
    def good(self) -> bool:
        """Whether the curve may be used to draw new detections (the paper leaves out poor fits, Sec. 4.3)."""
        return self.reduced_chi2 <= MAX_REDUCED_CHI2 and not self.at_bound

    def magnitudes(self, mjd: Floats, band: NDArray[np.str_]) -> Floats:
        """The mean curve, AB magnitudes; NaN where its flux is not positive."""
        cross = kernel(_inputs(mjd, band), _inputs(self.points.mjd, self.points.band), self.amplitude, self.time_days)
        flux = cross @ self.weights * self.scale
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(flux > 0, ZERO_POINT - 2.5 * np.log10(flux), np.nan))


def fit(points: Photometry) -> GPFit | None:
    """Fit amplitude and time scale by maximum marginal likelihood; None for fewer than three detections.

    The mean function is zero flux: before and after the data the object fades away.
    """
    if len(points) < 3:
        return None
    flux = 10.0 ** (-0.4 * (points.mag - ZERO_POINT))
    scale = float(flux.max())
    y = flux / scale
    error = np.maximum(points.mag_error, 0.02) * np.log(10) / 2.5 * y
    x = _inputs(points.mjd, points.band)
    bounds = [(np.log(0.05), np.log(20.0)), tuple(np.log(TIME_BOUNDS_DAYS))]
    best = min(
        (minimize(_cost, (0.0, np.log(start)), (x, y, error), "L-BFGS-B", bounds=bounds) for start in (15.0, 60.0)),
        key=lambda found: float(found.fun),
    )
    amplitude, time_days = map(float, np.exp(best.x))
    weights = _solve(x, y, error, amplitude, time_days)[0]
    mean = kernel(x, x, amplitude, time_days) @ weights
    return GPFit(
        amplitude=amplitude,
        time_days=time_days,
        log_likelihood=-float(best.fun),
        reduced_chi2=float(np.mean(((y - mean) / error) ** 2)),
        at_bound=bool(np.min(np.abs(best.x[1] - np.array(bounds[1]))) < 1e-3),
        points=points,
        scale=scale,
        weights=weights,
    )


def kernel(a: Floats, b: Floats, amplitude: float, time_days: float) -> Floats:
    """Matern-3/2 of the scaled distance in (time, wavelength), shape (len(a), len(b))."""
    scales = np.array([time_days, SCALE_A])
    distance = np.sqrt(3.0) * np.linalg.norm((a[:, None] - b[None]) / scales, axis=-1)
    return np.asarray(amplitude**2 * (1.0 + distance) * np.exp(-distance))


def _inputs(mjd: Floats, band: NDArray[np.str_]) -> Floats:
    return np.column_stack([mjd, [WAVELENGTH_A[b] for b in band]])


def _solve(x: Floats, y: Floats, error: Floats, amplitude: float, time_days: float) -> tuple[Floats, float]:
    """`K^-1 y` and the log determinant of K."""
    factor = cho_factor(kernel(x, x, amplitude, time_days) + np.diag(error**2 + JITTER), lower=True)
    return cho_solve(factor, y), 2.0 * float(np.log(np.diag(factor[0])).sum())


def _cost(logs: Floats, x: Floats, y: Floats, error: Floats) -> float:
    """Minus the log marginal likelihood."""
    try:
        weights, log_det = _solve(x, y, error, *np.exp(logs))
    except LinAlgError:
        return 1e10
    return 0.5 * float(y @ weights + log_det + len(y) * np.log(2 * np.pi))

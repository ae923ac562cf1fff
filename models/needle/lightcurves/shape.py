"""What the light curve does, robustly: numbers beside Table 1 for the metadata model (NEEDLE paper, Sec. 2.2).

The paper names rise time and colour as what tells the classes apart. Table 1 takes them from single detections, the
first and the brightest; one spurious early detection or one noisy night then decides. Here they come from a weighted
fit and from how long the object has been near its brightest.

    run_days        d          since the start of the unbroken run of detections (gaps up to 20 d)
    within_half     d          since it first came within 0.5 mag of its brightest
    within_one      d          since it first came within 1 mag of its brightest
    nights_one      d          time between the first and the last detection within 1 mag of the brightest
    fit_mag         mag        r magnitude now, fitted over the last 40 d
    fit_colour      mag        g - r now
    fit_slope       mag/(10 d) slope now, both bands together
    fit_curve       mag/(10 d)^2
    fit_reddening   mag/(10 d) change of g - r
    slope_20        mag/(10 d) straight line over the last 20 d
"""

from typing import Final

import numpy as np

from models.needle.lightcurves.lightcurve import Floats, Photometry

NAMES: Final = (
    "run_days", "within_half", "within_one", "nights_one", "fit_mag", "fit_colour", "fit_slope", "fit_curve",
    "fit_reddening", "slope_20",
)  # fmt: skip
GAP_DAYS, FIT_DAYS, LINE_DAYS, UNIT_DAYS = 20.0, 40.0, 20.0, 10.0
FLOOR_MAG: Final = 0.08
"""Added to every error: what a smooth curve cannot follow."""
PRIOR_MEAN: Final = np.array([0.0, 0.05, 0.0, 0.1, 0.05])
PRIOR_SD: Final = np.array([3.0, 0.3, 0.7, 0.25, 0.15])
"""Of the fit: magnitude, colour, slope, curvature, change of colour; wide, so that few detections say little."""


def trusted(points: Photometry) -> Photometry:
    """Without leading detections of a single night that nothing follows for 20 days: spurious, or another object.

    What is left is never empty unless it came empty.
    """
    while len(points) > 1:
        later = points.mjd > points.mjd[0] + 1.0
        if not later.any() or points.mjd[later][0] - points.mjd[0] <= GAP_DAYS:
            break
        points = points.where(later)
    return points


def shape(points: Photometry) -> Floats:
    """The numbers in the order of `NAMES`, for detections that are not empty."""
    now = points.mjd[-1]
    mag = points.mag - np.where(points.band == "g", PRIOR_MEAN[1], 0.0)
    gaps = np.flatnonzero(np.diff(points.mjd) > GAP_DAYS)
    run = points.mjd[gaps[-1] + 1] if len(gaps) else points.mjd[0]
    bright = np.quantile(mag, 0.1)
    half, one = (points.mjd[mag <= bright + step] for step in (0.5, 1.0))
    fit = _fit(points.where(points.mjd >= now - FIT_DAYS), 5)
    line = _fit(points.where(points.mjd >= now - LINE_DAYS), 3)
    return np.array([now - run, now - half[0], now - one[0], one[-1] - one[0], *fit, line[2]])


def _fit(points: Photometry, terms: int) -> Floats:
    """Posterior mean of a polynomial in time and a colour, errors Gaussian."""
    t = (points.mjd - points.mjd[-1]) / UNIT_DAYS
    g = (points.band == "g").astype(float)
    design = np.column_stack([np.ones(len(t)), g, t, t**2, g * t])[:, :terms]
    mean, sd = PRIOR_MEAN[:terms].copy(), PRIOR_SD[:terms]
    mean[0] = points.mag[-1]
    weight = 1.0 / (points.mag_error**2 + FLOOR_MAG**2)
    precision = design.T @ (design * weight[:, None]) + np.diag(1.0 / sd**2)
    return np.asarray(mean + np.linalg.solve(precision, design.T @ (weight * (points.mag - design @ mean))))

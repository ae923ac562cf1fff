"""Phase and redshift of each spectrum: from its own date, the light curve's maximum, and the best redshift there is.

The maximum is that of a Gaussian process (Matern 5/2, in flux, about zero) through the photometry of one band; its
error is the spread of the maxima of curves drawn from the posterior (Rasmussen & Williams 2006, Eqs. 2.23-2.24).
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.domain import Host, LightCurve, RawSpectrum, Target
from models.domain.arrays import FloatArray

MIN_DETECTIONS: Final = 5
MAX_ERROR_DAYS: Final = 8.0
"""A maximum known less well is not worth a phase."""
BEFORE_DAYS, AFTER_DAYS = 80.0, 120.0
"""Photometry this far about the brightest point is looked at."""
NEAR_DAYS: Final = 20.0
"""... and this far about the first estimate of the maximum, for the second."""
MODEL_ERROR_DAYS: Final = 0.5
"""No light curve is a stationary Gaussian process; added in quadrature."""
REDSHIFT_RANGE: Final = (-0.01, 10.0)
_LENGTHS: Final = np.geomspace(6.0, 60.0, 9)
_DRAWS: Final = 128
_MJD_EPOCH: Final = datetime(1858, 11, 17)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """Maximum light.

    Parameters
    ----------
    mjd, error_days : float or None
        UTC days; None when the light curve does not constrain it.
    band : str or None
        In which band.
    reason : str or None
        Why there is none.
    """

    mjd: float | None = None
    error_days: float | None = None
    band: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Rest-frame days from maximum light of one spectrum; None with the reason."""

    days: float | None = None
    error_days: float | None = None
    band: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redshift:
    """A redshift and where it comes from: `spectrum`, `target`, `target (host)` and the like, or `host`."""

    value: float | None = None
    origin: str | None = None


def redshift_of(raw: RawSpectrum, target: Target | None = None, host: Host | None = None) -> Redshift:
    """The redshift measured closest to the transient: of the spectrum, else of the object, else of its host."""
    origin = None if target is None else target.redshift_origin
    candidates = (
        ("spectrum", raw.redshift),
        ("target" if not origin else f"target ({origin})", None if target is None else target.redshift),
        ("host", None if host is None else host.redshift),
    )
    for name, value in candidates:
        usable = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and usable and REDSHIFT_RANGE[0] <= value <= REDSHIFT_RANGE[1]:
            return Redshift(value=float(value), origin=name)
    return Redshift()


def phase_of(mjd: float | None, peak: Peak, redshift: float | None) -> Phase:
    """Phase of a spectrum taken at `mjd`, in rest-frame days."""
    if mjd is None:
        return Phase(reason="the spectrum has no date")
    if peak.mjd is None or peak.error_days is None:
        return Phase(reason=peak.reason)
    if redshift is None:
        return Phase(reason=f"no redshift; {mjd - peak.mjd:+.1f} d from {peak.band} maximum in the observer's frame")
    stretch = 1.0 + redshift
    return Phase(days=(mjd - peak.mjd) / stretch, error_days=peak.error_days / stretch, band=peak.band)


def mjd_of(observed_at: str | None) -> float | None:
    """Modified Julian Date (UTC) of an ISO text, naive meaning UTC; None when it is no date."""
    if not isinstance(observed_at, str):
        return None
    try:
        when = datetime.fromisoformat(observed_at)
    except ValueError:
        return None
    naive = when if when.tzinfo is None else when.astimezone(UTC).replace(tzinfo=None)
    return (naive - _MJD_EPOCH).total_seconds() / 86400.0


def peak_of(curve: LightCurve | None, *, seed: int = 0) -> Peak:
    """Maximum light, in the band that fixes it best; g and r before others of the same error.

    Needs `MIN_DETECTIONS` in the band, and light on both sides of the maximum: a curve that only rises or only
    declines has no maximum to speak of.
    """
    if curve is None or not curve.mjd.size:
        return Peak(reason="there is no light curve")
    peaks = [_peak_in(curve, band, seed) for band in sorted(set(curve.band))]
    found = [peak for peak in peaks if peak.mjd is not None and peak.error_days is not None]
    if found:
        return min(found, key=lambda peak: (round(peak.error_days or 0.0, 1), peak.band not in ("g", "r"), peak.band))
    return Peak(reason="; ".join(f"{peak.band}: {peak.reason}" for peak in peaks))


def _peak_in(curve: LightCurve, band: str, seed: int) -> Peak:
    mjd, flux, error = _fluxes(curve, band)
    if (flux > 3 * error).sum() < MIN_DETECTIONS:
        return Peak(band=band, reason=f"{int((flux > 3 * error).sum())} detections, {MIN_DETECTIONS} needed")
    first, last = _detected_span(mjd, flux, error)
    draws = _maxima(mjd, flux, error, np.random.default_rng(seed))
    about = np.abs(mjd - float(np.median(draws))) <= NEAR_DAYS
    if (flux[about] > 3 * error[about]).sum() >= MIN_DETECTIONS:
        # A rise is faster than a decline; once it is known where, the maximum is better found by itself.
        draws = _maxima(mjd[about], flux[about], error[about], np.random.default_rng(seed))
    middle, spread = float(np.median(draws)), float((np.percentile(draws, 84) - np.percentile(draws, 16)) / 2)
    early = middle - 2 * max(spread, 0.5) < mjd[0] or not _limit_or_rise(mjd, flux, error, middle)
    if early or middle <= first:
        return Peak(band=band, reason="the rise was not seen")
    if middle >= last:
        return Peak(band=band, reason="the decline was not seen")
    if spread > MAX_ERROR_DAYS:
        return Peak(band=band, reason=f"maximum uncertain by {spread:.0f} d, {MAX_ERROR_DAYS:.0f} d allowed")
    return Peak(mjd=middle, error_days=math.hypot(spread, MODEL_ERROR_DAYS), band=band)


def _fluxes(curve: LightCurve, band: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Linear fluxes, brightest about 1, of one band near its brightest detection; limits are zero with an error."""
    here = np.array([b == band for b in curve.band]) & (np.isfinite(curve.mag) | np.isfinite(curve.limit_mag))
    seen = here & np.isfinite(curve.mag)
    if not seen.any():
        return np.zeros(0), np.zeros(0), np.ones(0)
    zero = float(np.min(curve.mag[seen]))
    brightest = float(curve.mjd[seen][np.argmin(curve.mag[seen])])
    near = here & (curve.mjd >= brightest - BEFORE_DAYS) & (curve.mjd <= brightest + AFTER_DAYS)
    mag, limit = curve.mag[near], curve.limit_mag[near]
    flux = np.where(np.isfinite(mag), 10 ** (-0.4 * (mag - zero)), 0.0)
    mag_error = np.where(np.isfinite(curve.mag_error[near]), curve.mag_error[near], 0.1)
    # Limiting magnitudes are five sigma. Two per cent keep one tiny quoted error from ruling the curve.
    error = np.where(np.isfinite(mag), np.hypot(flux * mag_error / 1.0857, 0.02), 10 ** (-0.4 * (limit - zero)) / 5)
    return np.asarray(curve.mjd[near]), flux, error


def _detected_span(mjd: FloatArray, flux: FloatArray, error: FloatArray) -> tuple[float, float]:
    when = mjd[flux > 3 * error]
    return float(when[0]), float(when[-1])


def _limit_or_rise(mjd: FloatArray, flux: FloatArray, error: FloatArray, peak: float) -> bool:
    """Whether something before the maximum is clearly fainter than the brightest."""
    before = mjd < peak
    return bool((before & (flux + 2 * error < flux.max())).any())


def _maxima(mjd: FloatArray, flux: FloatArray, error: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Times of maximum of curves drawn from the posterior."""
    grid = np.arange(mjd[0], mjd[-1] + 0.25, max(0.25, (mjd[-1] - mjd[0]) / 400))
    length = max(_LENGTHS, key=lambda scale: _evidence(mjd, flux, error, float(scale)))
    amplitude = float(np.mean(flux**2))
    cross = amplitude * _matern(grid[:, None] - mjd[None, :], length)
    factor = np.linalg.cholesky(amplitude * _matern(mjd[:, None] - mjd[None, :], length) + np.diag(error**2))
    half = np.linalg.solve(factor, cross.T)
    mean = half.T @ np.linalg.solve(factor, flux)
    covariance = amplitude * _matern(grid[:, None] - grid[None, :], length) - half.T @ half
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    curves = mean[:, None] + root @ rng.normal(size=(grid.size, _DRAWS))
    return np.asarray(grid[np.argmax(curves, axis=0)])


def _evidence(mjd: FloatArray, flux: FloatArray, error: FloatArray, length: float) -> float:
    """Log marginal likelihood of one length scale (R&W Eq. 2.30)."""
    covariance = float(np.mean(flux**2)) * _matern(mjd[:, None] - mjd[None, :], length) + np.diag(error**2)
    factor = np.linalg.cholesky(covariance)
    whitened = np.linalg.solve(factor, flux)
    return float(-0.5 * whitened @ whitened - np.log(np.diag(factor)).sum())


def _matern(days: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    x = np.sqrt(5.0) * np.abs(days) / length
    return np.asarray((1.0 + x + x**2 / 3.0) * np.exp(-x))

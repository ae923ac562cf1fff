"""What the SED Machine makes of a spectrum (Blagorodnova et al. 2018, PASP 130, 035003): R ~ 100, noise, blemishes."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from models.simulation.grid import FloatArray

RESOLUTION = 100.0
PIXELS_A = np.arange(3776.7, 9223.4, 24.66)
"""Pixel centres, observer frame, Angstrom."""
_FINE_A = np.geomspace(3500.0, 9700.0, 4000)
# Night-sky and telluric features that a low-resolution reduction rarely removes without a trace: centre, width.
_RESIDUALS_A = ((5577.0, 14.0), (6870.0, 30.0), (7605.0, 35.0), (9370.0, 90.0))


def observe(wavelength_A: FloatArray, flux: FloatArray) -> FloatArray:
    """Smooth to the spectrograph's resolution and put onto its pixels; NaN where the input does not reach."""
    reach = (wavelength_A[0] <= _FINE_A) & (wavelength_A[-1] >= _FINE_A)
    fine = np.interp(_FINE_A, wavelength_A, flux)
    step = np.log(_FINE_A[1] / _FINE_A[0])
    smooth = gaussian_filter1d(fine, 1.0 / RESOLUTION / 2.3548 / step, mode="nearest")
    known = np.interp(PIXELS_A, _FINE_A, reach.astype(float)) > 0.5
    return np.where(known, np.interp(PIXELS_A, _FINE_A, smooth), np.nan)


def noise_shape() -> FloatArray:
    """Noise per pixel relative to that in the middle: the throughput falls at both ends."""
    return 1.0 + 2.2 * np.exp(-(PIXELS_A - 3770.0) / 260.0) + 1.2 * np.exp((PIXELS_A - 9230.0) / 260.0)


def degrade(flux: FloatArray, snr: float, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Add noise, residuals of the sky, and a smooth error of the flux calibration.

    Parameters
    ----------
    flux : ndarray, shape (pixels,)
        Noise-free, on `PIXELS_A`.
    snr : float
        Median signal-to-noise ratio per pixel.

    Returns
    -------
    flux, error : ndarray
        The noisy spectrum and the noise level of each pixel.
    """
    x = (PIXELS_A - PIXELS_A.mean()) / np.ptp(PIXELS_A)
    tilt = 1.0 + 0.08 * rng.normal() * x + 0.04 * rng.normal() * np.cos(2 * np.pi * x)
    level = float(np.nanmedian(np.abs(flux)))
    error = level / snr * noise_shape() * np.sqrt(0.5 + 0.5 * np.clip(np.nan_to_num(flux) / level, 0.1, 4.0))
    bumps = sum(
        rng.normal(0.0, 0.6) * error * np.exp(-0.5 * ((PIXELS_A - centre) / width) ** 2)
        for centre, width in _RESIDUALS_A
    )
    # Neighbouring pixels share part of their noise: the reduction resamples the spaxels.
    white = gaussian_filter1d(rng.normal(size=PIXELS_A.size), 0.5)
    return flux * tilt + error * white / white.std() + bumps, error

"""Every threshold of quality control in one place.

The figures beside them are from the 7675 real spectra with a coverage of 0.8 or more on which the first network was
trained; together the rules refuse 0.6 % of those.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRules:
    """What a spectrum must be like to get a class.

    Parameters
    ----------
    window_A : tuple of float
        What the network looks at, Angstrom (ASTRANet paper, App. D).
    min_coverage : float
        Share of the window that must be covered. Below 80 % (paper, Sec. III) a model answers only if it was calibrated
        for that.
    max_gap_steps, max_gap_A : float
        A step between pixels counts as a gap when longer than this many median steps and than this many Angstrom.
    min_points, max_points : int
        Pixels; the shortest real spectrum has 126. The upper end keeps one mad upload from filling the memory.
    max_missing : float
        Largest share of missing flux values inside the window.
    max_negative : float
        Largest share of negative flux: above it the continuum was subtracted or there is no signal.
    min_spread : float
        (p95 - p5) / |median| inside the window; the flattest real spectrum has 0.08.
    min_distinct : int
        Different flux values inside the window; the coarsest real spectrum has 98.
    max_zero : float
        Share of flux values that are exactly zero (padding); the largest real one is 0.008.
    max_peak : float
        Largest |flux| over the 99th percentile; the sharpest real line has 44.
    max_range : float
        Largest |flux| over the median; the strongest real lines have 500, fill values 1e17.
    take_out_fills : bool
        Whether fill values among the flux are taken as missing. False reads spectra as the shipped networks' were read.
    max_flux, min_flux : float
        Bounds of the typical |flux|, any unit: outside them single precision runs over or under. Real: 4e-26 to 4e16.
    min_snr : float
        Median flux over noise per pixel; 0.6 % of the real spectra lie below 1.2.
    rest_frame_snr : float
        How far above the noise two narrow lines must stand at rest wavelengths before a spectrum counts as brought to
        rest; half of it at their redshifted places speaks against it.
    redshift_range, max_phase_days : float
        Outside these the value is dropped, not the spectrum.
    """

    window_A: tuple[float, float] = (3850.0, 9000.0)
    min_coverage: float = 0.70
    max_gap_steps: float = 5.0
    max_gap_A: float = 50.0
    min_points: int = 30
    max_points: int = 1_000_000
    max_missing: float = 0.2
    max_negative: float = 0.3
    min_spread: float = 0.02
    min_distinct: int = 10
    max_zero: float = 0.2
    max_peak: float = 100.0
    max_range: float = 1e4
    take_out_fills: bool = True
    max_flux: float = 1e30
    min_flux: float = 1e-35
    min_snr: float = 1.2
    rest_frame_snr: float = 7.0
    redshift_range: tuple[float, float] = (-0.01, 10.0)
    max_phase_days: float = 3000.0

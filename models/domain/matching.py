"""What matching archive spectra say: redshift, phase, subtype; and what a known redshift changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RedshiftEstimate:
    """The redshift that the spectrum itself shows, and how it goes with the one that is known.

    Parameters
    ----------
    value : float or None
        None where no peak of the correlation can be believed.
    best, share : float
        The best peak, believed or not, and the probability within 0.01 (1 + z) of it.
    low, high : float or None
        Interval at error rate `alpha`, by split-conformal calibration within `cell` (`cell_size` spectra); None without
        a value.
    second, second_share : float or None
        The next best redshift that is another one; None where nothing speaks for one.
    known, known_origin : float, str or None
        The redshift that came with the spectrum or its source, and whose it is.
    agrees : bool or None
        Whether `known` lies in the interval; None unless both are there.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    alpha: float
    best: float
    share: float
    second: float | None = None
    second_share: float | None = None
    known: float | None = None
    known_origin: str | None = None
    agrees: bool | None = None
    cell: str | None = None
    cell_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseEstimate:
    """Rest-frame days from maximum light, from the phases of matches; the interval is conformal, as a redshift's."""

    days: float
    low: float
    high: float
    alpha: float
    cell: str
    cell_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtype:
    """Which subtype of the most probable class, given that the class is right.

    Parameters
    ----------
    label : str
    probabilities : mapping of str to float
        Of each subtype of the class; sums to 1.
    prediction_sets : mapping of str to tuple of str
        Subtypes at each alpha, keyed by the alpha as text.
    """

    label: str
    probabilities: Mapping[str, float]
    prediction_sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Luminosity:
    """Absolute AB magnitude, from an apparent one and a redshift; `correction` says what was corrected for.

    Parameters
    ----------
    magnitude, band : float, str
        Of the brightest detection.
    redshift, redshift_origin : float, str
        What the distance is from (flat, H0 = 67.7 km/s/Mpc, Omega_m = 0.31).
    at_spectrum, at_spectrum_band : float, str or None
        Of the detection nearest to the spectrum in time; None where none is near, or nobody knows when it was taken.
    days_from_spectrum : float or None
        How much later than the spectrum that one is.
    """

    magnitude: float
    band: str
    redshift: float
    redshift_origin: str
    correction: str
    at_spectrum: float | None = None
    at_spectrum_band: str | None = None
    days_from_spectrum: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WithLuminosity:
    """What the classes' probabilities would be with the luminosity as evidence: beside the answer, never in its place.

    Parameters
    ----------
    label : str
        The most probable class then; `agrees` tells whether it is that of the spectrum alone.
    probabilities : mapping of str to float
        Of each class.
    magnitude, redshift : float
        The absolute magnitude that was weighed, and what the distance is from.
    """

    label: str
    probabilities: Mapping[str, float]
    magnitude: float
    redshift: float
    agrees: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What the networks say with and without the redshift, whichever of the two the verdict is from.

    Parameters
    ----------
    redshift, origin : float, str
        What the networks were told.
    with_redshift, without_redshift : mapping of str to float
        Probability of each class.
    sets_with, sets_without : tuple of str
        Prediction set at `alpha`.
    """

    redshift: float
    origin: str
    with_redshift: Mapping[str, float]
    without_redshift: Mapping[str, float]
    sets_with: tuple[str, ...]
    sets_without: tuple[str, ...]
    alpha: float

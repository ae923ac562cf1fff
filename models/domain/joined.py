"""What the source around a spectrum says, and the one probability that spectrum and source have together."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrounding:
    """What is known of a source beside its spectra, small enough to be kept with a report; None where it is not known.

    Parameters
    ----------
    latitude_deg : float or None
        Galactic latitude b.
    star_score, nearest_arcsec : float or None
        Of the nearest source in the reference catalogue: 0 for a galaxy to 1 for a star, and how far away it is.
    mjd, mag, band : tuple, one length
        Detections in the difference images, observed AB magnitudes, by time.
    seen_at_mjd : float or None
        Of the newest alert that was looked at; None where no alerts are followed.
    """

    latitude_deg: float | None = None
    star_score: float | None = None
    nearest_arcsec: float | None = None
    mjd: tuple[float, ...] = ()
    mag: tuple[float, ...] = ()
    band: tuple[str, ...] = ()
    seen_at_mjd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The classes' probabilities by spectrum and source together: beside the class of the spectrum, never in its place.

    Parameters
    ----------
    label : str
        The most probable class; `agrees` tells whether it is that of the spectra alone.
    probabilities : mapping of str to float
        Of each class, sums to 1.
    used, missing : tuple of str
        Names of the evidence that was weighed, and of that which was not known or is no evidence yet.
    prediction_sets : mapping of str to tuple of str
        By alpha; empty where there are too few objects to calibrate them.
    model : str
        Name and fingerprint of what joined them.
    """

    label: str
    probabilities: Mapping[str, float]
    used: tuple[str, ...]
    missing: tuple[str, ...]
    agrees: bool
    model: str
    prediction_sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    calibration_size: int = 0

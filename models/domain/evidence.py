"""What is known of one object before anything is computed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from models.domain.arrays import FloatArray, frozen
from models.domain.caveats import Caveat


@dataclass(frozen=True, slots=True)
class HumanLabel:
    """What a person called an object.

    Parameters
    ----------
    name : str
        A class of the marshal's taxonomy, or whatever the person wrote.
    probability : float or None
        How sure they said to be, 0 to 1; None when they did not say.
    """

    name: str
    probability: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenLabel:
    """A class that a person gave an object, as the marshal has it on file.

    Parameters
    ----------
    row_id : str
        The marshal's number of it.
    author_id : int or None
        Of the account that gave it; `author` is its name.
    origin : str or None
        What the account said it is from.
    changed_at : str or None
        When it was given, or changed last (ISO text).
    """

    row_id: str
    name: str
    probability: float | None = None
    author_id: int | None = None
    author: str | None = None
    origin: str | None = None
    changed_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An object in the sky, as the marshal knows it.

    Parameters
    ----------
    target_id : str
        The marshal's name, such as `ZTF26aaapple`.
    ra_deg, dec_deg : float or None
        Position, ICRS, degrees.
    redshift : float or None
        As the marshal has it; it may be the host's.
    tns_name : str or None
        Such as `SN 2026abc`; prefixes are the TNS's own.
    ebv_mag : float or None
        Milky Way reddening E(B-V), magnitudes.
    classifications : tuple of HumanLabel
        Given by people (never by machines), each once; those they were unsure of too.
    given : tuple of GivenLabel
        The same row by row: who gave each, and when. Empty where the source does not say.
    simulated : bool
        Whether the marshal says that it is made up.
    """

    target_id: str
    ra_deg: float | None = None
    dec_deg: float | None = None
    redshift: float | None = None
    redshift_origin: str | None = None
    tns_name: str | None = None
    tns_type: str | None = None
    ebv_mag: float | None = None
    classifications: tuple[HumanLabel, ...] = ()
    group_ids: tuple[int, ...] = ()
    given: tuple[GivenLabel, ...] = ()
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSpectrum:
    """A spectrum exactly as somebody sent it: nothing is promised about the values.

    Quality control (`iris_client.quality.control.examine`) turns it into a `Spectrum` or into reasons why not.
    """

    spectrum_id: str
    target_id: str | None = None
    wavelengths: Sequence[object] | object = ()
    fluxes: Sequence[object] | object = ()
    errors: Sequence[object] | object | None = None
    units: str | None = None
    wavelength_unit: str | None = None
    kind: str = "source"
    redshift: float | None = None
    phase_days: float | None = None
    instrument: str | None = None
    observed_at: str | None = None
    modified: str | None = None
    origin: str | None = None
    group_ids: tuple[int, ...] = ()
    bad: Sequence[object] | object | None = None
    """True, or not zero, for each pixel that holds no measurement, as a mask or a vanishing inverse variance says."""
    bad_because: str | None = None
    """What said so, such as "ivar 0"."""
    rest_frame: str | None = None
    """The words by which the file says that the wavelengths are at rest; None when it does not."""
    read_as: str | None = None
    """What the reader took for what, such as "wavelength from column 1, flux from column 2"; for refusals."""
    notes: tuple[Caveat, ...] = ()
    """What the reader had to guess, or has repaired."""
    observers: tuple[str, ...] = ()
    reducers: tuple[str, ...] = ()
    """Names of people, as the source has them."""
    exposure_s: float | None = None
    trouble: str | None = None
    """Why the reader could not make arrays of it at all (truncated FITS, HTML...); None when it could."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """A spectrum that passed quality control.

    Parameters
    ----------
    spectrum_id : str
        The marshal's id, or the row's or file's name.
    wavelength_A : ndarray, shape (n,)
        Observer frame, Angstrom, strictly ascending, finite.
    flux : ndarray, shape (n,)
        F_lambda in any scale; NaN where a pixel is missing.
    flux_error : ndarray, shape (n,), or None
        Same scale as `flux`.
    redshift, phase_days : float or None
        Optional; the classifier needs neither. Phase is rest-frame days from maximum light.

    Raises
    ------
    ValueError
        If lengths differ, wavelengths are not finite and strictly ascending, or there are fewer than two pixels.
    """

    spectrum_id: str
    target_id: str | None = None
    wavelength_A: FloatArray
    flux: FloatArray
    flux_error: FloatArray | None = None
    redshift: float | None = None
    phase_days: float | None = None
    instrument: str | None = None
    observed_at: str | None = None

    def __post_init__(self) -> None:
        wavelength = frozen(self.wavelength_A, name="wavelength_A")
        flux = frozen(self.flux, name="flux")
        object.__setattr__(self, "wavelength_A", wavelength)
        object.__setattr__(self, "flux", flux)
        if wavelength.size < 2 or wavelength.size != flux.size:
            raise ValueError(f"a spectrum needs two pixels or more, one flux each: {wavelength.size}, {flux.size}")
        if not np.isfinite(wavelength).all() or not (np.diff(wavelength) > 0).all():
            raise ValueError("wavelength_A must be finite and strictly ascending")
        if np.isinf(flux).any():
            raise ValueError("flux must be finite, or NaN where missing")
        if self.flux_error is not None:
            error = frozen(self.flux_error, name="flux_error")
            if error.size != flux.size:
                raise ValueError("flux_error must have one value per pixel")
            object.__setattr__(self, "flux_error", error)


@dataclass(frozen=True, slots=True, kw_only=True)
class LightCurve:
    """Photometry of one object, sorted by time.

    Parameters
    ----------
    mjd : ndarray, shape (n,)
        Modified Julian Date, UTC days, ascending.
    band : tuple of str, length n
        `g`, `r`, `i`...
    mag, mag_error : ndarray, shape (n,)
        Observed AB magnitudes (no extinction correction); NaN for non-detections.
    limit_mag : ndarray, shape (n,)
        Limiting magnitude, NaN where unknown.
    is_limit : ndarray of float (0 or 1), shape (n,)
        1 for a non-detection.
    """

    mjd: FloatArray
    band: tuple[str, ...]
    mag: FloatArray
    mag_error: FloatArray
    limit_mag: FloatArray
    is_limit: FloatArray

    def __post_init__(self) -> None:
        for name in ("mjd", "mag", "mag_error", "limit_mag", "is_limit"):
            object.__setattr__(self, name, frozen(getattr(self, name), name=name))
        sizes = {
            self.mjd.size,
            self.mag.size,
            self.mag_error.size,
            self.limit_mag.size,
            self.is_limit.size,
            len(self.band),
        }
        if len(sizes) != 1:
            raise ValueError(f"every column of a light curve needs the same length, got {sorted(sizes)}")
        if self.mjd.size and (not np.isfinite(self.mjd).all() or (np.diff(self.mjd) < 0).any()):
            raise ValueError("mjd must be finite and ascending")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutouts:
    """One alert's stamps, in counts, north up.

    Parameters
    ----------
    science, template, difference : ndarray, shape (rows, columns), or None
        None where the packet's stamp could not be read.
    """

    candid: str
    band: str
    mjd: float
    science: FloatArray | None = None
    template: FloatArray | None = None
    difference: FloatArray | None = None
    pixel_arcsec: float = 1.01
    center_yx: tuple[float, float] | None = None
    """Row and column of the transient in the stamp, pixels; None means the middle of a whole stamp."""

    def __post_init__(self) -> None:
        for name in ("science", "template", "difference"):
            stamp = getattr(self, name)
            if stamp is not None:
                object.__setattr__(self, name, frozen(stamp, name=name, ndim=2))


PHOTO_Z_ERROR: Final = 0.05
"""Of a photometric redshift whose error is not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A source of a survey's catalogue near a transient.

    Parameters
    ----------
    mags : dict of str to float
        AB magnitudes by band, of a point source.
    star_score : float or None
        From 0 for a galaxy to 1 for a star.
    """

    separation_arcsec: float
    mags: dict[str, float] = field(default_factory=dict)
    star_score: float | None = None
    ra_deg: float | None = None
    dec_deg: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The galaxy a transient sits in: AB magnitudes by band, the offset, the redshift of a catalogue of galaxies."""

    mags: dict[str, float] = field(default_factory=dict)
    separation_arcsec: float | None = None
    ra_deg: float | None = None
    dec_deg: float | None = None
    redshift: float | None = None
    redshift_error: float | None = None
    """One sigma of a photometric redshift; None for one from a spectrum of the galaxy, or where none is told."""
    redshift_kind: str | None = None
    """`spectroscopic` or `photometric`; None where whoever gave it does not say."""
    source: str | None = None
    """Who says so, and by which catalogue."""
    dlr: float | None = None
    """The offset in units of the galaxy's own radius in that direction, where its shape is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that goes into one answer; whatever could not be had is None and has a caveat."""

    target: Target
    spectrum_id: str | None = None
    """Of the spectrum asked about, also when quality control refused it and `spectrum` is None."""
    spectrum: Spectrum | None = None
    light_curve: LightCurve | None = None
    cutouts: tuple[Cutouts, ...] = ()
    host: Host | None = None
    neighbours: tuple[Neighbour, ...] = ()
    """Sources around it, the nearest first: no part of what a model is told."""


def input_hash(evidence: Evidence) -> str:
    """SHA-256 of what the answer depends on: arrays and metadata, not names."""
    digest = hashlib.sha256()
    if evidence.spectrum is not None:
        s = evidence.spectrum
        digest.update(s.wavelength_A.tobytes())
        digest.update(s.flux.tobytes())
        digest.update(repr((s.redshift, s.phase_days, s.instrument)).encode())
        if s.redshift is None and evidence.target.redshift is not None:
            digest.update(repr((evidence.target.redshift, evidence.target.redshift_origin)).encode())
    return digest.hexdigest()

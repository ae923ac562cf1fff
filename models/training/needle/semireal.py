"""Semi-real image pairs: a real field, a galaxy of the class, the transient at its real magnitude.

No real stamps of SLSNe-I and TDEs are to be had. So the field, its noise, its seeing and its neighbours are those of a
real ZTF alert whose central source was taken out; into it go a galaxy with the magnitude, size and offset of a real
host of the class, and, in the science image alone, a point source with the magnitude of a real light curve. Whatever
comes of such images is called semi-real.

Beyond what is real: galaxies are smooth Sersic profiles, their index and flattening drawn alike for every class, and
point-spread functions are Gaussians of the alert's seeing.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, gaussian_filter
from scipy.special import gamma

from models.needle.images.mask import cluster, object_mask
from models.needle.images.quality import SATURATION
from models.needle.images.stamps import CENTER, SIZE, FloatImage, background

PIXEL_ARCSEC: Final = 1.01
OVERSAMPLING: Final = 3
GAIN: Final = 6.2
"""Electrons per count of ZTF's detectors."""
REFERENCE_DEPTH: Final = 15.0
"""Exposures in a reference image, about: its counts have that much less shot noise."""
MAX_CENTRAL_PIXELS: Final = 300
"""Fields whose central source covers more are not used: too little real sky would be left."""
SKY_SIGMAS: Final = 3.0
INDEX_RANGE: Final = (0.7, 3.0)
FLATTENING_RANGE: Final = (0.3, 1.0)
MIN_RADIUS_PIXELS: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A real pair of stamps without its central source.

    Parameters
    ----------
    science, reference : ndarray, shape (60, 60)
        Counts.
    science_zero_mag, reference_zero_mag : float
        Magnitude of a source with one count.
    seeing_pixels, reference_seeing_pixels : float
        Full width at half maximum.
    fold : int
        Of the alert's object: what it is drawn into must not be known to a network that is measured on that fold.
    """

    object_id: str
    band: str
    science: FloatImage
    reference: FloatImage
    science_zero_mag: float
    reference_zero_mag: float
    seeing_pixels: float
    reference_seeing_pixels: float = 2.0
    fold: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Galaxy:
    """A Sersic profile; lengths in pixels, angle in radians."""

    mag: float
    radius_pixels: float
    offset_yx: tuple[float, float]
    index: float = 1.0
    flattening: float = 1.0
    angle: float = 0.0


def empty_field(field: Field, rng: np.random.Generator) -> Field | None:
    """The same field without the source at its centre: that is filled with pixels of the field's own sky.

    Returns
    -------
    Field or None
        None when the central source is too large.
    """
    where = object_mask(field.science) | object_mask(field.reference)
    where = binary_dilation(where, np.ones((3, 3)), iterations=2)
    around = slice(CENTER - 3, CENTER + 4)
    where[around, around] = True
    if where.sum() > MAX_CENTRAL_PIXELS:
        return None
    science, reference = (_emptied(image, where, rng) for image in (field.science, field.reference))
    return replace(field, science=science, reference=reference)


def zero_difference(science: FloatImage, reference: FloatImage) -> float | None:
    """Zero point of the reference minus that of the science image, from the stars both show; None without any."""
    skies = background(science), background(reference)
    above = [(image - sky.level) / sky.sigma for image, sky in zip((science, reference), skies, strict=True)]
    both = (above[0] > 10) & (above[1] > 10) & (cluster(reference) >= 0)
    if both.sum() < 10:
        return None
    ratio = (science[both] - skies[0].level).sum() / (reference[both] - skies[1].level).sum()
    return float(-2.5 * np.log10(ratio))


def draw_galaxy(mag: float, radius_arcsec: float, offset_arcsec: float, rng: np.random.Generator) -> Galaxy:
    """A galaxy of known magnitude, half-light radius and offset; direction, index and flattening are drawn."""
    direction = rng.uniform(0, 2 * np.pi)
    offset = offset_arcsec / PIXEL_ARCSEC
    return Galaxy(
        mag=mag,
        radius_pixels=max(radius_arcsec / PIXEL_ARCSEC, MIN_RADIUS_PIXELS),
        offset_yx=(offset * np.sin(direction), offset * np.cos(direction)),
        index=float(rng.uniform(*INDEX_RANGE)),
        flattening=float(rng.uniform(*FLATTENING_RANGE)),
        angle=float(rng.uniform(0, np.pi)),
    )


def render(
    field: Field, transient_mag: float, galaxy: Galaxy | None, rng: np.random.Generator
) -> tuple[FloatImage, FloatImage]:
    """Science and reference image, counts: galaxy in both, the transient in the science image alone.

    Parameters
    ----------
    field : Field
        Already emptied (`empty_field`).
    transient_mag : float
        Observed AB magnitude in the field's band.
    """
    science, reference = field.science, field.reference
    if galaxy is not None:
        light = sersic(galaxy)
        flux = _counts(galaxy.mag, field.science_zero_mag), _counts(galaxy.mag, field.reference_zero_mag)
        science = _add(science, flux[0] * _seen(light, field.seeing_pixels), GAIN, rng)
        gain = GAIN * REFERENCE_DEPTH
        reference = _add(reference, flux[1] * _seen(light, field.reference_seeing_pixels), gain, rng)
    point = point_source(field.seeing_pixels, tuple(rng.uniform(-0.5, 0.5, 2)))
    return _add(science, _counts(transient_mag, field.science_zero_mag) * point, GAIN, rng), reference


def sersic(galaxy: Galaxy) -> FloatImage:
    """Share of the galaxy's light in each fine pixel, shape (180, 180); what lies outside the stamp is missing.

    Of small and steep ones up to a tenth is lost in the softening of the cusp.
    """
    fine = (np.arange(SIZE * OVERSAMPLING) + 0.5) / OVERSAMPLING - 0.5 - CENTER
    y, x = fine[:, None] - galaxy.offset_yx[0], fine[None, :] - galaxy.offset_yx[1]
    along = x * np.cos(galaxy.angle) + y * np.sin(galaxy.angle)
    across = (y * np.cos(galaxy.angle) - x * np.sin(galaxy.angle)) / galaxy.flattening
    n, radius = galaxy.index, galaxy.radius_pixels
    b = 2 * n - 1 / 3 + 0.009876 / n
    # Half a fine pixel of softening: the cusp of large indices must not hang on where a pixel happens to lie.
    r = np.hypot(np.hypot(along, across), 0.5 / OVERSAMPLING) / radius
    total = 2 * np.pi * n * b ** (-2 * n) * gamma(2 * n) * radius**2 * galaxy.flattening
    return np.exp(-b * r ** (1 / n)) / total / OVERSAMPLING**2


def point_source(seeing_pixels: float, offset_yx: tuple[float, ...] = (0.0, 0.0)) -> FloatImage:
    """A Gaussian point-spread function of unit sum at the centre, shape (60, 60)."""
    sigma = seeing_pixels / 2.3548
    axis = np.arange(SIZE) - CENTER
    rows, columns = (np.exp(-((axis - o) ** 2) / (2 * sigma**2)) for o in offset_yx)
    out = np.outer(rows, columns)
    return out / out.sum()


def _seen(light: FloatImage, seeing_pixels: float) -> FloatImage:
    blurred = gaussian_filter(light, seeing_pixels / 2.3548 * OVERSAMPLING, mode="constant")
    return blurred.reshape(SIZE, OVERSAMPLING, SIZE, OVERSAMPLING).sum((1, 3))


def _add(image: FloatImage, light: FloatImage, gain: float, rng: np.random.Generator) -> FloatImage:
    """Add light with its shot noise; what would saturate is cut there, since a saturated stamp is refused anyway."""
    noise: NDArray[np.float64] = rng.normal(size=light.shape) * np.sqrt(np.maximum(light, 0) / gain)
    return np.minimum(image + light + noise, SATURATION)


def _counts(mag: float, zero_mag: float) -> float:
    return float(10.0 ** (-0.4 * (mag - zero_mag)))


def _emptied(image: FloatImage, where: NDArray[np.bool_], rng: np.random.Generator) -> FloatImage:
    sky = background(image)
    noise = image[~where & (np.abs(image - sky.level) <= SKY_SIGMAS * sky.sigma)]
    out = image.copy()
    out[where] = rng.choice(noise, size=int(where.sum()))
    return out

"""Restoration (Sec. 3.2): repair the bad pixels of one image with those of a good image of the same field.

Beyond the paper: pixels missing in **both** images (both end at the same edge of the detector) are filled with the
image's own noise, if they are few and far from the transient. Masking would replace such pixels by noise in any case.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, maximum_filter, uniform_filter

from models.needle.images.noise import fill, noise_set
from models.needle.images.quality import SATURATION
from models.needle.images.stamps import CENTER, FLOOR, FloatImage, Mask, background, missing, stretch

WINDOW = 7
SIMILARITY = 0.5
"""Pixels less similar than this are candidates of the difference mask."""
OUTLIER_SIGMAS = 5.0
SEEING_SHARE = 0.5
SEEING_PIXELS = 5
PROTECTED_PIXELS = 6.0
"""Around the centre only missing pixels are replaced: there science and reference differ because of the transient."""
VITAL_HALF = 1
"""Without its 3x3 centre an image cannot be restored: the transient itself is not in it."""
MAX_NOISE_SHARE = 0.5
NOISE_FREE_PIXELS = 4.0
"""Noise may not be filled in this near to the transient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A restored image, and where.

    Parameters
    ----------
    image : ndarray, shape (60, 60), or None
        None if it was given up, for the `reason`.
    replaced : ndarray of bool
        Pixels taken from the good image, scaled (the difference mask).
    noise : ndarray of bool
        Pixels missing in both, filled with noise.
    """

    image: FloatImage | None
    replaced: Mask
    noise: Mask
    reason: str = ""


def similarity(bad: FloatImage, good: FloatImage) -> NDArray[np.float64]:
    """Compare two images per pixel by `structural_similarity` once stretched, -1 to 1, shape (60, 60).

    Missing pixels count as extremely low, and the full range from there to the brightest pixel as the data range, so
    noise is alike.
    """
    first, second = stretch(bad).astype(float), stretch(good).astype(float)
    span = max(first.max(), second.max(), 1.0) - FLOOR
    return structural_similarity(first, second, span)


def structural_similarity(first: NDArray[np.float64], second: NDArray[np.float64], span: float) -> NDArray[np.float64]:
    """Structural similarity (Wang et al. 2004, IEEE Trans. Image Process. 13, 600, Eq. 13) around each pixel.

    Square windows of 7x7 pixels and sample covariances, as scikit-image has them by default; mirrored at the edges.

    Parameters
    ----------
    first, second : ndarray, shape (rows, columns)
    span : float
        The range of values there may be.
    """
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    mean, other = (uniform_filter(image, WINDOW) for image in (first, second))
    sample = WINDOW**2 / (WINDOW**2 - 1)
    variance = sample * (uniform_filter(first**2, WINDOW) - mean**2)
    other_variance = sample * (uniform_filter(second**2, WINDOW) - other**2)
    covariance = sample * (uniform_filter(first * second, WINDOW) - mean * other)
    light = (2 * mean * other + c1) / (mean**2 + other**2 + c1)
    return np.asarray(light * (2 * covariance + c2) / (variance + other_variance + c2))


def difference_mask(bad: FloatImage, good: FloatImage) -> Mask:
    """Pixels of `bad` that cannot be true: missing, saturated, far below the sky, or unlike the good image's.

    Low similarity alone would also point at every star that one image shows sharper or deeper. So a pixel must also
    differ by more than noise and seeing can explain: `OUTLIER_SIGMAS` of the noise of both and `SEEING_SHARE` of the
    good image's brightest pixel nearby.
    """
    impossible = _impossible(bad)
    both = ~impossible & ~_impossible(good)
    if not both.any():
        return impossible
    matched = _scaled(good, like=bad[both], by=good[both])
    matched[~both] = np.nan
    unlike = both & (similarity(bad, matched) < SIMILARITY) & _outlying(bad, matched, both)
    return impossible | (unlike & (_distance(bad.shape) > PROTECTED_PIXELS))


def restore(bad: FloatImage, good: FloatImage, rng: np.random.Generator) -> Restored:
    """Repair a bad image with a good one of the same field; either may be the science image.

    Parameters
    ----------
    bad, good : ndarray, shape (60, 60)
        Counts, same pixels of the sky; padding and NaN are missing. `good` may have missing pixels of its own.
    rng : Generator
        Draws the noise for what is missing in both.
    """
    where, unusable = difference_mask(bad, good), _impossible(good)
    nowhere = np.zeros_like(where)
    if (where & (_chessboard(bad.shape) <= VITAL_HALF)).any():
        return Restored(image=None, replaced=nowhere, noise=nowhere, reason="the transient's own pixels are bad")
    noise, replaced = where & unusable, where & ~unusable
    if noise.mean() > MAX_NOISE_SHARE:
        return Restored(
            image=None, replaced=nowhere, noise=noise, reason=f"{noise.mean():.0%} of the pixels bad in both images"
        )
    if (noise & (_distance(bad.shape) <= NOISE_FREE_PIXELS)).any():
        return Restored(
            image=None, replaced=nowhere, noise=noise, reason="pixels beside the transient bad in both images"
        )
    shared = ~where & ~unusable
    if replaced.any() and not shared.any():
        return Restored(image=None, replaced=nowhere, noise=nowhere, reason="no pixel is good in both images")
    image = bad.copy()
    if replaced.any():
        image[replaced] = _scaled(good[replaced], like=bad[shared], by=good[shared])
    usable = np.where(where, np.nan, bad)
    return Restored(image=fill(image, noise, noise_set(usable), rng), replaced=replaced, noise=noise)


def _scaled(values: FloatImage, *, like: FloatImage, by: FloatImage) -> FloatImage:
    """Eq. 2 with medians for means: stars that one image shows and the other does not must not shift the sky."""
    spread = by.std()
    return (values - np.median(by)) * (like.std() / spread if spread > 0 else 1.0) + np.median(like)


def _impossible(image: FloatImage) -> Mask:
    """Missing, saturated, or further below the sky than noise goes; of the dark ones the neighbours, too."""
    sky, gone = background(image), missing(image)
    counts = np.where(gone, sky.level, image)
    dark = counts < sky.level - OUTLIER_SIGMAS * sky.sigma
    beside = binary_dilation(dark, np.ones((3, 3))) & (_chessboard(image.shape) > VITAL_HALF)
    return gone | (counts > SATURATION) | dark | beside


def _outlying(bad: FloatImage, matched: FloatImage, both: Mask) -> Mask:
    sky, other = background(bad), background(matched)
    there = np.where(both, matched, other.level)
    signal = maximum_filter(np.abs(there - other.level), SEEING_PIXELS)
    allowed = OUTLIER_SIGMAS * np.hypot(sky.sigma, other.sigma) + SEEING_SHARE * signal
    difference = (np.where(both, bad, sky.level) - sky.level) - (there - other.level)
    return np.abs(difference) > allowed


def _distance(shape: tuple[int, ...]) -> NDArray[np.float64]:
    y, x = np.indices(shape)
    return np.hypot(y - CENTER, x - CENTER)


def _chessboard(shape: tuple[int, ...]) -> NDArray[np.int64]:
    y, x = np.indices(shape)
    return np.maximum(np.abs(y - CENTER), np.abs(x - CENTER))

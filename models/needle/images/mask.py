"""Masking (Sec. 3.3): keep the transient and its host, replace all else by noise of the same image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve, label, minimum_filter

from models.needle.images.noise import fill, noise_pixels, noise_set
from models.needle.images.stamps import CENTER, FloatImage, Mask, missing

AROUND = np.ones((3, 3), dtype=int)
"""DBSCAN's radius of 1.5 pixels: a pixel and the eight around it."""
MIN_NEIGHBOURS = 7
"""Pixels, itself included, that make a pixel the core of a cluster: the sky's chance groups have fewer."""
REACH_PIXELS = 3.0
"""A cluster this near to a position counts as the one it is in: a faint source's brightest pixel may be beside it."""
FIXED_HALF = 1
"""M_fixed is the 3x3 centre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedPair:
    """Science and reference image with only the transient and its host left.

    Parameters
    ----------
    science, reference : ndarray, shape (60, 60)
        Counts; the reference on the intensity scale of the science image.
    kept : ndarray of bool, shape (60, 60)
        M_final (Eq. 4): where the images' own pixels are.
    noise_science, noise_reference : ndarray
        N_final of each image, on the same scales.
    """

    science: FloatImage
    reference: FloatImage
    kept: Mask
    noise_science: NDArray[np.float64]
    noise_reference: NDArray[np.float64]

    @property
    def host_whole(self) -> bool:
        """Whether what is kept stays in the image at any angle: it lies within the circle that touches the edges."""
        y, x = np.nonzero(self.kept)
        return bool((np.hypot(y - CENTER, x - CENTER) < CENTER - 1).all())


def mask_pair(
    science: FloatImage,
    reference: FloatImage,
    rng: np.random.Generator,
    host_yx: tuple[float, float] | None = None,
) -> MaskedPair:
    """Mask what is irrelevant in both images, fill it with noise, bring the reference to the science's intensities.

    Parameters
    ----------
    science, reference : ndarray, shape (60, 60)
        Counts, the transient at the centre.
    rng : Generator
        Draws the noise.
    host_yx : (row, column), optional
        The host in these images, pixels; may lie outside.
    """
    kept = object_mask(science, host_yx) | object_mask(reference, host_yx) | fixed_mask(science.shape)
    kept &= ~(missing(science) | missing(reference))
    noises = noise_set(science), noise_set(reference)
    clean_science, clean_reference = (
        fill(image, ~kept, noise, rng) for image, noise in zip((science, reference), noises, strict=True)
    )
    matched = match_intensity(clean_reference, like=clean_science)
    return MaskedPair(
        science=clean_science,
        reference=matched,
        kept=kept,
        noise_science=noises[0],
        noise_reference=match_intensity(noises[1], like=clean_science, by=clean_reference),
    )


def object_mask(image: FloatImage, host_yx: tuple[float, float] | None = None) -> Mask:
    """Pixels of the clusters in which the transient and, if known, the host are: M_sci or M_ref."""
    clusters = cluster(image)
    found = np.zeros(image.shape, dtype=bool)
    for position in ((CENTER, CENTER), host_yx):
        if position is not None and (label := _cluster_at(clusters, position)) >= 0:
            found |= clusters == label
    return found


def cluster(image: FloatImage) -> NDArray[np.int64]:
    """Group the pixels that are above the noise into sources (DBSCAN).

    On a grid DBSCAN is a few filters, with the result of scikit-learn's in a fiftieth of the time: cores are pixels
    with enough neighbours, clusters are connected cores, and a pixel beside a core belongs to its cluster.

    Returns
    -------
    ndarray of int, shape of `image`
        Number of the source; -1 where there is none.
    """
    sky = noise_pixels(image)
    if not sky.any():
        return np.full(image.shape, -1)
    gone = missing(image)
    bright = ~gone & (np.where(gone, -np.inf, image) > image[sky].max())
    core = bright & (convolve(bright.astype(int), AROUND, mode="constant") >= MIN_NEIGHBOURS)
    numbers, count = label(core, AROUND)
    nearest = minimum_filter(np.where(core, numbers - 1, count), footprint=AROUND, mode="constant", cval=count)
    return np.where(core, numbers - 1, np.where(bright & (nearest < count), nearest, -1))


def fixed_mask(shape: tuple[int, ...]) -> Mask:
    """M_fixed: the 3x3 pixels in the centre, for hosts too faint or compact for a cluster."""
    out = np.zeros(shape, dtype=bool)
    around = slice(CENTER - FIXED_HALF, CENTER + FIXED_HALF + 1)
    out[around, around] = True
    return out


def match_intensity(
    values: NDArray[np.float64], *, like: NDArray[np.float64], by: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Eq. 2: shift and scale values so that mean and standard deviation of `by` become those of `like`.

    Parameters
    ----------
    values, like : ndarray
        NaN take no part in the statistics.
    by : ndarray, optional
        What the statistics are taken of; `values` themselves by default.
    """
    by = values if by is None else by
    spread = np.nanstd(by)
    scale = np.nanstd(like) / spread if spread > 0 else 1.0
    return (values - np.nanmean(by)) * scale + np.nanmean(like)


def _cluster_at(clusters: NDArray[np.int64], position: tuple[float, float]) -> int:
    """The cluster nearest to a position, -1 if none is within reach."""
    y, x = np.nonzero(clusters >= 0)
    if not y.size:
        return -1
    distance = np.hypot(y - position[0], x - position[1])
    nearest = int(distance.argmin())
    return int(clusters[y[nearest], x[nearest]]) if distance[nearest] <= REACH_PIXELS else -1

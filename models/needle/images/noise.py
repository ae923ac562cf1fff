"""Realistic noise from an image's own sky: the set N_final (Eq. 3), and filling with it."""

import numpy as np
from numpy.typing import NDArray

from models.needle.images.stamps import FloatImage, Mask, background, missing

BRIGHT_SIGMAS = 3.0
"""f1: first clipping, takes out sources."""
WINGS_SIGMAS = 1.0
"""f2: second clipping, takes out the wings of bright sources."""
SKY_SIGMAS = 3.0


def noise_pixels(
    image: FloatImage, *, bright_sigmas: float = BRIGHT_SIGMAS, wings_sigmas: float = WINGS_SIGMAS
) -> Mask:
    """Pixels that belong to the noise: below mean + f1 sigma, and of those below mean' + f2 sigma' (Eq. 3).

    Pixels that are missing or exactly zero belong to nothing.

    Returns
    -------
    ndarray of bool, shape of `image`
    """
    there = ~missing(image) & (image != 0)
    if not there.any():
        return there
    dim = there & (image <= image[there].mean() + bright_sigmas * image[there].std())
    return dim & (image < image[dim].mean() + wings_sigmas * image[dim].std())


def noise_set(image: FloatImage) -> NDArray[np.float64]:
    """N_final: the counts of the noise pixels, one dimension; a single zero for an image that has none.

    In crowded fields Eq. 3 leaves the wings of stars in, which come out as specks all over the filled image. So, beyond
    the paper, what is more than three sigma above a robust sky is left out as well.
    """
    sky = background(image)
    found = image[noise_pixels(image)]
    found = found[found <= sky.level + SKY_SIGMAS * sky.sigma]
    return found if found.size else np.zeros(1)


def fill(image: FloatImage, where: Mask, noise: NDArray[np.float64], rng: np.random.Generator) -> FloatImage:
    """Copy an image with the pixels `where` drawn at random from `noise`."""
    out = image.copy()
    out[where] = rng.choice(noise, size=int(where.sum()))
    return out

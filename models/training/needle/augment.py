"""Turning and mirroring of masked pairs (Sec. 3.4), so that no orientation means anything."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import rotate

from models.needle.images.mask import MaskedPair, fixed_mask
from models.needle.images.stamps import FloatImage, Mask


def augment(pair: MaskedPair, rng: np.random.Generator) -> MaskedPair:
    """Turn by an angle and mirror at random: any angle if the host is whole, multiples of 90 degrees otherwise."""
    if pair.host_whole:
        pair = turned(pair, float(rng.uniform(0.0, 360.0)), rng)
    else:
        pair = _apply(pair, int(rng.integers(4)), False)
    return _apply(pair, 0, bool(rng.integers(2)))


def turned(pair: MaskedPair, degrees: float, rng: np.random.Generator) -> MaskedPair:
    """Turn by any angle about the transient.

    What is kept is interpolated linearly; all around it is drawn anew from N_final, corners included, because
    interpolated noise is smoother than noise.
    """
    kept = _turn(pair.kept.astype(float), degrees) > 0.5
    kept |= fixed_mask(kept.shape)
    return MaskedPair(
        science=_refilled(pair.science, kept, degrees, pair.noise_science, rng),
        reference=_refilled(pair.reference, kept, degrees, pair.noise_reference, rng),
        kept=kept,
        noise_science=pair.noise_science,
        noise_reference=pair.noise_reference,
    )


def _refilled(
    image: FloatImage, kept: Mask, degrees: float, noise: NDArray[np.float64], rng: np.random.Generator
) -> FloatImage:
    return np.where(kept, _turn(image, degrees), rng.choice(noise, size=image.shape))


def _turn(image: FloatImage, degrees: float) -> FloatImage:
    """Rotate about the pixel of the transient, which in an image of even size lies half a pixel off its middle."""
    odd = np.pad(image, ((0, 1), (0, 1)), mode="edge")
    return rotate(odd, degrees, reshape=False, order=1, mode="nearest")[:-1, :-1]


def _apply(pair: MaskedPair, quarters: int, mirrored: bool) -> MaskedPair:
    def move(image: NDArray[Any]) -> NDArray[Any]:
        out = np.rot90(image, quarters)
        return (np.fliplr(out) if mirrored else out).copy()

    return MaskedPair(
        science=move(pair.science),
        reference=move(pair.reference),
        kept=move(pair.kept),
        noise_science=pair.noise_science,
        noise_reference=pair.noise_reference,
    )

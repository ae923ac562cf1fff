"""Stamps as the image pipeline sees them: the central 60x60 pixels, and which are missing (Sec. 3.2, step 2)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.domain import Host, Target

FloatImage = NDArray[np.float64]
Mask = NDArray[np.bool_]

SIZE = 60
CENTER = SIZE // 2
"""Row and column of the transient in a central image."""
PADDING = -999.0
WHOLE = 63
"""Rows and columns of a whole ZTF stamp."""
ABSURD = 1e6
"""No detector count is as far from zero: what is beyond is filling, such as -3.4e38 in some reference images."""
FLOOR = -10.0
"""A missing pixel, as the networks see it; no real pixel comes out as low."""
SOFTENING = 5.0


class ImageError(ValueError):
    """A stamp that cannot become a 60x60 image: it is not known where in it the transient is."""


@dataclass(frozen=True, slots=True)
class Background:
    """Level and scatter of the sky, counts."""

    level: float
    sigma: float


def central(stamp: FloatImage, center_yx: tuple[float, float] | None = None, *, size: int = SIZE) -> FloatImage:
    """Cut the central `size` x `size` pixels; what the stamp does not cover is `PADDING`.

    Parameters
    ----------
    stamp : ndarray, shape (rows, columns)
        Counts.
    center_yx : (row, column), optional
        The transient in the stamp, pixels; the middle when not given.

    Returns
    -------
    ndarray, shape (size, size)
        With the transient at `[size // 2, size // 2]`; NaN stay NaN.

    Raises
    ------
    ImageError
        If the stamp is incomplete and it is not known where the transient is, or the transient is not in it.
    """
    rows, columns = stamp.shape
    if center_yx is None:
        if rows != columns or rows < size:
            raise ImageError(f"a stamp of {rows} x {columns} pixels, and it is not known where in it the transient is")
        center_yx = (rows // 2, columns // 2)
    row, column = (round(v) for v in center_yx)
    if not (0 <= row < rows and 0 <= column < columns):
        raise ImageError(f"the transient, at row {row} and column {column}, is not in a stamp of {rows} x {columns}")
    out = np.full((size, size), PADDING)
    top, left = row - size // 2, column - size // 2
    into = out[max(-top, 0) : rows - top, max(-left, 0) : columns - left]
    into[:] = stamp[max(top, 0) : top + size, max(left, 0) : left + size]
    return out


def missing(image: FloatImage) -> Mask:
    """Pixels without information: NaN, infinite, padded, or beyond any possible count."""
    with np.errstate(invalid="ignore"):
        return ~np.isfinite(image) | (np.abs(image) > ABSURD) | (image == PADDING)


def background(image: FloatImage) -> Background:
    """Level (median) and scatter (from the median absolute deviation) of the pixels that are there, clipped at 3 sigma.

    An image without pixels has level 0 and scatter 1; the scatter is never 0.
    """
    pixels = image[~missing(image)]
    if not pixels.size:
        return Background(0.0, 1.0)
    for _ in range(3):
        level = float(np.median(pixels))
        sigma = 1.4826 * float(np.median(np.abs(pixels - level))) or float(pixels.std()) or 1.0
        kept = pixels[np.abs(pixels - level) <= 3 * sigma]
        if kept.size == pixels.size:
            break
        pixels = kept
    return Background(level, sigma)


def stretch(image: FloatImage) -> NDArray[np.float32]:
    """Scale for the networks: arcsinh of the signal over five sigma of the sky; missing pixels are `FLOOR`.

    Noise comes out as about 0.2, a saturated star as about 6, whatever the exposure.
    """
    sky, gone = background(image), missing(image)
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = np.arcsinh((np.where(gone, sky.level, image) - sky.level) / (SOFTENING * sky.sigma))
    return np.where(gone, FLOOR, scaled).astype(np.float32)


def sky_offset(target: Target, host: Host, pixel_arcsec: float) -> tuple[float, float] | None:
    """From a transient to its host, pixels of an image with north up and east left; None without both positions.

    Returns
    -------
    (rows, columns)
        Rows grow to the north, columns to the west.
    """
    if target.ra_deg is None or target.dec_deg is None or host.ra_deg is None or host.dec_deg is None:
        return None
    east = (host.ra_deg - target.ra_deg + 180.0) % 360.0 - 180.0
    rows = (host.dec_deg - target.dec_deg) * 3600.0 / pixel_arcsec
    return rows, -east * np.cos(np.deg2rad(target.dec_deg)) * 3600.0 / pixel_arcsec

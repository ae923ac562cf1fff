"""Ways in which stamps go bad, done to good ones (Sec. 3.1 and Fig. 4): training material for the quality checker.

Each takes a copy of a 60x60 image in counts and a random generator, and spoils it in place.
"""

from collections.abc import Callable

import numpy as np

from models.needle.images.stamps import PADDING, FloatImage, background, missing

Generator = np.random.Generator
Spoiler = Callable[[FloatImage, Generator], None]
_FILLING = -3.4028235e38


def corrupt(image: FloatImage, rng: Generator, kind: str | None = None) -> FloatImage:
    """Spoil a copy of an image, in a way drawn at random or in the one named (see `KINDS`)."""
    out = image.copy()
    KINDS[kind or str(rng.choice(list(KINDS)))](out, rng)
    return out


def _edge(image: FloatImage, rng: Generator) -> None:
    """Rows or columns missing at an edge of the detector."""
    depth = int(rng.integers(1, 32))
    _side(image, rng)[:depth] = rng.choice([np.nan, PADDING])


def _gap(image: FloatImage, rng: Generator) -> None:
    """Rows or columns missing inside."""
    first, count = int(rng.integers(0, 56)), int(rng.integers(1, 5))
    _side(image, rng)[first : first + count] = np.nan


def _corner(image: FloatImage, rng: Generator) -> None:
    """All that is beyond a slanted line missing, as at the rim of a reference image."""
    y, x = np.mgrid[:60, :60] - 29.5
    angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(0, 30)
    image[x * np.cos(angle) + y * np.sin(angle) > offset] = rng.choice([np.nan, np.nan, _FILLING])


def _patches(image: FloatImage, rng: Generator) -> None:
    """Single pixels and small patches missing, as where bright stars are masked."""
    for _ in range(int(rng.integers(1, 8))):
        y, x = rng.integers(0, 58, 2)
        image[y : y + rng.integers(1, 9), x : x + rng.integers(1, 9)] = np.nan


def _bad_lines(image: FloatImage, rng: Generator) -> None:
    """One to four rows or columns with a wrong level, over the whole length or a part."""
    sky, side = background(image), _side(image, rng)
    first, count, start = (
        int(rng.integers(0, 57)),
        int(rng.integers(1, 5)),
        int(rng.choice([0, 0, int(rng.integers(0, 30))])),
    )
    step = float(rng.choice([-1, 1]) * np.exp(rng.uniform(np.log(8), np.log(400)))) * sky.sigma
    side[first : first + count, start:] += step


def _bleeding(image: FloatImage, rng: Generator) -> None:
    """A saturated star with its bleeding columns."""
    y0, x0 = rng.uniform(5, 55, 2)
    y, x = np.mgrid[:60, :60]
    star = rng.uniform(3e4, 6e5) * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * rng.uniform(1.2, 3.0) ** 2))
    np.minimum(image + star, rng.uniform(3.1e4, 6e4), out=image)
    half = int(rng.integers(4, 60))
    image[max(int(y0) - half, 0) : int(y0) + half, int(x0) : int(x0) + rng.integers(1, 4)] = image.max()


def _extremes(image: FloatImage, rng: Generator) -> None:
    """Pixels far above or far below anything around them; holes, as bad subtraction of the bias leaves them."""
    for _ in range(int(rng.integers(1, 25))):
        y, x, h, w = *rng.integers(0, 58, 2), *rng.integers(1, 4, 2)
        image[y : y + h, x : x + w] = rng.choice([rng.uniform(-3000, -300), rng.uniform(3.1e4, 6.5e4)])


def _hole(image: FloatImage, rng: Generator) -> None:
    """A compact negative source: over-subtracted, or a fixed pattern."""
    y0, x0, width = rng.uniform(5, 55), rng.uniform(5, 55), rng.uniform(0.8, 3)
    y, x = np.mgrid[:60, :60]
    depth = background(image).sigma * np.exp(rng.uniform(np.log(15), np.log(300)))
    image -= depth * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * width**2))


def _spots(image: FloatImage, rng: Generator) -> None:
    """A few dark pixels above bright stars, as resampling leaves them in reference images."""
    sky, gone = background(image), missing(image)
    bright = np.argwhere(np.where(gone, sky.level, image) > sky.level + 20 * sky.sigma)
    if not len(bright):
        bright = rng.integers(4, 52, (3, 2))
    for y, x in rng.permutation(bright)[: rng.integers(1, 4)]:
        row, height, width = min(y + int(rng.integers(0, 5)), 58), *rng.integers(1, 4, 2)
        depth = np.exp(rng.uniform(np.log(8), np.log(150)))
        image[row : row + height, x : x + width] = sky.level - depth * sky.sigma


def _spikes(image: FloatImage, rng: Generator) -> None:
    """Diffraction spikes and halo of a bright star in the stamp or just outside."""
    y0, x0 = rng.uniform(-15, 75, 2)
    y, x = np.mgrid[:60, :60]
    angle, width = rng.uniform(-0.3, 0.3) + np.pi / 4 * rng.integers(0, 2), rng.uniform(0.7, 1.6)
    along = (x - x0) * np.cos(angle) + (y - y0) * np.sin(angle)
    across = (y - y0) * np.cos(angle) - (x - x0) * np.sin(angle)
    amplitude = background(image).sigma * np.exp(rng.uniform(np.log(25), np.log(800)))
    for s, t in ((along, across), (across, along)):
        image += amplitude * np.exp(-(t**2) / (2 * width**2) - np.abs(s) / rng.uniform(15, 60))
    image += amplitude * np.exp(-np.hypot(along, across) / rng.uniform(4, 12))


def _constant(image: FloatImage, rng: Generator) -> None:
    """A part read out as one constant value."""
    depth = int(rng.integers(6, 50))
    _side(image, rng)[:depth] = rng.choice((0.0, float(image.min()), background(image).level))


def add_galaxy(image: FloatImage, rng: Generator) -> FloatImage:
    """Add a large galaxy (a Sersic profile, at times with a dust lane): a stamp with one is unusual, not bad."""
    y, x = np.mgrid[:60, :60] - rng.uniform(0, 60, 2)[:, None, None]
    angle, flat, radius, index = rng.uniform(0, np.pi), rng.uniform(0.2, 1), rng.uniform(4, 40), rng.uniform(0.5, 4)
    along, across = x * np.cos(angle) + y * np.sin(angle), (y * np.cos(angle) - x * np.sin(angle)) / flat
    profile = np.exp(-2 * index * ((np.hypot(along, across) + 0.5) / radius) ** (1 / index))
    if rng.random() < 0.2:
        profile *= 1 - rng.uniform(0.2, 0.8) * np.exp(-((across * flat - rng.uniform(-3, 3)) ** 2) / rng.uniform(2, 20))
    peak = background(image).sigma * np.exp(rng.uniform(np.log(10), np.log(400)))
    light = peak * profile / profile.max()
    return image + light + rng.normal(size=image.shape) * np.sqrt(light * background(image).sigma * rng.uniform(0, 0.3))


def _side(image: FloatImage, rng: Generator) -> FloatImage:
    """The image seen from one of its four sides."""
    return np.rot90(image, int(rng.integers(4)))


KINDS: dict[str, Spoiler] = {
    "edge": _edge,
    "gap": _gap,
    "corner": _corner,
    "patches": _patches,
    "bad lines": _bad_lines,
    "bleeding": _bleeding,
    "extremes": _extremes,
    "hole": _hole,
    "spots": _spots,
    "spikes": _spikes,
    "constant": _constant,
}
SILENT = ("bad lines", "hole", "spots", "spikes", "constant")
"""Kinds that lose no pixel; if weak enough, only the network can see them."""

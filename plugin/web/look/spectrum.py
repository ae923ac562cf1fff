"""Spectra as small inline SVG pictures: a few kilobytes each, sharp at every size, no library needed to see them."""

import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from plugin.cycle.spectra.lines import LINES
from plugin.cycle.spectra.sketch import BLUE_A, RED_A
from plugin.web.look import slug
from plugin.web.look.svg import BOTTOM, TOP, WIDTH, axis, drawn, marks, svg, text, x_of

Floats = NDArray[np.float64]

_HEIGHT, _STRIP = 190, 110
_BINS, _FEW_BINS = 420, 130


def draw(
    wave: Floats, flux: Floats, *, label: str | None, redshift: float | None, alt: str, lines: Sequence[str] = ()
) -> Markup:
    """The picture of one spectrum, with a text for those who cannot see it.

    Parameters
    ----------
    wave, flux : ndarray, shape (n,)
        Finite, ascending in Angstrom; flux in any scale.
    label : str or None
        The class it is drawn as.
    lines : sequence of str
        Classes whose lines are marked; of `label` where none are given.
    """
    path = _path(wave, flux, top=TOP, base=_HEIGHT - BOTTOM)
    marked = [name for name in (lines or (label or "",)) if name in LINES][:3]
    body = "".join((axis(_HEIGHT), *marks(marked, redshift, _HEIGHT - BOTTOM), drawn(path, f"line c-{slug(label)}")))
    return svg("spectrum", _HEIGHT, alt, body if path else body + _nothing())


def thumbnail(wave: Floats, flux: Floats, *, label: str | None, alt: str) -> Markup:
    """The line alone, for a row of a list."""
    path = _path(wave, flux, top=4, base=_STRIP - 4, bins=_FEW_BINS)
    return svg("thumb", _STRIP, alt, drawn(path, f"line c-{slug(label)}"))


def overlay(wave: Floats, flux: Floats, *, archive: tuple[Floats, Floats], label: str | None, alt: str) -> Markup:
    """A spectrum in grey with one of the archive over it, both scaled to their own range."""
    ours = _path(wave, flux, top=6, base=_STRIP - 6)
    theirs = _path(*archive, top=6, base=_STRIP - 6)
    return svg("spectrum", _STRIP, alt, drawn(ours, "line ours") + drawn(theirs, f"line c-{slug(label)}"))


def _path(wave: Floats, flux: Floats, *, top: float, base: float, bins: int = _BINS) -> str:
    """SVG path of the binned spectrum; gaps of more than five bins are left open."""
    inside = (wave >= BLUE_A) & (wave <= RED_A)
    wave, flux = wave[inside], flux[inside]
    if wave.size < 2:
        return ""
    used, start = np.unique(((wave - BLUE_A) / (RED_A - BLUE_A) * bins).astype(int), return_index=True)
    count = np.diff(np.append(start, wave.size))
    x, y = (np.add.reduceat(values, start) / count for values in (wave, flux))
    low, high = np.percentile(y, [1, 99])
    span = high - low
    scaled = np.full(y.size, 0.5) if span <= 0 or not math.isfinite(span) else np.clip((y - low) / span, -0.06, 1.08)
    px, py = x_of(x), base - 6 - scaled * (base - top - 14)
    breaks = np.diff(used, prepend=used[0] - 99) > max(5, 3 * int(np.median(np.diff(used))) if used.size > 1 else 5)
    return "".join(f"{'M' if b else 'L'}{a:.1f} {c:.1f}" for a, c, b in zip(px, py, breaks, strict=True))


def _nothing() -> str:
    return text(WIDTH / 2, _HEIGHT / 2, "nothing that could be drawn", "empty")

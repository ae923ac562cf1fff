"""A spectrum over a match, what is left, and where the networks looked: a small inline SVG picture."""

from typing import Final

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from models.domain.looked import Looked
from plugin.cycle.spectra.sketch import BLUE_A, RED_A
from plugin.web.look import slug
from plugin.web.look.svg import BOTTOM, LEFT, RIGHT, TOP, WIDTH, axis, drawn, marks, svg, text, x_of

Floats = NDArray[np.float64]
Line = tuple[Floats, Floats]
"""Wavelengths in Angstrom and flux from 0 to 1 (`plugin.cycle.spectra.sketch.unpacked`)."""

_AREA, _RESIDUAL, _LOOKED, _BETWEEN = 150, 64, 46, 8
_GAP_A: Final = 100.0


def draw_match(ours: Line, match: Line, *, label: str, redshift: float, alt: str, doubted: bool) -> Markup:
    """The match in its class's colour over the spectrum; below, on the same scale, what it leaves.

    Parameters
    ----------
    ours, match : Line
        In the same units.
    label : str
        The class whose lines are marked, at `redshift`.
    doubted : bool
        Something speaks against the match: it is drawn dashed.
    """
    base = TOP + _AREA
    bottom = base + _BETWEEN + _RESIDUAL
    wave, left = _difference(ours, match)
    middle = bottom - _RESIDUAL / 2
    half = _RESIDUAL / 2 / _AREA
    residual = _path(wave, np.clip(left, -half, half), middle)
    zero = f'<line x1="{LEFT}" y1="{middle:g}" x2="{WIDTH - RIGHT}" y2="{middle:g}" class="axis"/>'
    parts = [
        axis(height := bottom + BOTTOM),
        *marks([label], redshift, base),
        drawn(_path(*ours, base), "line seen"),
        drawn(_path(*match, base), f"line fit{' doubted' if doubted else ''} c-{slug(label)}"),
        zero,
        drawn(residual, "line left"),
        text(LEFT + 2, base + _BETWEEN + 12, "what it leaves", "tick inside", "start"),
    ]
    return svg("spectrum match", height, alt, "".join(parts))


def draw_looked(looked: Looked, *, alt: str) -> Markup:
    """What hiding each piece did: up where it speaks for the class, down where it speaks against it."""
    most = float(np.abs(looked.change).max()) if looked.change.size else 0.0
    if not most > 0:
        return Markup("")
    base = 22 + _LOOKED * min(max(float(looked.change.max()), 0.0) / most, 1.0)
    height = round(base + _LOOKED * max(-float(looked.change.min()), 0.0) / most) + 4 + BOTTOM
    shapes = [
        drawn(_area(looked.wavelength_A, part * _LOOKED / most, base), css)
        for part, css in ((np.maximum(looked.change, 0), "for"), (np.minimum(looked.change, 0), "against"))
    ]
    zero = f'<line x1="{LEFT}" y1="{base:.1f}" x2="{WIDTH - RIGHT}" y2="{base:.1f}" class="axis"/>'
    top = looked.wavelength_A[int(np.argmax(looked.change))]
    said = text(float(x_of(np.array(top))), 17, f"{looked.change.max():+.2f} at {top:.0f} Å", "tick")
    return svg("spectrum looked", height, alt, "".join([axis(height), *shapes, zero, said]))


def _difference(ours: Line, match: Line) -> Line:
    """Where both are known, the spectrum less its match."""
    wave, first, second = np.intersect1d(ours[0], match[0], assume_unique=True, return_indices=True)
    return wave, ours[1][first] - match[1][second]


def _path(wave: Floats, flux: Floats, base: float) -> str:
    """A line from 0 at `base` upwards, broken at gaps."""
    inside = (wave >= BLUE_A) & (wave <= RED_A)
    x, y = x_of(wave[inside]), base - 2 - flux[inside] * (_AREA - 8)
    breaks = np.diff(wave[inside], prepend=-np.inf) > _GAP_A
    return "".join(f"{'M' if b else 'L'}{a:.1f} {c:.1f}" for a, c, b in zip(x, y, breaks, strict=True))


def _area(wave: Floats, height: Floats, base: float) -> str:
    if not height.any():
        return ""
    x = x_of(wave)
    points = " ".join(f"L{a:.1f} {base - h:.1f}" for a, h in zip(x, height, strict=True))
    return f"M{x[0]:.1f} {base:.1f} {points} L{x[-1]:.1f} {base:.1f}Z"

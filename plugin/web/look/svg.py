"""What pictures of spectra are put together from: a wavelength axis, lines of ions, text."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from plugin.cycle.spectra.lines import LINES
from plugin.cycle.spectra.sketch import BLUE_A, RED_A
from plugin.web.look import slug

Floats = NDArray[np.float64]

WIDTH: Final = 600
LEFT, RIGHT, TOP, BOTTOM = 8, 8, 22, 24
_APART: Final = 34
"""Between the names of two lines; of others that are nearer only the first is named."""


def x_of(wave: Floats) -> Floats:
    """From wavelength in Angstrom to the picture."""
    return np.asarray(LEFT + (wave - BLUE_A) / (RED_A - BLUE_A) * (WIDTH - LEFT - RIGHT))


def axis(height: int) -> str:
    """The wavelengths, at the foot of a picture."""
    base = height - BOTTOM
    parts = [f'<line x1="{LEFT}" y1="{base}" x2="{WIDTH - RIGHT}" y2="{base}" class="axis"/>']
    for value in range(4000, 9001, 1000):
        x = float(x_of(np.array(float(value))))
        parts.append(f'<line x1="{x:.1f}" y1="{base}" x2="{x:.1f}" y2="{base + 4}" class="axis"/>')
        parts.append(text(x, base + 17, f"{value} Å" if value == 9000 else str(value), "tick"))
    return "".join(parts)


def marks(labels: Sequence[str], redshift: float | None, base: float) -> list[str]:
    """Dashed lines where the classes show themselves; a CV is in our own Galaxy, the others need a redshift."""
    found: dict[float, tuple[str, str]] = {}
    for label in labels:
        z = 0.0 if label == "CV" else redshift
        for name, rest in LINES[label] if z is not None else ():
            found.setdefault(round(rest * (1 + (z or 0.0)), 1), (name, label))
    parts, last = [], -99.0
    for wave, (name, label) in sorted(found.items()):
        x = float(x_of(np.array(wave)))
        if not LEFT <= x <= WIDTH - RIGHT:
            continue
        css = "feature" if len(labels) == 1 else f"feature c-{slug(label)}"
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 4}" x2="{x:.1f}" y2="{base:g}" class="{css}"/>')
        if x - last > _APART:
            parts.append(text(x, TOP - 8, name, "tick"))
            last = x
    return parts


def drawn(path: str, css: str) -> str:
    """A line; nothing for a path of no points."""
    return f'<path d="{path}" class="{css}"/>' if path else ""


def text(x: float, y: float, said: str, css: str, anchor: str = "middle") -> str:
    """Words at a place."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{css}">{escape(said)}</text>'


def svg(css: str, height: int, alt: str, body: str) -> Markup:
    """A whole picture, with a text for those who cannot see it."""
    head = f'<svg class="{css}" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(alt)}">'
    return Markup(f"{head}{body}</svg>")  # noqa: S704 - numbers, our own words, and `alt`, which is escaped

"""Spectra as small inline SVG pictures: a few kilobytes each, sharp at every size, no library needed to see them."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from plugin.cycle.spectra.sketch import BLUE_A, RED_A
from plugin.web.look import slug

Floats = NDArray[np.float64]

FEATURES: Final = {
    "SN Ia": (("Ca II", 3945.0), ("S II", 5454.0), ("Si II", 6355.0)),
    "SN Ibc": (("Fe II", 5169.0), ("He I", 5876.0), ("O I", 7774.0)),
    "SLSN": (("O II", 4358.0), ("O II", 4651.0)),
    "SN II": (("Hβ", 4861.3), ("Hα", 6562.8)),
    "AGN": (("Hβ", 4861.3), ("[O III]", 5006.8), ("Hα", 6562.8)),
    "CV": (("He II", 4685.7), ("Hβ", 4861.3), ("Hα", 6562.8)),
    "TDE": (("He II", 4685.7), ("Hα", 6562.8)),
}
"""Where to look for each class: rest wavelengths in air, Angstrom. Supernova absorption lies blueward of them."""

_WIDTH, _HEIGHT, _STRIP = 600, 190, 110
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 8, 22, 24
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
    path = _path(wave, flux, top=_TOP, base=_HEIGHT - _BOTTOM)
    marked = [name for name in (lines or (label or "",)) if name in FEATURES][:3]
    body = "".join((_axis(_HEIGHT), *_marks(marked, redshift), _line(path, f"line c-{slug(label)}")))
    return _svg("spectrum", _HEIGHT, alt, body if path else body + _nothing())


def thumbnail(wave: Floats, flux: Floats, *, label: str | None, alt: str) -> Markup:
    """The line alone, for a row of a list."""
    path = _path(wave, flux, top=4, base=_STRIP - 4, bins=_FEW_BINS)
    return _svg("thumb", _STRIP, alt, _line(path, f"line c-{slug(label)}"))


def overlay(wave: Floats, flux: Floats, *, archive: tuple[Floats, Floats], label: str | None, alt: str) -> Markup:
    """A spectrum in grey with one of the archive over it, both scaled to their own range."""
    ours = _path(wave, flux, top=6, base=_STRIP - 6)
    theirs = _path(*archive, top=6, base=_STRIP - 6)
    return _svg("spectrum", _STRIP, alt, _line(ours, "line ours") + _line(theirs, f"line c-{slug(label)}"))


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
    px, py = _x(x), base - 6 - scaled * (base - top - 14)
    breaks = np.diff(used, prepend=used[0] - 99) > max(5, 3 * int(np.median(np.diff(used))) if used.size > 1 else 5)
    return "".join(f"{'M' if b else 'L'}{a:.1f} {c:.1f}" for a, c, b in zip(px, py, breaks, strict=True))


def _x(wave: Floats) -> Floats:
    return np.asarray(_LEFT + (wave - BLUE_A) / (RED_A - BLUE_A) * (_WIDTH - _LEFT - _RIGHT))


def _axis(height: int) -> str:
    base = height - _BOTTOM
    parts = [f'<line x1="{_LEFT}" y1="{base}" x2="{_WIDTH - _RIGHT}" y2="{base}" class="axis"/>']
    for value in range(4000, 9001, 1000):
        x = float(_x(np.array(float(value))))
        parts.append(f'<line x1="{x:.1f}" y1="{base}" x2="{x:.1f}" y2="{base + 4}" class="axis"/>')
        parts.append(_text(x, base + 17, f"{value} Å" if value == 9000 else str(value), "tick"))
    return "".join(parts)


def _marks(labels: Sequence[str], redshift: float | None) -> list[str]:
    """Dashed lines where the classes show themselves; a CV is in our own Galaxy, the others need a redshift."""
    marks: dict[float, tuple[str, str]] = {}
    for label in labels:
        z = 0.0 if label == "CV" else redshift
        for name, rest in FEATURES[label] if z is not None else ():
            marks.setdefault(round(rest * (1 + (z or 0.0)), 1), (name, label))
    parts, last = [], -99.0
    for wave, (name, label) in sorted(marks.items()):
        x = float(_x(np.array(wave)))
        if not _LEFT <= x <= _WIDTH - _RIGHT:
            continue
        css = "feature" if len(labels) == 1 else f"feature c-{slug(label)}"
        parts.append(f'<line x1="{x:.1f}" y1="{_TOP - 4}" x2="{x:.1f}" y2="{_HEIGHT - _BOTTOM}" class="{css}"/>')
        if x - last > 34:
            parts.append(_text(x, _TOP - 8, name, "tick"))
            last = x
    return parts


def _line(path: str, css: str) -> str:
    return f'<path d="{path}" class="{css}"/>' if path else ""


def _nothing() -> str:
    return _text(_WIDTH / 2, _HEIGHT / 2, "nothing that could be drawn", "empty")


def _text(x: float, y: float, text: str, css: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" class="{css}">{escape(text)}</text>'


def _svg(css: str, height: int, alt: str, body: str) -> Markup:
    head = f'<svg class="{css}" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(alt)}">'
    return Markup(f"{head}{body}</svg>")  # noqa: S704 - numbers, our own words, and `alt`, which is escaped

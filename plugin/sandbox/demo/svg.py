"""Spectra as small inline SVG pictures: a few kilobytes each, sharp at every size, no library needed to see them."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from plugin.sandbox.demo.look import Look

COLOURS: Final = {
    "SN Ia": "#0072b2",
    "SN Ibc": "#d55e00",
    "SLSN": "#b0568c",
    "SN II": "#3a9bd5",
    "AGN": "#b87d00",
    "CV": "#4d4d4d",
    "TDE": "#00805c",
}
"""After Okabe and Ito: told apart by colour-blind eyes, darkened a little for thin lines on white."""

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

_WIDTH, _HEIGHT = 600, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 8, 22, 24
_BLUE, _RED = 3600.0, 9400.0
_BINS = 420


def draw(look: Look) -> Markup:
    """The picture of one spectrum, with a text for those who cannot see it."""
    label = look.report.verdict.label if look.report.verdict else None
    wave, flux = _numbers(look.wavelength_A, look.flux)
    inside = (wave >= _BLUE) & (wave <= _RED)
    line = _path(wave[inside], flux[inside])
    alt = _alt(look, wave)
    nothing = "" if line else _text(_WIDTH / 2, _HEIGHT / 2, "nothing that could be drawn", "middle", "empty")
    colour = COLOURS.get(label or "", "#57606a")
    body = "".join(
        (
            _axis(),
            _features(label, look.target.redshift),
            f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="1.4" stroke-linejoin="round"/>' * bool(line),
            nothing,
        )
    )
    return Markup(  # noqa: S704 - numbers, our own words, and `alt`, which is escaped
        f'<svg class="spectrum" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(alt)}">{body}</svg>'
    )


def _alt(look: Look, wave: NDArray[np.float64]) -> str:
    span = f"{wave.min():.0f} to {wave.max():.0f} Angstrom" if wave.size else "no usable points"
    return f"Flux against wavelength of spectrum {look.report.spectrum_id}, {span}. {look.why}."


def _numbers(wave: Sequence[float], flux: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The points that are numbers, by wavelength; whatever was sent."""
    n = min(len(wave), len(flux))
    x, y = np.asarray(wave[:n], dtype=float), np.asarray(flux[:n], dtype=float)
    good = np.isfinite(x) & np.isfinite(y) & (np.abs(y) < 1e30)
    order = np.argsort(x[good], kind="stable")
    return x[good][order], y[good][order]


def _path(wave: NDArray[np.float64], flux: NDArray[np.float64]) -> str:
    """SVG path of the binned spectrum; gaps of more than five bins are left open."""
    if wave.size < 2:
        return ""
    bins = ((wave - _BLUE) / (_RED - _BLUE) * _BINS).astype(int)
    used, start = np.unique(bins, return_index=True)
    count = np.diff(np.append(start, wave.size))
    x = np.add.reduceat(wave, start) / count
    y = np.add.reduceat(flux, start) / count
    low, high = np.percentile(y, [1, 99])
    span = high - low
    scaled = np.full(y.size, 0.5) if span <= 0 or not math.isfinite(span) else np.clip((y - low) / span, -0.06, 1.08)
    px, py = _x(x), _HEIGHT - _BOTTOM - 6 - scaled * (_HEIGHT - _TOP - _BOTTOM - 14)
    breaks = np.diff(used, prepend=used[0] - 99) > max(5, 3 * int(np.median(np.diff(used))) if used.size > 1 else 5)
    return "".join(f"{'M' if b else 'L'}{a:.1f} {c:.1f}" for a, c, b in zip(px, py, breaks, strict=True))


def _x(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(_LEFT + (wave - _BLUE) / (_RED - _BLUE) * (_WIDTH - _LEFT - _RIGHT))


def _axis() -> str:
    base = _HEIGHT - _BOTTOM
    parts = [f'<line x1="{_LEFT}" y1="{base}" x2="{_WIDTH - _RIGHT}" y2="{base}" class="axis"/>']
    for value in range(4000, 9001, 1000):
        x = float(_x(np.array(float(value))))
        parts.append(f'<line x1="{x:.1f}" y1="{base}" x2="{x:.1f}" y2="{base + 4}" class="axis"/>')
        parts.append(_text(x, base + 17, f"{value} Å" if value == 9000 else str(value), "middle", "tick"))
    return "".join(parts)


def _features(label: str | None, redshift: float | None) -> str:
    """Dashed lines where the class shows itself; a CV is in our own Galaxy, the others need a redshift."""
    z = 0.0 if label == "CV" else redshift
    if label is None or z is None:
        return ""
    parts, last = [], -99.0
    for name, rest in FEATURES[label]:
        x = float(_x(np.array(rest * (1 + z))))
        if not _LEFT <= x <= _WIDTH - _RIGHT:
            continue
        parts.append(f'<line x1="{x:.1f}" y1="{_TOP - 4}" x2="{x:.1f}" y2="{_HEIGHT - _BOTTOM}" class="feature"/>')
        if x - last > 34:
            parts.append(_text(x, _TOP - 8, name, "middle", "tick"))
            last = x
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str, css: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{css}">{escape(text)}</text>'

"""Light curves and NEEDLE's scores over the nights, as small inline SVG pictures."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from models.domain import NEEDLE_CLASSES, LightCurve
from plugin.web.look import slug

_WIDTH, _HEIGHT, _EDGE = 260, 84, 8
_BANDS: Final = ("g", "r")


def light_curve(name: str, curve: LightCurve | None) -> Markup:
    """A dot for each detection in g and r, brighter upwards."""
    if curve is None or not (curve.is_limit == 0).any():
        return Markup("")
    seen = (curve.is_limit == 0) & np.isfinite(curve.mag)
    low, high = float(curve.mag[seen].max()), float(curve.mag[seen].min())
    first, last = float(curve.mjd[seen].min()), float(curve.mjd[seen].max())
    dots = "".join(
        _dots(curve.mjd[keep], curve.mag[keep], (first, last), (low, high), band)
        for band in _BANDS
        if (keep := seen & (np.array(curve.band) == band)).any()
    )
    alt = f"Light curve of {name}: {high:.1f} to {low:.1f} mag in {last - first:.0f} days"
    label = f'<text x="{_WIDTH - 4}" y="{_HEIGHT - 4}" text-anchor="end">{last - first:.0f} d, {high:.1f} mag</text>'
    return _svg(alt, dots + label)


def history(name: str, rows: Sequence[Sequence[float]]) -> Markup:
    """The scores as they would have been after each night: a line per class, from 0 at the bottom to 1 at the top."""
    if len(rows) < 2:
        return Markup("")
    table = np.array(rows, dtype=float)
    x = _EDGE + (table[:, 0] - table[0, 0]) / max(table[-1, 0] - table[0, 0], 1e-3) * (_WIDTH - 2 * _EDGE)
    lines = "".join(_line(x, table[:, k + 1], label) for k, label in enumerate(NEEDLE_CLASSES))
    last = ", ".join(f"{label} {p:.2f}" for label, p in zip(NEEDLE_CLASSES, table[-1, 1:], strict=True))
    return _svg(f"Scores of {name} after {len(rows)} nights; after the last: {last}", lines)


def _line(x: NDArray[np.float64], p: NDArray[np.float64], label: str) -> str:
    y = _HEIGHT - _EDGE - p * (_HEIGHT - 2 * _EDGE)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return f'<polyline points="{points}" class="score c-{slug(label)}"/>'


def _dots(
    mjd: NDArray[np.float64], mag: NDArray[np.float64], days: tuple[float, float], mags: tuple[float, float], band: str
) -> str:
    x = _EDGE + (mjd - days[0]) / max(days[1] - days[0], 1e-3) * (_WIDTH - 2 * _EDGE)
    y = _EDGE + (mag - mags[1]) / max(mags[0] - mags[1], 1e-3) * (_HEIGHT - 2 * _EDGE - 12)
    return "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.4" class="{band}"/>' for a, b in zip(x, y, strict=True))


def _svg(alt: str, body: str) -> Markup:
    head = f'<svg class="curve" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(alt)}">'
    return Markup(f"{head}{body}</svg>")  # noqa: S704 - numbers, our own words, and `alt`, which is escaped

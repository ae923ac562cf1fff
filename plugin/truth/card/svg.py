"""The card's drawings, as inline SVG: shares with their intervals against a promise, reliability, months."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

_WIDTH, _HEIGHT = 460, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 34
_LOWEST = (0.96, 0.9, 0.8, 0.6, 0.4, 0.2, 0.0)
"""Where an axis may begin, so that its lines are round figures."""

Found = Mapping[str, Any]


def trusted(text: str) -> Markup:
    """A file of ours, as it is."""
    return Markup(text)  # noqa: S704 - our own style sheet


def coverage(rows: Sequence[Found], title: str) -> Markup:
    """A dot with its interval for each alpha, and a bar where chance alone puts a promise that is kept."""
    shown = [row for row in rows if row["value"] is not None]
    if not shown:
        return Markup("")
    low = min(min(row["low"], row["band_low"], row["promised"]) for row in shown)
    scale = _Scale(low)
    step = (_WIDTH - _LEFT - _RIGHT) / len(shown)
    parts = [scale.axis()]
    for i, row in enumerate(shown):
        x = _LEFT + step * (i + 0.5)
        width = min(step * 0.5, 46.0)
        top, bottom = scale.y(row["band_high"]), scale.y(row["band_low"])
        box = f'x="{x - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" height="{max(bottom - top, 1):.1f}"'
        parts.append(f'<rect {box} class="band"/>')
        y = scale.y(row["promised"])
        parts.append(
            f'<line x1="{x - width / 2:.1f}" y1="{y:.1f}" x2="{x + width / 2:.1f}" y2="{y:.1f}" class="promise"/>'
        )
        parts.append(_whisker(scale, x, row, "kept" if row["kept"] else "broken"))
        parts.append(_text(x, _HEIGHT - 14, f"α {row['alpha']:g}"))
    said = "; ".join(f"alpha {r['alpha']:g}: {r['value']:.3f} of {r['promised']:.3f} promised" for r in shown)
    return _svg(f"{title}. {said}", parts)


def reliability(rows: Sequence[Found]) -> Markup:
    """How often we were right against what we claimed; on the diagonal claims are true."""
    shown = [row for row in rows if row["value"] is not None and row["claimed"] is not None]
    if not shown:
        return Markup("")
    scale = _Scale(0.0)
    parts = [scale.axis(), f'<path d="M{_x(0):.1f} {scale.y(0):.1f}L{_x(1):.1f} {scale.y(1):.1f}" class="promise"/>']
    parts += [_text(_x(v), _HEIGHT - 14, f"{v:g}") for v in (0.0, 0.25, 0.5, 0.75, 1.0)]
    parts += [_whisker(scale, _x(row["claimed"]), row, "point") for row in shown]
    said = "; ".join(f"claimed {r['claimed']:.2f}, right {r['value']:.2f}" for r in shown)
    return _svg(f"How often we were right against our probability. {said}", parts)


def months(by_month: Mapping[str, Found]) -> Markup:
    """How often we were right, month by month."""
    shown = [(name, row) for name, row in by_month.items() if row["value"] is not None][-18:]
    if len(shown) < 2:
        return Markup("")
    scale = _Scale(min(row["low"] for _, row in shown))
    step = (_WIDTH - _LEFT - _RIGHT) / len(shown)
    points = [(_LEFT + step * (i + 0.5), name, row) for i, (name, row) in enumerate(shown)]
    line = " ".join(f"{x:.1f},{scale.y(row['value']):.1f}" for x, _, row in points)
    parts = [scale.axis(), f'<polyline points="{line}" class="trend"/>']
    every = max(1, round(len(shown) / 6))
    for i, (x, name, row) in enumerate(points):
        parts.append(_whisker(scale, x, row, "point"))
        if i % every == 0:
            parts.append(_text(x, _HEIGHT - 14, name))
    said = "; ".join(f"{name}: {row['value']:.3f}" for _, name, row in points)
    return _svg(f"How often we were right, by month. {said}", parts)


class _Scale:
    """From a share to a height."""

    def __init__(self, lowest: float) -> None:
        self._low = next(low for low in _LOWEST if low <= lowest)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        share = (value - self._low) / (1.0 - self._low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    def axis(self) -> str:
        """Lines across with their values."""
        parts = []
        for i in range(5):
            value = self._low + (1.0 - self._low) * i / 4
            y = self.y(value)
            parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" class="grid"/>')
            parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{100 * value:.0f} %</text>')
        return "".join(parts)


def _whisker(scale: _Scale, x: float, row: Found, css: str) -> str:
    low, high, y = (scale.y(row[key]) for key in ("low", "high", "value"))
    line = f'<line x1="{x:.1f}" y1="{low:.1f}" x2="{x:.1f}" y2="{high:.1f}" class="whisker {css}"/>'
    return f'{line}<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" class="dot {css}"/>'


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{escape(text)}</text>'


def _svg(alt: str, parts: Sequence[str]) -> Markup:
    head = f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(alt)}">'
    return Markup(f"{head}{''.join(parts)}</svg>")  # noqa: S704 - numbers, our own words, and what is escaped

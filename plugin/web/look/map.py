"""A map of embeddings as a picture: the archive as dots, the marshal's spectra as points that can be pointed at.

It needs no script: each point is a link with its words. Colours follow light and dark, by the page's style, or by the
picture's own where it stands alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from models.domain import FINE_CLASSES
from plugin.web.look import slug

WIDTH, HEIGHT, MARGIN = 1000, 700, 26
_NAME_PX, _LINE_PX = 80, 26
LEAST_FOR_A_NAME: Final = 5
"""Archive spectra of a class whose middle bears its name."""
_STYLE: Final = """
:root { --ink: #1b1f24; --paper: #ffffff; }
.c-sn-ia { --c: #0072b2; } .c-sn-ibc { --c: #d55e00; } .c-slsn { --c: #b0568c; } .c-sn-ii { --c: #3a9bd5; }
.c-agn { --c: #b87d00; } .c-cv { --c: #4d4d4d; } .c-tde { --c: #00805c; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #161b22; }
  .c-sn-ia { --c: #4ba6e3; } .c-sn-ibc { --c: #ff8a3d; } .c-slsn { --c: #e58fc4; } .c-sn-ii { --c: #9ad0f5; }
  .c-agn { --c: #e0a52e; } .c-cv { --c: #b4b4b4; } .c-tde { --c: #2fc296; }
}
svg { background: var(--paper); }
.dots { fill: none; stroke: var(--c); stroke-width: 4; stroke-linecap: round; opacity: .45; }
.point circle { fill: var(--c); stroke: var(--paper); stroke-width: 1.5; }
.point.alert circle { stroke: var(--ink); stroke-width: 3; }
.named { font: 600 22px system-ui, sans-serif; fill: var(--ink); paint-order: stroke; stroke: var(--paper); }
.named { stroke-width: 6; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """An answered spectrum on the map.

    Parameters
    ----------
    words : str
        What is said of it when it is pointed at.
    """

    name: str
    label: str
    words: str
    is_alert: bool
    xy: tuple[float, float]


def map_svg(
    archive: NDArray[np.floating],
    labels: Sequence[str],
    points: Sequence[Point],
    *,
    alt: str,
    alone: bool = False,
) -> Markup:
    """The map.

    Parameters
    ----------
    archive : ndarray, shape (n, 2)
        Places of archive spectra, 0 to 1; what lies outside is drawn at the rim.
    labels : sequence of str, length n
        Their classes.
    points : sequence of Point
        The last is drawn on top.
    alone : bool
        True: a file of its own, with its own style.
    """
    at, names = on_paper(archive), np.array(labels)
    parts = [_dots(at[names == c], c) for c in FINE_CLASSES if (names == c).any()]
    # Names over the dots and under the points: classes are told apart without any colour.
    parts += _names({c: at[names == c] for c in FINE_CLASSES if int((names == c).sum()) >= LEAST_FOR_A_NAME})
    parts += [_point(one) for one in points]
    space = ' xmlns="http://www.w3.org/2000/svg"' if alone else ""
    role = "group" if points else "img"
    head = f'<svg{space} class="map" viewBox="0 0 {WIDTH} {HEIGHT}" role="{role}" aria-label="{escape(alt)}">'
    style = f"<style>{_STYLE}</style>" if alone else ""
    return Markup(f"{head}{style}{''.join(parts)}</svg>")  # noqa: S704 - numbers, our own words, and what is escaped


def on_paper(xy: NDArray[np.floating]) -> NDArray[np.float64]:
    """From places to the picture, shape (n, 2)."""
    inside = np.clip(np.asarray(xy, float).reshape(-1, 2), -0.03, 1.03)
    size = np.array([WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN])
    return np.asarray(np.clip(MARGIN + inside * size, 4, np.array([WIDTH, HEIGHT]) - 4))


def archive_data(archive: NDArray[np.floating], names: Sequence[str], labels: Sequence[str]) -> Markup:
    """Where each archive spectrum lies and what it is, as JSON inside a page, for the script that names the nearest."""
    rows = [
        [round(x), round(y), name, label]
        for (x, y), name, label in zip(on_paper(archive).tolist(), names, labels, strict=True)
    ]
    text = json.dumps(rows, separators=(",", ":"), ensure_ascii=False)
    for sign, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):  # nothing in it can end the block
        text = text.replace(sign, code)
    return Markup(text)  # noqa: S704 - JSON without the signs of HTML


def _dots(at: NDArray[np.float64], label: str) -> str:
    """Points as lines of no length with round ends: a tenth of the bytes of circles."""
    path = "".join(f"M{x:.0f} {y:.0f}h0" for x, y in at)
    return f'<path class="dots c-{slug(label)}" d="{path}"/>'


def _point(one: Point) -> str:
    ((x, y),) = on_paper(np.array([one.xy])).tolist()
    css = f"point c-{slug(one.label)}{' alert' if one.is_alert else ''}"
    circle = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7"><title>{escape(one.words)}</title></circle>'
    address = escape(f"/object/{quote(one.name, safe='')}")
    return f'<a class="{css}" href="{address}" aria-label="{escape(one.words)}">{circle}</a>'


def _names(places: Mapping[str, NDArray[np.float64]]) -> list[str]:
    """The name of each class where it is densest; one that would lie on another goes below it."""
    taken: list[tuple[float, float]] = []
    found = []
    for label, at in places.items():
        x, y = (float(v) for v in at[_densest(at)])
        x = float(np.clip(x, _NAME_PX / 2, WIDTH - _NAME_PX / 2))
        while any(abs(x - a) < _NAME_PX and abs(y - b) < _LINE_PX for a, b in taken):
            y += 4.0
        taken.append((x, y))
        where = f'x="{x:.0f}" y="{y:.0f}" text-anchor="middle"'
        found.append(f'<text class="named" {where} aria-hidden="true">{escape(label)}</text>')
    return found


def _densest(at: NDArray[np.float64]) -> int:
    grid = np.floor(at / 40).astype(int)
    _, index, counts = np.unique(grid, axis=0, return_inverse=True, return_counts=True)
    return int(counts[index.ravel()].argmax())

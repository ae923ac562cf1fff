"""Small inline SVG pictures for the report: histograms stacked by class, and spectra."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from plugin.web.look import COLOURS as CLASS_COLOURS

COLOURS: Final[Mapping[str, str]] = {**CLASS_COLOURS, "rare": "#b4b2a9"}
_WIDTH, _HEIGHT, _BASE = 420, 170, 142
_SPECTRUM = (300, 96)
_BINS = 260


def bars(share: float) -> Markup:
    """A bar of some share of its full length."""
    return Markup('<span class="bar" style="width:{:.1f}%"></span>').format(100 * share)


def histogram(edges: NDArray[np.float64], layers: Mapping[str, NDArray[np.float64]], *, log: bool, note: str) -> Markup:
    """Counts per bin, stacked by class; `layers` maps a name of `COLOURS` to counts."""
    x = np.log10(edges) if log else edges
    places = 30 + (x - x[0]) / (x[-1] - x[0]) * (_WIDTH - 40)
    top = max(float(np.sum(list(layers.values()), axis=0).max()), 1.0)
    base = np.zeros(edges.size - 1)
    parts = []
    for name, counts in layers.items():
        parts += [
            f'<rect x="{places[i]:.1f}" y="{_BASE - (base[i] + n) / top * 120:.1f}" height="{n / top * 120:.1f}" '
            f'width="{places[i + 1] - places[i] - 1:.1f}" fill="{COLOURS[name]}"/>'
            for i, n in enumerate(counts)
            if n
        ]
        base = base + counts
    ticks = _ticks(edges, places, log=log)
    scale = f'<text x="26" y="26" class="tick" text-anchor="end">{top:.0f}</text>'
    axis = f'<line x1="30" y1="{_BASE}" x2="{_WIDTH - 10}" y2="{_BASE}" class="axis"/>'
    said = f'<text x="{_WIDTH - 10}" y="14" class="tick" text-anchor="end">{escape(note)}</text>'
    return _svg(_WIDTH, _HEIGHT, "histogram", note, "".join((*parts, axis, ticks, scale, said)))


def _ticks(edges: NDArray[np.float64], places: NDArray[np.float64], *, log: bool) -> str:
    values = np.array([v for v in (1.0, 3.0, 10.0, 30.0, 100.0, 300.0) if edges[0] <= v <= edges[-1]])
    at = values if log else np.linspace(float(edges[0]), float(edges[-1]), 6)
    x = np.asarray(np.interp(np.log10(at), np.log10(edges), places) if log else np.interp(at, edges, places))
    tick = '<text x="{:.1f}" y="{}" class="tick" text-anchor="middle">{:g}</text>'
    return "".join(tick.format(a, _BASE + 16, v) for a, v in zip(x, at, strict=True))


def spectrum(row: Mapping[str, Any], wavelength_A: NDArray[np.float64], flux: NDArray[np.float64]) -> Markup:
    """One spectrum, binned, with its name and what is known of it."""
    width, height = _SPECTRUM
    good = np.isfinite(flux) & (wavelength_A >= 3600) & (wavelength_A <= 9400)
    wave, value = wavelength_A[good], flux[good]
    bins = ((wave - 3600) / 5800 * _BINS).astype(int)
    used, start = np.unique(bins, return_index=True)
    means = np.add.reduceat(value, start) / np.diff(np.append(start, wave.size))
    low, high = np.percentile(means, [1, 99])
    scaled = np.clip((means - low) / (high - low or 1.0), -0.05, 1.08)
    x, y = used / _BINS * width, height - 6 - scaled * (height - 30)
    gaps = np.diff(used, prepend=used[0] - 99) > 8
    path = "".join(f"{'M' if g else 'L'}{a:.1f} {b:.1f}" for g, a, b in zip(gaps, x, y, strict=True))
    colour = COLOURS[row["fine_class"] or "rare"]
    name = f'<text x="2" y="12" class="name">{escape(row["spec_id"])}</text>'
    known = f'<text x="{width - 2}" y="12" class="tick" text-anchor="end">{escape(_known(row))}</text>'
    line = f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.2" stroke-linejoin="round"/>'
    return _svg(width, height, "spectrum", f"spectrum {row['spec_id']}, {_known(row)}", line + name + known)


def _known(row: Mapping[str, Any]) -> str:
    parts = [f"S/N {row['snr_est']:.0f}"] if row["snr_est"] is not None and np.isfinite(row["snr_est"]) else []
    parts += [] if row["redshift"] is None else [f"z {row['redshift']:.3f}"]
    parts += [] if row["phase_days"] is None else [f"{row['phase_days']:+.0f} d"]
    return ", ".join(parts)


def _svg(width: int, height: int, css: str, alt: str, body: str) -> Markup:
    head = f'<svg class="{css}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(alt)}">'
    return Markup(head + body + "</svg>")  # noqa: S704 - numbers, our own words, and texts that are escaped

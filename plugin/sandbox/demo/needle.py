"""What NEEDLE said about each object, as a person looks at it: rare ones first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from models.domain import NEEDLE_CLASSES, LightCurve
from plugin.cycle.posting import prediction_set
from plugin.store import Filed

RARE = ("TDE", "SLSN-I")
COLOURS = {"g": "#00805c", "r": "#b3261e"}
SCORES = {"SN": "#0072b2", "SLSN-I": "#b0568c", "TDE": "#00805c"}
_WIDTH, _HEIGHT, _EDGE = 260, 84, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectLook:
    """One object and NEEDLE's answer.

    Parameters
    ----------
    said : mapping of str to value
        The annotation `ASTRANet` on the source, where there is one; with the joined summary.
    truth : str or None
        What the simulator drew it from: SN, SLSN-I or TDE. The service never sees it.
    """

    filed: Filed
    alpha: float
    curve: LightCurve | None = None
    said: Mapping[str, object] | None = None
    truth: str | None = None

    @property
    def name(self) -> str:
        """The object."""
        return self.filed.target_id

    @property
    def label(self) -> str | None:
        """The class; None for a refusal."""
        verdict = self.filed.report.host_verdict
        return None if verdict is None else verdict.label

    @property
    def probabilities(self) -> list[tuple[str, float]]:
        """By class, in a fixed order; empty for a refusal."""
        verdict = self.filed.report.host_verdict
        return [] if verdict is None else [(name, verdict.probabilities[name]) for name in NEEDLE_CLASSES]

    @property
    def members(self) -> tuple[str, ...]:
        """The prediction set; empty also for a refusal."""
        verdict = self.filed.report.host_verdict
        return () if verdict is None else prediction_set(verdict.prediction_sets, self.alpha)

    @property
    def joint(self) -> str:
        """How it goes with the spectrum: "agrees with SN Ia", or why there is nothing to compare."""
        said = self.said or {}
        spectral, word = said.get("an_class"), said.get("an_joint")
        if spectral is None:
            return "no spectrum"
        words = {"agree": f"agrees with {spectral}", "disagree": f"disagrees with {spectral}"}
        return words.get(str(word), f"spectrum says {spectral}")

    @property
    def picture(self) -> Markup:
        """The light curve as a small inline SVG, brighter upwards."""
        return draw(self.name, self.curve)

    @property
    def history(self) -> Markup:
        """The scores as they would have been after each night, as a small inline SVG."""
        verdict = self.filed.report.host_verdict
        return draw_history(self.name, () if verdict is None else verdict.history)

    @property
    def facts(self) -> str:
        """Counts and images in one line."""
        f = self.filed.facts
        parts = [f"{f.get('n_g', 0)} g, {f.get('n_r', 0)} r"]
        parts += [f"{f['phase']:+.0f} d"] if isinstance(f.get("phase"), int | float) else []
        parts += [f'host at {f["host_sep"]}"'] if "host_sep" in f else []
        parts += [f"images {f['quality']:.2f}"] if isinstance(f.get("quality"), int | float) else []
        return " · ".join(parts) + (", one restored" if f.get("restored") else "")


def in_order(looks: list[ObjectLook]) -> list[ObjectLook]:
    """Rare classes first, surest first; refusals last."""
    return sorted(looks, key=_rank)


def _rank(look: ObjectLook) -> tuple[int, float, str]:
    place = 3 if look.label is None else RARE.index(look.label) if look.label in RARE else 2
    return place, -max((p for _, p in look.probabilities), default=0.0), look.name


def draw(name: str, curve: LightCurve | None) -> Markup:
    """A light curve: a dot for each detection in g and r."""
    if curve is None or not (curve.is_limit == 0).any():
        return Markup("")
    seen = (curve.is_limit == 0) & np.isfinite(curve.mag)
    low, high = float(curve.mag[seen].max()), float(curve.mag[seen].min())
    first, last = float(curve.mjd[seen].min()), float(curve.mjd[seen].max())
    dots = "".join(
        _dots(curve.mjd[keep], curve.mag[keep], (first, last), (low, high), colour)
        for band, colour in COLOURS.items()
        if (keep := seen & (np.array(curve.band) == band)).any()
    )
    alt = f"Light curve of {name}: {high:.1f} to {low:.1f} mag in {last - first:.0f} days"
    label = f'<text x="{_WIDTH - 4}" y="{_HEIGHT - 4}" text-anchor="end">{last - first:.0f} d, {high:.1f} mag</text>'
    body = f'<svg class="curve" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(alt)}">'
    return Markup(f"{body}{dots}{label}</svg>")  # noqa: S704 - numbers, our own words, and `alt`, which is escaped


def draw_history(name: str, rows: Sequence[Sequence[float]]) -> Markup:
    """Three lines, one per class, from 0 at the bottom to 1 at the top."""
    if len(rows) < 2:
        return Markup("")
    table = np.array(rows, dtype=float)
    x = _EDGE + (table[:, 0] - table[0, 0]) / max(table[-1, 0] - table[0, 0], 1e-3) * (_WIDTH - 2 * _EDGE)
    lines = "".join(_line(x, table[:, k + 1], SCORES[label]) for k, label in enumerate(NEEDLE_CLASSES))
    last = ", ".join(f"{label} {p:.2f}" for label, p in zip(NEEDLE_CLASSES, table[-1, 1:], strict=True))
    alt = f"Scores of {name} after {len(rows)} nights; after the last: {last}"
    body = f'<svg class="curve" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(alt)}">'
    return Markup(f"{body}{lines}</svg>")  # noqa: S704 - numbers, our own words, and `alt`, which is escaped


def _line(x: NDArray[np.float64], p: NDArray[np.float64], colour: str) -> str:
    y = _HEIGHT - _EDGE - p * (_HEIGHT - 2 * _EDGE)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _dots(
    mjd: NDArray[np.float64],
    mag: NDArray[np.float64],
    days: tuple[float, float],
    mags: tuple[float, float],
    colour: str,
) -> str:
    x = _EDGE + (mjd - days[0]) / max(days[1] - days[0], 1e-3) * (_WIDTH - 2 * _EDGE)
    y = _EDGE + (mag - mags[1]) / max(mags[0] - mags[1], 1e-3) * (_HEIGHT - 2 * _EDGE - 12)
    return "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.4" fill="{colour}"/>' for a, b in zip(x, y, strict=True))

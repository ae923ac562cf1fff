"""The vetting card of an alert: one picture with what a person needs to decide."""

import io
import textwrap
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from models.domain import FINE_CLASSES, Anomaly, Confidence, Report, Spectrum, Verdict
from models.domain.looked import Looked
from models.sentinel.scores import FAMILIES, SCORES
from models.spectral.prepare import WINDOW_A
from plugin.cycle.spectra.lines import LINES, Lines
from plugin.cycle.spectra.match_panel import draw_looked, draw_match, draw_no_redshift, shown_redshift
from plugin.cycle.spectra.overlays import Matched, Panel, no_redshift, panels

mpl.use("agg")
from matplotlib.figure import Figure

Floats = NDArray[np.float64]
_COLOURS = dict(zip(FAMILIES, ("#4477aa", "#ee6677", "#228833", "#ccbb44"), strict=True))
Drawn = Callable[[str], Floats]
Row = Callable[[Any], None]
"""Draws into the axes of a row of the card."""

ALPHA: Final = 0.05
"""Error rate of the set that is shown where nobody says another."""


def vetting_card(
    report: Report,
    spectrum: Spectrum,
    *,
    drawn: Drawn | None = None,
    matched: Matched | None = None,
    looked: Looked | None = None,
    alpha: float = ALPHA,
) -> bytes:
    """Draw one report as a PNG; the same report gives the same bytes.

    Parameters
    ----------
    report : Report
        With an anomaly part.
    spectrum : Spectrum
        The one it is about.
    drawn : callable, optional
        From the id of an archive spectrum to its sketch over the window, shape (n,); None leaves the analogs out.
    matched : callable, optional
        From the id of a spectrum of the bank of matches to its rest wavelengths and flux; None leaves the match out.
    looked : Looked, optional
        Where the networks looked.
    alpha : float
        Error rate of the set that is shown.

    Raises
    ------
    ValueError
        If the report has no class or no anomaly part.
    """
    verdict, confidence, anomaly = report.verdict, report.confidence, report.anomaly
    if verdict is None or confidence is None or anomaly is None:
        raise ValueError("a card needs a report with class, confidence and anomaly")
    rows = [(1.25, _spectrum_row(report, spectrum, alpha)), *_match_rows(report, spectrum, matched)]
    if looked is not None:
        rows.append((0.45, lambda axes: draw_looked(axes, looked)))
    heights = [*(height for height, _ in rows), 0.9, 1.1]
    figure = Figure(figsize=(11, 2.0 + 1.6 * sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights, width_ratios=(1.25, 1))
    for number, (_, draw) in enumerate(rows):
        draw(figure.add_subplot(grid[number, :]))
    draw_probabilities(figure.add_subplot(grid[-2:, 1]), verdict, confidence, alpha)
    _scores(figure.add_subplot(grid[-2, 0]), anomaly)
    _analogs(figure.add_subplot(grid[-1, 0]), spectrum, anomaly, drawn)
    figure.suptitle(_title(report, confidence, anomaly), fontsize=11, x=0.01, ha="left")
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    return out.getvalue()


def _spectrum_row(report: Report, spectrum: Spectrum, alpha: float) -> Row:
    verdict, confidence = report.verdict, report.confidence
    assert verdict is not None
    assert confidence is not None
    return lambda axes: draw_spectrum(axes, spectrum, verdict, confidence, shown_redshift(report), alpha)


def _match_rows(report: Report, spectrum: Spectrum, matched: Matched | None) -> list[tuple[float, Row]]:
    """The best match, and that at another redshift; or that no redshift can be believed."""
    if matched is None or report.verdict is None:
        return []
    wave, flux = _scaled(spectrum)
    lines = LINES[report.verdict.label]
    if no_redshift(report) is not None:
        return [(0.8, lambda axes: draw_no_redshift(axes, wave, flux, report))]
    return [(1.2, partial(_draw_panel, wave, flux, panel, matched, lines)) for panel in panels(report)]


def _draw_panel(wave: Floats, flux: Floats, panel: Panel, matched: Matched, lines: Lines, axes: Any) -> None:
    draw_match(axes, wave, flux, panel, matched, lines)


def _title(report: Report, confidence: Confidence, anomaly: Anomaly) -> str:
    p = "" if confidence.p_mondrian is None else f"p = {confidence.p_mondrian:.3f}, "
    return (
        f"{report.target_id}, spectrum {report.spectrum_id}: {confidence.policy}, {p}anomaly {anomaly.score:.3f}\n"
        + textwrap.fill(confidence.sentence or "", 110)
    )


def draw_spectrum(
    axes: Any,
    spectrum: Spectrum,
    verdict: Verdict,
    confidence: Confidence,
    lines_at: tuple[float, str] | None = None,
    alpha: float = ALPHA,
) -> None:
    """The spectrum, with the lines that a person looks for in each class of the set.

    Parameters
    ----------
    lines_at : (float, str), optional
        The redshift of the lines and whose it is; that of the spectrum when left out.
    alpha : float
        Error rate of the set.
    """
    if lines_at is None and spectrum.redshift is not None:
        lines_at = spectrum.redshift, "of the spectrum"
    wave, flux = _scaled(spectrum)
    axes.plot(wave, flux, color="0.15", lw=0.7)
    left = confidence.prediction_sets.get(f"{alpha:g}", ())
    classes = left or (verdict.label,)
    z = 0.0 if lines_at is None else lines_at[0]
    for row, label in enumerate(classes[:3]):
        for name, rest in LINES[label]:
            if WINDOW_A[0] < (at := rest * (1 + z)) < WINDOW_A[1]:
                axes.axvline(at, color=f"C{row}", lw=0.8, ls=":", alpha=0.9)
                axes.text(at, 1.38 - 0.11 * row, name, color=f"C{row}", fontsize=7, ha="center")
    frame = "lines at rest, redshift unknown" if lines_at is None else f"lines at z = {z:.3f}, {lines_at[1]}"
    named = ", ".join(left) or "none fits"
    axes.set(xlim=WINDOW_A, ylim=(-0.35, 1.5), ylabel="scaled flux", xlabel="observed wavelength, \u00c5")
    axes.set_title(f"set at {100 * (1 - alpha):g} %: {named}; {frame}", fontsize=9, loc="right")


def draw_probabilities(axes: Any, verdict: Verdict, confidence: Confidence, alpha: float = ALPHA) -> None:
    """A bar per class, dark where it is in the set at `alpha`."""
    values = [verdict.probabilities[c] for c in FINE_CLASSES]
    spread = [verdict.spread.get(c, 0.0) for c in FINE_CLASSES]
    inside = confidence.prediction_sets.get(f"{alpha:g}", ())
    colours = ["#33658a" if c in inside else "#b8c4cc" for c in FINE_CLASSES]
    axes.barh(range(len(values)), values, xerr=spread, color=colours, ecolor="0.3", capsize=2)
    axes.set_yticks(range(len(values)), FINE_CLASSES)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="probability and spread of the networks")
    axes.set_title(f"dark: in the set at {100 * (1 - alpha):g} %", fontsize=9)


def _scores(axes: Any, anomaly: Anomaly) -> None:
    names = list(anomaly.scores)
    axes.bar(
        range(len(names)), list(anomaly.scores.values()), color=[_COLOURS.get(SCORES[n].family, "0.4") for n in names]
    )
    axes.axhline(0.99, color="0.4", lw=0.8, ls="--")
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=7)
    axes.set(ylim=(0, 1.05), ylabel="rank")
    fired = ", ".join(anomaly.fired) or "none"
    axes.set_title(f"{len(names)} scores, ranks among ordinary spectra; families that fire: {fired}", fontsize=9)


def _analogs(axes: Any, spectrum: Spectrum, anomaly: Anomaly, drawn: Drawn | None) -> None:
    wave, flux = _scaled(spectrum)
    axes.plot(wave, flux, color="0.15", lw=0.7)
    for i, n in enumerate(anomaly.neighbours[:3] if drawn is not None else ()):
        assert drawn is not None
        sketch = drawn(str(n["spectrum"]))
        x = np.linspace(*WINDOW_A, len(sketch))
        axes.plot(x, sketch - 0.9 * (i + 1), color=f"C{i}", lw=1)
        text = f"{n['object']}, {n['class']}, distance {n['distance']}"
        axes.text(WINDOW_A[1] - 40, 0.45 - 0.9 * (i + 1), text, color=f"C{i}", fontsize=7, ha="right")
    axes.set(xlim=WINDOW_A, ylim=(-3.1, 1.4), yticks=[], xlabel="observed wavelength, \u00c5")
    axes.set_title("most alike in the archive", fontsize=9)


def _scaled(spectrum: Spectrum) -> tuple[Floats, Floats]:
    inside = (spectrum.wavelength_A >= WINDOW_A[0]) & (spectrum.wavelength_A <= WINDOW_A[1])
    wave, flux = spectrum.wavelength_A[inside], spectrum.flux[inside]
    low, high = np.nanpercentile(flux, (5, 95))
    return wave, (flux - low) / max(high - low, 1e-300)

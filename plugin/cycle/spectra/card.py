"""The vetting card of an alert: one picture with what a person needs to decide."""

import io
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from models.domain import FINE_CLASSES, Anomaly, Confidence, Report, Spectrum, Verdict
from models.sentinel.scores import FAMILIES, SCORES
from plugin.cycle.spectra.match_panel import Matched, draw_match, mark_lines, shown_redshift

mpl.use("agg")
from matplotlib.figure import Figure

Floats = NDArray[np.float64]
WINDOW_A = (3850.0, 9000.0)
_COLOURS = dict(zip(FAMILIES, ("#4477aa", "#ee6677", "#228833", "#ccbb44"), strict=True))
_LINES: Mapping[str, tuple[tuple[str, float], ...]] = {
    "SN Ia": (("Si II", 6355.0), ("S II", 5640.0), ("Ca II", 8579.0), ("Fe II", 5018.0)),
    "SN Ibc": (("He I", 5876.0), ("O I", 7774.0), ("Ca II", 8579.0), ("Si II", 6355.0)),
    "SLSN": (("O II", 4358.0), ("O II", 4651.0), ("Mg II", 4481.0)),
    "SN II": (("H\u03b1", 6563.0), ("H\u03b2", 4861.0), ("H\u03b3", 4340.0), ("Fe II", 5018.0)),
    "AGN": (("H\u03b1", 6563.0), ("H\u03b2", 4861.0), ("[O III]", 5007.0), ("[S II]", 6725.0)),
    "CV": (("H\u03b1", 6563.0), ("H\u03b2", 4861.0), ("He II", 4686.0), ("He I", 5876.0)),
    "TDE": (("H\u03b1", 6563.0), ("He II", 4686.0), ("H\u03b2", 4861.0), ("N III", 4641.0)),
}
"""Rest wavelengths of lines a person looks for in each class, Angstrom in air."""

Drawn = Callable[[str], Floats]


def vetting_card(
    report: Report, spectrum: Spectrum, *, drawn: Drawn | None = None, matched: Matched | None = None
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

    Raises
    ------
    ValueError
        If the report has no class or no anomaly part.
    """
    verdict, confidence, anomaly = report.verdict, report.confidence, report.anomaly
    if verdict is None or confidence is None or anomaly is None:
        raise ValueError("a card needs a report with class, confidence and anomaly")
    shown = matched if report.matches else None
    heights = (1.25, 0.9, 1.1) if shown is None else (1.25, 1.25, 0.9, 1.1)
    figure = Figure(figsize=(11, 2.0 + 1.6 * sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights, width_ratios=(1.25, 1))
    lines_at = shown_redshift(report)
    draw_spectrum(figure.add_subplot(grid[0, :]), spectrum, verdict, confidence, lines_at)
    if shown is not None:
        axes = figure.add_subplot(grid[1, :])
        draw_match(axes, *_scaled(spectrum), report, shown)
        if lines_at is not None:
            mark_lines(axes, _LINES[verdict.label], lines_at[0])
    draw_probabilities(figure.add_subplot(grid[-2:, 1]), verdict, confidence)
    _scores(figure.add_subplot(grid[-2, 0]), anomaly)
    _analogs(figure.add_subplot(grid[-1, 0]), spectrum, anomaly, drawn)
    figure.suptitle(_title(report, confidence, anomaly), fontsize=11, x=0.01, ha="left")
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    return out.getvalue()


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
) -> None:
    """The spectrum, with the lines that a person looks for in each class of the set.

    Parameters
    ----------
    lines_at : (float, str), optional
        The redshift of the lines and whose it is; that of the spectrum when left out.
    """
    if lines_at is None and spectrum.redshift is not None:
        lines_at = spectrum.redshift, "of the spectrum"
    wave, flux = _scaled(spectrum)
    axes.plot(wave, flux, color="0.15", lw=0.7)
    classes = confidence.prediction_sets.get("0.05", ()) or (verdict.label,)
    z = 0.0 if lines_at is None else lines_at[0]
    for row, label in enumerate(classes[:3]):
        for name, rest in _LINES[label]:
            if WINDOW_A[0] < (at := rest * (1 + z)) < WINDOW_A[1]:
                axes.axvline(at, color=f"C{row}", lw=0.8, ls=":", alpha=0.9)
                axes.text(at, 1.38 - 0.11 * row, name, color=f"C{row}", fontsize=7, ha="center")
    frame = "lines at rest, redshift unknown" if lines_at is None else f"lines at z = {z:.3f}, {lines_at[1]}"
    named = ", ".join(classes) if confidence.prediction_sets.get("0.05") else "none fits"
    axes.set(xlim=WINDOW_A, ylim=(-0.35, 1.5), ylabel="scaled flux", xlabel="observed wavelength, \u00c5")
    axes.set_title(f"set at 95 %: {named}; {frame}", fontsize=9, loc="right")


def draw_probabilities(axes: Any, verdict: Verdict, confidence: Confidence) -> None:
    """A bar per class, dark where it is in the set."""
    values = [verdict.probabilities[c] for c in FINE_CLASSES]
    spread = [verdict.spread.get(c, 0.0) for c in FINE_CLASSES]
    inside = confidence.prediction_sets.get("0.05", ())
    colours = ["#33658a" if c in inside else "#b8c4cc" for c in FINE_CLASSES]
    axes.barh(range(len(values)), values, xerr=spread, color=colours, ecolor="0.3", capsize=2)
    axes.set_yticks(range(len(values)), FINE_CLASSES)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="probability and spread of the networks")
    axes.set_title("dark: in the set at 95 %", fontsize=9)


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

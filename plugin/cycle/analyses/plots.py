"""The pictures of an answer, PNG: a spectrum with its classes, or a light curve with NEEDLE's."""

import base64
import io
from typing import Any, Final

import matplotlib as mpl
import numpy as np

from models.domain import NEEDLE_CLASSES, HostVerdict, LightCurve, Report, Spectrum
from plugin.cycle.spectra.card import ALPHA, draw_probabilities, draw_spectrum
from plugin.cycle.spectra.match_panel import shown_redshift

mpl.use("agg")
from matplotlib.figure import Figure

_COLOURS: Final = {"g": "#228833", "r": "#ee6677", "i": "#aa3377"}


def of_spectrum(report: Report, spectrum: Spectrum, alpha: float = ALPHA) -> bytes:
    """The spectrum and the probabilities of its classes; for reports without an anomaly part, which have no card.

    Raises
    ------
    ValueError
        If the report has no class.
    """
    verdict, confidence = report.verdict, report.confidence
    if verdict is None or confidence is None:
        raise ValueError("a picture needs a report with class and confidence")
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    draw_spectrum(left, spectrum, verdict, confidence, shown_redshift(report), alpha)
    draw_probabilities(right, verdict, confidence, alpha)
    figure.suptitle(f"{report.target_id}: {verdict.label}", fontsize=11, x=0.01, ha="left")
    return _png(figure)


def of_object(target_id: str, verdict: HostVerdict, curve: LightCurve | None) -> bytes:
    """The light curve that was sent, and NEEDLE's scores."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    if curve is None:
        left.text(0.5, 0.5, "no photometry was sent", ha="center", va="center", transform=left.transAxes)
    else:
        _draw_curve(left, curve)
    values = [verdict.probabilities[name] for name in NEEDLE_CLASSES]
    right.barh(
        range(len(values)), values, color=["#33658a" if n == verdict.label else "#b8c4cc" for n in NEEDLE_CLASSES]
    )
    right.set_yticks(range(len(values)), NEEDLE_CLASSES)
    right.invert_yaxis()
    right.set(xlim=(0, 1), xlabel="score")
    figure.suptitle(f"{target_id}: {verdict.label}", fontsize=11, x=0.01, ha="left")
    return _png(figure)


def encoded(picture: bytes) -> dict[str, str]:
    """As SkyPortal takes a picture."""
    return {"format": "png", "data": base64.b64encode(picture).decode("ascii")}


def _draw_curve(axes: Any, curve: LightCurve) -> None:
    bands = np.array(curve.band)
    for band in sorted(set(curve.band)):
        here = bands == band
        seen = here & np.isfinite(curve.mag)
        colour = _COLOURS.get(band, "0.4")
        error = np.nan_to_num(curve.mag_error[seen])
        axes.errorbar(curve.mjd[seen], curve.mag[seen], yerr=error, fmt="o", ms=4, color=colour, label=band)
        limit = here & ~seen & np.isfinite(curve.limit_mag)
        axes.plot(curve.mjd[limit], curve.limit_mag[limit], "v", ms=4, mfc="none", color=colour)
    axes.invert_yaxis()
    axes.set(xlabel="MJD", ylabel="AB magnitude; triangles are limits")
    if axes.has_data():
        axes.legend(fontsize=8)


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=100, metadata={"Software": None})
    return out.getvalue()

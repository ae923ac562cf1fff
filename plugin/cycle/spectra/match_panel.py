"""A spectrum over a match, the residual, lines where the redshift puts them, and where the networks looked."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.domain import FINE_CLASSES, Report
from models.domain.looked import Looked
from models.spectral.prepare import WINDOW_A
from plugin.cycle.spectra.looked import DISCLAIMER
from plugin.cycle.spectra.overlays import Matched, Panel, fits, no_redshift

Floats = NDArray[np.float64]
_RESIDUAL_AT: Final = -0.4
_LIMITS: Final = (-0.9, 1.6)
_MATCH, _LINES = "#cc3311", "#33658a"


def shown_redshift(report: Report) -> tuple[float, str] | None:
    """The redshift to draw lines at, and whose it is; None where none is known and none can be believed."""
    told = report.redshift
    if told is None:
        return None
    if told.known is not None:
        return told.known, f"of the {told.known_origin}" if told.known_origin else "known"
    return None if told.value is None else (told.value, "by matching")


def draw_match(
    axes: Any, wave: Floats, flux: Floats, panel: Panel, matched: Matched, lines: Sequence[tuple[str, float]]
) -> None:
    """Draw one match, its continuum brought to the spectrum's, what is left, and lines.

    Parameters
    ----------
    wave, flux : ndarray, shape (n,)
        The spectrum, scaled as the other panels.
    lines : sequence of (str, float)
        Ions and rest wavelengths in Angstrom.
    """
    overlay = panel.overlay(wave, flux, matched)
    said = "; ".join(part for part in (panel.words, fits(overlay.explained)) if part)
    axes.plot(wave, flux, color="0.15", lw=0.7)
    axes.plot(wave, overlay.model, color=_MATCH, lw=1.1, ls="--" if panel.doubts else "-")
    axes.plot(wave, flux - overlay.model + _RESIDUAL_AT, color="0.55", lw=0.6)
    axes.axhline(_RESIDUAL_AT, color="0.75", lw=0.6)
    axes.set(xlim=WINDOW_A, ylim=_LIMITS, yticks=[], ylabel="match, residual")
    axes.set_title(said, fontsize=8, loc="left")
    if panel.doubts:
        text = "but " + "; ".join(panel.doubts)
        axes.text(0.01, 0.03, text, transform=axes.transAxes, fontsize=8, color=_MATCH, fontweight="bold")
    mark_lines(axes, lines, panel.redshift)


def draw_no_redshift(axes: Any, wave: Floats, flux: Floats, report: Report) -> None:
    """The spectrum alone, and why nothing lies over it."""
    axes.plot(wave, flux, color="0.75", lw=0.7)
    axes.set(xlim=WINDOW_A, ylim=_LIMITS, yticks=[])
    axes.text(
        0.5, 0.08, no_redshift(report) or "", transform=axes.transAxes, ha="center", color=_MATCH, fontweight="bold"
    )


def draw_looked(axes: Any, looked: Looked) -> None:
    """What hiding each piece of the spectrum did to the log-odds of the class."""
    at, change = looked.wavelength_A, looked.change
    axes.fill_between(at, np.maximum(change, 0), color="#4477aa", lw=0)
    axes.fill_between(at, np.minimum(change, 0), color="0.7", lw=0)
    axes.axhline(0, color="0.5", lw=0.6)
    axes.set(xlim=WINDOW_A, ylabel="nats", xlabel="observed wavelength, \u00c5")
    axes.set_title(f"{DISCLAIMER.format(label=FINE_CLASSES[looked.label])}", fontsize=8, loc="left")


def mark_lines(axes: Any, lines: Sequence[tuple[str, float]], redshift: float) -> None:
    """Lines, each a name and its rest wavelength in Angstrom, at a redshift."""
    low, high = axes.get_xlim()
    for name, rest in lines:
        if low < (at := rest * (1 + redshift)) < high:
            axes.axvline(at, color=_LINES, lw=0.7, ls=":")
            axes.text(at, 0.97, name, transform=axes.get_xaxis_transform(), fontsize=6, ha="center", va="top")

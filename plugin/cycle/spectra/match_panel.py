"""A spectrum over its best match at one redshift, the residual, and lines where that redshift puts them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.domain import Report

Floats = NDArray[np.float64]
Matched = Callable[[str], tuple[Floats, Floats]]
"""From the id of a spectrum of the bank to rest wavelength in Angstrom and flux, NaN where missing."""
DEGREE: Final = 3
"""Of the polynomial that brings a match's continuum to the spectrum's: its lines are what is compared."""
_RESIDUAL_AT: Final = -0.4
_LIMITS: Final = (-0.9, 1.5)


def shown_redshift(report: Report) -> tuple[float, str] | None:
    """The redshift to draw lines at, and whose it is; None where none is known and none can be believed."""
    told = report.redshift
    if told is None:
        return None
    if told.known is not None:
        return told.known, f"of the {told.known_origin}" if told.known_origin else "known"
    return None if told.value is None else (told.value, "by matching")


def draw_match(axes: Any, wave: Floats, flux: Floats, report: Report, matched: Matched) -> None:
    """Draw the best match, its continuum brought to the spectrum's, and what is left.

    Parameters
    ----------
    wave, flux : ndarray, shape (n,)
        The spectrum, scaled as the other panels.
    report : Report
        With matches.
    """
    best = report.matches[0]
    redshift = float(str(best["redshift"]))
    at_rest, template = matched(str(best["spectrum"]))
    known = np.isfinite(template)
    at = np.interp(wave, at_rest[known] * (1 + redshift), template[known], left=np.nan, right=np.nan)
    both = np.isfinite(at) & np.isfinite(flux)
    axes.plot(wave, flux, color="0.15", lw=0.7)
    axes.set(xlim=(wave[0], wave[-1]), ylim=_LIMITS, yticks=[], xlabel="observed wavelength, \u00c5")
    axes.set_title(f"best match: {_named(best)}; {_told(report)}", fontsize=8, loc="left")
    if int(both.sum()) <= DEGREE + 1:
        return
    x = np.linspace(-1, 1, len(wave))
    basis = np.stack([at * x**k for k in range(DEGREE + 1)] + [np.ones_like(x)], axis=1)
    weights, *_ = np.linalg.lstsq(basis[both], flux[both], rcond=None)
    model = np.where(both, basis @ weights, np.nan)
    axes.plot(wave, model, color="#ee6677", lw=1.1)
    axes.plot(wave, flux - model + _RESIDUAL_AT, color="0.55", lw=0.6)
    axes.axhline(_RESIDUAL_AT, color="0.75", lw=0.6)


def mark_lines(axes: Any, lines: Sequence[tuple[str, float]], redshift: float) -> None:
    """Lines, each a name and its rest wavelength in Angstrom, at a redshift."""
    low, high = axes.get_xlim()
    for name, rest in lines:
        if low < (at := rest * (1 + redshift)) < high:
            axes.axvline(at, color="#33658a", lw=0.7, ls=":")
            axes.text(at, 0.97, name, transform=axes.get_xaxis_transform(), fontsize=6, ha="center", va="top")


def _named(match: Mapping[str, object]) -> str:
    phase = match.get("phase_days")
    when = "" if phase is None else f", {float(str(phase)):+.0f} d"
    return f"{match['object']} ({match.get('subtype') or match['class']}{when}), score {match['score']}"


def _told(report: Report) -> str:
    """Both redshifts where there are two: a wrong match must not look right."""
    told = report.redshift
    if told is None:
        return ""
    found = f"z = {told.best:.3f} (share {told.share:.2f})"
    if told.value is None:
        found += ", not believed"
    if told.second is not None:
        found += f" or {told.second:.3f} ({told.second_share:.2f})"
    if told.known is not None:
        found += f"; known {told.known:.3f}" + ("" if told.agrees is not False else ", does NOT agree")
    return found

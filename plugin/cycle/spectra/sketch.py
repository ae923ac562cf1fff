"""A spectrum as a line to look at: some hundred points of a byte each, kept beside its report.

Pages and lists draw from it without asking the marshal. It is no spectrum to measure in: the flux has no unit, and
what sticks out far is cut.
"""

import base64
import math
from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.domain import RawSpectrum, Report, Spectrum
from plugin.cycle.spectra.overlays import Matched, panels
from plugin.store.filed import Fact

Floats = NDArray[np.float64]
Drawn = Callable[[str], Floats]
"""From the id of an archive spectrum to its line over `ARCHIVE_A`, evenly spaced, NaN where missing."""

BLUE_A, RED_A, POINTS = 3600.0, 9400.0, 290
ARCHIVE_A: Final = (3850.0, 9000.0)
ANALOGS: Final = 3
BINS_A: Final = BLUE_A + (np.arange(POINTS) + 0.5) / POINTS * (RED_A - BLUE_A)
_MISSING, _TOP = 255, 254


def sketches(
    spectrum: Spectrum | None,
    raw: RawSpectrum,
    report: Report,
    redshift: float | None,
    drawn: Drawn | None,
    matched: Matched | None = None,
) -> dict[str, Fact]:
    """What a picture of an answer needs: facts `sketch`, `match_1` ..., `analog_1` ... and `redshift`, where known.

    Matches are in the sketch's own units, so that their difference is the residual; `match_1_fit` is how much of the
    lines a match explains (`models.matching.overlay`).

    Parameters
    ----------
    spectrum : Spectrum or None
        None for one that quality control refused; then whatever numbers were sent are drawn.
    redshift : float or None
        At which lines are to be looked for.
    """
    wave, flux = numbers(raw.wavelengths, raw.fluxes) if spectrum is None else (spectrum.wavelength_A, spectrum.flux)
    facts: dict[str, Fact] = {}
    if (line := binned(wave, flux)) is not None:
        facts["sketch"] = packed(line, BLUE_A, RED_A)
        facts |= _matches(line, report, matched)
    neighbours = report.anomaly.neighbours if report.anomaly is not None and drawn is not None else ()
    for number, neighbour in enumerate(neighbours[:ANALOGS], 1):
        assert drawn is not None
        facts[f"analog_{number}"] = packed(drawn(str(neighbour["spectrum"])), *ARCHIVE_A)
    if redshift is not None and math.isfinite(redshift):
        facts["redshift"] = float(redshift)
    return facts


def _matches(line: Floats, report: Report, matched: Matched | None) -> dict[str, Fact]:
    """The matches that are shown, over a line of shape (POINTS,)."""
    facts: dict[str, Fact] = {}
    for number, panel in enumerate(panels(report) if matched is not None else (), 1):
        assert matched is not None
        overlay = panel.overlay(BINS_A, line, matched)
        if overlay.explained is None:
            continue
        facts[f"match_{number}"] = packed(overlay.model, BLUE_A, RED_A, limits(line))
        facts[f"match_{number}_fit"] = round(overlay.explained, 3)
    return facts


def numbers(wavelengths: object, fluxes: object) -> tuple[Floats, Floats]:
    """The points that are numbers, by wavelength, whatever was sent."""
    x, y = (np.array(floats(values), dtype=float) for values in (wavelengths, fluxes))
    n = min(x.size, y.size)
    x, y = x[:n], y[:n]
    good = np.isfinite(x) & np.isfinite(y) & (np.abs(y) < 1e30)
    order = np.argsort(x[good], kind="stable")
    return x[good][order], y[good][order]


def binned(wave: Floats, flux: Floats) -> Floats | None:
    """Mean flux in `POINTS` even bins, NaN where there is none, shape (POINTS,); None where there is hardly any."""
    good = (wave >= BLUE_A) & (wave < RED_A) & np.isfinite(flux)
    if good.sum() < 2:
        return None
    at = ((wave[good] - BLUE_A) / (RED_A - BLUE_A) * POINTS).astype(int)
    count = np.bincount(at, minlength=POINTS)
    total = np.bincount(at, weights=flux[good], minlength=POINTS)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def limits(line: ArrayLike) -> tuple[float, float]:
    """From where to where a line is drawn; what sticks out far is cut. It must hold a number."""
    values = np.asarray(line, dtype=float)
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, (1, 99))
    span = high - low
    return float(max(values.min(), low - 0.3 * span)), float(min(values.max(), high + 0.8 * span))


def packed(line: ArrayLike, blue_A: float, red_A: float, within: tuple[float, float] | None = None) -> str:
    """A line as text: its ends in Angstrom, and a byte for each point from its lowest to its highest, or `within`."""
    values = np.asarray(line, dtype=float)
    known = np.isfinite(values)
    codes = np.full(values.size, _MISSING, dtype=np.uint8)
    if known.any():
        low, high = limits(values) if within is None else within
        if high > low:
            codes[known] = np.round(np.clip((values[known] - low) / (high - low), 0, 1) * _TOP)
        else:
            codes[known] = _TOP // 2
    return f"{blue_A:.0f}-{red_A:.0f}:" + base64.b64encode(codes.tobytes()).decode("ascii")


def unpacked(text: object) -> tuple[Floats, Floats] | None:
    """Wavelengths in Angstrom and flux from 0 to 1, without the points that are missing; None if it is no such text."""
    try:
        ends, _, body = str(text).partition(":")
        blue, red = (float(end) for end in ends.split("-"))
        codes = np.frombuffer(base64.b64decode(body, validate=True), dtype=np.uint8)
    except ValueError:
        return None
    if not (codes.size and math.isfinite(blue) and math.isfinite(red)):
        return None
    wave = blue + (np.arange(codes.size) + 0.5) / codes.size * (red - blue)
    known = codes != _MISSING
    return wave[known], codes[known] / _TOP


def floats(values: object) -> tuple[float, ...]:
    """Numbers to draw; whatever is none becomes NaN, and what is no list becomes nothing."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        return ()
    return tuple(_float(value) for value in values)


def _float(value: object) -> float:
    try:
        return float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:  # a whole number of hundreds of digits
        return math.nan

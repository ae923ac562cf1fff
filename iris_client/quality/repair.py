"""What can be put right about a spectrum without a guess: pixels without a measurement, order, repeated wavelengths.

Each step says what it did. Nothing here refuses; what is left over is for the checks.
"""

from typing import Final

import numpy as np

from iris_client.quality.input import NotNumbers, to_floats
from models.domain import Caveat, CaveatCode
from models.domain.arrays import FloatArray

FILL_TIMES: Final = 20.0
"""So many times the spread of all the other values a fill value stands apart; the strongest real lines have 10."""
FILL_LEAST: Final = 3
"""Fewer equal values may be chance."""
KNOWN_FILLS: Final = frozenset(
    {-999.0, -9999.0, -99.0, -99.99, -999.99, 99.99, 999.0, 9999.0, 999.99, -32768.0, 1e20, -1e30}
)
"""Of these one is enough, where it stands as far apart."""
RUN_LEAST: Final = 10
"""Neighbours that hold the same value to the last digit, where next to no others do."""
ZERO_RUN: Final = 5
MOST_REPEATS: Final = 0.02
"""Share of wavelengths that may be given twice."""

Mask = np.ndarray


def masked(flux: FloatArray, bad: object, because: str | None) -> tuple[FloatArray, Caveat | None]:
    """Flux with NaN where the file says that there is no measurement."""
    if bad is None:
        return flux, None
    try:
        flags = to_floats(np.asarray(bad, dtype=np.float64) if isinstance(bad, np.ndarray) else bad)
    except (NotNumbers, ValueError, TypeError):
        return flux, _note(CaveatCode.METADATA_IGNORED, "the mask is not used: it is no list of numbers")
    if flags.size != flux.size:
        return flux, _note(
            CaveatCode.METADATA_IGNORED, f"the mask is not used: {flags.size} values for {flux.size} pixels"
        )
    out = (flags != 0) & np.isfinite(flags) & np.isfinite(flux)
    if not out.any():
        return flux, None
    text = f"{int(out.sum())} pixels are missing values: {because or 'masked'}"
    return np.where(out, np.nan, flux), _note(CaveatCode.REPAIRED, text)


def without_error(flux: FloatArray, errors: FloatArray | None) -> tuple[FloatArray, Caveat | None]:
    """Flux with NaN where the error is zero, negative or infinite although others are not: not measured."""
    if errors is None or errors.size != flux.size:
        return flux, None
    out = ((errors <= 0) | np.isinf(errors)) & np.isfinite(flux)
    good = (errors > 0) & np.isfinite(errors)
    if not out.any() or good.sum() <= out.sum():
        return flux, None
    text = f"{int(out.sum())} pixels are missing values: their error is 0 or no number"
    return np.where(out, np.nan, flux), _note(CaveatCode.REPAIRED, text)


def without_fills(flux: FloatArray, *, most_zero: float) -> tuple[FloatArray, Caveat | None]:
    """Flux with NaN for fill values: one value, to the last digit, in several pixels, far from all the others.

    Parameters
    ----------
    most_zero : float
        Share of zeros above which they are left for the checks to refuse.
    """
    seen = flux[np.isfinite(flux)]
    if seen.size < 30:
        return flux, None
    fills = {v: n for v, n in _repeated(seen) if _far(v, n, seen)}
    out = np.isin(flux, list(fills)) if fills else np.zeros(flux.size, bool)
    runs = _runs(flux, seen, most_zero) & ~out
    if not (out | runs).any() or (out | runs).sum() > 0.5 * seen.size:
        return flux, None
    values = sorted({*fills, *np.unique(flux[runs]).tolist()})
    shown = ", ".join(f"{v:.6g}" for v in values[:3])
    text = f"{int((out | runs).sum())} pixels hold the fill value {shown}: taken as missing"
    return np.where(out | runs, np.nan, flux), _note(CaveatCode.REPAIRED, text)


def _repeated(seen: FloatArray) -> list[tuple[float, int]]:
    """The values that stand at either end of all and are there several times; those known as fill values, too."""
    values, counts = np.unique(seen, return_counts=True)
    ends = np.r_[0:3, max(values.size - 3, 0) : values.size]
    return [(float(values[i]), int(counts[i])) for i in np.unique(ends[ends < values.size])]


def _far(value: float, count: int, seen: FloatArray) -> bool:
    if count < FILL_LEAST and value not in KNOWN_FILLS:
        return False
    others = seen[seen != value]
    if others.size < 30:
        return False
    low, high = np.percentile(others, [1.0, 99.0])
    scale = max(float(high - low), float(np.median(np.abs(others))), np.finfo(float).tiny)
    return bool(value > high + FILL_TIMES * scale or value < low - FILL_TIMES * scale)


def _runs(flux: FloatArray, seen: FloatArray, most_zero: float) -> Mask:
    """Runs of neighbours with one value: a gap that was filled, or a dead row of the detector."""
    out = np.zeros(flux.size, bool)
    coarse = np.unique(seen).size < 0.5 * seen.size
    too_many_zeros = float((seen == 0).mean()) > most_zero
    same = np.r_[False, flux[1:] == flux[:-1], False]
    for start, end in zip(np.flatnonzero(~same[:-1] & same[1:]), np.flatnonzero(same[:-1] & ~same[1:]), strict=True):
        zero = flux[start] == 0
        if (zero and not too_many_zeros and end - start + 1 >= ZERO_RUN) or (
            not zero and not coarse and end - start + 1 >= RUN_LEAST
        ):
            out[start : end + 1] = True
    return out


def ordered(
    wavelength: FloatArray, flux: FloatArray, error: FloatArray | None
) -> tuple[FloatArray, FloatArray, FloatArray | None, list[Caveat]]:
    """Ascending wavelengths, each once: a spectrum from red to blue is turned, a few repeated pixels are averaged."""
    notes: list[Caveat] = []
    steps = np.diff(wavelength)
    if steps.size < 2 or not np.isfinite(wavelength).all():
        return wavelength, flux, error, notes
    if (steps <= 0).all() and (steps < 0).any():
        wavelength, flux, steps = wavelength[::-1], flux[::-1], -steps[::-1]
        error = None if error is None else error[::-1]
        notes.append(_note(CaveatCode.REPAIRED, "wavelengths ran from red to blue: turned round"))
    repeats = int((steps == 0).sum())
    if repeats and (steps >= 0).all() and repeats <= max(1, MOST_REPEATS * wavelength.size):
        at, place = np.unique(wavelength, return_inverse=True)
        flux = _means(flux, place, at.size)
        error = None if error is None else _means(error, place, at.size)
        wavelength = at
        told = f"{repeats} wavelength{'s' if repeats > 1 else ''} given more than once: the mean is taken"
        notes.append(_note(CaveatCode.REPAIRED, told))
    return wavelength, flux, error, notes


def _means(values: FloatArray, place: Mask, size: int) -> FloatArray:
    there = np.isfinite(values)
    count = np.bincount(place[there], minlength=size)
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.bincount(place[there], weights=values[there], minlength=size)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    infinite = np.bincount(place[np.isinf(values)], minlength=size) > 0
    return np.where(infinite, np.inf, mean)


def _note(code: CaveatCode, text: str) -> Caveat:
    return Caveat(code=code, text=text)

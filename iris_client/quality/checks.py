"""The checks, one small function each: what is wrong with this spectrum, in a sentence an astronomer can act on.

Each takes (`Draft`, `QualityRules`) and gives None or the `Caveat` that refuses it. They run in the order of `CHECKS`,
and each may count on the ones before it having passed.
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from iris_client.quality.input import Draft
from iris_client.quality.rules import QualityRules
from models.domain import Caveat, CaveatCode
from models.domain.arrays import FloatArray

Check = Callable[[Draft, QualityRules], Caveat | None]


def enough_points(draft: Draft, rules: QualityRules) -> Caveat | None:
    """Some thirty pixels at least, and not a million."""
    n = draft.wavelength_A.size
    if n < rules.min_points:
        return _no(CaveatCode.TOO_FEW_POINTS, f"{_count(n, 'pixel')}, {rules.min_points} needed")
    if n > rules.max_points:
        return _no(CaveatCode.OUT_OF_RANGE, f"{n} pixels, at most {rules.max_points} are read")
    return None


def wavelengths_complete(draft: Draft, rules: QualityRules) -> Caveat | None:
    """Every pixel needs a wavelength."""
    missing = int(np.isnan(draft.wavelength_A).sum())
    if missing:
        return _no(CaveatCode.NOT_NUMBERS, f"{missing} of {draft.wavelength_A.size} wavelengths are missing")
    return None


def finite(draft: Draft, rules: QualityRules) -> Caveat | None:
    """NaN is a missing value; infinity is a mistake."""
    for name, values in (("wavelength", draft.wavelength_A), ("flux", draft.flux)):
        bad = int(np.isinf(values).sum())
        if bad:
            return _no(CaveatCode.INFINITE_VALUES, f"{bad} of {values.size} {name} values are infinite")
    return None


def positive_wavelengths(draft: Draft, rules: QualityRules) -> Caveat | None:
    """There is no light at zero or negative wavelength."""
    bad = int((draft.wavelength_A <= 0).sum())
    if bad:
        return _no(CaveatCode.OUT_OF_RANGE, f"{bad} of {draft.wavelength_A.size} wavelengths are zero or negative")
    return None


def angstrom(draft: Draft, rules: QualityRules) -> Caveat | None:
    """Wavelengths must look like optical ones in Angstrom; say which unit they look like instead."""
    low, high = float(draft.wavelength_A.min()), float(draft.wavelength_A.max())
    if high >= 1500.0 and low <= 1e5:
        return None
    guess = next((name for name, a, b in _LOOKS_LIKE if a <= low and high <= b), None)
    hint = f": this looks like {guess}" if guess else ""
    return _no(CaveatCode.WRONG_UNIT, f"wavelengths run from {low:.5g} to {high:.5g}, not in Angstrom{hint}")


_LOOKS_LIKE: Final = (
    ("metre", 1e-8, 1e-5),
    ("micron", 0.1, 2.9),
    ("log10 of Angstrom", 3.0, 5.0),
    ("nanometre", 100.0, 1500.0),
)


def distinct_wavelengths(draft: Draft, rules: QualityRules) -> Caveat | None:
    """Two fluxes at one wavelength: which one holds is not for us to say."""
    repeats = draft.wavelength_A.size - np.unique(draft.wavelength_A).size
    if repeats:
        return _no(CaveatCode.DUPLICATED_WAVELENGTHS, f"{_count(repeats, 'wavelength')} given more than once")
    return None


def ascending(draft: Draft, rules: QualityRules) -> Caveat | None:
    """Wavelengths out of order point to a broken export, so they are not silently sorted."""
    steps = np.diff(draft.wavelength_A)
    if (steps > 0).all():
        return None
    if (steps < 0).all():
        return _no(CaveatCode.UNSORTED, "wavelengths run from red to blue; ascending order needed")
    return _no(CaveatCode.UNSORTED, f"wavelengths are not sorted: {_count(int((steps < 0).sum()), 'step')} backwards")


def few_gaps(draft: Draft, rules: QualityRules) -> Caveat | None:
    """Missing flux values are masked, up to a point; what is missing before the first and after the last is padding."""
    there = np.flatnonzero(np.isfinite(draft.flux))
    if not there.size:
        return _no(CaveatCode.TOO_MANY_GAPS, f"all {draft.flux.size} flux values are missing")
    missing = 1.0 - there.size / (there[-1] - there[0] + 1)
    if missing > rules.max_missing:
        limit = 100 * rules.max_missing
        return _no(
            CaveatCode.TOO_MANY_GAPS, f"{100 * missing:.0f} % of the flux values are missing, limit {limit:.0f} %"
        )
    return None


def covered(draft: Draft, rules: QualityRules) -> Caveat | None:
    """The network was trained on spectra that cover the window (ASTRANet paper, Sec. III)."""
    share = coverage(draft.wavelength_A[np.isfinite(draft.flux)], rules)
    if share >= rules.min_coverage:
        return None
    low, high = rules.window_A
    floored = math.floor(1000 * share) / 10  # rounding up would say that 79.96 % is 80.0 %
    there = draft.wavelength_A[np.isfinite(draft.flux)]
    span = f": wavelengths {there[0]:.5g}-{there[-1]:.5g} A" if there.size else ""
    text = f"coverage {floored:g} % of {low:.0f}-{high:.0f} A, {100 * rules.min_coverage:g} % needed{span}"
    return _no(CaveatCode.LOW_COVERAGE, text)


def enough_inside(draft: Draft, rules: QualityRules) -> Caveat | None:
    """A few wide pixels can span the window and still show nothing."""
    n = _seen(draft, rules).size
    if n >= rules.min_points:
        return None
    low, high = rules.window_A
    span = f"wavelengths {draft.wavelength_A[0]:.5g}-{draft.wavelength_A[-1]:.5g} A"
    text = f"{_count(n, 'pixel')} with flux in {low:.0f}-{high:.0f} A, {rules.min_points} needed: {span}"
    return _no(CaveatCode.TOO_FEW_POINTS, text)


def sane_scale(draft: Draft, rules: QualityRules) -> Caveat | None:
    """Any scale will do as long as single precision can hold it."""
    largest = float(np.nanmax(np.abs(draft.flux)))
    if largest > rules.max_flux:
        return _no(CaveatCode.OUT_OF_RANGE, f"flux values up to {largest:.1e} are no physical flux in any unit")
    largest = float(np.abs(_seen(draft, rules)).max())
    if 0 < largest < rules.min_flux:
        return _no(CaveatCode.OUT_OF_RANGE, f"flux values of at most {largest:.1e} are too small to compute with")
    return None


def not_flat(draft: Draft, rules: QualityRules) -> Caveat | None:
    """A constant, or a few constants taking turns, is a placeholder and no measurement."""
    flux = _seen(draft, rules)
    values = np.unique(flux)
    if values.size == 1:
        return _no(CaveatCode.FLAT, f"every flux value is {values[0]:.4g}")
    if values.size < rules.min_distinct:
        return _no(CaveatCode.FLAT, f"only {values.size} different flux values, {rules.min_distinct} needed")
    zeros = float((flux == 0).mean())
    if zeros > rules.max_zero:
        text = f"{100 * zeros:.0f} % of the flux values are exactly zero, limit {100 * rules.max_zero:.0f} %"
        return _no(CaveatCode.FLAT, text)
    return _wide_enough(flux, rules)


def _wide_enough(flux: FloatArray, rules: QualityRules) -> Caveat | None:
    low, middle, high = np.percentile(flux, [5, 50, 95])
    if high - low < rules.min_spread * abs(middle) or high == low:
        need = 100 * rules.min_spread
        spread = 100 * (high - low) / abs(middle) if middle else 0.0
        return _no(CaveatCode.FLAT, f"flat: flux varies by {spread:.1g} % around its median, {need:.0f} % needed")
    return None


def mostly_positive(draft: Draft, rules: QualityRules) -> Caveat | None:
    """Much negative flux means that the continuum was subtracted, or that there is no signal."""
    share = float((_seen(draft, rules) < 0).mean())
    if share == 1.0:
        return _no(CaveatCode.MOSTLY_NEGATIVE, "every flux value is negative")
    if share > rules.max_negative:
        text = f"{100 * share:.0f} % of the flux values are negative, limit {100 * rules.max_negative:.0f} %"
        return _no(CaveatCode.MOSTLY_NEGATIVE, text)
    return None


def no_spike(draft: Draft, rules: QualityRules) -> Caveat | None:
    """One pixel far above everything else is a cosmic ray or a bad column, and would set the scale of the plot; many,
    at a size that no spectrum spans, hold the value a file has for nothing.
    """
    size = np.abs(_seen(draft, rules))
    peak, high, middle = float(size.max()), float(np.percentile(size, 99)), float(np.median(size))
    if peak > rules.max_range * middle > 0:
        n = int((size > rules.max_range * middle).sum())
        text = f"{_count(n, 'pixel')} up to {peak / middle:.1e} times the median flux: remove fill values first"
        return _no(CaveatCode.OUT_OF_RANGE, text)
    if peak <= rules.max_peak * high:
        return None
    ratio = f"{peak / high:.1e} times" if high > 0 else "infinitely far above"
    return _no(CaveatCode.OUT_OF_RANGE, f"a spike {ratio} the 99th percentile of the flux: remove bad pixels first")


def enough_signal(draft: Draft, rules: QualityRules) -> Caveat | None:
    """Noise per pixel from second differences (DER_SNR, Stoehr et al. 2008, ASPC 394, 505)."""
    snr = signal_to_noise(_seen(draft, rules))
    if snr < rules.min_snr:
        shown = np.floor(max(snr, 0.0) * 100) / 100  # just below the limit is not to be rounded up to it
        return _no(CaveatCode.LOW_SNR, f"signal to noise {shown:.3g} per pixel, {rules.min_snr:.3g} needed")
    return None


def observer_frame(draft: Draft, rules: QualityRules) -> Caveat | None:
    """Obvious rest frames only: [O III] 5007 and a Balmer line stand where the laboratory has them, at a redshift
    that would have moved them away, and not where it would have moved them to.
    """
    z = draft.redshift
    if z is None or z * _OIII_A < 3 * _LINE_SPAN_A:
        return None
    rest, moved = (_line_strengths(draft, 1.0), _line_strengths(draft, 1.0 + z))
    if rest[0] < rules.rest_frame_snr or max(rest[1:]) < rules.rest_frame_snr or max(moved) >= rules.rest_frame_snr / 2:
        return None
    said = f"although the redshift of the {(draft.redshift_origin or 'spectrum')[:60]} is {z:.3g}"
    text = f"emission lines stand at rest wavelengths {said}: brought to rest, or a wrong z"
    return _no(CaveatCode.REST_FRAME, text)


_OIII_A: Final = 5006.8
_FRAME_LINES_A: Final = (_OIII_A, 4861.3, 6562.8)
_LINE_SPAN_A: Final = 25.0


def _line_strengths(draft: Draft, stretch: float) -> list[float]:
    """Height of each line over the continuum beside it, in units of the noise of the mean."""
    return [_line_strength(draft, line * stretch) for line in _FRAME_LINES_A]


def _line_strength(draft: Draft, at_A: float) -> float:
    """The higher side is the continuum and its scatter is noise too, so no broad feature of a supernova is a line."""
    away = draft.wavelength_A - at_A
    seen = np.isfinite(draft.flux)
    on = draft.flux[seen & (np.abs(away) <= 10.0)]
    sides = [draft.flux[seen & (sign * away > _LINE_SPAN_A) & (sign * away <= 100.0)] for sign in (-1, 1)]
    if on.size < 2 or min(side.size for side in sides) < 4:
        return 0.0
    scatter = max(float(np.median(np.abs(side - np.median(side)))) for side in sides)
    noise = max(_second_difference(np.concatenate(sides), 1), 1.4826 * scatter)
    height = on.mean() - max(float(np.median(side)) for side in sides)
    return float(height / (noise / np.sqrt(on.size))) if noise > 0 else 0.0


CHECKS: Final[tuple[Check, ...]] = (
    enough_points,
    wavelengths_complete,
    finite,
    positive_wavelengths,
    angstrom,
    distinct_wavelengths,
    ascending,
    few_gaps,
    covered,
    enough_inside,
    sane_scale,
    not_flat,
    mostly_positive,
    no_spike,
    enough_signal,
    observer_frame,
)
"""In the order in which they run; the first that objects decides."""


def coverage(wavelength_A: FloatArray, rules: QualityRules) -> float:
    """Share of the window between the first and the last pixel, gaps taken out.

    Parameters
    ----------
    wavelength_A : ndarray, shape (n,)
        Strictly ascending, Angstrom; nothing is covered by fewer than two pixels.
    """
    if wavelength_A.size < 2:
        return 0.0
    low, high = rules.window_A
    steps = np.diff(wavelength_A)
    gap = max(rules.max_gap_steps * float(np.median(steps)), rules.max_gap_A)
    inside = np.diff(np.clip(wavelength_A, low, high))
    return float(inside[steps <= gap].sum() / (high - low))


def signal_to_noise(flux: FloatArray) -> float:
    """Median flux over noise per pixel; infinite for a noiseless curve.

    DER_SNR looks two pixels away, because neighbours are often correlated. Anything that repeats every second pixel
    is invisible to it, so the larger of the two-pixel and the one-pixel estimate counts.
    """
    noise = max(_second_difference(flux, 1), _second_difference(flux, 2))
    signal = float(np.median(flux))
    return signal / noise if noise > 0 else np.inf if signal > 0 else 0.0


def _second_difference(flux: FloatArray, lag: int) -> float:
    if flux.size <= 2 * lag:
        return 0.0
    curve = 2 * flux[lag:-lag] - flux[: -2 * lag] - flux[2 * lag :]
    return float(1.482602 / np.sqrt(6.0) * np.median(np.abs(curve)))


def _seen(draft: Draft, rules: QualityRules) -> FloatArray:
    """The flux values that are there, inside the window."""
    low, high = rules.window_A
    inside = (draft.wavelength_A >= low) & (draft.wavelength_A <= high)
    return draft.flux[inside & np.isfinite(draft.flux)]


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _no(code: CaveatCode, text: str) -> Caveat:
    return Caveat(code=code, text=text)

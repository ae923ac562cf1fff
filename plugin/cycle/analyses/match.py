"""Which spectrum of the marshal's is the one that came with a request? Its id is not in it, so its content decides."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

from models.domain import RawSpectrum
from plugin.clock import moment

_SAME: Final = 1e-9
"""Relative difference of two numbers that are the same one, written twice."""


def match(sent: RawSpectrum, there: Iterable[RawSpectrum]) -> RawSpectrum | None:
    """Find a spectrum by time of observation, length and values; of several the one with the same time stamp.

    Returns
    -------
    RawSpectrum or None
        As the marshal has it, with its id; None when there is no such one.
    """
    same = [one for one in there if _is_same(sent, one)]
    stamp = _time(sent.modified)
    return max(same, key=lambda one: (_time(one.modified) == stamp, one.modified or ""), default=None)


def _is_same(one: RawSpectrum, other: RawSpectrum) -> bool:
    if _time(one.observed_at) != _time(other.observed_at):
        return False
    return _equal(one.wavelengths, other.wavelengths) and _equal(one.fluxes, other.fluxes)


def _equal(one: Any, other: Any) -> bool:
    first, second = _array(one), _array(other)
    if first is None or second is None or first.shape != second.shape:
        return False
    return bool(np.allclose(first, second, rtol=_SAME, atol=0.0, equal_nan=True))


def _array(values: Any) -> Any:
    """Numbers, NaN for what is missing; None for what are none."""
    if not isinstance(values, Sequence) or isinstance(values, str | bytes):
        return None
    try:
        return np.array([np.nan if v is None else float(v) for v in values])
    except (TypeError, ValueError, OverflowError):
        return None


def _time(text: str | None) -> object:
    """A time that compares, however it is written: with a blank or a T, with fractions of a second or without."""
    try:
        return None if text is None else moment(text)
    except ValueError:
        return text

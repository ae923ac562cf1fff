"""From whatever somebody sent to arrays of numbers, or to the reason why not.

Nothing here trusts its input: only lists, tuples and arrays are looked into, and only real numbers count as numbers.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.domain import Caveat
from models.domain.arrays import FloatArray

_NUMBER_TYPES: Final = {int, float, type(None)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Arrays of one length, not yet judged: missing is NaN, anything else may still be wrong with them."""

    wavelength_A: FloatArray
    flux: FloatArray
    error: FloatArray | None
    notes: tuple[Caveat, ...] = ()
    redshift: float | None = None
    redshift_origin: str | None = None
    """Where it comes from, when not from the spectrum itself."""
    masked_because: str | None = None
    """Why flux values that were there count as missing; for a refusal."""


class NotNumbers(ValueError):
    """The value is not a flat sequence of numbers; the message ends a sentence that starts with the column's name."""


def to_floats(values: object) -> FloatArray:
    """Read a flat list, tuple or array of numbers; None becomes NaN.

    Raises
    ------
    NotNumbers
        For anything else: text, booleans, nested lists, mappings, complex numbers.
    """
    if isinstance(values, np.ma.MaskedArray):
        values = values.tolist()
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiu":
        return _flat(values)
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if not isinstance(values, list | tuple):
        raise NotNumbers(f"is {_kind(values)}, not a list of numbers")
    return _from_items(values)


def _flat(values: np.ndarray) -> FloatArray:
    if values.ndim != 1:
        raise NotNumbers(f"has {values.ndim} dimensions, not one")
    with np.errstate(over="ignore"):
        return values.astype(np.float64)


def _from_items(values: list[object] | tuple[object, ...]) -> FloatArray:
    odd = set(map(type, values)) - _NUMBER_TYPES
    for kind in odd:
        if not issubclass(kind, np.floating | np.integer):
            example = next(v for v in values if type(v) is kind)
            shown = f" ({str(example)[:30]!r})" if isinstance(example, str) else ""
            raise NotNumbers(f"holds {_kind(example)}{shown} where a number should be")
    return np.array([_number(v) for v in values], dtype=np.float64)


def _number(value: object) -> float:
    if value is None:
        return np.nan
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:  # an integer beyond 1e308
        return np.inf


def _kind(value: object) -> str:
    names = {str: "text", bytes: "text", bool: "a boolean", np.bool_: "a boolean", dict: "a mapping", list: "a list"}
    return names.get(type(value), f"of type {type(value).__name__}" if value is not None else "missing")

"""The list of scores. A new one is a function under `@score(name, family)` in one of the family files."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from models.sentinel.bank import Bank
from models.sentinel.features import Features

FAMILIES = ("uncertainty", "distance", "density", "hybrid")
BEYOND = "beyond"
"""Scores the paper does not have: no family of its own stands behind them, and only tuned detectors use them."""
Function = Callable[[Features, Bank], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Score:
    """One score; `function(features, bank)` gives shape (n,), higher = more anomalous."""

    name: str
    family: str
    function: Function


_SCORES: dict[str, Score] = {}
SCORES: Mapping[str, Score] = MappingProxyType(_SCORES)
"""Every score by name, in the order of App. C."""


def score(name: str, family: str) -> Callable[[Function], Function]:
    """Register a score.

    Raises
    ------
    ValueError
        If the name is taken or the family unknown.
    """
    if name in _SCORES or family not in (*FAMILIES, BEYOND):
        raise ValueError(f"score {name!r} of family {family!r}: name taken or family unknown")

    def register(function: Function) -> Function:
        _SCORES[name] = Score(name, family, function)
        return function

    return register


def names(family: str | None = None) -> tuple[str, ...]:
    """List the registered scores of the four families, or of one: what a new training uses.

    A stored layer uses the scores it was trained with, which may be fewer.
    """
    wanted = FAMILIES if family is None else (family,)
    return tuple(s.name for s in _SCORES.values() if s.family in wanted)


def unknown(which: Iterable[str]) -> tuple[str, ...]:
    """List those of some names that no score of this version has, in order."""
    return tuple(name for name in which if name not in _SCORES)


def compute(features: Features, bank: Bank, which: Sequence[str] | None = None) -> NDArray[np.float64]:
    """Compute raw values of some scores, or of all of the four families, shape (n, scores)."""
    chosen = names() if which is None else which
    return np.stack([_SCORES[name].function(features, bank) for name in chosen], axis=1)

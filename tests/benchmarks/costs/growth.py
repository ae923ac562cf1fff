"""What grows with what is on file: searches and matching, in the same process with a floor beside each."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch

from models.bundle import load
from models.domain import FINE_CLASSES
from models.matching.bank import MatchBank
from models.matching.matcher import Asked, Matcher
from models.similar.shelf import DIMENSIONS, Query, Shelf
from models.spectral.prepare import prepare
from tests.benchmarks.costs.answer import simulated
from tests.benchmarks.costs.measure import Figure, by_turns, slope

SIZES: Final = (1_000, 10_000, 100_000)
BANKS: Final = (1_000, 3_000, 10_000)
"""The shipped bank has some three thousand; one of a hundred thousand would take 1.6 GB."""
_POINTS: Final = 200
_ROUNDS: Final = 5


def grown(sizes: Sequence[int], found: Sequence[dict[str, Figure]]) -> dict[str, Any]:
    """What was measured at each size, and the slope of its medians."""
    medians = [one["ms"]["median"] for one in found]
    return {"sizes": list(sizes), "ms": [one["ms"] for one in found], "slope": slope(sizes, medians)} | (
        {"floors": [one["floors"] for one in found]} if all("floors" in one for one in found) else {}
    )


def search(sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """An exact search by shape and embedding; the floor is one product of as many single-precision numbers."""
    found = []
    for size in sizes:
        rng = np.random.default_rng(size)
        unit = rng.normal(size=(size, DIMENSIONS))
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        shape = rng.integers(0, 255, (size, _POINTS)).astype(np.uint8)
        names = tuple(f"o{i}" for i in range(size))
        shelf = Shelf(shape=shape, unit=unit.astype(np.float16), objects=names, entries=names)
        query = Query(shape=shape[0].astype(float), unit=unit[0])
        wide, vector = torch.randn(size, _POINTS + DIMENSIONS), torch.randn(_POINTS + DIMENSIONS)
        works = {"search": (lambda s=shelf, q=query: s.nearest(q), 1)}
        found.append(by_turns(works, rounds=_ROUNDS, floor=lambda w=wide, v=vector: w @ v)["search"])
    return grown(sizes, found)


def matching(sizes: Sequence[int] = BANKS) -> dict[str, Any]:
    """One spectrum against a bank of so many, every class in question; the floor is the product of matrices."""
    bundle = load()
    assert bundle.matching is not None
    (spectrum,) = simulated(1)
    own = prepare(spectrum)
    prediction = bundle.ensemble.predict([own])
    question = Asked(
        wavelength_A=spectrum.wavelength_A,
        flux=spectrum.flux,
        spacing_A=own.spacing_A,
        probabilities=prediction.fine[0],
        embedding=prediction.embedding[0],
        classes=range(len(FINE_CLASSES)),
        label=int(prediction.fine[0].argmax()),
    )
    found = []
    for size in sizes:
        matcher = Matcher(resized(bundle.matching.matcher.bank, size), bundle.matching.matcher.fitted)
        works = {"matching": (lambda m=matcher: m.run(question, 0.05), 1)}
        found.append(by_turns(works, rounds=_ROUNDS)["matching"])
    return grown(sizes, found)


def resized(bank: MatchBank, size: int) -> MatchBank:
    """A bank of so many rows, in which rows come again if need be; its objects have names of their own."""
    rows = np.arange(size) % len(bank)
    if size < len(bank):
        rows = np.random.default_rng(0).permutation(len(bank))[:size]
    arrays = {name: getattr(bank, name)[rows] for name in MatchBank._arrays()}
    texts = {
        name: tuple(f"{getattr(bank, name)[row]}#{i // len(bank)}" for i, row in enumerate(rows))
        for name in ("ids", "objects")
    }
    return replace(bank, **arrays, **texts, sources=tuple(bank.sources[row] for row in rows))

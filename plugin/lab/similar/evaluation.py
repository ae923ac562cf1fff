"""Planted copies: a spectrum made as poor as the SED Machine's is looked for among thousands, with its original."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from models.bundle import Bundle
from models.domain import FINE_CLASSES, Spectrum
from models.sentinel.analogs import sketches, unit_rows
from models.similar.shelf import WAYS, Query, Shelf, shape_of
from models.spectral.prepare import GRID_A, GRID_SIZE, Prepared, prepare
from models.training.dataset import Dataset
from models.training.metrics import binomial_interval

RESOLUTION: Final = 100.0
SNR: Final = 10.0
PIXEL_A: Final = 25.0
FIRST: Final = 5
SIZES: Final = (1_000, 10_000, 100_000)
_FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))
_WIDTHS = 8
_BATCH = 64

Floats = NDArray[np.float64]


def evaluate_similar(
    bundle: Bundle, data: Dataset, split: str, *, copies: int = 400, seed: int = 0, advance: Callable[[int], None]
) -> dict[str, Any]:
    """Degrade one spectrum of each of some objects, and look for it among the archive and its whole split.

    Parameters
    ----------
    copies : int
        At most so many objects of the split, drawn at random; each gives one spectrum.

    Returns
    -------
    dict
        For each way of searching how often the original is among the first five objects, how often its class is the
        first other object's, and how long a search takes by the number of spectra.

    Raises
    ------
    ValueError
        If the bundle has no archive.
    """
    if bundle.sentinel is None:
        raise ValueError("this bundle has no archive to search in")
    rng = np.random.default_rng(seed)
    part = data.part(split)
    archive = Shelf.of_archive(bundle.sentinel.analogs)
    masks = part.masks()
    embedding = _embedded(
        bundle, [Prepared(f.astype(np.float32), m) for f, m in zip(part.flux, masks, strict=True)], advance
    )
    entries = tuple({"spectrum": s, "class": FINE_CLASSES[k]} for s, k in zip(part.ids, part.label, strict=True))
    own = Shelf(shape=sketches(part.flux, masks), unit=unit_rows(embedding), objects=part.groups, entries=entries)
    shelf = archive.beside(own)
    chosen = one_of_each(part.groups, rng)[:copies]
    spectra = [degraded(part, i, rng) for i in chosen]
    asked = _embedded(bundle, [prepare(s) for s in spectra], advance)
    queries = [Query(shape=shape_of(s.wavelength_A, s.flux), unit=u) for s, u in zip(spectra, asked, strict=True)]
    return {
        "split": split,
        "spectra": len(shelf),
        "copies": len(chosen),
        "class_mix": {c: int((part.label[chosen] == k).sum()) for k, c in enumerate(FINE_CLASSES)},
        "ways": {way: _found(shelf, queries, part, chosen, way) for way in WAYS},
        "milliseconds": {str(n): _timed(shelf, queries[0], n) for n in SIZES},
    }


def one_of_each(groups: tuple[str, ...], rng: np.random.Generator) -> NDArray[np.int64]:
    """One spectrum of every object, in random order."""
    order = rng.permutation(len(groups))
    first = {groups[i]: i for i in reversed(order)}
    return rng.permutation(np.array(sorted(first.values()), dtype=np.int64))


def degraded(data: Dataset, i: int, rng: np.random.Generator) -> Spectrum:
    """One spectrum of a data set at R = 100, in pixels of 25 A, with Gaussian noise of a tenth of its median flux."""
    mask = np.unpackbits(data.mask[i], count=GRID_SIZE).astype(float)
    flux = blurred(data.flux[i].astype(float) + float(data.floor[i]), mask)
    wave = np.arange(GRID_A[0], GRID_A[-1], PIXEL_A)
    coarse, known = np.interp(wave, GRID_A, flux), np.interp(wave, GRID_A, mask) > 0.5
    coarse += rng.normal(0, abs(float(np.median(coarse[known]))) / SNR, wave.size)
    return Spectrum(spectrum_id=data.ids[i], wavelength_A=wave, flux=np.where(known, coarse, np.nan))


def blurred(flux: Floats, mask: Floats) -> Floats:
    """Flux on the networks' grid (4096,) as an instrument of R = 100 sees it: the blur grows with wavelength."""
    sigma = GRID_A / RESOLUTION / _FWHM / (GRID_A[1] - GRID_A[0])
    widths = np.linspace(sigma[0], sigma[-1], _WIDTHS)
    each = [gaussian_filter1d(flux * mask, w) / np.maximum(gaussian_filter1d(mask, w), 1e-6) for w in widths]
    at = np.clip((sigma - widths[0]) / (widths[1] - widths[0]), 0, _WIDTHS - 1.001)
    below, share = at.astype(int), at - at.astype(int)
    stack, pixel = np.stack(each), np.arange(GRID_SIZE)
    blended: Floats = stack[below, pixel] * (1 - share) + stack[below + 1, pixel] * share
    return blended


def _embedded(bundle: Bundle, prepared: list[Prepared], advance: Callable[[int], None]) -> Floats:
    rows = []
    for start in range(0, len(prepared), _BATCH):
        rows.append(bundle.ensemble.predict(prepared[start : start + _BATCH]).embedding)
        advance(len(rows[-1]))
    return np.concatenate(rows)


def _found(shelf: Shelf, queries: list[Query], data: Dataset, chosen: NDArray[np.int64], way: Any) -> dict[str, Any]:
    hits, agreed = 0, 0
    for query, i in zip(queries, chosen, strict=True):
        first = shelf.nearest(query, FIRST, way=way)
        hits += any(one.entry["spectrum"] == data.ids[i] for one in first)
        others = shelf.nearest(query, 1, way=way, without=data.groups[i])
        agreed += bool(others) and others[0].entry["class"] == FINE_CLASSES[data.label[i]]
    return {"copy": _share(hits, len(chosen)), "class": _share(agreed, len(chosen))}


def _share(hits: int, n: int) -> Mapping[str, float]:
    low, high = binomial_interval(hits, n)
    return {"value": hits / n, "low": low, "high": high}


def _timed(shelf: Shelf, query: Query, size: int) -> float:
    """Milliseconds of processor time of one search among so many spectra: the shelf's own, again and again."""
    again = np.arange(size) % len(shelf)
    large = Shelf(
        shape=shelf.shape[again],
        unit=shelf.unit[again],
        objects=tuple(f"{shelf.objects[i]} {n // len(shelf)}" for n, i in enumerate(again)),
        entries=tuple(range(size)),
    )
    begun = time.process_time()
    for _ in range(3):
        large.nearest(query, 10)
    return (time.process_time() - begun) / 3 * 1000

"""The same spectrum twice: numerical copies, and near copies (another reduction, another archive's rounding).

    spectra -> sketches --random directions, KD-tree----> candidate pairs -> the pixels themselves: equal to 1e-6?
                        `-random hyperplanes, buckets--> candidate pairs -> correlation of the features >= 0.99?

Neither looks at all pairs. Identical spectra lie within the search radius by construction: projecting on orthonormal
directions never moves two points apart. Near copies share one of the tables' buckets with a probability that
`NEAR_TABLES` and `NEAR_BITS` set: 0.9999 at a correlation of 0.99, more above (Charikar 2002, STOC 380).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from models.domain.arrays import FloatArray
from plugin.lab.dataset.identity.sketch import BINS, features, sketch
from plugin.lab.dataset.identity.unions import Unions

IDENTICAL: Final = 1e-6
"""Largest difference of two spectra that count as one, over the root mean square flux, after scaling."""
NEAR_CORRELATION: Final = 0.99
"""Correlation of the features from which on two spectra are near copies, whoever's they are."""
SAME_OBJECT_CORRELATION: Final = 0.97
"""The same for two spectra of one object taken within `SAME_NIGHT_DAYS`."""
SAME_NIGHT_DAYS: Final = 1.0
NEAR_TABLES: Final = 28
NEAR_BITS: Final = 24
MIN_COMMON: Final = 30
"""Pixels or bins that two spectra must share before anything is said."""
MIN_SHARE: Final = 0.5
"""... and share of the pixels of the shorter of the two."""

_PARTS: Final = 10
_DIRECTIONS: Final = 12
_RADIUS: Final = 3e-5
_BANDS: Final = ((0, 120), (50, 170), (100, 220), (150, 270), (200, 320))
"""Bins that are hashed together. Two spectra cannot be less alike in every band than they are as a whole, and what
covers 60 % of the window in one piece covers one band and more."""
_BAND_GAPS: Final = 0.1
_CHUNK: Final = 200_000
Arrays = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class NearPair:
    """Two spectra that look like one: positions in the input, and the correlation of their features."""

    first: int
    second: int
    correlation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """What was found.

    Parameters
    ----------
    identical : tuple of tuple of int
        Positions of the copies of one spectrum, in order; every cluster has two or more.
    near : tuple of NearPair
        Pairs that are not identical but too alike to be independent.
    """

    identical: tuple[tuple[int, ...], ...]
    near: tuple[NearPair, ...]


def find_duplicates(
    spectra: Sequence[Arrays], *, objects: Sequence[str] | None = None, mjd: Sequence[float | None] | None = None
) -> Duplicates:
    """Find every copy among spectra of any source and epoch.

    Parameters
    ----------
    spectra : sequence of (wavelength_A, flux)
        Wavelengths strictly ascending, Angstrom; flux in any scale, NaN where missing. Only those that are candidates
        are asked for a second time, so they may be read from disk on demand.
    objects : sequence of str, optional
        Whose each is; with it, spectra of one object and night are held to `SAME_OBJECT_CORRELATION`.
    mjd : sequence of float or None, optional
        When each was taken, days.
    """
    sketches = np.array([sketch(wave, flux) for wave, flux in spectra]).reshape(-1, BINS)
    copies = Unions(len(spectra))
    for i, j in sorted(_exact_candidates(sketches)):
        if not copies.joined(i, j) and identical(spectra[i], spectra[j]):
            copies.join(i, j)
    shapes = features(sketches)
    for cluster in copies.clusters():
        shapes[list(cluster[1:])] = np.nan  # one of them speaks for all
    near = []
    for pair in _near_pairs(shapes, objects, mjd):
        # Pixels masked here and there change every part of a sketch, and yet the others may be the same numbers.
        if copies.joined(pair.first, pair.second) or identical(spectra[pair.first], spectra[pair.second]):
            copies.join(pair.first, pair.second)
        else:
            near.append(pair)
    return Duplicates(identical=copies.clusters(), near=tuple(near))


def identical(one: Arrays, other: Arrays, tolerance: float = IDENTICAL) -> bool:
    """Whether two spectra hold the same numbers where both have pixels, up to one factor.

    They must share half of the pixels of the shorter one, and `MIN_COMMON` at least; wavelengths count as the same
    to single precision.
    """
    wave, flux = _finite(one)
    other_wave, other_flux = _finite(other)
    if min(wave.size, other_wave.size) < MIN_COMMON:
        return False
    k = np.clip(np.searchsorted(other_wave, wave * (1 - 3e-7)), 0, other_wave.size - 1)
    common = np.abs(other_wave[k] - wave) <= 3e-7 * wave
    if common.sum() < max(MIN_COMMON, MIN_SHARE * min(wave.size, other_wave.size)):
        return False
    a, b = flux[common], other_flux[k][common]
    # Both may be 1e-17: divide first, so that no product runs under.
    a, b = a / max(np.abs(a).max(), 1e-300), b / max(np.abs(b).max(), 1e-300)
    factor = float(a @ b) / max(float(b @ b), 1e-300)
    return factor > 0 and bool(np.abs(a - factor * b).max() <= tolerance * np.sqrt(np.mean(a**2)))


def correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Correlation of two spectra's features over the bins both cover; 0 for too few of them."""
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < max(MIN_COMMON, MIN_SHARE * min(np.isfinite(one).sum(), np.isfinite(other).sum())):
        return 0.0
    a, b = one[both].astype(np.float64), other[both].astype(np.float64)
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0 else 0.0


def _finite(arrays: Arrays) -> Arrays:
    wave, flux = arrays
    good = np.isfinite(flux)
    return wave[good], flux[good]


def _exact_candidates(sketches: FloatArray) -> set[tuple[int, int]]:
    """Pairs that are close in one of the parts which both cover; each part is brought to length 1 by itself."""
    found: set[tuple[int, int]] = set()
    width = BINS // _PARTS
    directions = np.linalg.qr(np.random.default_rng(7).normal(size=(width, _DIRECTIONS)))[0]
    for part in range(_PARTS):
        cut = sketches[:, part * width : (part + 1) * width]
        length = np.sqrt(np.mean(cut**2, axis=1))
        rows = np.flatnonzero(np.isfinite(length) & (length > 0))
        unit = cut[rows] / length[rows, None] / np.sqrt(width)
        found |= {_pair(rows, i, j) for i, j in _close(unit @ directions)}
    return found


def _close(points: FloatArray) -> Iterator[tuple[int, int]]:
    """Pairs of points within the radius. Of equal points each is paired with the next, so that many cost little."""
    unique, first, which = np.unique(points.round(9), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(which, kind="stable")
    same = which[order][1:] == which[order][:-1]
    yield from zip(order[:-1][same].tolist(), order[1:][same].tolist(), strict=True)
    if len(unique) > 1:
        for i, j in cKDTree(unique).query_pairs(_RADIUS, output_type="ndarray"):
            yield int(first[i]), int(first[j])


def _near_candidates(shapes: NDArray[np.float32]) -> set[tuple[int, int]]:
    """Pairs in one bucket of some table whose correlation in the band is high enough to be looked at."""
    found: set[tuple[int, int]] = set()
    rng = np.random.default_rng(11)
    for low, high in _BANDS:
        cut = shapes[:, low:high]
        rows = np.flatnonzero(np.isnan(cut).mean(axis=1) <= _BAND_GAPS)
        filled = np.nan_to_num(cut[rows])
        unit = filled / np.maximum(np.linalg.norm(filled, axis=1, keepdims=True), 1e-12)
        for _ in range(NEAR_TABLES):
            directions = rng.normal(size=(high - low, NEAR_BITS)).astype(np.float32)
            keys = ((unit @ directions) > 0) @ (1 << np.arange(NEAR_BITS, dtype=np.int64))
            for i, j in _bucket_pairs(keys):
                alike = np.einsum("ij,ij->i", unit[i], unit[j]) >= NEAR_CORRELATION - 0.01
                found |= {_pair(rows, a, b) for a, b in zip(i[alike].tolist(), j[alike].tolist(), strict=True)}
    return found


def _bucket_pairs(keys: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Every pair of rows with one key, in pieces: each row with the next, the next but one, and so on."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(ordered[1:] == ordered[:-1])
    lag = 1
    while starts.size:
        for k in range(0, starts.size, _CHUNK):
            piece = starts[k : k + _CHUNK]
            yield order[piece], order[piece + lag]
        lag += 1
        starts = starts[starts + lag < ordered.size]
        starts = starts[ordered[starts + lag] == ordered[starts]]


def _same_night(objects: Sequence[str] | None, mjd: Sequence[float | None] | None) -> set[tuple[int, int]]:
    """Pairs of spectra of one object and night: each with those that follow within `SAME_NIGHT_DAYS`."""
    if objects is None or mjd is None:
        return set()
    dated = sorted((objects[i], when, i) for i, when in enumerate(mjd) if when is not None and np.isfinite(when))
    pairs = set()
    for k, (name, when, i) in enumerate(dated):
        for other, later, j in dated[k + 1 :]:
            if other != name or later - when > SAME_NIGHT_DAYS:
                break
            pairs.add((min(i, j), max(i, j)))
    return pairs


def _near_pairs(
    shapes: NDArray[np.float32], objects: Sequence[str] | None, mjd: Sequence[float | None] | None
) -> Iterator[NearPair]:
    for i, j in sorted(_near_candidates(shapes) | _same_night(objects, mjd)):
        pair = NearPair(first=i, second=j, correlation=correlation(shapes[i], shapes[j]))
        if pair.correlation >= _threshold(pair, objects, mjd):
            yield pair


def _threshold(pair: NearPair, objects: Sequence[str] | None, mjd: Sequence[float | None] | None) -> float:
    if objects is None or mjd is None or objects[pair.first] != objects[pair.second]:
        return NEAR_CORRELATION
    one, other = mjd[pair.first], mjd[pair.second]
    close = one is not None and other is not None and abs(one - other) <= SAME_NIGHT_DAYS
    return SAME_OBJECT_CORRELATION if close else NEAR_CORRELATION


def _pair(rows: NDArray[np.int64], i: int, j: int) -> tuple[int, int]:
    a, b = int(rows[i]), int(rows[j])
    return (a, b) if a < b else (b, a)

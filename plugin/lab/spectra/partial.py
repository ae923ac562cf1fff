"""Spectra that cover 70-80 % of the window: the real ones, and whole ones cut to it.

There are not enough real ones that lack the blue end, and hardly any of low resolution, so the calibration spectra are
cut as a spectrograph cuts: at one end, or for the larger part at one and a little at the other. What is real and what
is cut stays told apart.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.conformal.domains import (
    BLUE_MISSING,
    FULL_COVERAGE,
    LEAST_COVERAGE,
    PARTIAL_DOMAINS,
    RED_MISSING,
    ROUNDING,
    domain_of,
)
from models.spectral.prepare import GRID_A, GRID_SIZE, Extent, extent, percentile_scaled
from models.training.dataset import Dataset, joined

SEED: Final = 19
"""Of the draws of where spectra are cut."""
ONE_END: Final = 0.5
"""Share of the spectra that are cut at one end alone; the others lose some of it at the other end."""
OTHER_END: Final = (0.1, 0.4)
"""... between these shares of what they lose: 0.15 with SPRAT, which sees 4020-7990 A."""
AWAY: Final = 300
"""Pixels of the grid that a hole in the middle leaves at either end."""
Masks = NDArray[np.bool_]


def extents(data: Dataset) -> list[Extent]:
    """How much of the window each spectrum covers, and where the rest is missing."""
    return [extent(mask) for mask in data.masks()]


def domains_of(data: Dataset, *, gaps: bool = False) -> NDArray[np.str_]:
    """Calibration domain of each spectrum, shape (n,); empty for what is like none.

    Parameters
    ----------
    gaps : bool
        Whether what is missing in the middle counts as missing at the red end; else such spectra are like none.
    """
    told = [e._replace(red_end=1 - e.coverage - e.blue_end) if gaps else e for e in extents(data)]
    names = [domain_of(float(s), e) or "" for s, e in zip(data.spacing, told, strict=True)]
    return np.array(names, dtype=np.str_)


def real_partial(data: Dataset, split: str) -> Dataset:
    """The real, undisputed spectra of a split that cover 70-80 % of the window and lack one of its ends."""
    part = data.part(split, min_coverage=LEAST_COVERAGE - ROUNDING)
    return part.rows(np.isin(domains_of(part), PARTIAL_DOMAINS))


def cut(data: Dataset, end: str, *, seed: int = SEED) -> Dataset:
    """Whole spectra, each cut once to a coverage of 70-80 %, for the most part at one end of the window.

    Those whose other end still lacks more, because it did so before, are left out.

    Parameters
    ----------
    data : Dataset
        Spectra that cover 80 % and more.
    end : str
        `RED_MISSING` or `BLUE_MISSING`.
    """
    rng = np.random.default_rng((seed, end == BLUE_MISSING))
    n = len(data)
    left = rng.uniform(LEAST_COVERAGE, FULL_COVERAGE, n)
    other = np.where(rng.random(n) < ONE_END, 0.0, rng.uniform(*OTHER_END, n))
    at_blue = other if end == RED_MISSING else 1 - other
    masks = data.masks()
    for mask, share, blue in zip(masks, left, at_blue, strict=True):
        seen = np.flatnonzero(mask)
        lost = len(seen) - min(round(share * GRID_SIZE), len(seen))
        first = round(blue * lost)
        mask[seen[:first]] = False
        mask[seen[len(seen) - (lost - first) :]] = False
    shorter = masked(data, masks)
    return shorter.rows(np.array([name.endswith(end) for name in domains_of(shorter)], bool))


def windowed(data: Dataset, low_A: float, high_A: float) -> Dataset:
    """Whole spectra as an instrument of this range would have had them; those left with less than 70 % are left out."""
    shorter = masked(data, data.masks() & (low_A <= GRID_A) & (high_A >= GRID_A))
    return shorter.rows(np.array([name in PARTIAL_DOMAINS for name in domains_of(shorter)], bool))


def middle_missing(data: Dataset, *, seed: int = SEED) -> Dataset:
    """Whole spectra with a hole that leaves them 70-80 %, anywhere but near their ends."""
    rng = np.random.default_rng((seed, 2))
    masks = data.masks()
    for mask in masks:
        lost = int(mask.sum() - rng.uniform(LEAST_COVERAGE, FULL_COVERAGE) * GRID_SIZE)
        first = rng.integers(AWAY, GRID_SIZE - lost - AWAY)
        mask[first : first + lost] = False
    shorter = masked(data, masks)
    return shorter.rows(np.isin(domains_of(shorter, gaps=True), PARTIAL_DOMAINS))


def masked(data: Dataset, masks: Masks) -> Dataset:
    """The same spectra where only these pixels were seen, scaled anew as `models.spectral.prepare` would have."""
    flux = np.zeros(data.flux.shape, np.float64)
    floor = np.zeros(len(data))
    for i, (values, mask) in enumerate(zip(data.flux.astype(np.float64), masks, strict=True)):
        low, high = np.percentile(values[mask], (5.0, 95.0))
        flux[i] = percentile_scaled(values, mask)
        floor[i] = (low + float(data.floor[i])) / (high - low)
    return replace(
        data,
        flux=np.clip(flux, -6e4, 6e4).astype(np.float16),
        mask=np.packbits(masks, axis=1),
        floor=np.clip(floor, 0.02, 3.0).astype(np.float32),
        coverage=masks.mean(1).astype(np.float32),
    )


def partial(data: Dataset, split: str, *, seed: int = SEED) -> tuple[Dataset, Masks]:
    """Everything of a split with a coverage of 70-80 %: the real ones, and the whole ones cut at the red and blue end.

    Returns
    -------
    data : Dataset
    cut : ndarray of bool, shape (n,)
        Which of them were cut.
    """
    whole, real = data.part(split), real_partial(data, split)
    parts = [real, *(cut(whole, end, seed=seed) for end in (RED_MISSING, BLUE_MISSING))]
    return joined(parts), np.arange(sum(map(len, parts))) >= len(real)

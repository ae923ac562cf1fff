"""How far two samples are apart, as figures beside an alarm; they raise none by themselves."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

_BINS: Final = 10


def kolmogorov_smirnov(first: Sequence[float], second: Sequence[float]) -> float:
    """Largest distance of the two cumulative distributions, 0 to 1; NaN where a sample is empty."""
    a, b = np.sort(np.asarray(first, float)), np.sort(np.asarray(second, float))
    if not a.size or not b.size:
        return float("nan")
    at = np.concatenate([a, b])
    apart = np.searchsorted(a, at, "right") / a.size - np.searchsorted(b, at, "right") / b.size
    return float(np.abs(apart).max())


def population_stability(reference: Sequence[float], now: Sequence[float]) -> float:
    """Population stability index over tenths of the reference: 0 for equal ones, above 0.25 a large change by custom.

    Half a count is added to every bin, so that an empty one is no infinity.
    """
    a, b = np.asarray(reference, float), np.asarray(now, float)
    if not a.size or not b.size:
        return float("nan")
    edges = np.unique(np.quantile(a, np.arange(1, _BINS) / _BINS))
    p, q = (_shares(edges, sample) for sample in (a, b))
    return float(((q - p) * np.log(q / p)).sum())


def _shares(edges: NDArray[np.float64], sample: NDArray[np.float64]) -> NDArray[np.float64]:
    counts = np.bincount(np.searchsorted(edges, sample, "right"), minlength=len(edges) + 1) + 0.5
    return np.asarray(counts / counts.sum())

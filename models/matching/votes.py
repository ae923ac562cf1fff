"""What the matches at one redshift say of phase and subtype."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.matching.grid import REDSHIFTS, STEP, Floats, Singles

PHASE_SHARPNESS: Final = 20.0
SPREAD_FLOOR_DAYS: Final = 1.5
"""Matches that agree better than this do so by chance."""
AROUND: Final = 3
"""Lags on either side of a redshift within which a match may have its best."""
BEST: Final = 4
"""Matches of each subtype whose mean counts, besides the best one."""
_NONE: Final = -1.0


class PhaseVote(NamedTuple):
    """Weighted median of the matches' phases and half the width of the middle 68 %; rest-frame days."""

    days: float
    spread: float


def scores_at(scores: list[Singles], redshift: float) -> Singles:
    """How well each spectrum of the bank fits near one redshift: mean of the recipes' best there, shape (m,)."""
    lag = int(np.argmin(np.abs(REDSHIFTS - redshift)))
    near = slice(max(lag - AROUND, 0), lag + AROUND + 1)
    return np.asarray(np.mean([s[:, near].max(axis=1) for s in scores], axis=0))


def own_redshift(scores: list[Singles], row: int, redshift: float) -> float:
    """The redshift near `redshift` at which one spectrum of the bank fits best."""
    lag = int(np.argmin(np.abs(REDSHIFTS - redshift)))
    near = slice(max(lag - AROUND, 0), lag + AROUND + 1)
    best = int(np.argmax(np.sum([s[row, near] for s in scores], axis=0)))
    return float(np.expm1(np.log1p(REDSHIFTS[near][0]) + STEP * best))


def phase_vote(scores: Singles, phases: NDArray[np.floating]) -> PhaseVote | None:
    """From the matches of one class; None where none has a phase."""
    known = np.isfinite(phases)
    if not known.any():
        return None
    score, days = scores[known].astype(np.float64), phases[known].astype(np.float64)
    weight = np.exp(PHASE_SHARPNESS * (score - score.max()))
    order = np.argsort(days, kind="stable")
    share = np.cumsum(weight[order]) / weight.sum()
    low, middle, high = np.interp((0.16, 0.5, 0.84), share, days[order])
    return PhaseVote(days=float(middle), spread=max(float(high - low) / 2, SPREAD_FLOOR_DAYS))


def subtype_features(scores: Singles, subtypes: NDArray[np.int64], count: int) -> Floats:
    """Best match and mean of the best few of each subtype, less their mean over subtypes; shape (2 count,)."""
    if not count:
        return np.zeros(0)
    found = np.full((count, 2), _NONE)
    for k in range(count):
        mine = np.sort(scores[subtypes == k])[::-1]
        if mine.size:
            found[k] = mine[0], mine[:BEST].mean()
    return np.asarray((found - found.mean(axis=0)).reshape(-1))

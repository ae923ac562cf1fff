"""Conformal test martingale: are scores that come exchangeable with those before, in calibration and since?

Each score gets a conformal p-value among all before it, its own included, with ties broken at random: if the order of
the scores is chance, the p-values are independent and uniform (Vovk, Gammerman & Shafer 2022, "Algorithmic Learning in
a Random World", 2nd ed., theorem 11.1), whatever their distribution and however few calibration scores there are.
Against calibration scores alone they would not be independent, and a long stream would raise false alarms.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np

from models.drift.wealth import Wealth

DIGITS: Final = 6
_SLOPES: Final = (1.9, 1.0, -1.0, -1.9)
_BENDS: Final = (0.95, -0.9)
_POWERS: Final = (0.5, 0.75)
_STEPS: Final = ((0.1, 2.0), (0.3, 1.5))
ACCOUNTS: Final = len(_SLOPES) + len(_BENDS) + len(_POWERS) + len(_STEPS)


def bets(p: float) -> list[float]:
    """What each account multiplies by at a p-value: scores shifted up or down, more or less spread, some of them high.

    Each integrates to 1 over p from 0 to 1 and is nowhere negative.
    """
    shift, bend, least = p - 0.5, 6.0 * (p - 0.5) ** 2 - 0.5, max(p, 1e-12)
    return [
        *(1.0 + slope * shift for slope in _SLOPES),
        *(1.0 + size * bend for size in _BENDS),
        *(power * least ** (power - 1.0) for power in _POWERS),
        *(high if p < step else (1.0 - step * high) / (1.0 - step) for step, high in _STEPS),
    ]


class Exchangeability:
    """The test of one score, within cells: a score is compared with those of its own cell only.

    A cell is a kind of spectra, such as those of low resolution. That one cell's share grows is no change then.

    Parameters
    ----------
    seed : int
        Of the numbers that break ties, another for each stream: with the same numbers all would have the same luck.
    """

    def __init__(self, seed: int = 0) -> None:
        self.wealth = Wealth(ACCOUNTS)
        self._seed, self._count = seed, 0
        self._pools: dict[str, list[float]] = {}
        self._drawn: list[float] = []

    def begin(self, cell: str, scores: Iterable[float]) -> None:
        """Scores of a cell to begin with, such as those of its calibration spectra."""
        self._pools[cell] = sorted(round(float(s), DIGITS) for s in scores)

    def p_value(self, cell: str, score: float) -> float:
        """Share of the scores so far that are higher, ties split at random; the score joins them."""
        pool, score = self._pools.setdefault(cell, []), round(float(score), DIGITS)
        above = len(pool) - bisect_right(pool, score)
        equal = 1 + len(pool) - above - bisect_left(pool, score)
        insort(pool, score)
        return (above + self._random() * equal) / len(pool)

    def saw(self, cell: str, score: float) -> float:
        """Take a score in; returns the capital after it."""
        return self.wealth.bet(bets(self.p_value(cell, score)))

    def to_dict(self) -> Mapping[str, Any]:
        """As plain JSON."""
        return {"wealth": self.wealth.to_dict(), "seed": self._seed, "count": self._count, "pools": self._pools}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `to_dict` gave."""
        self.wealth.restore(state["wealth"])
        self._seed, self._count, self._drawn = int(state["seed"]), int(state["count"]), []
        self._pools = {str(k): [float(s) for s in v] for k, v in state["pools"].items()}

    def _random(self) -> float:
        """The next of the numbers that belong to the seed, the same after a restart."""
        block, place = divmod(self._count, 256)
        if not self._drawn or place == 0:
            self._drawn = np.random.default_rng((self._seed, block)).random(256).tolist()
        self._count += 1
        return self._drawn[place]

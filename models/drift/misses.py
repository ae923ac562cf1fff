"""Do prediction sets miss the truth more often than they promise? A bet on every answer whose truth is known.

Waudby-Smith & Ramdas (2024, J. R. Stat. Soc. B 86, 1, "Estimating means of bounded random variables by betting"):
`1 + l (miss - limit)` has a mean of at most 1 for every `l > 0` as long as sets miss with at most the probability
`limit`, whatever was seen before.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from models.drift.wealth import Wealth

_SIZES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
_SURE: Final = 2.6
"""Standard deviations: so far may the miss rate of right sets lie above alpha by the chance of their calibration."""


def allowed(alpha: float, calibration: float) -> float:
    """The highest miss rate that right sets at `alpha` have, calibrated on so many independent spectra.

    Given its calibration spectra a set misses with a probability that is itself drawn around alpha, from a Beta
    distribution (Vovk 2012, "Conditional validity of inductive conformal predictors", ACML, PMLR 25, 475).
    """
    spread = float(np.sqrt(alpha * (1 - alpha) / max(calibration + 2.0, 1.0)))
    return min(alpha + _SURE * spread, 0.99)


class Misses:
    """The test of one error rate."""

    def __init__(self) -> None:
        self.wealth = Wealth(len(_SIZES))
        self.answers = self.missed = 0

    def saw(self, miss: bool, limit: float) -> float:
        """Take an answer in; returns the capital after it.

        Parameters
        ----------
        limit : float
            The highest miss rate that is no fault; see `allowed`.
        """
        stakes = np.minimum(_SIZES, 0.9 / limit)
        self.answers += 1
        self.missed += int(miss)
        return self.wealth.bet(1.0 + stakes * (float(miss) - limit))

    def to_dict(self) -> Mapping[str, Any]:
        """As plain JSON."""
        return {"wealth": self.wealth.to_dict(), "answers": self.answers, "missed": self.missed}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `to_dict` gave."""
        self.wealth.restore(state["wealth"])
        self.answers, self.missed = int(state["answers"]), int(state["missed"])

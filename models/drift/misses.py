"""Do prediction sets miss the truth more often than they promise? A bet on every answer whose truth is known.

Waudby-Smith & Ramdas (2024, J. R. Stat. Soc. B 86, 1, "Estimating means of bounded random variables by betting"):
`1 + l (miss - limit)` has a mean of at most 1 for every `l > 0` as long as sets miss with at most the probability
`limit`, whatever was seen before. Sets at every error rate are bet on, for where small ones say little, large ones do.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from models.drift.wealth import Wealth

ALPHAS: Final = (0.01, 0.025, 0.05, 0.1, 0.2)
_SIZES: Final = np.array([0.5, 1.0, 2.0, 4.0, 8.0])
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
    """The test of all error rates together."""

    def __init__(self) -> None:
        self.wealth = Wealth(len(ALPHAS) * len(_SIZES))

    def saw(self, misses: Mapping[float, bool], calibration: float) -> float:
        """Take an answer in; returns the capital after it.

        Parameters
        ----------
        misses : mapping of float to bool
            Whether the set at each error rate lacks the true class; of one that is not told nothing is bet.
        calibration : float
            Independent calibration spectra behind the sets.
        """
        factors = [
            1.0 + np.minimum(_SIZES, 0.9 / limit) * (float(misses[alpha]) - limit)
            if alpha in misses
            else np.ones(len(_SIZES))
            for alpha, limit in ((alpha, allowed(alpha, calibration)) for alpha in ALPHAS)
        ]
        return self.wealth.bet(np.concatenate(factors).tolist())

    def to_dict(self) -> Mapping[str, Any]:
        """As plain JSON."""
        return {"wealth": self.wealth.to_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `to_dict` gave."""
        self.wealth.restore(state["wealth"])

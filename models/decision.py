"""Which class is named, given the probabilities: the ensemble strategies an operator may choose (paper, App. G).

Every strategy here averages the members within each seed and then across seeds, and changes nothing but the class that
is named: the one with the largest `factor * probability`, as the paper's cost-sensitive calibration has it. So
probabilities, prediction sets and p-values are the same under each of them, and their calibration holds for all. (The
paper's other strategies change the probabilities, and none of them is consistently better.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from models.domain import FINE_CLASSES, Caveat, CaveatCode

Strategy = Literal["within_seed", "cost_sensitive", "tde_priority"]
STRATEGIES: Final[tuple[Strategy, ...]] = get_args(Strategy)
POWER: Final = 0.25
"""`cost_sensitive`: a class that is rare in the mix that the bundle answers for counts for more, by its share to this
power. Chosen on `select` by macro recall (docs/results/choices.md)."""
TDE_FACTOR: Final = 5.0
"""`tde_priority`: a missed TDE counts for as many other mistakes. The largest that costs at most a point of accuracy on
`select` (docs/results/choices.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """From probabilities to the class that is named.

    Parameters
    ----------
    factors : ndarray, shape (7,)
        What each class's probability is multiplied by before they are compared.
    """

    strategy: Strategy
    factors: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        strategy: Strategy = "within_seed",
        shares: Mapping[str, float] | None = None,
        *,
        power: float = POWER,
        tde_factor: float = TDE_FACTOR,
    ) -> Self:
        """The factors of a strategy.

        Parameters
        ----------
        shares : mapping of str to float, optional
            The mix of classes that the bundle answers for; `cost_sensitive` needs it.

        Raises
        ------
        ValueError
            If it is needed and not known.
        """
        factors = np.ones(len(FINE_CLASSES))
        if strategy == "tde_priority":
            factors[FINE_CLASSES.index("TDE")] = tde_factor
        if strategy == "cost_sensitive":
            if shares is None:
                raise ValueError("this bundle names no mix of classes that it answers for: cost_sensitive needs it")
            factors = np.array([shares[name] for name in FINE_CLASSES]) ** -power
        return cls(strategy=strategy, factors=factors)

    def named(self, fine: NDArray[np.floating]) -> NDArray[np.int64]:
        """The class of each row of probabilities, shape (..., 7); shape (...)."""
        return np.asarray((fine * self.factors).argmax(-1), np.int64)

    def caveat(self, label: str, probabilities: Mapping[str, float]) -> Caveat | None:
        """What to say where the class that is named is not the most probable one; None where it is."""
        top = max(probabilities, key=lambda name: probabilities[name])
        if probabilities[label] >= probabilities[top]:
            return None
        most = f"the most probable class is {top} ({probabilities[top]:.2f})"
        text = f"called {label} by the strategy {self.strategy}; {most}"
        return Caveat(code=CaveatCode.BY_STRATEGY, text=text)


PLAIN: Final = Decision.of()
"""The most probable class."""

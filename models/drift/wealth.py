"""A gambler's capital against "nothing has changed": who gets rich has evidence that something has.

Capital that starts at 1 and can only be won by chance exceeds `1 / rate` with probability at most `rate` (Ville's
inequality), however often one looks. So an alarm at `1 / rate` is false with at most that probability.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

STARTS: Final = 1000
"""How many gamblers begin one after the other: who began long before a change has lost most of his capital by then."""
HEAD: Final = 0.5
"""Share of the capital with which the first one begins, for streams that are unlike calibration from the first day."""
JUMP: Final = 0.01
"""Share of each account that is dealt out anew among all before each bet, so that a change of the change is found."""
_MOST: Final = 1e12


class Wealth:
    """The capital of gamblers who start at different times and hold several accounts, each with a bet of its own.

    Simple Jumper of Vovk et al. (2021, "Retrain or not retrain: conformal test martingales for change-point detection",
    COPA, PMLR 152, 191), mixed over the time at which it begins. Because accounts change linearly, gamblers who start
    at different times share them.

    Parameters
    ----------
    accounts : int
    step : int
        Bets between two starts. After `STARTS * step` bets, the horizon, all begins anew, and the rate counts anew.
    """

    def __init__(self, accounts: int, step: int = 20) -> None:
        self._step = step
        self._held = [0.0] * accounts
        self.bets = self.horizons = 0
        self.peak = 1.0
        self._reserve = 1.0
        self._begin()

    @property
    def value(self) -> float:
        """The capital now."""
        return min(self._reserve + sum(self._held), _MOST)

    @property
    def horizon(self) -> int:
        """How many bets the false-alarm rate holds for."""
        return STARTS * self._step

    def bet(self, factors: Sequence[float]) -> float:
        """Multiply each account by the outcome of its bet, whose mean is at most 1 if nothing has changed.

        Parameters
        ----------
        factors : sequence of float
            One for each account, not negative.

        Returns
        -------
        float
            The capital after it.
        """
        if self.bets == self.horizon:
            self._begin()
            self.horizons += 1
        elif self.bets % self._step == 0 and self.bets:
            self._start((1.0 - HEAD) / STARTS)
        mean = JUMP * sum(self._held) / len(self._held)
        self._held = [(mean + (1.0 - JUMP) * h) * f for h, f in zip(self._held, factors, strict=True)]
        total = sum(self._held)
        if total > _MOST:  # less than was won: that is on the safe side
            self._held = [h * _MOST / total for h in self._held]
        self.bets += 1
        value = self.value
        self.peak = max(self.peak, value)
        return value

    def to_dict(self) -> Mapping[str, Any]:
        """As plain JSON."""
        return {
            "held": [float(f"{v:.6g}") for v in self._held],
            "reserve": self._reserve,
            "bets": self.bets,
            "horizons": self.horizons,
            "peak": float(f"{self.peak:.6g}"),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `to_dict` gave.

        Raises
        ------
        ValueError
            If it is of another kind.
        """
        held = [float(h) for h in state["held"]]
        if len(held) != len(self._held):
            raise ValueError(f"{len(held)} accounts, {len(self._held)} expected")
        self._held, self._reserve = held, float(state["reserve"])
        self.bets, self.horizons, self.peak = int(state["bets"]), int(state["horizons"]), float(state["peak"])

    def _begin(self) -> None:
        self._held = [0.0] * len(self._held)
        self._reserve, self.bets, self.peak = 1.0, 0, 1.0
        self._start(HEAD)

    def _start(self, share: float) -> None:
        share = min(share, self._reserve)
        self._reserve -= share
        self._held = [h + share / len(self._held) for h in self._held]

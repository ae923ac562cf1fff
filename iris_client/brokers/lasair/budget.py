"""How many calls a Lasair token has left: so many in any hour, counted as Lasair counts them.

Lasair allows a token 100 calls in any 60 minutes, and that of a power user 10,000 (its documentation, "Throttling of
API usage"). Nobody waits for an hour inside a call: who would have to is told to come back, with the seconds. Calls are
counted in this process, or where several processes count together.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from iris_client.errors import Unavailable

HOUR_S: Final = 3600.0
_PATIENCE_S: Final = 5.0
"""A pause as short as this is waited for."""
_FOR_ANSWERS: Final = 0.25
"""Share of the calls that reading leaves for annotations."""
_FOR_LOOKS: Final = 0.25
"""Share of the calls that looking for news may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Whether there may be a call.

    Parameters
    ----------
    used : int
        Calls of the last hour, without this one.
    full_s : float
        Seconds until there is one left; 0 where there is.
    pause_s : float
        Seconds for which Lasair has asked for a pause.
    """

    used: int
    full_s: float = 0.0
    pause_s: float = 0.0


class CallLog(Protocol):
    """Where calls are counted."""

    def take(self, limit: int, patience_s: float) -> Turn:
        """Count a call, of which there may be `limit` in an hour; not where none is left, or the pause is longer."""

    def look(self) -> Turn:
        """How many there were; counts none."""

    def close_for(self, seconds: float) -> None:
        """Lasair has asked for a pause."""


class OwnCalls:
    """A `CallLog` of this process alone.

    Parameters
    ----------
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sent: deque[float] = deque()
        self._closed_until = -float("inf")

    def take(self, limit: int, patience_s: float) -> Turn:
        """Count a call, of which there may be `limit` in an hour; not where none is left, or the pause is longer."""
        with self._lock:
            turn = self._turn(limit)
            if not turn.full_s and turn.pause_s <= patience_s:
                self._sent.append(self._clock() + turn.pause_s)
            return turn

    def look(self) -> Turn:
        """How many there were; counts none."""
        with self._lock:
            return self._turn(None)

    def close_for(self, seconds: float) -> None:
        """Lasair has asked for a pause."""
        with self._lock:
            self._closed_until = max(self._closed_until, self._clock() + seconds)

    def _turn(self, limit: int | None) -> Turn:
        now = self._clock()
        while self._sent and now - self._sent[0] >= HOUR_S:
            self._sent.popleft()
        over = -1 if limit is None else len(self._sent) - limit
        full = self._sent[over] + HOUR_S - now if over >= 0 else 0.0
        return Turn(used=len(self._sent), full_s=full, pause_s=max(0.0, self._closed_until - now))


class HourlyBudget:
    """A `iris_client.http.pacer.Pacing` for reading; `writing` is that for annotations, which may use all there is.

    Parameters
    ----------
    per_hour : int
        Calls in any hour.
    clock, sleep : callable
        Seconds that only grow, and how to wait; replaced in tests.
    log : CallLog, optional
        Where calls are counted; by default in this process.
    """

    def __init__(
        self,
        per_hour: int = 100,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        log: CallLog | None = None,
    ) -> None:
        if per_hour < 4:
            raise ValueError("at least 4 calls an hour")
        self.per_hour = per_hour
        self._sleep = sleep
        self._log = log or OwnCalls(clock)
        self.writing = _Writing(self)

    def wait(self) -> float:
        """Count a call that reads.

        Raises
        ------
        Unavailable
            If there is none left for reading; `retry_after` says for how long.
        """
        return self.spend(self._for_reading)

    def pause(self, seconds: float) -> None:
        """Let nobody call for so long: Lasair has said that it is too much."""
        self._log.close_for(seconds)

    def left(self) -> int:
        """How many calls may read now."""
        turn = self._log.look()
        return 0 if turn.pause_s else max(0, self._for_reading - turn.used)

    def between_looks(self, calls: int) -> float:
        """Seconds from one look for news to the next, when each takes so many calls."""
        return HOUR_S * max(calls, 1) / (_FOR_LOOKS * self.per_hour)

    def spend(self, limit: int) -> float:
        """Count a call, of which there may be `limit` in an hour; see `wait`."""
        turn = self._log.take(limit, _PATIENCE_S)
        if turn.full_s or turn.pause_s > _PATIENCE_S:
            said = f"Lasair's {self.per_hour} calls an hour are used up, or kept for annotations"
            wait = max(turn.pause_s, turn.full_s)
            raise Unavailable(said if turn.full_s else "Lasair asks for a pause", status=429, retry_after=wait)
        if turn.pause_s:
            self._sleep(turn.pause_s)
        return turn.pause_s

    @property
    def _for_reading(self) -> int:
        return int(self.per_hour * (1.0 - _FOR_ANSWERS))


class _Writing:
    """The same calls, to the last one."""

    def __init__(self, budget: HourlyBudget) -> None:
        self._budget = budget

    def wait(self) -> float:
        """Count a call that writes; raises `Unavailable` when there is none left."""
        return self._budget.spend(self._budget.per_hour)

    def pause(self, seconds: float) -> None:
        """Let nobody call for so long."""
        self._budget.pause(seconds)

    def left(self) -> int:
        """How many calls may read now."""
        return self._budget.left()

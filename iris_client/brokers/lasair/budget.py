"""How many calls a Lasair token has left: so many in any hour, counted as Lasair counts them.

Lasair allows a token 100 calls in any 60 minutes, and that of a power user 10,000 (its documentation, "Throttling of
API usage"). Nobody waits for an hour inside a call: who would have to is told to come back, with the seconds.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from iris_client.errors import Unavailable

HOUR_S: Final = 3600.0
_PATIENCE_S: Final = 5.0
"""A pause as short as this is waited for."""
_FOR_ANSWERS: Final = 0.25
"""Share of the calls that reading leaves for annotations."""
_FOR_LOOKS: Final = 0.25
"""Share of the calls that looking for news may take."""


class HourlyBudget:
    """A `iris_client.http.pacer.Pacing` for reading; `writing` is that for annotations, which may use all there is.

    Parameters
    ----------
    per_hour : int
        Calls in any hour.
    clock, sleep : callable
        Seconds that only grow, and how to wait; replaced in tests.
    """

    def __init__(
        self,
        per_hour: int = 100,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if per_hour < 4:
            raise ValueError("at least 4 calls an hour")
        self.per_hour = per_hour
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._sent: deque[float] = deque()
        self._closed_until = -float("inf")
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
        with self._lock:
            self._closed_until = max(self._closed_until, self._clock() + seconds)

    def left(self) -> int:
        """How many calls may read now."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            return 0 if now < self._closed_until else max(0, self._for_reading - len(self._sent))

    def between_looks(self, calls: int) -> float:
        """Seconds from one look for news to the next, when each takes so many calls."""
        return HOUR_S * max(calls, 1) / (_FOR_LOOKS * self.per_hour)

    def spend(self, limit: int) -> float:
        """Count a call, of which there may be `limit` in an hour; see `wait`."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            pause = self._closed_until - now
            over = len(self._sent) - limit
            full = self._sent[over] + HOUR_S - now if over >= 0 else 0.0
            wait = max(pause, full, 0.0)
            if wait > _PATIENCE_S or full > 0.0:
                said = f"Lasair's {self.per_hour} calls an hour are used up, or kept for annotations"
                raise Unavailable(said if full > 0.0 else "Lasair asks for a pause", status=429, retry_after=wait)
            self._sent.append(now + wait)
        if wait > 0.0:
            self._sleep(wait)
        return wait

    @property
    def _for_reading(self) -> int:
        return int(self.per_hour * (1.0 - _FOR_ANSWERS))

    def _forget(self, now: float) -> None:
        while self._sent and now - self._sent[0] >= HOUR_S:
            self._sent.popleft()


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

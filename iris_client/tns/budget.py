"""The TNS's rolling budgets: one for everything, and a much smaller one for cones.

The quotas of bots are not published. Answers tell in headers how many requests are left and for how long; but answers
get lost, and a request whose answer is lost counts all the same. So each window is also counted here, request by
request, and the stricter of the two holds. Until the first answer the smallest quotas that others measured are assumed.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from iris_client.errors import Unavailable

WINDOW_S: Final = 60.0
MARGIN_S: Final = 1.0
"""Waited beyond the reset, as the TNS's own sample does."""
EXCEEDED: Final = "exceeded"
DEFAULT_RESET_S: Final = 60.0
"""For an answer that names no reset."""
LONGEST_RESET_S: Final = 3600.0
PATIENCE_S: Final = 120.0
"""Who would have to wait longer is told to come back instead."""
ASSUMED_LIMIT, ASSUMED_CONES = 10, 2
"""Requests per minute without a login (2026); bots have more, as the first answer will say."""


@dataclass(slots=True)
class Window:
    """One budget.

    Parameters
    ----------
    limit : int
        Requests in any `WINDOW_S` seconds.
    """

    limit: int
    remaining: int | None = None
    until: float = 0.0
    sent: deque[float] = field(default_factory=deque)

    def wait(self, now: float) -> float:
        """Seconds until the next request may go."""
        while self.sent and now - self.sent[0] >= WINDOW_S + MARGIN_S:
            self.sent.popleft()
        told = self.until - now if self.remaining == 0 else 0.0
        full = len(self.sent) - self.limit
        counted = self.sent[full] + WINDOW_S + MARGIN_S - now if full >= 0 else 0.0
        return max(told, counted, 0.0)

    def spend(self, now: float) -> None:
        """Count one request; what the last answer told holds until its window is over."""
        self.sent.append(now)
        told = self.remaining is not None and now < self.until
        self.remaining = max(0, (self.remaining or 0) - 1) if told else None

    def settle(self, now: float) -> None:
        """The request has ended: the server counted it at some time until now."""
        if self.sent:
            self.sent[-1] = now


@dataclass(slots=True)
class Budget:
    """Both windows, and the clock they run by. Requests of one budget go one after the other.

    Parameters
    ----------
    clock, sleep : callable
        Seconds that only grow, and how to wait; replaced in tests, and by a service that may be told to stop.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    everything: Window = field(default_factory=lambda: Window(ASSUMED_LIMIT))
    cones: Window = field(default_factory=lambda: Window(ASSUMED_CONES))
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def turn(self, *, cone: bool) -> Iterator[None]:
        """Wait until a request may go, and count it; send it inside, and `learn` from its answer there.

        Raises
        ------
        Unavailable
            If that would take longer than `PATIENCE_S`; `retry_after` says how long.
        """
        windows = (self.everything, self.cones) if cone else (self.everything,)
        with self._lock:
            wait = max(window.wait(self.clock()) for window in windows)
            if wait > PATIENCE_S:
                raise Unavailable(f"the TNS's budget is used up for {wait:.0f} s", status=429, retry_after=wait)
            if wait > 0:
                self.sleep(wait)
            for window in windows:
                window.spend(self.clock())
            try:
                yield
            finally:
                for window in windows:
                    window.settle(self.clock())

    def learn(self, headers: Mapping[str, str], *, refused: bool, cone: bool) -> None:
        """Take in what an answer's headers say (names in lower case), and whether it was a 429."""
        self._learn(self.everything, headers, "x-rate-limit")
        self._learn(self.cones, headers, "x-cone-rate-limit")
        windows = (self.everything, self.cones) if cone else (self.everything,)
        if refused and not any(window.remaining == 0 for window in windows):
            self.everything.remaining, self.everything.until = 0, self.clock() + DEFAULT_RESET_S + MARGIN_S

    def _learn(self, window: Window, headers: Mapping[str, str], name: str) -> None:
        limit, remaining = _whole(headers.get(f"{name}-limit")), headers.get(f"{name}-remaining")
        if limit:
            window.limit = limit
        left = 0 if remaining is not None and remaining.strip().lower() == EXCEEDED else _whole(remaining)
        if left is not None:
            seconds = _whole(headers.get(f"{name}-reset"))
            reset = DEFAULT_RESET_S if seconds is None else min(float(seconds), LONGEST_RESET_S)
            window.remaining, window.until = left, self.clock() + reset + MARGIN_S


def _whole(text: str | None) -> int | None:
    try:
        return max(0, int(float(text or "")))
    except (ValueError, OverflowError):
        return None

"""Keeping to a server's rate limit: one pacer per token, shared by every thread that uses it."""

import hashlib
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol
from weakref import WeakValueDictionary

SKYPORTAL_RATE: Final = 4.5
"""Requests per second. nginx in front of SkyPortal allows 5; the margin is for clocks and for retries elsewhere."""
SKYPORTAL_BURST: Final = 9
"""Requests at once after a pause; nginx allows 10."""


class Pacing(Protocol):
    """What keeps to a rate limit, in one process or in several together."""

    def wait(self) -> float:
        """Wait until the next request may go; returns the seconds waited."""

    def pause(self, seconds: float) -> None:
        """Let nobody go for `seconds`: the server has said that it is too much."""

    def left(self) -> int:
        """How many requests may go at once now; 0 while callers have to wait."""


class Pacer:
    """A token bucket: `burst` requests at once, then `rate` per second.

    It books a place for each caller under a lock and lets the caller sleep outside it, so threads queue fairly.

    Parameters
    ----------
    rate : float
        Requests per second in the long run.
    burst : int
        Requests that may go at once after a pause.
    clock, sleep : callable
        Seconds that only grow, and how to wait; replaced in tests.
    """

    def __init__(
        self,
        rate: float = SKYPORTAL_RATE,
        burst: int = SKYPORTAL_BURST,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError("rate must be positive and burst at least 1")
        self._interval = 1.0 / rate
        self._slack = (burst - 1) * self._interval
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._next = clock() - self._slack

    def wait(self) -> float:
        """Wait until the next request may go; returns the seconds waited."""
        with self._lock:
            now = self._clock()
            start = max(now, self._next)
            self._next = max(self._next, now - self._slack) + self._interval
        delay = start - now
        if delay > 0:
            self._sleep(delay)
        return delay

    def left(self) -> int:
        """How many requests may go at once now; 0 while callers have to wait."""
        with self._lock:
            now = self._clock()
            waited = now - max(self._next, now - self._slack)
        return max(0, int(waited / self._interval + 1.0 + 1e-9))

    def pause(self, seconds: float) -> None:
        """Let nobody go for `seconds`, and nobody in a burst after that: the server has said that it is too much."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)


_SHARED: "WeakValueDictionary[str, Pacer]" = WeakValueDictionary()
_SHARED_LOCK = threading.Lock()


def shared_pacer(url: str, token: str) -> Pacer:
    """The one pacer of this token at this server: two clients with the same token share its limit."""
    key = hashlib.sha256(f"{url}\0{token}".encode()).hexdigest()
    with _SHARED_LOCK:
        pacer = _SHARED.get(key)
        if pacer is None:
            pacer = _SHARED[key] = Pacer()
        return pacer

"""The limit nginx sets before SkyPortal: 5 requests per second and token, bursts of 10, then 429."""

import time
from collections.abc import Callable


class LeakyBucket:
    """nginx's `limit_req` with `nodelay`: each key has an excess that drains at `rate` and may not pass `burst`.

    Parameters
    ----------
    rate : float
        Requests per second.
    burst : int
        How far a key may run ahead.
    now : callable, optional
        Monotonic clock, seconds.
    """

    def __init__(self, rate: float = 5.0, burst: int = 10, now: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._now = rate, burst, now
        self._excess: dict[str, tuple[float, float]] = {}

    def admits(self, key: str | None) -> bool:
        """Whether a request passes. Requests without a key (no Authorization header) always do."""
        if not key:
            return True
        now = self._now()
        excess, last = self._excess.get(key, (-1.0, now))
        excess = max(0.0, excess - (now - last) * self._rate + 1.0)
        if excess > self._burst:
            return False
        self._excess[key] = (excess, now)
        return True

"""The TNS's rolling budgets, as its headers tell them: one for everything, and a much smaller one for cones.

The quotas of bots are not published, so nothing is assumed: before the first answer one request goes, and from then
on the headers say how many are left and in how many seconds the window is over.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

MARGIN_S: Final = 1.0
"""Waited beyond the reset, as the TNS's own sample does."""
EXCEEDED: Final = "exceeded"
DEFAULT_RESET_S: Final = 60.0
"""The window's length, for an answer that names no reset."""


@dataclass(slots=True)
class Window:
    """One budget: how many requests are left until when."""

    remaining: int | None = None
    until: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next request may go."""
        return self.until - now if self.remaining == 0 and self.until > now else 0.0

    def spend(self, now: float) -> None:
        """Count one request until the answer tells better."""
        if self.remaining is not None and now < self.until:
            self.remaining = max(0, self.remaining - 1)
        else:
            self.remaining = None


@dataclass(slots=True)
class Budget:
    """Both windows, and the clock they run by.

    Parameters
    ----------
    clock, sleep : callable
        Seconds that only grow, and how to wait; replaced in tests.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    everything: Window = field(default_factory=Window)
    cones: Window = field(default_factory=Window)

    def take(self, *, cone: bool) -> float:
        """Wait until a request may go and count it; the seconds waited."""
        windows = (self.everything, self.cones) if cone else (self.everything,)
        wait = max(window.wait(self.clock()) for window in windows)
        if wait > 0:
            self.sleep(wait)
        for window in windows:
            window.spend(self.clock())
        return wait

    def learn(self, headers: Mapping[str, str], *, refused: bool, cone: bool) -> float:
        """Take in what an answer's headers say (names in lower case); the seconds to wait if it was a 429."""
        self._learn(self.everything, headers, "x-rate-limit")
        self._learn(self.cones, headers, "x-cone-rate-limit")
        if not refused:
            return 0.0
        windows = (self.everything, self.cones) if cone else (self.everything,)
        if not any(window.wait(self.clock()) for window in windows):
            self.everything.remaining, self.everything.until = 0, self.clock() + DEFAULT_RESET_S
        return max(window.wait(self.clock()) for window in windows)

    def _learn(self, window: Window, headers: Mapping[str, str], name: str) -> None:
        remaining, reset = headers.get(f"{name}-remaining"), headers.get(f"{name}-reset")
        if remaining is None:
            return
        left = 0 if remaining.strip().lower() == EXCEEDED else _whole(remaining)
        if left is not None:
            seconds = _whole(reset or "")
            window.remaining = left
            window.until = self.clock() + (DEFAULT_RESET_S if seconds is None else seconds) + MARGIN_S


def _whole(text: str) -> int | None:
    try:
        return max(0, int(float(text)))
    except (ValueError, OverflowError):
        return None

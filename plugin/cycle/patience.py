"""How long to wait after a failure, and when to stop asking: one place for both use cases that talk to the marshal."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from iris_client.errors import UpstreamError

_FIRST_WAIT = timedelta(seconds=60)
_LONGEST_WAIT = timedelta(hours=1)
_OUTAGE = 3  # after so many failures in a row the marshal is down, and the rest of the queue would only add load


@dataclass(frozen=True, slots=True)
class Patience:
    """When to try again.

    Parameters
    ----------
    max_attempts : int
        After so many the work is parked.
    """

    max_attempts: int = 50

    def exhausted(self, attempts: int) -> bool:
        """Whether this many attempts are enough."""
        return attempts >= self.max_attempts

    def next_try(self, now: datetime, attempts: int, error: UpstreamError) -> datetime:
        """When to try again after `attempts` failures: the waits double up to an hour; the server may ask for more."""
        wait = min(_FIRST_WAIT * 2.0 ** min(attempts - 1, 10), _LONGEST_WAIT)
        return now + max(wait, timedelta(seconds=min(error.retry_after or 0.0, 86_400.0)))

    def next_look(self, now: datetime) -> datetime:
        """When to look again for what another piece of work brings."""
        return now + _FIRST_WAIT


class Breaker:
    """Counts failures in a row and says when to give up for this cycle."""

    def __init__(self) -> None:
        self._failures = 0

    def success(self) -> None:
        """The marshal answered."""
        self._failures = 0

    def failure(self, error: UpstreamError) -> None:
        """It did not; a refused token (401) will not get better within the cycle."""
        self._failures += _OUTAGE if denied(error) else 1

    @property
    def open(self) -> bool:
        """Whether to stop."""
        return self._failures >= _OUTAGE


def denied(error: UpstreamError) -> bool:
    """Whether the token is wrong or lacks a right: a person must act, and nothing about the work itself is wrong."""
    return error.status == 401

"""A list that has no pages, read in windows of time that adapt to how much each brings.

SkyPortal sends all spectra of a query at once, and loads their arrays even when it leaves them out. So the whole is
asked for from today backwards, in windows that grow while little comes and shrink when much does.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

T = TypeVar("T")

WANTED: Final = 200
"""Rows that a window should bring; at twice as many it shrinks, below half of it it grows."""
FIRST: Final = timedelta(days=16)
SHORTEST: Final = timedelta(hours=6)
LONGEST: Final = timedelta(days=366)
"""After a gap the next spectra come all at once, so a window never grows without bounds."""
EARLIEST: Final = datetime(2005, 1, 1)
"""What was observed before, if anything, comes in one window."""


def in_windows(
    ask: Callable[[datetime | None, datetime | None], Sequence[T]], *, now: datetime
) -> Iterator[Sequence[T]]:
    """What each window brings, the latest first; together they leave nothing out.

    Parameters
    ----------
    ask : callable
        From the first and the last moment of a window, both inclusive, to its rows. None is an open end: what carries
        a date in the future is in the first window, whatever is older than all others in the last. What lies on the
        border of two windows comes in both.
    now : datetime
        Where the first window ends.
    """
    end: datetime | None = None
    begin, width = now - FIRST, FIRST
    while begin > EARLIEST:
        rows = ask(begin, end)
        yield rows
        width = _next(width, len(rows))
        begin, end = begin - width, begin
    yield ask(None, end)


def _next(width: timedelta, brought: int) -> timedelta:
    """How long the next window should be, if as much lies in it."""
    if brought > 2 * WANTED:
        return max(SHORTEST, width * (WANTED / brought))
    return min(LONGEST, 2 * width) if brought < WANTED / 2 else width

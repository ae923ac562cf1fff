"""The time, as the marshal writes it: naive UTC. Use cases take a clock, so that tests can set it."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Now, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def moment(text: str) -> datetime:
    """Read a time stamp of the marshal; one with an offset is turned into UTC.

    Raises
    ------
    ValueError
        If it is none.
    """
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)


def stamp(when: datetime) -> str:
    """Write a time stamp so that texts sort as times do."""
    return when.isoformat(timespec="microseconds")

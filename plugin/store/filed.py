"""A report together with what the store knows about its spectrum."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import structlog

from models.domain import Report

T = TypeVar("T")
_log = structlog.get_logger("astranet.store")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """One report on file.

    Parameters
    ----------
    spectrum_id, target_id : str
        What it is about.
    modified : str
        The version of the spectrum, in the server's own time.
    observed_at : str or None
        When it was taken, as the marshal says (naive UTC ISO text).
    group_ids : tuple of int
        Marshal groups that can see the spectrum.
    filed_at : datetime
        When the report was made, naive UTC.
    """

    spectrum_id: str
    target_id: str
    modified: str
    report: Report
    observed_at: str | None = None
    instrument: str | None = None
    group_ids: tuple[int, ...] = ()
    filed_at: datetime


def readable(rows: Iterable[Any], read: Callable[[Any], T]) -> list[T]:
    """Read what can be read: a report that a later version wrote may be beyond this one, and stops no other."""
    found = []
    for row in rows:
        try:
            found.append(read(row))
        except ValueError as error:
            _log.warning("a report cannot be read and is left out", source=row.target_id, reason=str(error))
    return found


def unreadable(rows: Iterable[Any], read: Callable[[Any], T]) -> list[str]:
    """Why each of those that cannot be read cannot."""
    found = []
    for row in rows:
        try:
            read(row)
        except ValueError as error:
            found.append(str(error))
    return found

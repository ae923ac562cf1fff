"""What the marshal lists: each with its time stamp, and how far each list has been read."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

import structlog

from plugin.clock import moment
from plugin.store.context import storable

T = TypeVar("T")
_log = structlog.get_logger("astranet.discover")


def stamped(
    listed: Iterable[T], names: Callable[[T], Sequence[str]], stamp_of: Callable[[T], str]
) -> list[tuple[T, datetime]]:
    """What is listed, with its time; one with an unusable name or stamp is left out and logged, and stops no other."""
    found = []
    for one in listed:
        try:
            if any(storable(name) != name for name in names(one)):
                raise ValueError("a name that cannot be stored")
            found.append((one, moment(stamp_of(one))))
        except ValueError as error:
            _log.error("listed by the marshal, but not as agreed", what=repr(one), reason=str(error))
    return found


def cursor_name(what: str, group_ids: Sequence[int]) -> str:
    """What a list of some groups is remembered as: a group that is added later is read from its own beginning."""
    return f"{what} {','.join(str(g) for g in sorted(group_ids))}"

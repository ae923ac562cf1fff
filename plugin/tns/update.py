"""The TNS mirror brought up to date: the full file once, then what changed day by day and hour by hour.

A file that is refused, late or damaged is left alone for a while and asked for again; rows are taken in by number and
by their own time stamp, so that no order and no repetition does harm.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import structlog

from iris_client.errors import BadPayload, NotFound, Unavailable
from iris_client.tns.client import FULL, Tns, daily_file, hourly_file
from iris_client.tns.mirror import TnsObject
from plugin.store import Store
from plugin.store.tns.rows import Renamed

DAYS_KEPT: Final = 14
"""Daily files older than this are gone; then only the full one helps."""
MISSING_S: Final = 3600.0
"""Until a file that is not there (yet) is asked for again."""
AGAIN_S: Final = 900.0
"""... and one that could not be read. The full file waits longer, because repeated downloads of it are refused."""
FULL_AGAIN_S: Final = 3600.0
_PIECE: Final = 2000
_log = structlog.get_logger("astranet.tns")


def update_mirror(tns: Tns, store: Store, now: datetime) -> list[Renamed]:
    """Bring the mirror up to date as far as the server lets us; call it every hour or so.

    Returns
    -------
    list of Renamed
        Objects that changed their prefix or type, such as AT to SN.

    Raises
    ------
    Refused
        If the server does not take our key.
    """
    with store.begin() as unit:
        whole, last = unit.tns.read_at(tns.url, FULL), unit.tns.last_read(tns.url)
    if whole is None or last is None or now - last > timedelta(days=DAYS_KEPT):
        return _read(tns, store, FULL, FULL, now)
    changed: list[Renamed] = []
    for file, key in _deltas(whole, now):
        changed += _read(tns, store, file, key, now)
    return changed


def _deltas(whole: datetime, now: datetime) -> Iterator[tuple[str, str]]:
    """The files since the full one, and what each is remembered as: hourly ones have the same names every day."""
    first = max(whole.date(), now.date() - timedelta(days=DAYS_KEPT))
    for day in range((now.date() - first).days, 0, -1):
        name = daily_file(f"{now.date() - timedelta(days=day):%Y%m%d}")
        yield name, name
    for hour in range(now.hour):
        yield hourly_file(hour), f"{now:%Y%m%d} {hourly_file(hour)}"


def _read(tns: Tns, store: Store, file: str, key: str, now: datetime) -> list[Renamed]:
    """Read one file, unless it was read or is to be left alone."""
    with store.begin() as unit:
        pause, done = unit.tns.not_before(tns.url, key), unit.tns.read_at(tns.url, key)
    if (pause is not None and now < pause) or (done is not None and key != FULL):
        return []
    try:
        changed = _take_in(tns, store, tns.bulk(file))
    except (NotFound, Unavailable, BadPayload) as error:
        _later(tns, store, key, now, error)
        return []
    with store.begin() as unit:
        unit.tns.note_file(tns.url, key, read_at=now, not_before=None)
    return changed


def _take_in(tns: Tns, store: Store, objects: Iterator[TnsObject]) -> list[Renamed]:
    """Piece by piece, as the file is read: it is never whole in memory, and others want to write meanwhile."""
    changed: list[Renamed] = []
    while piece := list(islice(objects, _PIECE)):
        with store.begin() as unit:
            changed += unit.tns.upsert(tns.url, piece)
    return changed


def _later(tns: Tns, store: Store, key: str, now: datetime, error: NotFound | Unavailable | BadPayload) -> None:
    wait = error.retry_after or (FULL_AGAIN_S if key == FULL else AGAIN_S)
    if isinstance(error, NotFound):
        wait = MISSING_S
    else:
        _log.warning("TNS file not read", file=key, error=str(error), retry_in_s=round(wait))
    with store.begin() as unit:
        unit.tns.note_file(tns.url, key, not_before=now + timedelta(seconds=wait))

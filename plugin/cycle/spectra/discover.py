"""What is new? Polls by the server's own time stamps; a slow sweep finds what a poll cannot.

A poll asks for spectra modified since the newest one seen, minus an overlap, because rows become visible in another
order than that of their stamps. Sharing a spectrum does not move its stamp, so only the sweep finds one shared late.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from iris_client.protocols import SpectrumSource, SpectrumStub
from plugin.clock import Clock, moment, stamp, utc_now
from plugin.cycle.news import cursor_name, stamped
from plugin.store import Store

_log = structlog.get_logger("astranet.discover")


def discover(
    marshal: SpectrumSource,
    store: Store,
    *,
    group_ids: Sequence[int],
    overlap: timedelta,
    backfill: timedelta,
    clock: Clock = utc_now,
) -> int:
    """Poll once; new work and cursor are committed together.

    Parameters
    ----------
    overlap : timedelta
        How far to reach back behind the newest spectrum seen.
    backfill : timedelta
        How far back the very first poll looks.

    Returns
    -------
    int
        How many new versions of spectra were found.

    Raises
    ------
    UpstreamError
        If the marshal does not answer, or not as agreed. Nothing is changed then.
    """
    source = cursor_name("poll", group_ids)
    with store.begin(to_read=True) as unit:
        cursor = unit.watermarks.get(source)
    since = clock() - backfill if cursor is None else moment(cursor) - overlap
    stubs = _stamped(marshal.spectra_modified_since(stamp(since), group_ids=group_ids))
    newest = max((modified for _, modified in stubs), default=since)
    with store.begin() as unit:
        added = unit.spectra.add([stub for stub, _ in stubs], clock())
        unit.watermarks.set(source, stamp(max(newest, since)) if cursor is None else max(cursor, stamp(newest)))
    _log.info("polled", since=stamp(since), listed=len(stubs), new=added)
    return added


def sweep(
    marshal: SpectrumSource,
    store: Store,
    *,
    group_ids: Sequence[int],
    backfill: timedelta,
    every: timedelta,
    clock: Clock = utc_now,
    stop: Callable[[], bool] = bool,
) -> int:
    """Look at every spectrum of the groups, when the last look is older than `every`.

    The first sweep only takes note of what is older than `backfill`: an archive is not news. Later ones take up
    whatever they have not met before, however old, and have another look at what they no longer meet.

    Raises
    ------
    UpstreamError
        If the marshal does not answer, or not as agreed. Nothing is changed then.
    """
    source = cursor_name("sweep", group_ids)
    with store.begin(to_read=True) as unit:
        last = unit.watermarks.get(source)
    begun = clock()
    if last is not None and moment(last) > begun - every:
        return 0
    stubs = []
    for stub in marshal.spectra_shared_with(group_ids=group_ids):
        if stop():
            return 0  # half a sweep says nothing about what is gone
        stubs.append(stub)
    usable = _stamped(stubs)
    old = [] if last is not None else [stub for stub, modified in usable if modified < begun - backfill]
    with store.begin() as unit:
        unit.spectra.add(old, begun, state="baseline")
        added = unit.spectra.add([stub for stub, _ in usable], begun)
        missed = unit.spectra.reopen_unseen((stub.spectrum_id for stub in stubs), begun)
        unit.watermarks.set(source, stamp(begun))
    _log.info("swept", listed=len(stubs), new=added, missed=missed)
    return added + missed


def _stamped(listed: Sequence[SpectrumStub]) -> list[tuple[SpectrumStub, datetime]]:
    return stamped(listed, lambda stub: (stub.spectrum_id, stub.target_id), lambda stub: stub.modified)

"""What is new? Polls by the server's own time stamps; a slow sweep finds what a poll cannot.

A poll asks for spectra modified since the newest one seen, minus an overlap, because rows become visible in another
order than that of their stamps. Once in a while it reaches back further, to see which spectra of the last days are no
longer there: what is deleted leaves no trace in any list. Sharing a spectrum does not move its stamp, so only the sweep
finds one shared late, or seen by one more group.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from iris_client.protocols import SpectrumSource, SpectrumStub
from plugin.clock import Clock, moment, stamp, utc_now
from plugin.cycle.news import cursor_name, stamped
from plugin.store import ASTRANET, Store, Unit

_log = structlog.get_logger("astranet.discover")

BACK: Final = timedelta(days=7)
"""How far the poll now and then reaches back for what is no longer there: mistakes are mostly taken away soon."""
BACK_EVERY: Final = timedelta(hours=1)


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
        How many new versions of spectra were found, and how many that are gone or back again.

    Raises
    ------
    UpstreamError
        If the marshal does not answer, or not as agreed. Nothing is changed then.
    """
    source, last_back = cursor_name("poll", group_ids), cursor_name("poll back", group_ids)
    with store.begin(to_read=True) as unit:
        cursor, back = unit.watermarks.get(source), unit.watermarks.get(last_back)
    begun = clock()
    since = begun - backfill if cursor is None else moment(cursor) - overlap
    reaches_back = cursor is not None and (back is None or moment(back) <= begun - BACK_EVERY)
    asked = min(since, moment(cursor) - BACK) if reaches_back and cursor is not None else since
    stubs = _stamped(marshal.spectra_modified_since(stamp(asked), group_ids=group_ids))
    newest = max((modified for _, modified in stubs), default=since)
    missed = 0
    with store.begin() as unit:
        fresh = [stub for stub, modified in stubs if not reaches_back or modified >= since]
        added = unit.spectra.add(fresh, begun)
        if reaches_back:
            there = [stub.spectrum_id for stub, _ in stubs]
            missed = unit.spectra.reopen_unseen([*there, *_others(unit, group_ids)], begun, since=stamp(asked))
            missed += unit.spectra.reopen_gone(there, begun)
        if reaches_back or cursor is None:
            unit.watermarks.set(last_back, stamp(begun))
        unit.watermarks.set(source, stamp(max(newest, since)) if cursor is None else max(cursor, stamp(newest)))
    _log.info("polled", since=stamp(asked), listed=len(stubs), new=added, missed=missed)
    return added + missed


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
    whatever they have not met before, however old. Every sweep has another look at answered spectra that it does not
    meet, that are back again, or that other groups see than when they were answered.

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
    stubs: dict[tuple[str, str], SpectrumStub] = {}
    groups: defaultdict[str, set[int]] = defaultdict(set)
    for stub in marshal.spectra_shared_with(group_ids=group_ids):
        if stop():
            return 0  # half a sweep says nothing about what is gone
        stubs[stub.spectrum_id, stub.modified] = stub
        groups[stub.spectrum_id].update(stub.group_ids)
    usable = _stamped(stubs.values())
    old = [] if last is not None else [stub for stub, modified in usable if modified < begun - backfill]
    with store.begin() as unit:
        unit.spectra.add(old, begun, state="baseline")
        added = unit.spectra.add([stub for stub, _ in usable], begun)
        missed = unit.spectra.reopen_unseen([*groups, *_others(unit, group_ids)], begun)
        missed += unit.spectra.reopen_gone(groups, begun)
        shared = unit.spectra.reopen(_shared_otherwise(unit, groups, set(group_ids)), begun)
        unit.watermarks.set(source, stamp(begun))
    _log.info("swept", listed=len(groups), new=added, missed=missed, shared_otherwise=shared)
    return added + missed + shared


def _others(unit: Unit, ours: Sequence[int]) -> list[str]:
    """Spectra that were seen by none of our groups already when they were answered: no list of ours has them."""
    return [name for name, seen in unit.reports.audiences(ASTRANET).items() if seen and not set(ours) & set(seen)]


def _shared_otherwise(unit: Unit, groups: dict[str, set[int]], ours: set[int]) -> list[str]:
    """Spectra that others of our groups see now than when they were answered, as far as lists and spectra tell."""
    then = unit.reports.audiences(ASTRANET)
    known = ((name, set(then.get(name, ())), now) for name, now in groups.items() if now)
    return [name for name, before, now in known if before and before & ours != now]


def _stamped(listed: Iterable[SpectrumStub]) -> list[tuple[SpectrumStub, datetime]]:
    return stamped(listed, lambda stub: (stub.spectrum_id, stub.target_id), lambda stub: stub.modified)

"""Which objects are watched, and which of them may have news?

Watched are the sources saved to our groups, and the candidates: objects whose alerts passed a filter of theirs. Both
lists are read on from where the last look ended. Where it is wanted, everything that a filter or topic of a broker lets
through is watched too, though the marshal may not have it. A feed (BOOM, Lasair, a folder, Kafka) tells which watched
objects have new alerts; a source that must be asked about each (the marshal's broker) is asked about candidates and new
saves at once, and about all the others by the slow sweep.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from iris_client.brokers.streams import AlertStream
from iris_client.protocols import AlertFeed, AlertSource, AlertStub, WatchList
from plugin.clock import Clock, moment, stamp, utc_now
from plugin.cycle.news import cursor_name, stamped
from plugin.store import Store

_log = structlog.get_logger("astranet.watch")

MJD_EPOCH: Final = datetime(1858, 11, 17)
LATE_DAYS: Final = 1.0
"""Alerts reach a broker some hours after their exposure, and not in the order of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """The use case with what it needs.

    Parameters
    ----------
    overlap : timedelta
        How far to reach back behind the last look.
    backfill : timedelta
        How far back the very first look takes in alerts and saves.
    patience : timedelta
        How long a candidate that nobody saves is followed.
    every_alert : bool
        Whether what the source's filter or topic lets through is followed, whoever saved it.
    """

    marshal: WatchList
    source: AlertSource
    store: Store
    group_ids: Sequence[int]
    overlap: timedelta
    backfill: timedelta
    patience: timedelta = timedelta(days=100)
    every_alert: bool = False
    clock: Clock = utc_now
    stop: Callable[[], bool] = bool

    def look(self) -> int:
        """Look for news once; what is found is committed together with how far was looked.

        Returns
        -------
        int
            How many objects became due.

        Raises
        ------
        UpstreamError
            If the marshal or the source does not answer, or not as agreed. What was stored before stays.
        """
        return self._lists() + self._stream() + self._feed()

    def sweep(self, every: timedelta) -> int:
        """Look at every watched object, when the last such look is older than `every`; returns how many became due.

        The first one only takes note of the time: what an archive holds is no news. Later ones also list the
        candidates since the sweep before the last: a look whose clock was wrong may have missed some.

        Raises
        ------
        UpstreamError
            If the marshal does not answer, or not as agreed. Nothing is changed then.
        """
        name, begun = self._cursor("alert sweep"), self.clock()
        last = self._get(name)
        if last is not None and moment(last) > begun - every:
            return 0
        saved, passed = [], []
        if last is not None:
            saved = [one.target_id for one in self.marshal.saves(group_ids=self.group_ids)]
            since = stamp(min(moment(last), begun) - every - self.overlap)
            listed = self.marshal.candidates(group_ids=self.group_ids, detected_after=since)
            passed = [target.target_id for target in listed]
        if self.stop():
            return 0
        with self.store.begin() as unit:
            lost = due = 0
            if last is not None:
                unit.objects.watch(saved, begun, saved=True, seen=self._no_news(begun))
                lost = unit.objects.unsaved(saved, begun)
                unit.objects.watch(passed, begun, saved=False)
                feeds = isinstance(self.source, AlertFeed)
                asked = passed if feeds else unit.objects.watched(begun, patience=self.patience)
                due = unit.objects.ask(asked, begun)
            unit.watermarks.set(name, stamp(begun))
        _log.info("swept alerts", saved=len(saved), unsaved=lost, due=due)
        return lost + due

    def _lists(self) -> int:
        """Candidates and saves since the last look. They are asked about at once."""
        name, begun = self._cursor("watch"), self.clock()
        last = self._get(name)
        # Where the clock was set back, the last look was noted at a time that has not come yet.
        since = begun - self.backfill if last is None else min(moment(last), begun) - self.overlap
        candidates = self.marshal.candidates(group_ids=self.group_ids, detected_after=stamp(since))
        passed = [target.target_id for target in candidates]
        listed = self.marshal.saves(group_ids=self.group_ids, since=None if last is None else stamp(since))
        saves = stamped(listed, lambda save: (save.target_id,), lambda save: save.saved_at)
        fresh = [save.target_id for save, saved_at in saves if last is not None or saved_at >= since]
        with self.store.begin() as unit:
            old = self._no_news(since) if last is None else ""
            new = unit.objects.watch([save.target_id for save, _ in saves], begun, saved=True, seen=old)
            new += unit.objects.watch(passed, begun, saved=False)
            unit.objects.welcome([*fresh, *passed])
            due = unit.objects.ask([*fresh, *passed], begun)
            unit.watermarks.set(name, stamp(begun))
        _log.info("watched", candidates=len(passed), saves=len(saves), new=new, due=due)
        return due

    def _stream(self) -> int:
        """What a filter or topic of the source has let through since the last look."""
        if not self.every_alert or not isinstance(self.source, AlertStream):
            return 0
        name, begun = self._cursor("stream"), self.clock()
        found, cursor = self.source.passed(self._get(name), since_mjd=mjd(begun - self.backfill))
        newest = newest_of(found)
        with self.store.begin() as unit:
            new = unit.objects.watch(newest, begun, saved=False, listed=False)
            due = unit.objects.saw(newest, begun)
            unit.watermarks.set(name, cursor)
        if not isinstance(self.source, AlertFeed):
            self.source.seen()
        _log.info("streamed", objects=len(newest), new=new, due=due)
        return due

    def _feed(self) -> int:
        """What a feed tells of watched objects."""
        if not isinstance(self.source, AlertFeed):
            return 0
        name, begun = self._cursor("alerts"), self.clock()
        with self.store.begin(to_read=True) as unit:
            watched = unit.objects.watched(begun, patience=self.patience, listed=self.every_alert)
        last = self._get(name)
        since = mjd(begun - self.backfill) if last is None else float(last) - LATE_DAYS
        found = self.source.news(watched, since_mjd=since)
        newest = newest_of(found)
        with self.store.begin() as unit:
            due = unit.objects.saw(newest, begun)
            cursor = max([one.mjd for one in found], default=since if last is None else float(last))
            unit.watermarks.set(name, f"{cursor:.5f}")
        self.source.seen()
        _log.info("fed", alerts=len(found), objects=len(newest), due=due)
        return due

    def _no_news(self, before: datetime) -> str:
        """What is noted as seen of an object whose alerts up to a time are no news."""
        return f"{mjd(before):.5f}"

    def _cursor(self, what: str) -> str:
        return cursor_name(what, self.group_ids)

    def _get(self, name: str) -> str | None:
        with self.store.begin(to_read=True) as unit:
            return unit.watermarks.get(name)


def version_of(one: AlertStub) -> str:
    """An alert as a text that sorts by time."""
    return f"{one.mjd:.5f} {one.candid}"


def newest_of(found: Iterable[AlertStub]) -> dict[str, str]:
    """The version of each object: its newest alert."""
    newest: dict[str, str] = {}
    for one in found:
        newest[one.target_id] = max(version_of(one), newest.get(one.target_id, ""))
    return newest


def mjd(when: datetime) -> float:
    """Modified Julian Date of a naive UTC time."""
    return (when - MJD_EPOCH) / timedelta(days=1)

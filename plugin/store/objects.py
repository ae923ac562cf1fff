"""The queue's objects: one row each, with the newest alert that was looked at, due again whenever there is news."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, select, true

from plugin.store.context import Context
from plugin.store.queue import UNKNOWN, due_again
from plugin.store.rows import QueueRows, chunks
from plugin.store.tables import queue

NO_ALERT: Final = "0"
"""`seen` of an object of which the source knows no alert."""


@dataclass(frozen=True, slots=True)
class Objects:
    """What is particular to work about objects: who is watched, and what is news."""

    context: Context

    def watch(
        self, names: Iterable[str], now: datetime, *, saved: bool, seen: str = UNKNOWN, listed: bool = True
    ) -> int:
        """Follow these objects from now on; returns how many are new. One that is saved stays so until `unsaved`.

        Parameters
        ----------
        listed : bool
            Whether it is the marshal that has them. One that it did not have before is answered anew.
        seen : str
            Of new ones: alerts up to it are no news.
        """
        row: dict[str, Any] = {"subject": "object", "version": "", "seen": seen, "asked": 0, "state": "idle"}
        row |= {
            "saved": saved,
            "listed": listed,
            "attempts": 0,
            "not_before": now,
            "created_at": now,
            "touched_at": now,
        }
        new = 0
        for some in chunks(names):
            new += self._rows.add([{**row, "subject_id": name, "target_id": name} for name in some])
            here = _named(some)
            self._rows.set(here, touched_at=now, **({"saved": True} if saved else {}))
            self._rows.set(here & (queue.c.state == "gone"), state="idle", seen=seen, listed=listed)
            if listed:
                self._rows.set(here & queue.c.listed.is_(False), listed=True, seen=UNKNOWN)
        return new

    def watched(self, now: datetime, *, patience: timedelta, listed: bool = False) -> list[str]:
        """Whose alerts are followed: what is saved, and candidates not longer ago than `patience`.

        Parameters
        ----------
        listed : bool
            True: only those that the marshal has.
        """
        kept = queue.c.saved | (queue.c.touched_at >= now - patience)
        kept &= queue.c.listed if listed else true()
        found = select(queue.c.subject_id).where(self._rows.mine("object"), kept, queue.c.state != "gone")
        return list(self.context.connection.execute(found.order_by(queue.c.subject_id)).scalars())

    def ask(self, names: Iterable[str], now: datetime) -> int:
        """Let these be looked at, whether or not there is news; returns how many were not due already."""
        count = 0
        for some in chunks(names):
            here = _named(some)
            count += self._rows.set(here & queue.c.state.not_in(("new", "claimed")), **due_again(now))
            self._rows.set(here & (queue.c.state == "claimed"), asked=queue.c.asked + 1)
        return count

    def looked_at(self, name: str) -> bool:
        """Whether something was said about an object, or it was found to have no alert."""
        rows = self._rows.all(_named([name]))
        return any(" " in row.seen or row.seen == NO_ALERT for row in rows)

    def welcome(self, names: Iterable[str]) -> None:
        """Let all that is known of these be news, if nothing was said about them yet: somebody has just saved them."""
        for some in chunks(names):
            silent = ~queue.c.seen.contains(" ") & (queue.c.seen != NO_ALERT)
            self._rows.set(_named(some) & silent, seen=UNKNOWN)

    def saw(self, newest: Mapping[str, str], now: datetime) -> int:
        """Let those become due of which there is a newer alert than was looked at; returns how many."""
        names = [
            row.subject_id
            for some in chunks(newest)
            for row in self._rows.all(_named(some), queue.c.subject_id)
            if newest[row.subject_id] > row.seen
        ]
        for some in chunks(names):
            self._rows.set(_named(some), touched_at=now)
        return self.ask(names, now)

    def unsaved(self, still_saved: Iterable[str], now: datetime) -> int:
        """Let go of what a complete list of saves does not have any more, and look once more at what has an answer."""
        kept = set(still_saved)
        saved = self._rows.all(_IS_OBJECT & queue.c.saved, queue.c.subject_id)
        lost = [row.subject_id for row in saved if row.subject_id not in kept]
        for some in chunks(lost):
            here = _named(some)
            self._rows.set(here, saved=False)
            self._rows.set(here & (queue.c.state == "done"), seen=UNKNOWN, **due_again(now))
        return len(lost)

    @property
    def _rows(self) -> QueueRows:
        return QueueRows(self.context)


_IS_OBJECT = queue.c.subject == "object"


def _named(names: list[str]) -> ColumnElement[bool]:
    return _IS_OBJECT & queue.c.subject_id.in_(names)

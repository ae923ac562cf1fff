"""Watched objects: one row each, with the newest alert known of it, claimed by one worker at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Row, and_, case, func, or_, select, update

from plugin.store.context import Context, storable
from plugin.store.object_tables import objects
from plugin.store.tasks import LostClaim

UNKNOWN: Final = ""
"""The version of an object that was never looked at, or that must be looked at again; every other sorts after it."""
NO_ALERT: Final = "0"
"""The version of an object of which the source knows no alert."""
_CHUNK: Final = 500  # SQLite takes some thousand parameters per statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """An object whose alerts are followed."""

    target_id: str
    version: str
    """The newest alert that was looked at, or the moment before which alerts are no news."""
    asked: int
    state: str
    attempts: int
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class Objects:
    """The questions about watched objects."""

    context: Context

    def watch(self, names: Iterable[str], now: datetime, *, saved: bool, version: str = UNKNOWN) -> int:
        """Follow these objects from now on; returns how many are new. One that is saved stays so until `unsaved`.

        Parameters
        ----------
        version : str
            Of new ones: alerts up to it are no news.
        """
        row = {"marshal": self.context.marshal, "version": version, "asked": 0, "state": "idle", "saved": saved}
        row |= {"attempts": 0, "next_try": now, "touched_at": now}
        new = 0
        for some in _chunks(names):
            new += self._insert([{**row, "target_id": name} for name in some])
            here = objects.c.target_id.in_(some)
            self._set(here, touched_at=now, **({"saved": True} if saved else {}))
            self._set(here & (objects.c.state == "gone"), state="idle", version=version)
        return new

    def _insert(self, rows: list[dict[str, object]]) -> int:
        new = self.context.insert(objects).on_conflict_do_nothing().returning(objects.c.target_id)
        return len(self.context.connection.execute(new, rows).all())

    def watched(self, now: datetime, *, patience: timedelta) -> list[str]:
        """Whose alerts are followed: what is saved, and candidates not longer ago than `patience`."""
        kept = objects.c.saved | (objects.c.touched_at >= now - patience)
        found = select(objects.c.target_id).where(self._mine(), kept, objects.c.state != "gone")
        return list(self.context.connection.execute(found.order_by(objects.c.target_id)).scalars())

    def ask(self, names: Iterable[str], now: datetime) -> int:
        """Let these be looked at, whether or not there is news; returns how many were not due already."""
        count = 0
        for some in _chunks(names):
            here = objects.c.target_id.in_(some)
            count += self._set(here & objects.c.state.not_in(("new", "claimed")), **self._due(now))
            self._set(here & (objects.c.state == "claimed"), asked=objects.c.asked + 1)
        return count

    def welcome(self, names: Iterable[str]) -> None:
        """Let all that is known of these be news, if nothing was said about them yet: somebody has just saved them."""
        for some in _chunks(names):
            silent = ~objects.c.version.contains(" ") & (objects.c.version != NO_ALERT)
            self._set(objects.c.target_id.in_(some) & silent, version=UNKNOWN)

    def saw(self, newest: Mapping[str, str], now: datetime) -> int:
        """Let those become due of which there is a newer alert than was looked at; returns how many."""
        names = [
            row.target_id
            for some in _chunks(newest)
            for row in self._rows(objects.c.target_id.in_(some))
            if newest[row.target_id] > row.version
        ]
        for some in _chunks(names):
            self._set(objects.c.target_id.in_(some), touched_at=now)
        return self.ask(names, now)

    def unsaved(self, still_saved: Iterable[str], now: datetime) -> int:
        """Let go of what a complete list of saves does not have any more, and look once more at what has an answer."""
        kept = set(still_saved)
        lost = [row.target_id for row in self._rows(objects.c.saved) if row.target_id not in kept]
        for some in _chunks(lost):
            here = objects.c.target_id.in_(some)
            self._set(here, saved=False)
            self._set(here & (objects.c.state == "done"), version=UNKNOWN, **self._due(now))
        return len(lost)

    def due(self, now: datetime) -> int:
        """How many could be claimed."""
        which = (objects.c.state == "new") & (objects.c.next_try <= now)
        found = select(func.count()).select_from(objects).where(self._mine(), which)
        return int(self.context.connection.execute(found).scalar_one())

    def claim(self, limit: int, now: datetime) -> list[Watched]:
        """Take up to `limit` due objects; no other worker gets them."""
        due = (
            select(objects)
            .where(self._mine(), objects.c.state == "new", objects.c.next_try <= now)
            .order_by(objects.c.next_try, objects.c.target_id)
            .limit(limit)
            .with_for_update(skip_locked=True)  # SQLite has no such thing and needs none: one process, one writer
        )
        found = self.context.connection.execute(due).all()
        names = [row.target_id for row in found]
        self._set(objects.c.target_id.in_(names), state="claimed", claimed_by=self.context.worker, claimed_at=now)
        return [_watched(row) for row in found]

    def finish(self, held: Watched, version: str | None = None, *, state: str = "done") -> None:
        """Close an object that this worker holds; one that was asked for meanwhile is due again.

        Parameters
        ----------
        version : str or None
            Its newest alert now; None to leave it as it was.

        Raises
        ------
        LostClaim
            If it does not hold it any more.
        """
        after = case((objects.c.asked == held.asked, state), else_="new")
        known = {} if version is None else {"version": version}
        if not self._free(held, state=after, last_error=None, **known):
            raise LostClaim(f"object {held.target_id}: taken over by another worker")

    def retry(self, held: Watched, error: str, at: datetime) -> None:
        """Put an object back, to be tried again from `at` on."""
        self._free(held, state="new", attempts=held.attempts + 1, next_try=at, last_error=storable(error))

    def park(self, held: Watched, error: str) -> None:
        """Set an object aside for a person to see."""
        self._free(held, state="parked", attempts=held.attempts + 1, last_error=storable(error))

    def release(self, held: Iterable[Watched]) -> None:
        """Put objects back that nothing was tried with."""
        for one in held:
            self._free(one, state="new")

    def recover(self, claimed_before: datetime | None) -> int:
        """Free what this worker left behind, and what others claimed: all of it, or only before some moment."""
        held = objects.c.state == "claimed"
        if claimed_before is not None:
            held &= or_(objects.c.claimed_by == self.context.worker, objects.c.claimed_at < claimed_before)
        return self._set(held, state="new", claimed_by=None, claimed_at=None)

    def unpark(self, now: datetime) -> int:
        """Try everything that is parked again."""
        return self._set(objects.c.state == "parked", **self._due(now))

    def of(self, name: str) -> Watched | None:
        """One object; None when nobody watches it."""
        found = self._rows(objects.c.target_id == name)
        return _watched(found[0]) if found else None

    def parked(self) -> list[Watched]:
        """What was set aside."""
        return [_watched(row) for row in self._rows(objects.c.state == "parked")]

    def _due(self, now: datetime) -> dict[str, object]:
        return {"state": "new", "asked": objects.c.asked + 1, "attempts": 0, "next_try": now}

    def _rows(self, which: ColumnElement[bool]) -> Sequence[Row[tuple[object, ...]]]:
        found = select(objects).where(self._mine(), which).order_by(objects.c.target_id)
        return self.context.connection.execute(found).all()

    def _set(self, which: ColumnElement[bool], **values: object) -> int:
        return int(
            self.context.connection.execute(update(objects).where(self._mine(), which).values(**values)).rowcount
        )

    def _free(self, held: Watched, **values: object) -> int:
        mine = and_(objects.c.state == "claimed", objects.c.claimed_by == self.context.worker)
        return self._set(mine & (objects.c.target_id == held.target_id), claimed_by=None, claimed_at=None, **values)

    def _mine(self) -> ColumnElement[bool]:
        return objects.c.marshal == self.context.marshal


def _chunks(names: Iterable[str]) -> Iterator[list[str]]:
    every = sorted(set(names))
    return (every[i : i + _CHUNK] for i in range(0, len(every), _CHUNK))


def _watched(row: Row[tuple[object, ...]]) -> Watched:
    return Watched(**{name: getattr(row, name) for name in Watched.__dataclass_fields__})

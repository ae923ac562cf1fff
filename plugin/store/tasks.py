"""Tasks: one per version of a spectrum, claimed by one worker at a time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, or_, select, update

from iris_client.protocols import SpectrumStub
from plugin.store.context import Context, storable
from plugin.store.tables import tasks

_CHUNK = 500  # SQLite takes some thousand parameters per statement


class LostClaim(Exception):
    """Another worker has taken the task over: what we found must not be filed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A spectrum to be looked at."""

    id: int
    spectrum_id: str
    target_id: str
    modified: str
    state: str
    attempts: int
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class Tasks:
    """The questions about tasks."""

    context: Context

    def add(self, stubs: Sequence[SpectrumStub], now: datetime, *, state: str = "new") -> int:
        """Insert the versions that are not known yet; a newer version supersedes older ones that still wait.

        Returns
        -------
        int
            How many were new.
        """
        rows = [
            {
                "marshal": self.context.marshal,
                "spectrum_id": stub.spectrum_id,
                "target_id": stub.target_id,
                "modified": stub.modified,
                "state": state,
                "attempts": 0,
                "next_try": now,
                "created_at": now,
            }
            for stub in stubs
        ]
        added = sum(self._insert(rows[i : i + _CHUNK]) for i in range(0, len(rows), _CHUNK))
        if added:
            self._supersede()
        return added

    def _insert(self, rows: list[dict[str, object]]) -> int:
        new = self.context.insert(tasks).on_conflict_do_nothing().returning(tasks.c.id)
        return len(self.context.connection.execute(new, rows).all())

    def _supersede(self) -> None:
        newer = tasks.alias()
        is_older = exists().where(
            newer.c.marshal == tasks.c.marshal,
            newer.c.spectrum_id == tasks.c.spectrum_id,
            newer.c.modified > tasks.c.modified,
        )
        self._set(tasks.c.state.in_(("new", "parked")) & is_older, state="superseded")

    def reopen_unseen(self, seen: Iterable[str], begun: datetime) -> int:
        """Look again at spectra with a report that a complete sweep, begun at some time, did not meet."""
        known = (tasks.c.state == "done") & (tasks.c.created_at < begun)
        current = select(tasks.c.id, tasks.c.spectrum_id).where(self._mine(), known)
        met = set(seen)
        unseen = [row.id for row in self.context.connection.execute(current) if row.spectrum_id not in met]
        for i in range(0, len(unseen), _CHUNK):
            self._set(tasks.c.id.in_(unseen[i : i + _CHUNK]), state="new", attempts=0, next_try=begun)
        return len(unseen)

    def claim(self, limit: int, now: datetime) -> list[Task]:
        """Take up to `limit` due tasks, oldest first; no other worker gets them."""
        due = (
            select(tasks)
            .where(self._mine(), tasks.c.state == "new", tasks.c.next_try <= now)
            .order_by(tasks.c.modified, tasks.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)  # SQLite has no such thing and needs none: one process, one writer
        )
        found = self.context.connection.execute(due).all()
        ids = [row.id for row in found]
        self._set(tasks.c.id.in_(ids), state="claimed", claimed_by=self.context.worker, claimed_at=now)
        return [_task(row) for row in found]

    def finish(self, task: Task, state: str) -> None:
        """Close a task that this worker holds: done or gone.

        Raises
        ------
        LostClaim
            If it does not hold it any more.
        """
        if not self._set(self._held(task), state=state, last_error=None, claimed_by=None, claimed_at=None):
            raise LostClaim(f"spectrum {task.spectrum_id}: taken over by another worker")

    def retry(self, task: Task, error: str, at: datetime) -> None:
        """Put a task back, to be tried again from `at` on."""
        self._set(
            self._held(task),
            state="new",
            attempts=task.attempts + 1,
            next_try=at,
            last_error=storable(error),
            claimed_by=None,
            claimed_at=None,
        )

    def park(self, task: Task, error: str) -> None:
        """Set a task aside for a person to see."""
        self._set(
            self._held(task),
            state="parked",
            attempts=task.attempts + 1,
            last_error=storable(error),
            claimed_by=None,
            claimed_at=None,
        )

    def release(self, held: Iterable[Task]) -> None:
        """Put tasks back that nothing was tried with."""
        for task in held:
            self._set(self._held(task), state="new", claimed_by=None, claimed_at=None)

    def recover(self, claimed_before: datetime | None) -> int:
        """Free what this worker left behind, and what others claimed: all of it, or only before some moment."""
        held = tasks.c.state == "claimed"
        if claimed_before is not None:
            held &= or_(tasks.c.claimed_by == self.context.worker, tasks.c.claimed_at < claimed_before)
        return self._set(held, state="new", claimed_by=None, claimed_at=None)

    def unpark(self, now: datetime) -> int:
        """Try everything that is parked again."""
        return self._set(tasks.c.state == "parked", state="new", attempts=0, next_try=now)

    def has_newer_done(self, task: Task) -> bool:
        """Whether a later version of the spectrum has been analysed already."""
        newer = select(tasks.c.id).where(
            self._mine(),
            tasks.c.spectrum_id == task.spectrum_id,
            tasks.c.modified > task.modified,
            tasks.c.state.in_(("done", "gone")),
        )
        return self.context.connection.execute(newer.limit(1)).first() is not None

    def of(self, name: str) -> list[Task]:
        """Every version of a spectrum, or every spectrum of a source, oldest first."""
        return self._list(or_(tasks.c.spectrum_id == name, tasks.c.target_id == name))

    def parked(self) -> list[Task]:
        """What was set aside."""
        return self._list(tasks.c.state == "parked")

    def _list(self, which: ColumnElement[bool]) -> list[Task]:
        found = select(tasks).where(self._mine(), which).order_by(tasks.c.modified, tasks.c.id)
        return [_task(row) for row in self.context.connection.execute(found)]

    def _set(self, which: ColumnElement[bool], **values: object) -> int:
        done = self.context.connection.execute(update(tasks).where(self._mine(), which).values(**values))
        return int(done.rowcount)

    def _held(self, task: Task) -> ColumnElement[bool]:
        return and_(tasks.c.id == task.id, tasks.c.state == "claimed", tasks.c.claimed_by == self.context.worker)

    def _mine(self) -> ColumnElement[bool]:
        return tasks.c.marshal == self.context.marshal


def _task(row: object) -> Task:
    return Task(**{name: getattr(row, name) for name in Task.__dataclass_fields__})

"""Who works for a marshal, and which of them does the jobs that one worker does at a time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, delete, or_, select, update

from plugin.store.context import Context
from plugin.store.tables import leases, workers

FORGOTTEN: Final = timedelta(days=1)
"""After it a worker that vanished is not shown any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A process that works, or did until it vanished.

    Parameters
    ----------
    host : str
        Name of the machine or container.
    jobs : tuple of str
        What it was started for.
    leads : tuple of str
        Which of the jobs that one worker does at a time are its own just now.
    started_at, seen_at : datetime
        When it began, and when it was last heard of; naive UTC, by the database's clock.
    is_alive : bool
        Whether it was heard of within the lease.
    """

    id: str
    host: str
    jobs: tuple[str, ...]
    leads: tuple[str, ...]
    started_at: datetime
    seen_at: datetime
    is_alive: bool


@dataclass(frozen=True, slots=True)
class Workers:
    """The questions about workers."""

    context: Context

    def beat(self, *, host: str, jobs: Collection[str]) -> None:
        """Say that this worker is alive, and forget those that have not been heard of for long."""
        time = self.context.time
        row = {"host": host[:255], "jobs": ",".join(jobs)[:255], "seen_at": time}
        new = self.context.insert(workers).values(
            id=self.context.worker, marshal=self.context.marshal, started_at=time, **row
        )
        self.context.connection.execute(new.on_conflict_do_update(index_elements=["id"], set_=row))
        gone = self._mine() & (workers.c.seen_at < time - FORGOTTEN)
        self.context.connection.execute(delete(workers).where(gone))

    def leave(self) -> None:
        """Take this worker's row away: it ends."""
        self.context.connection.execute(delete(workers).where(workers.c.id == self.context.worker))

    def every(self) -> list[Worker]:
        """Those that work for this marshal or vanished lately, longest at work first."""
        lately = (workers.c.seen_at >= self.context.time - self.context.lease).label("is_alive")
        found = select(workers, lately).where(self._mine()).order_by(workers.c.started_at, workers.c.id)
        led: dict[str, list[str]] = {}
        now = leases.c.held_until >= self.context.time
        leading = select(leases).where(leases.c.marshal == self.context.marshal, now).order_by(leases.c.job)
        for lease in self.context.connection.execute(leading):
            led.setdefault(lease.held_by, []).append(lease.job)
        return [
            Worker(
                id=row.id,
                host=row.host,
                jobs=tuple(row.jobs.split(",")),
                leads=tuple(led.get(row.id, ())),
                started_at=row.started_at,
                seen_at=row.seen_at,
                is_alive=bool(row.is_alive),
            )
            for row in self.context.connection.execute(found)
        ]

    def _mine(self) -> ColumnElement[bool]:
        return workers.c.marshal == self.context.marshal


@dataclass(frozen=True, slots=True)
class Leases:
    """The jobs that one worker does at a time."""

    context: Context

    def take(self, job: str) -> bool:
        """Make a job this worker's own, unless another has it and its lease has not ended; says whether it is."""
        held = {"held_by": self.context.worker, "held_until": self.context.until}
        new = self.context.insert(leases).values(marshal=self.context.marshal, job=job, **held)
        free = or_(leases.c.held_by == self.context.worker, leases.c.held_until < self.context.time)
        taken = new.on_conflict_do_update(index_elements=["marshal", "job"], set_=held, where=free)
        return self.context.connection.execute(taken.returning(leases.c.job)).first() is not None

    def release(self, job: str) -> None:
        """Let another worker have the job."""
        self.context.connection.execute(delete(leases).where(self._ours(), leases.c.job == job))

    def renew(self) -> None:
        """Hold every job of this worker for another lease."""
        self.context.connection.execute(update(leases).where(self._ours()).values(held_until=self.context.until))

    def _ours(self) -> ColumnElement[bool]:
        return and_(leases.c.marshal == self.context.marshal, leases.c.held_by == self.context.worker)

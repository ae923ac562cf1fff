"""Analyses that somebody asked for: what was sent, where the answer goes, and what became of it.

The web hook is a secret: its column is read by whoever carries the answer, and by nothing that shows anything. It goes
away, with everything that was sent, as soon as the marshal has the answer or takes none any more.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, exists, func, select, update

from plugin.store.analyses.tables import analyses
from plugin.store.context import Context, canonical, storable
from plugin.store.rows import QueueRows
from plugin.store.subject import ANALYSIS, Subject
from plugin.store.tables import queue

Service = Literal["astranet", "needle"]
ANSWERED: Final = "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """One request; without its web hook.

    Parameters
    ----------
    inputs : mapping
        What was sent with it, see `plugin.cycle.analyses.inputs.Inputs`; empty once it is answered.
    invalid_after : datetime or None
        When the marshal stops waiting, naive UTC.
    ended : str or None
        `answered`, or why it never will be.
    """

    id: str
    service: Service
    target_id: str
    inputs: Mapping[str, Any]
    received_at: datetime
    invalid_after: datetime | None
    ended: str | None


@dataclass(frozen=True, slots=True)
class Analyses:
    """The questions about requests."""

    context: Context

    def add(
        self,
        hook: str,
        *,
        service: Service,
        target_id: str,
        inputs: Mapping[str, Any],
        now: datetime,
        due: datetime,
        invalid_after: datetime | None,
    ) -> bool:
        """Take a request in, and make it a piece of work; False when it is here already.

        Parameters
        ----------
        due : datetime
            When work on it may begin.
        """
        name = key_of(hook)
        row: dict[str, Any] = {"marshal": self.context.marshal, "id": name, "service": service, "target_id": target_id}
        row |= {"hook": hook, "inputs": canonical(dict(inputs)), "received_at": now, "invalid_after": invalid_after}
        new = self.context.insert(analyses).values(**row).on_conflict_do_nothing().returning(analyses.c.id)
        if self.context.connection.execute(new).first() is None:
            return False
        work: dict[str, Any] = {"subject": ANALYSIS, "subject_id": name, "version": "", "target_id": target_id}
        work |= {"state": "new", "attempts": 0, "not_before": due, "created_at": now, "touched_at": now}
        QueueRows(self.context).add([work])
        return True

    def of(self, name: str) -> Analysis | None:
        """One request; None when there is no such one.

        Raises
        ------
        ValueError
            If what is stored cannot be read.
        """
        row = self._row(name)
        if row is None:
            return None
        inputs = {} if row.inputs is None else dict(json.loads(row.inputs))
        plain = ("id", "service", "target_id", "received_at", "invalid_after", "ended")
        return Analysis(inputs=inputs, **{key: getattr(row, key) for key in plain})

    def waiting(self) -> int:
        """How many are not answered yet."""
        found = select(func.count()).select_from(analyses).where(self._mine(), analyses.c.ended.is_(None))
        return int(self.context.connection.execute(found).scalar_one())

    def keep_plots(self, name: str, plots: Sequence[Mapping[str, str]]) -> None:
        """Keep the pictures of an answer until it is delivered; they are too large for the outbox."""
        self._set(name, plots=json.dumps(list(plots)))

    def parcel(self, name: str) -> tuple[str | None, list[Mapping[str, str]], str | None]:
        """For the carrier: the web hook (None once it has ended), the pictures, and how it ended."""
        row = self._row(name)
        if row is None:
            return None, [], "there is no such request"
        return row.hook, json.loads(row.plots or "[]"), row.ended

    def end(self, name: str, ended: str) -> None:
        """Say how a request ended, and let go of its web hook and of all that was sent."""
        self._set(name, ended=storable(ended), hook=None, inputs=None, plots=None)

    def wake(self, now: datetime) -> int:
        """Let those that wait for a report be due, when nothing is under way for their source; returns how many."""
        other = queue.alias()
        busy = exists().where(
            other.c.marshal == queue.c.marshal,
            other.c.target_id == queue.c.target_id,
            other.c.subject != ANALYSIS,
            other.c.state.in_(("new", "claimed")),
        )
        waits = (queue.c.subject == ANALYSIS) & (queue.c.state == "new") & queue.c.reason.is_not(None)
        return QueueRows(self.context).set(waits & (queue.c.attempts == 0) & ~busy, not_before=now)

    def failing(self) -> list[tuple[str, str]]:
        """Requests whose work was set aside, unanswered: name and reason."""
        aside = select(queue.c.subject_id, queue.c.reason).where(
            QueueRows(self.context).mine(ANALYSIS), queue.c.state == "parked", queue.c.subject_id == analyses.c.id
        )
        found = aside.where(self._mine(), analyses.c.ended.is_(None)).order_by(queue.c.id)
        return [(row.subject_id, row.reason or "") for row in self.context.connection.execute(found)]

    def state_of(self, subject: Subject, version: str) -> tuple[str | None, str | None]:
        """What becomes of the spectrum or object that a request is about: state in the queue, and its reason."""
        here = (queue.c.subject == subject.kind) & (queue.c.subject_id == subject.id) & (queue.c.version == version)
        rows = QueueRows(self.context).all(here)
        return (rows[0].state, rows[0].reason) if rows else (None, None)

    def _row(self, name: str) -> Any:
        found = select(analyses).where(self._mine(), analyses.c.id == name)
        return self.context.connection.execute(found).first()

    def _set(self, name: str, **values: Any) -> None:
        self.context.connection.execute(update(analyses).where(self._mine(), analyses.c.id == name).values(**values))

    def _mine(self) -> ColumnElement[bool]:
        return analyses.c.marshal == self.context.marshal


def key_of(hook: str) -> str:
    """The name of a request: from it nobody can find the web hook again, and the same request twice is one."""
    return hashlib.sha256(hook.strip().lower().encode()).hexdigest()[:32]

"""Rows of the queue, of one marshal: beneath what is common to all work and what is particular to a kind."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, select, update

from plugin.store.context import Context
from plugin.store.subject import Kind
from plugin.store.tables import queue

CHUNK: Final = 500
"""SQLite takes some thousand parameters per statement."""


@dataclass(frozen=True, slots=True)
class QueueRows:
    """The rows of a marshal."""

    context: Context

    def mine(self, kind: Kind | None = None) -> ColumnElement[bool]:
        """Which rows are meant: those of this marshal, and of one kind of subject."""
        ours = queue.c.marshal == self.context.marshal
        return ours if kind is None else ours & (queue.c.subject == kind)

    def add(self, rows: Sequence[dict[str, Any]]) -> int:
        """Insert rows that are not there yet; returns how many were not."""
        self.context.alone("queue")  # two that insert the same rows in another order would wait for each other for ever
        new = self.context.insert(queue).on_conflict_do_nothing().returning(queue.c.id)
        ours = [{"marshal": self.context.marshal, **row} for row in rows]
        some = (ours[i : i + CHUNK] for i in range(0, len(ours), CHUNK))
        return sum(len(self.context.connection.execute(new, part).all()) for part in some)

    def set(self, which: ColumnElement[bool], **values: Any) -> int:
        """Change rows; returns how many."""
        done = self.context.connection.execute(update(queue).where(self.mine(), which).values(**values))
        return int(done.rowcount)

    def all(self, which: ColumnElement[bool], *order: ColumnElement[Any]) -> Sequence[Any]:
        """The rows in an order."""
        found = select(queue).where(self.mine(), which).order_by(*order)
        return self.context.connection.execute(found).all()


def chunks(names: Iterable[str]) -> Iterator[list[str]]:
    """Distinct names, sorted, a statement's worth at a time."""
    every = sorted(set(names))
    return (every[i : i + CHUNK] for i in range(0, len(every), CHUNK))

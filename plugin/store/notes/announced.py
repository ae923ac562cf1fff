"""What drafts of notes have announced, so that no object is announced twice with the same answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Column, ColumnElement, DateTime, String, Table, delete, select

from plugin.store.context import Context
from plugin.store.tables import metadata

ANSWER: Final = 255
"""The longest answer that the table takes."""

announced = Table(
    "announced",
    metadata,
    Column("marshal", String(255), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("target_id", String(255), primary_key=True),
    Column("period", String(32), primary_key=True),
    Column("night", String(10), nullable=False),
    Column("answer", String(ANSWER), nullable=False),
    Column("announced_at", DateTime, nullable=False),
)
"""A row per object, kind of note and period it was announced in; `night` is the last one of the period."""


@dataclass(frozen=True, slots=True)
class Announced:
    """The questions about what was announced."""

    context: Context

    def put(self, kind: str, period: str, night: str, answers: Mapping[str, str], now: datetime) -> None:
        """Write down what the note of a period announces, in place of what it did before.

        Parameters
        ----------
        night : str
            The last night of the period, such as `2026-06-10`.
        answers : mapping of str to str
            By object, what it is announced as.
        """
        self.context.connection.execute(delete(announced).where(self._mine(kind), announced.c.period == period))
        rows = [
            {"marshal": self.context.marshal, "kind": kind, "target_id": name, "period": period, "night": night}
            | {"answer": answer[:ANSWER], "announced_at": now}
            for name, answer in sorted(answers.items())
        ]
        if rows:
            self.context.connection.execute(announced.insert(), rows)

    def before(self, kind: str, period: str, night: str) -> dict[str, str]:
        """By object, what it was last announced as in another period that ended by `night`."""
        other = (announced.c.period != period) & (announced.c.night <= night)
        columns = (announced.c.target_id, announced.c.answer)
        order = (announced.c.night, announced.c.announced_at)
        found = select(*columns).where(self._mine(kind), other).order_by(*order)
        return {row.target_id: row.answer for row in self.context.connection.execute(found)}

    def _mine(self, kind: str) -> ColumnElement[bool]:
        return (announced.c.marshal == self.context.marshal) & (announced.c.kind == kind)

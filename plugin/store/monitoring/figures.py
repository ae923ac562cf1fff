"""Counts of work, answers and posts; each is one question that an index answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, exists, func, select

from models.domain import Status
from plugin.store.context import Context
from plugin.store.outbox import waits_for_its_annotation
from plugin.store.subject import ASTRANET
from plugin.store.tables import outbox, queue, reports
from plugin.store.tns.tables import tns_names

_UNDONE: Final = ("new", "claimed", "parked")
_UNSENT: Final = ("pending", "sending", "parked")


class Answers(NamedTuple):
    """How many reports are alike."""

    producer: str
    status: str
    label: str | None
    policy: str | None
    refusal: str | None
    number: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The questions about numbers."""

    context: Context

    def work(self) -> list[tuple[str, str, int]]:
        """Pieces of work that are not done: kind of subject, state, how many."""
        columns = (queue.c.subject, queue.c.state)
        return self._rows(
            select(*columns, func.count())
            .where(queue.c.marshal == self.context.marshal, queue.c.state.in_(_UNDONE))
            .group_by(*columns)
        )

    def posts(self) -> list[tuple[str, str, int]]:
        """Posts that are not where they belong: kind, state, how many."""
        columns = (outbox.c.kind, outbox.c.state)
        return self._rows(
            select(*columns, func.count())
            .where(outbox.c.marshal == self.context.marshal, outbox.c.state.in_(_UNSENT))
            .group_by(*columns)
        )

    def waiting_since(self) -> Mapping[str, datetime]:
        """Since when the oldest post that is neither sent nor parked, alone or with its annotation, waits, by kind."""
        found = (
            select(outbox.c.kind, func.min(func.coalesce(outbox.c.enqueued_at, outbox.c.not_before)))
            .where(outbox.c.marshal == self.context.marshal, outbox.c.state.in_(("pending", "sending")))
            .where(~waits_for_its_annotation(parked=True))
            .group_by(outbox.c.kind)
        )
        return {kind: since for kind, since in self._rows(found) if since is not None}

    def due_since(self, now: datetime) -> datetime | None:
        """Since when the oldest piece of work could have been done."""
        due = (queue.c.marshal == self.context.marshal) & (queue.c.state == "new") & (queue.c.not_before <= now)
        since: datetime | None = self.context.connection.execute(
            select(func.min(queue.c.not_before)).where(due)
        ).scalar_one()
        return since

    def typed(self, most: int = 1000) -> list[tuple[str, str]]:
        """The TNS's type of a source, as last looked up, and the body of an answer about it; newest answers first."""
        ours = (reports.c.marshal == self.context.marshal, reports.c.is_current.is_(True))
        answered = (reports.c.producer == ASTRANET, reports.c.status == Status.OK)
        same = (tns_names.c.marshal == reports.c.marshal, tns_names.c.target_id == reports.c.target_id)
        later = tns_names.alias("later")
        is_later = (later.c.marshal == tns_names.c.marshal, later.c.target_id == tns_names.c.target_id)
        last = ~exists().where(*is_later, later.c.since > tns_names.c.since)
        return self._rows(
            select(tns_names.c.type, reports.c.body)
            .where(*ours, *answered, *same, tns_names.c.type.is_not(None), last)
            .order_by(reports.c.filed_at.desc())
            .limit(most)
        )

    def last_filed(self) -> datetime | None:
        """When the last of the reports that count was made."""
        mine = (reports.c.marshal == self.context.marshal, reports.c.is_current.is_(True))
        last = self.context.connection.execute(select(func.max(reports.c.filed_at)).where(*mine))
        found: datetime | None = last.scalar_one_or_none()
        return found

    def answers(self) -> list[Answers]:
        """Answers and refusals that count, by all that is counted of them; in the order of the index, which is read."""
        columns = (
            reports.c.producer,
            reports.c.status,
            reports.c.label,
            reports.c.policy,
            reports.c.refusal,
        )
        counts = (reports.c.marshal == self.context.marshal) & reports.c.is_current
        found = self._rows(select(*columns, func.count()).where(counts).group_by(*columns))
        return [Answers(*row) for row in found]

    def models(self) -> list[tuple[str, str]]:
        """Each producer, and the model of its last report."""
        last = (
            select(func.max(reports.c.id).label("id"))
            .where(reports.c.marshal == self.context.marshal, reports.c.is_current)
            .group_by(reports.c.producer)
            .subquery()
        )
        return self._rows(select(reports.c.producer, reports.c.model).where(reports.c.id.in_(select(last.c.id))))

    def uploaded(self, spectrum_id: str) -> str | None:
        """When the newest version of a spectrum that we know came to the marshal, as the marshal says."""
        mine = (queue.c.marshal == self.context.marshal) & (queue.c.subject == "spectrum")
        found: str | None = self.context.connection.execute(
            select(func.max(queue.c.version)).where(mine, queue.c.subject_id == spectrum_id)
        ).scalar_one()
        return found

    def _rows(self, question: Select[Any]) -> list[Any]:
        return [tuple(row) for row in self.context.connection.execute(question).all()]

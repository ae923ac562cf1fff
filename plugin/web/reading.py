"""What the pages ask the database. Every question is answered from an index, and a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, literal, or_, select, true

from iris_client.protocols import Place
from models.domain import Status
from plugin.store import ASTRANET, KINDS, NEEDLE, Filed, Parcel, Piece, Unit
from plugin.store.context import Context
from plugin.store.queue import piece_of
from plugin.store.reports import read_row
from plugin.store.tables import delivered, outbox, queue, reports, watermark
from plugin.store.tns.names import Known

PAGE: Final = 50
_MANY: Final = 400
RARE: Final = ("TDE", "SLSN", "SLSN-I")
"""Classes that people go out for at once, of both producers."""


class Rank(IntEnum):
    """How soon an object is to be looked at; lower comes first."""

    ALERT = 0
    CANDIDATE = 1
    UNCERTAIN = 2
    REST = 3


SORTS: Final = ("rank", "object", "p", "anomaly", "needle", "answered")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which objects, in which order.

    Parameters
    ----------
    start, end : datetime or None
        Answered in `[start, end)`, naive UTC.
    label, policy, group : optional
        With an answer of this class, of this policy, about something that this marshal group can see.
    """

    start: datetime | None = None
    end: datetime | None = None
    label: str | None = None
    policy: str | None = None
    group: int | None = None
    sort: str = "rank"
    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An object in the list, with every answer about it that counts."""

    target_id: str
    rank: Rank
    answers: tuple[Filed, ...] = ()
    name: Known | None = None

    def of(self, producer: str) -> list[Filed]:
        """A producer's answers, oldest observation first."""
        return [filed for filed in self.answers if filed.producer == producer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A report of an object's: the one that counts for its subject, or an earlier one."""

    filed: Filed
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What hangs on the marshal: when it was put there, and the marshal's id of it."""

    at: datetime | None
    remote_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Depths:
    """How much there is of everything, by state; and since when the oldest of what is due waits."""

    work: Mapping[tuple[str, str], int]
    posts: Mapping[str, int]
    oldest_work: Mapping[str, datetime]
    oldest_post: datetime | None
    answers: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """The pages' questions, inside one reading transaction."""

    unit: Unit

    def ranked(self, wanted: Wanted) -> list[Entry]:
        """One page of objects with an answer, in the order wanted."""
        found = self._objects(wanted)
        query = select(found.c.target_id, found.c.rank).order_by(*_order(found, wanted.sort))
        rows = self._connection.execute(query.limit(PAGE).offset(PAGE * (wanted.page - 1))).all()
        ids = [row.target_id for row in rows]
        answers, names = self._answers(ids), self._names(ids)
        return [
            Entry(
                target_id=row.target_id,
                rank=Rank(row.rank),
                answers=tuple(answers.get(row.target_id, ())),
                name=names.get(row.target_id),
            )
            for row in rows
        ]

    def ranks(self, wanted: Wanted) -> dict[Rank, int]:
        """How many objects there are of each rank."""
        found = self._objects(wanted)
        query = select(found.c.rank, func.count()).group_by(found.c.rank)
        return {Rank(rank): number for rank, number in self._connection.execute(query)}

    def last_answer(self, before: datetime | None = None) -> datetime | None:
        """When the newest answer was made, of those before a moment."""
        end = true() if before is None else reports.c.filed_at < before
        found: datetime | None = self._connection.execute(
            select(func.max(reports.c.filed_at)).where(*self._current(), end)
        ).scalar()
        return found

    def next_answer(self, since: datetime) -> datetime | None:
        """When the first answer from a moment on was made."""
        query = select(func.min(reports.c.filed_at)).where(*self._current(), reports.c.filed_at >= since)
        found: datetime | None = self._connection.execute(query).scalar()
        return found

    def target_of(self, name: str) -> str | None:
        """The object of this name: a source, a watched object, a spectrum's number, or a name at the TNS."""
        questions = (
            select(reports.c.target_id).where(reports.c.marshal == self._marshal, reports.c.target_id == name),
            select(queue.c.target_id).where(queue.c.marshal == self._marshal, queue.c.target_id == name),
            select(queue.c.target_id).where(
                queue.c.marshal == self._marshal, queue.c.subject == "spectrum", queue.c.subject_id == name
            ),
        )
        for question in questions:
            found = self._connection.execute(question.limit(1)).scalar()
            if found is not None:
                return str(found)
        return self.unit.names.target_called(name)

    def versions(self, target_id: str) -> tuple[list[Version], list[str]]:
        """Reports about an object, the newest first, at most some hundred; and why others of them cannot be read."""
        here = and_(reports.c.marshal == self._marshal, reports.c.target_id == target_id)
        query = select(reports).where(here).order_by(reports.c.filed_at.desc(), reports.c.id.desc()).limit(_MANY)
        found, lost = [], []
        for row in self._connection.execute(query):
            filed = read_row(row)
            if isinstance(filed, Filed):
                found.append(Version(filed=filed, is_current=row.is_current))
            else:
                lost.append(filed)
        return found, lost

    def refused(self, page: int) -> list[Filed]:
        """One page of refusals that count, the newest first."""
        order = (reports.c.filed_at.desc(), reports.c.id.desc())
        ids = select(reports.c.id).where(*self._refused()).order_by(*order).limit(PAGE).offset(PAGE * (page - 1))
        query = select(reports).where(reports.c.id.in_(ids)).order_by(*order)
        every = (read_row(row) for row in self._connection.execute(query))
        return [filed for filed in every if isinstance(filed, Filed)]

    def count_refused(self, *, start: datetime | None = None, end: datetime | None = None) -> int:
        """How many refusals count, of those made in a time."""
        query = select(func.count()).select_from(reports).where(*self._refused(), *_between(start, end))
        return int(self._connection.execute(query).scalar_one())

    def pieces(self, target_id: str) -> list[Piece]:
        """Work about an object and its spectra, oldest version first."""
        return self._pieces(self._work(queue.c.target_id == target_id).order_by(queue.c.version, queue.c.id))

    def parked(self, page: int) -> list[Piece]:
        """One page of work that was set aside, the latest first."""
        parked = self._work(queue.c.subject.in_(KINDS), queue.c.state == "parked")
        order = (queue.c.not_before.desc(), queue.c.id.desc())
        return self._pieces(parked.order_by(*order).limit(PAGE).offset(PAGE * (page - 1)))

    def count_parked(self) -> int:
        """How much work is set aside."""
        mine = (queue.c.marshal == self._marshal, queue.c.subject.in_(KINDS), queue.c.state == "parked")
        return int(self._connection.execute(select(func.count()).select_from(queue).where(*mine)).scalar_one())

    def parked_posts(self, page: int) -> list[Parcel]:
        """One page of posts that were set aside."""
        return self.unit.outbox.parked(limit=PAGE, offset=PAGE * (page - 1))

    def models(self) -> list[tuple[str, str, int, datetime]]:
        """Which models gave the answers that count: producer, model, how many, when the last one."""
        ours = select(reports.c.producer, func.max(reports.c.id).label("last")).where(*self._current())
        last = ours.group_by(reports.c.producer).subquery()
        query = select(reports.c.producer, reports.c.model, reports.c.filed_at).join(last, reports.c.id == last.c.last)
        counts = self.depths().answers
        return [
            (row.producer, row.model, sum(n for (who, _), n in counts.items() if who == row.producer), row.filed_at)
            for row in self._connection.execute(query)
        ]

    def watermarks(self) -> list[tuple[str, str]]:
        """How far each source has been read, by source."""
        ours = (watermark.c.marshal == self._marshal) & ~watermark.c.source.startswith("calibration")
        query = select(watermark.c.source, watermark.c.cursor).where(ours)  # when calibration was looked after
        return [(source, cursor) for source, cursor in self._connection.execute(query.order_by(watermark.c.source))]

    def depths(self) -> Depths:
        """Counts for the page about queue and health."""
        mine, due = queue.c.marshal == self._marshal, queue.c.state == "new"
        work = select(queue.c.subject, queue.c.state, func.count()).where(mine).group_by(queue.c.subject, queue.c.state)
        oldest = select(queue.c.subject, func.min(queue.c.not_before)).where(mine, due).group_by(queue.c.subject)
        ours = outbox.c.marshal == self._marshal
        posts = select(outbox.c.state, func.count()).where(ours).group_by(outbox.c.state)
        waiting = select(func.min(outbox.c.not_before)).where(ours, outbox.c.state == "pending")
        answers = select(reports.c.producer, reports.c.status, func.count()).where(*self._current())
        run = self._connection.execute
        return Depths(
            work={(kind, state): n for kind, state, n in run(work)},
            posts={row[0]: row[1] for row in run(posts)},
            oldest_work={kind: when for kind, when in run(oldest) if when is not None},
            oldest_post=run(waiting).scalar(),
            answers={
                (producer, status): n
                for producer, status, n in run(answers.group_by(reports.c.producer, reports.c.status))
            },
        )

    def delivered(self, places: Sequence[Place]) -> dict[tuple[str, str, str, str], Delivered]:
        """What hangs at some places, by kind and id of the place, kind of post and origin."""
        found: dict[tuple[str, str, str, str], Delivered] = {}
        for some in (places[i : i + 100] for i in range(0, len(places), 100)):
            here = or_(*(and_(delivered.c.place_kind == p.kind, delivered.c.place_id == p.id) for p in some))
            for row in self._connection.execute(select(delivered).where(delivered.c.marshal == self._marshal, here)):
                key = (row.place_kind, row.place_id, row.kind, row.origin)
                found[key] = Delivered(at=row.delivered_at, remote_id=row.remote_id)
        return found

    def _objects(self, wanted: Wanted) -> Subquery:
        spectral, needle = reports.c.producer == ASTRANET, reports.c.producer == NEEDLE
        return (
            select(
                func.max(reports.c.target_id).label("target_id"),
                func.min(_RANK).label("rank"),
                func.max(reports.c.probability).label("sure"),
                func.max(case((spectral, reports.c.probability))).label("p"),
                func.max(reports.c.anomaly).label("anomaly"),
                func.max(case((needle & reports.c.label.in_(RARE), reports.c.probability))).label("needle"),
                func.max(reports.c.filed_at).label("answered"),
            )
            .where(*self._current(), reports.c.status == str(Status.OK), *_between(wanted.start, wanted.end))
            .where(*_filters(wanted))
            # Not by the column alone: SQLite would go along the index of targets and read every report for the rest.
            .group_by(reports.c.target_id.concat(""))
            .subquery()
        )

    def _answers(self, targets: Sequence[str]) -> dict[str, list[Filed]]:
        found: dict[str, list[Filed]] = {}
        order = (reports.c.target_id, reports.c.observed_at, reports.c.id)
        query = select(reports).where(*self._current(), reports.c.target_id.in_(targets)).order_by(*order)
        for row in self._connection.execute(query):
            filed = read_row(row)
            if isinstance(filed, Filed):
                found.setdefault(row.target_id, []).append(filed)
        return found

    def _work(self, *which: ColumnElement[bool]) -> Select[Any]:
        return select(queue).where(queue.c.marshal == self._marshal, *which)

    def _pieces(self, query: Select[Any]) -> list[Piece]:
        return [piece_of(row) for row in self._connection.execute(query)]

    def _names(self, targets: Sequence[str]) -> dict[str, Known]:
        return {name: known for name in targets if (known := self.unit.names.of(name)) is not None}

    def _current(self) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return reports.c.marshal == self._marshal, reports.c.is_current == true()

    def _refused(self) -> tuple[ColumnElement[bool], ...]:
        return *self._current(), reports.c.status == str(Status.REFUSED)

    @property
    def _context(self) -> Context:
        return self.unit.reports.context

    @property
    def _connection(self) -> Any:
        return self._context.connection

    @property
    def _marshal(self) -> str:
        return self._context.marshal


_RANK: Final = case(
    (reports.c.policy == "ALERT", int(Rank.ALERT)),
    (reports.c.label.in_(RARE), int(Rank.CANDIDATE)),
    (reports.c.policy == "ABSTAIN", int(Rank.UNCERTAIN)),
    else_=int(Rank.REST),
)


def _filters(wanted: Wanted) -> list[ColumnElement[bool]]:
    which = []
    if wanted.label is not None:
        which.append(reports.c.label == wanted.label)
    if wanted.policy is not None:
        which.append(reports.c.policy == wanted.policy)
    if wanted.group is not None:  # "[6,23]": canonical, so that commas tell where a number ends
        inner = func.replace(func.replace(reports.c.group_ids, "[", ","), "]", ",")
        which.append(inner.contains(f",{wanted.group},"))
    return which


def _between(start: datetime | None, end: datetime | None) -> list[ColumnElement[bool]]:
    first = [] if start is None else [reports.c.filed_at >= start]
    return first if end is None else [*first, reports.c.filed_at < end]


def _order(found: Subquery, sort: str) -> list[Any]:
    last = found.c.target_id
    if sort == "object":
        return [last]
    if sort in SORTS and sort != "rank":
        return [found.c[sort].is_(None), found.c[sort].desc(), last]
    strange = case((found.c.rank == int(Rank.ALERT), func.coalesce(found.c.anomaly, 0.0)), else_=literal(0.0))
    return [found.c.rank, strange.desc(), found.c.sure.desc(), last]

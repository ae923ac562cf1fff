"""What people say that our objects are: who said what when, and what counts."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select, true, update

from iris_client.taxonomy.names import translate
from iris_client.taxonomy.trust import ORDER, Voice
from models.domain import Status
from plugin.store.analyses.tables import analyses
from plugin.store.context import Context, storable
from plugin.store.filed import Filed
from plugin.store.needle.tables import needle_objects
from plugin.store.reports import read_row
from plugin.store.rows import chunks
from plugin.store.subject import ASTRANET
from plugin.store.tables import reports
from plugin.store.truth.answered import Answered, Given, Truth, Undecided, decide, subtype
from plugin.store.truth.tables import shown, truth_asked, truths

_TEXT = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One class, as somebody tells it now.

    Parameters
    ----------
    key : str
        The same as long as it is the same label, whatever it says: the marshal's number of the row, a person.
    told_at : datetime or None
        When it was given, or changed last; None where nobody knows.
    derived : bool
        It comes from a report that we sent.
    """

    key: str
    name: str
    told_by: str | None = None
    probability: float | None = None
    told_at: datetime | None = None
    derived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What was new: names that were given, and names that were withdrawn, be it for another one."""

    given: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Truths:
    """The questions about what people say."""

    context: Context

    def hear(self, target_id: str, source: Voice, told: Sequence[Told], now: datetime, *, whole: bool = True) -> Heard:
        """Write down what a source says of an object now; what is as it was stays as it is on file.

        Parameters
        ----------
        whole : bool
            Whether `told` is all that the source says: what it no longer says is withdrawn then.
        """
        self.context.alone(f"truth {target_id}")
        standing = {one.key: one for one in self._given(target_id) if one.source == source and not one.withdrawn_at}
        new = {one.key[:_TEXT]: one for one in told if one.name.strip()}
        gone = {key for key in standing if whole and key not in new}
        changed = {key for key in standing if key in new and not _same(standing[key], new[key])}
        self._withdraw(target_id, source, gone | changed, now)
        fresh = [new[key] for key in new if key not in standing or key in changed]
        if fresh:
            since = self.shown_since(target_id)
            self.context.connection.execute(
                truths.insert(), [self._row(target_id, source, one, since, now) for one in fresh]
            )
        return Heard(
            given=tuple(one.name for one in fresh), withdrawn=tuple(standing[key].name for key in gone | changed)
        )

    def withdraw(self, target_id: str, source: Voice, key: str, now: datetime) -> int:
        """Take back one label that somebody gave; returns how many stood."""
        return self._withdraw(target_id, source, {key}, now)

    def given(self, target_id: str) -> list[Given]:
        """Everything that was ever said of an object, oldest first."""
        return self._given(target_id)

    def asked(self, target_id: str, now: datetime) -> None:
        """Write down that the marshal was asked about an object."""
        row = {"marshal": self.context.marshal, "target_id": target_id, "asked_at": now}
        new = self.context.insert(truth_asked).values(**row)
        self.context.connection.execute(
            new.on_conflict_do_update(index_elements=["marshal", "target_id"], set_={"asked_at": now})
        )

    def due(
        self, *, filed_since: datetime, filed_before: datetime | None = None, asked_before: datetime, most: int
    ) -> list[str]:
        """Objects last answered about in `[filed_since, filed_before)` and not asked about since `asked_before`.

        Those never asked about come first, then those that wait longest. Without `filed_before` there is no end.
        Objects that nobody has saved are left out: the marshal has never heard of them.
        """
        last = func.max(reports.c.filed_at)
        ours = reports.c.is_current & (reports.c.marshal == self.context.marshal)
        answered = (
            select(reports.c.target_id)
            .where(ours)
            .group_by(reports.c.target_id)
            .having((last >= filed_since) & (true() if filed_before is None else last < filed_before))
            .subquery()
        )
        mine = (truth_asked.c.marshal == self.context.marshal) & (truth_asked.c.target_id == answered.c.target_id)
        at = truth_asked.c.asked_at
        unlisted = exists().where(
            needle_objects.c.marshal == self.context.marshal,
            needle_objects.c.target_id == answered.c.target_id,
            needle_objects.c.listed.is_(False),
        )
        waiting = or_(at.is_(None), at <= asked_before)
        query = select(answered.c.target_id).outerjoin(truth_asked, mine).where(waiting, ~unlisted)
        order = (at.is_not(None), at, answered.c.target_id)
        return list(self.context.connection.execute(query.order_by(*order).limit(most)).scalars())

    def settled(self, target_ids: Iterable[str], order: Sequence[Voice] = ORDER) -> dict[str, Truth | Undecided]:
        """What each object is, or why nobody can say; objects of which nobody ever said anything are left out."""
        found: dict[str, list[Given]] = defaultdict(list)
        for some in chunks(target_ids):
            for row in self._rows(truths.c.target_id.in_(some)):
                found[row.target_id].append(_given(row))
        return {name: decide(said, order) for name, said in found.items()}

    def answered(
        self, since: datetime, until: datetime, *, producer: str = ASTRANET, order: Sequence[Voice] = ORDER
    ) -> list[Answered]:
        """The answers that were filed in `[since, until)` about objects with a truth, oldest first.

        Those that count for their spectrum; refusals are none. An object of several spectra comes once for each.

        Parameters
        ----------
        order : sequence of str
            Who is believed first; who is not named does not count.
        """
        filed = self._filed(since, until, producer)
        settled = self.settled({one.target_id for one in filed}, order)
        both = ((one, settled.get(one.target_id)) for one in filed)
        return [_answered(one, truth) for one, truth in both if isinstance(truth, Truth)]

    def shown_since(self, target_id: str) -> datetime | None:
        """Since when people could read an answer of ours about an object on the marshal; None while they cannot."""
        ours = reports.c.marshal == self.context.marshal
        its = select(reports.c.subject_id).where(ours, reports.c.target_id == target_id)
        asked = select(analyses.c.id).where(
            analyses.c.marshal == self.context.marshal, analyses.c.target_id == target_id
        )
        kind, place = shown.c.place_kind, shown.c.place_id
        here = or_(
            (kind == "source") & (place == target_id),
            (kind == "spectrum") & place.in_(its.where(reports.c.subject == "spectrum")),
            (kind == "analysis") & place.in_(asked),
        )
        first = select(func.min(shown.c.first_at)).where(shown.c.marshal == self.context.marshal, here)
        found: datetime | None = self.context.connection.execute(first).scalar_one_or_none()
        return found

    def _filed(self, since: datetime, until: datetime, producer: str) -> list[Filed]:
        labelled = exists().where(truths.c.marshal == reports.c.marshal, truths.c.target_id == reports.c.target_id)
        counts = (reports.c.marshal == self.context.marshal) & reports.c.is_current & (reports.c.producer == producer)
        when = (reports.c.filed_at >= since) & (reports.c.filed_at < until) & (reports.c.status == str(Status.OK))
        query = select(reports).where(counts, when, labelled).order_by(reports.c.filed_at, reports.c.id)
        read = (read_row(row) for row in self.context.connection.execute(query))
        return [one for one in read if isinstance(one, Filed)]

    def _withdraw(self, target_id: str, source: Voice, keys: Iterable[str], now: datetime) -> int:
        some = list(keys)
        if not some:
            return 0
        which = (truths.c.target_id == target_id) & (truths.c.source == source) & truths.c.row_key.in_(some)
        standing = update(truths).where(self._mine(), which, truths.c.withdrawn_at.is_(None))
        return int(self.context.connection.execute(standing.values(withdrawn_at=now)).rowcount)

    def _row(self, target_id: str, source: Voice, told: Told, since: datetime | None, now: datetime) -> dict[str, Any]:
        name = storable(told.name).strip()[:_TEXT]
        label = translate(name)
        at = now if told.told_at is None else min(told.told_at, now)
        return {
            "marshal": self.context.marshal,
            "target_id": target_id,
            "source": source,
            "row_key": storable(told.key)[:_TEXT],
            "told_by": None if told.told_by is None else storable(told.told_by)[:_TEXT],
            "name": name,
            "label": label.fine,
            "rare": label.rare,
            "subtype": subtype(name),
            "probability": told.probability,
            "told_at": at,
            "seen_at": now,
            "withdrawn_at": None,
            "after_ours": since is not None and since <= at,
            "derived": told.derived,
        }

    def _given(self, target_id: str) -> list[Given]:
        return [_given(row) for row in self._rows(truths.c.target_id == target_id)]

    def _rows(self, which: ColumnElement[bool]) -> Sequence[Any]:
        query = select(truths).where(self._mine(), which).order_by(truths.c.target_id, truths.c.seen_at, truths.c.id)
        return self.context.connection.execute(query).all()

    def _mine(self) -> ColumnElement[bool]:
        return truths.c.marshal == self.context.marshal


def _same(old: Given, new: Told) -> bool:
    return (old.name, old.probability) == (storable(new.name).strip()[:_TEXT], new.probability)


def _given(row: Any) -> Given:
    names = ("source", "told_by", "name", "probability", "told_at", "seen_at", "withdrawn_at", "after_ours", "derived")
    return Given(key=row.row_key, **{name: getattr(row, name) for name in names})


def _answered(filed: Filed, truth: Truth) -> Answered:
    about: Mapping[str, Any] = {name: getattr(truth, name) for name in Truth.__slots__}
    return Answered(
        report=filed.report,
        facts=filed.facts,
        target_id=filed.target_id,
        spectrum_id=filed.subject.id if filed.subject.kind == "spectrum" else None,
        instrument=filed.instrument,
        observed_at=filed.observed_at,
        filed_at=filed.filed_at,
        **about,
    )

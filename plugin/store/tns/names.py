"""What the TNS calls our sources: the answer that counts, and every one that it replaced."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import func, select, update

from iris_client.protocols import TransientName
from plugin.store.context import Context
from plugin.store.needle.record import quiet_ones
from plugin.store.tables import reports
from plugin.store.tns.tables import tns_names

_NAME, _TYPE = 80, 64
"""Longest texts that the table takes; whatever comes longer is cut."""
_NOTHING: Final = dict.fromkeys(("name", "type", "redshift", "separation_arcsec", "source"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is on file about a source.

    Parameters
    ----------
    name : TransientName or None
        None when the TNS was asked and knew none.
    since, asked_at : datetime
        Since when it is so, and when it was last found to be so; naive UTC.
    conflict : str or None
        Who says what, where people do not agree about its class.
    """

    target_id: str
    name: TransientName | None
    since: datetime
    asked_at: datetime
    conflict: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A source of which the TNS says something else than before: AT became SN, say."""

    target_id: str
    before: TransientName | None
    after: TransientName
    at: datetime

    def __str__(self) -> str:
        return f"{self.target_id}: {in_words(self.before)} -> {in_words(self.after)}"


@dataclass(frozen=True, slots=True)
class Names:
    """The questions about names."""

    context: Context

    def put(
        self, target_id: str, found: TransientName | None, now: datetime, *, conflict: str | None = None
    ) -> Change | None:
        """Write an answer down, and who disagrees; says whether name or type are not what they were.

        Nothing found never replaces a name: the TNS deletes hardly anything, but not everybody who is asked knows all.
        """
        last = self.of(target_id)
        if last is not None and (found is None or _same(last.name, found)):
            kept = {"asked_at": now, "conflict": conflict} | (_columns(found) if found is not None else {})
            mine = (tns_names.c.marshal == self.context.marshal) & (tns_names.c.target_id == target_id)
            self.context.connection.execute(
                update(tns_names).where(mine, tns_names.c.since == last.since).values(**kept)
            )
            return None
        row = {
            "marshal": self.context.marshal,
            "target_id": target_id,
            "since": now,
            "asked_at": now,
            "conflict": conflict,
        }
        new = self.context.insert(tns_names).values(**row, **_columns(found))
        keep = {"asked_at": now, "conflict": conflict, **_columns(found)}
        self.context.connection.execute(
            new.on_conflict_do_update(index_elements=["marshal", "target_id", "since"], set_=keep)
        )
        if last is None or found is None:
            return None
        return Change(target_id=target_id, before=last.name, after=found, at=now)

    def of(self, target_id: str) -> Known | None:
        """What counts for a source; None when it was never asked about."""
        history = self.history(target_id)
        return history[-1] if history else None

    def history(self, target_id: str) -> list[Known]:
        """Everything that was ever on file about a source, oldest first."""
        return self._list(tns_names.c.target_id == target_id)

    def conflicts(self) -> list[Known]:
        """The sources about whose class people do not agree now."""
        counts: dict[str, Known] = {known.target_id: known for known in self._list(tns_names.c.since.is_not(None))}
        return [known for known in counts.values() if known.conflict is not None]

    def target_called(self, name: str) -> str | None:
        """A source that the TNS calls so, or has called so; None when there is none."""
        mine = (tns_names.c.marshal == self.context.marshal) & (tns_names.c.name == name)
        newest = select(tns_names.c.target_id).where(mine).order_by(tns_names.c.since.desc()).limit(1)
        return self.context.connection.execute(newest).scalar()

    def changes(self, since: datetime) -> list[Change]:
        """Every change noticed since then, oldest first; a first answer is none."""
        touched = select(tns_names.c.target_id).where(
            tns_names.c.marshal == self.context.marshal, tns_names.c.since >= since
        )
        rows = self._list(tns_names.c.target_id.in_(touched))
        found = [
            Change(target_id=new.target_id, before=old.name, after=new.name, at=new.since)
            for old, new in pairwise(rows)
            if old.target_id == new.target_id and new.name is not None and new.since >= since
        ]
        return sorted(found, key=lambda change: (change.at, change.target_id))

    def due(self, *, filed_since: datetime, asked_before: datetime, quiet: bool = True) -> list[str]:
        """Sources answered about since `filed_since`, not asked about since `asked_before`; never asked ones first.

        Parameters
        ----------
        quiet : bool
            Whether those count that the marshal does not have and that were never a candidate of NEEDLE's.
        """
        recent = reports.c.is_current & (reports.c.filed_at >= filed_since)
        ours = select(reports.c.target_id).where(reports.c.marshal == self.context.marshal, recent)
        if not quiet:
            ours = ours.where(reports.c.target_id.not_in(quiet_ones(self.context.marshal)))
        answered = ours.distinct().subquery()
        mine = (tns_names.c.marshal == self.context.marshal) & (tns_names.c.target_id == answered.c.target_id)
        last = func.max(tns_names.c.asked_at)
        query = (
            select(answered.c.target_id)
            .outerjoin(tns_names, mine)
            .group_by(answered.c.target_id)
            .having(last.is_(None) | (last <= asked_before))
            .order_by(last.is_not(None), last, answered.c.target_id)
        )
        return list(self.context.connection.execute(query).scalars())

    def _list(self, which: Any) -> list[Known]:
        query = (
            select(tns_names)
            .where(tns_names.c.marshal == self.context.marshal, which)
            .order_by(tns_names.c.target_id, tns_names.c.since)
        )
        return [_known(row) for row in self.context.connection.execute(query)]


def in_words(name: TransientName | None) -> str:
    """Such as `SN 2026abc (SN Ia)`."""
    return "no name" if name is None else f"{name.name} ({name.type or 'unclassified'})"


def renamed(changes: Sequence[Change]) -> list[Change]:
    """Those whose name or type was another one, rather than none."""
    return [change for change in changes if change.before is not None]


def _same(one: TransientName | None, other: TransientName | None) -> bool:
    key = [None if name is None else (name.name[:_NAME], (name.type or "")[:_TYPE]) for name in (one, other)]
    return key[0] == key[1]


def _columns(found: TransientName | None) -> dict[str, Any]:
    if found is None:
        return dict(_NOTHING)
    return {
        "name": found.name[:_NAME],
        "type": found.type[:_TYPE] if found.type else None,
        "redshift": found.redshift,
        "separation_arcsec": found.separation_arcsec,
        "source": found.source[:16],
    }


def _known(row: Any) -> Known:
    name = None
    if row.name is not None:
        name = TransientName(
            name=row.name,
            type=row.type,
            redshift=row.redshift,
            separation_arcsec=row.separation_arcsec,
            source=row.source or "?",
        )
    return Known(target_id=row.target_id, name=name, since=row.since, asked_at=row.asked_at, conflict=row.conflict)

"""Which objects NEEDLE gave a class, and when each first crossed the threshold: written with the answers themselves."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, exists, func, select

from plugin.store.context import Context
from plugin.store.needle.tables import needle_crossings, needle_objects
from plugin.store.rows import chunks
from plugin.store.subject import ASTRANET
from plugin.store.tables import reports


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """An object that was given a class.

    Parameters
    ----------
    listed : bool
        Whether the marshal has it: somebody saved it, or it passed a filter there.
    discovery_mjd : float or None
        Of its first detection.
    answered_at : datetime
        When it was first given a class, naive UTC.
    """

    target_id: str
    listed: bool
    ra_deg: float | None
    dec_deg: float | None
    discovery_mjd: float | None
    answered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """That an object's score of a class first reached the threshold.

    Parameters
    ----------
    crossed_at : datetime
        When it was said, naive UTC.
    alert_mjd : float or None
        Of the newest alert then.
    """

    target_id: str
    label: str
    crossed_at: datetime
    alert_mjd: float | None
    probability: float
    threshold: float
    model: str


@dataclass(frozen=True, slots=True)
class Needle:
    """The questions about the record."""

    context: Context

    def note(self, found: Noted) -> None:
        """Write down that an object has a class; the first time stays, and so does the earliest detection."""
        row = {"marshal": self.context.marshal} | {name: getattr(found, name) for name in Noted.__dataclass_fields__}
        new = self.context.insert(needle_objects).values(**row)
        old, given = needle_objects.c, new.excluded
        later = given.discovery_mjd.is_(None) | (old.discovery_mjd <= given.discovery_mjd)
        keep = {
            "listed": given.listed,
            "ra_deg": func.coalesce(given.ra_deg, old.ra_deg),
            "dec_deg": func.coalesce(given.dec_deg, old.dec_deg),
            "discovery_mjd": case((later, old.discovery_mjd), else_=given.discovery_mjd),
        }
        self.context.connection.execute(new.on_conflict_do_update(index_elements=["marshal", "target_id"], set_=keep))

    def cross(self, found: Crossing) -> None:
        """Write down a crossing, unless there was one of this class before."""
        row = {"marshal": self.context.marshal} | {name: getattr(found, name) for name in Crossing.__dataclass_fields__}
        self.context.connection.execute(self.context.insert(needle_crossings).values(**row).on_conflict_do_nothing())

    def crossings(self, target_id: str | None = None) -> list[Crossing]:
        """Every crossing there was, or those of an object; the first one first."""
        mine: ColumnElement[bool] = needle_crossings.c.marshal == self.context.marshal
        if target_id is not None:
            mine &= needle_crossings.c.target_id == target_id
        order = (needle_crossings.c.crossed_at, needle_crossings.c.target_id, needle_crossings.c.label)
        rows = self.context.connection.execute(select(needle_crossings).where(mine).order_by(*order))
        return [Crossing(**_plain(row, Crossing.__dataclass_fields__)) for row in rows]

    def objects(self) -> list[Noted]:
        """Every object that was ever given a class, by name."""
        return self._noted(needle_objects.c.marshal == self.context.marshal)

    def of(self, target_id: str) -> Noted | None:
        """One object; None when it was never given a class."""
        mine = needle_objects.c.marshal == self.context.marshal
        found = self._noted(mine & (needle_objects.c.target_id == target_id))
        return found[0] if found else None

    def unlisted(self, target_id: str) -> Noted | None:
        """An object that the marshal does not have; None for all others."""
        found = self.of(target_id)
        return None if found is None or found.listed else found

    def first_spectra(self, target_ids: Collection[str]) -> dict[str, str]:
        """When the first spectrum on file of each of these was taken (naive UTC ISO text)."""
        found: dict[str, str] = {}
        for some in chunks(target_ids):
            ours = (reports.c.marshal == self.context.marshal) & (reports.c.producer == ASTRANET)
            taken = reports.c.target_id.in_(some) & reports.c.observed_at.is_not(None)
            query = select(reports.c.target_id, func.min(reports.c.observed_at)).where(ours, taken)
            rows = self.context.connection.execute(query.group_by(reports.c.target_id))
            found |= {row[0]: row[1] for row in rows}
        return found

    def _noted(self, which: ColumnElement[bool]) -> list[Noted]:
        rows = self.context.connection.execute(select(needle_objects).where(which).order_by(needle_objects.c.target_id))
        return [Noted(**_plain(row, Noted.__dataclass_fields__)) for row in rows]


def quiet_ones(marshal: str) -> Select[tuple[str]]:
    """The names of what the marshal does not have and what never crossed the threshold, inside a question."""
    crossed = exists().where(
        needle_crossings.c.marshal == needle_objects.c.marshal,
        needle_crossings.c.target_id == needle_objects.c.target_id,
    )
    here = (needle_objects.c.marshal == marshal) & needle_objects.c.listed.is_(False)
    return select(needle_objects.c.target_id).where(here, ~crossed)


def _plain(row: Any, names: Mapping[str, Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}

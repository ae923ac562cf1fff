"""What NEEDLE said about objects: one report per answered version, refusals included."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update

from models.domain import Report, Status
from plugin.store.context import Context, canonical
from plugin.store.filed import readable
from plugin.store.object_tables import object_reports as rows

Fact = str | int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectFiled:
    """One report on file.

    Parameters
    ----------
    version : str
        Its newest alert then.
    report : Report
        With a `host_verdict`, or refused with a reason.
    facts : mapping of str to text or number
        What was found on the way and holds for refusals too: `n_g`, `n_r`, `phase`, `host_sep`, `quality`, `restored`.
    group_ids : tuple of int
        Marshal groups that have the source; empty for a candidate nobody saved.
    """

    target_id: str
    version: str
    report: Report
    facts: Mapping[str, Fact] = field(default_factory=dict)
    group_ids: tuple[int, ...] = ()
    filed_at: datetime


@dataclass(frozen=True, slots=True)
class ObjectReports:
    """The questions about these reports."""

    context: Context

    def put(self, filed: ObjectFiled) -> None:
        """File a report as the one that counts for its object."""
        self.retire(filed.target_id)
        same = (rows.c.target_id == filed.target_id) & (rows.c.version == filed.version)
        self.context.connection.execute(delete(rows).where(self._mine(), same))
        self.context.connection.execute(rows.insert().values(marshal=self.context.marshal, **_columns(filed)))

    def retire(self, target_id: str) -> None:
        """Let no report count for this object any more."""
        current = (rows.c.target_id == target_id) & rows.c.is_current
        self.context.connection.execute(update(rows).where(self._mine(), current).values(is_current=False))

    def of(self, target_id: str) -> ObjectFiled | None:
        """The report that counts for an object."""
        found = self._list(rows.c.is_current & (rows.c.target_id == target_id))
        return found[0] if found else None

    def refused(self) -> list[ObjectFiled]:
        """Every refusal that counts."""
        return self._list(rows.c.is_current & (rows.c.status == str(Status.REFUSED)))

    def every(self) -> list[ObjectFiled]:
        """Every report that counts."""
        return self._list(rows.c.is_current)

    def _list(self, which: ColumnElement[bool]) -> list[ObjectFiled]:
        found = self.context.connection.execute(select(rows).where(self._mine(), which).order_by(rows.c.target_id))
        return readable(found, _filed)

    def _mine(self) -> ColumnElement[bool]:
        return rows.c.marshal == self.context.marshal


def _columns(filed: ObjectFiled) -> dict[str, Any]:
    return {
        "target_id": filed.target_id,
        "version": filed.version,
        "status": str(filed.report.status),
        "is_current": True,
        "group_ids": canonical(sorted(filed.group_ids)),
        "body": filed.report.to_json(),
        "facts": canonical(dict(filed.facts)),
        "input_hash": filed.report.input_hash,
        "model": filed.report.bundle,
        "filed_at": filed.filed_at,
    }


def _filed(row: Any) -> ObjectFiled:
    groups: Sequence[int] = json.loads(row.group_ids)
    return ObjectFiled(
        target_id=row.target_id,
        version=row.version,
        report=Report.from_json(row.body),
        facts=json.loads(row.facts),
        group_ids=tuple(groups),
        filed_at=row.filed_at,
    )

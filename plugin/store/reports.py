"""Reports on file: one per analysed version of a spectrum, refusals included."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select, text, update

from models.domain import Report, Status
from plugin.store.context import Context, canonical
from plugin.store.filed import Filed, readable, unreadable
from plugin.store.tables import reports


@dataclass(frozen=True, slots=True)
class Reports:
    """The questions about reports."""

    context: Context

    def lock_target(self, target_id: str) -> None:
        """Let no other worker file for this source until the transaction ends: its summary counts all its spectra."""
        if self.context.is_postgres:  # SQLite has one writer anyway
            self.context.connection.execute(
                text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"{self.context.marshal} {target_id}"}
            )

    def put(self, filed: Filed) -> None:
        """File a report as the one that counts for its spectrum."""
        self.retire(filed.spectrum_id)
        same = (reports.c.spectrum_id == filed.spectrum_id) & (reports.c.modified == filed.modified)
        self.context.connection.execute(delete(reports).where(self._mine(), same))
        self.context.connection.execute(reports.insert().values(marshal=self.context.marshal, **_columns(filed)))

    def retire(self, spectrum_id: str) -> None:
        """Let no report count for this spectrum any more."""
        self.context.connection.execute(
            update(reports)
            .where(self._mine(), reports.c.spectrum_id == spectrum_id, reports.c.is_current)
            .values(is_current=False)
        )

    def of_spectrum(self, spectrum_id: str) -> Filed | None:
        """The report that counts for a spectrum."""
        found = self._list(reports.c.is_current & (reports.c.spectrum_id == spectrum_id))
        return found[0] if found else None

    def of_target(self, target_id: str) -> list[Filed]:
        """The reports that count for a source's spectra, oldest observation first."""
        return self._list(reports.c.is_current & (reports.c.target_id == target_id))

    def of(self, name: str) -> list[Filed]:
        """The reports that count for a spectrum or a source of this name."""
        return self._list(reports.c.is_current & or_(reports.c.spectrum_id == name, reports.c.target_id == name))

    def refused(self) -> list[Filed]:
        """Every refusal that counts."""
        return self._list(reports.c.is_current & (reports.c.status == str(Status.REFUSED)))

    def filed_between(self, start: datetime, end: datetime) -> list[Filed]:
        """The reports that count and were made in `[start, end)`, naive UTC."""
        return self._list(reports.c.is_current & (reports.c.filed_at >= start) & (reports.c.filed_at < end))

    def observed_between(self, start: datetime, end: datetime) -> list[Filed]:
        """The reports that count, of spectra taken in `[start, end)`, naive UTC."""
        taken = (reports.c.observed_at >= start.isoformat()) & (reports.c.observed_at < end.isoformat())
        return self._list(reports.c.is_current & taken)

    def every(self) -> list[Filed]:
        """Every report that counts."""
        return self._list(reports.c.is_current)

    def unreadable(self, name: str) -> list[str]:
        """Why a report that counts for a spectrum or a source of this name cannot be read."""
        mine = or_(reports.c.spectrum_id == name, reports.c.target_id == name)
        return unreadable(self._rows(reports.c.is_current & mine), _filed)

    def _list(self, which: ColumnElement[bool]) -> list[Filed]:
        return readable(self._rows(which), _filed)

    def _rows(self, which: ColumnElement[bool]) -> Sequence[Any]:
        order = (reports.c.target_id, reports.c.observed_at, reports.c.spectrum_id)
        return self.context.connection.execute(select(reports).where(self._mine(), which).order_by(*order)).all()

    def _mine(self) -> ColumnElement[bool]:
        return reports.c.marshal == self.context.marshal


def _columns(filed: Filed) -> dict[str, Any]:
    return {
        "spectrum_id": filed.spectrum_id,
        "target_id": filed.target_id,
        "modified": filed.modified,
        "status": str(filed.report.status),
        "is_current": True,
        "observed_at": filed.observed_at,
        "instrument": filed.instrument,
        "group_ids": canonical(sorted(filed.group_ids)),
        "body": filed.report.to_json(),
        "input_hash": filed.report.input_hash,
        "bundle": filed.report.bundle,
        "filed_at": filed.filed_at,
    }


def _filed(row: Any) -> Filed:
    groups: Sequence[int] = json.loads(row.group_ids)
    return Filed(
        spectrum_id=row.spectrum_id,
        target_id=row.target_id,
        modified=row.modified,
        report=Report.from_json(row.body),
        observed_at=row.observed_at,
        instrument=row.instrument,
        group_ids=tuple(groups),
        filed_at=row.filed_at,
    )

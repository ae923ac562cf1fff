"""Reports on file: one per subject, producer and version that was answered, refusals included."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import ColumnElement, delete, or_, select, update

from models.domain import Report, Status
from plugin.store.context import Context, canonical
from plugin.store.filed import Filed
from plugin.store.subject import Subject
from plugin.store.tables import reports

_log = structlog.get_logger("astranet.store")


@dataclass(frozen=True, slots=True)
class Reports:
    """The questions about reports. One that this version cannot read is left out, with a line in the log."""

    context: Context

    def lock_target(self, target_id: str) -> None:
        """Let no other worker file for this source until the transaction ends: its summary counts all its reports."""
        self.context.alone(target_id)

    def put(self, filed: Filed) -> None:
        """File a report as the one that counts for its subject and producer."""
        self.retire(filed.subject, filed.producer)
        same = _about(filed.subject, filed.producer) & (reports.c.version == filed.version)
        self.context.connection.execute(delete(reports).where(self._mine(), same))
        self.context.connection.execute(reports.insert().values(marshal=self.context.marshal, **_columns(filed)))

    def retire(self, subject: Subject, producer: str) -> bool:
        """Let no report of this producer count for this subject any more; says whether one did."""
        current = _about(subject, producer) & reports.c.is_current
        no_more = update(reports).where(self._mine(), current).values(is_current=False)
        return bool(self.context.connection.execute(no_more).rowcount)

    def of(self, subject: Subject, producer: str) -> Filed | None:
        """The report of a producer that counts for a subject."""
        found = self._list(reports.c.is_current & _about(subject, producer))
        return found[0] if found else None

    def latest(self, subject: Subject, producer: str) -> tuple[Filed, bool] | None:
        """The report of a producer about a subject that was filed last, and whether it counts; None where none is."""
        here = select(reports).where(self._mine(), _about(subject, producer))
        newest = here.order_by(reports.c.filed_at.desc(), reports.c.id.desc()).limit(1)
        row = self.context.connection.execute(newest).first()
        filed = None if row is None else read_row(row)
        return (filed, bool(row.is_current)) if row is not None and isinstance(filed, Filed) else None

    def of_target(self, target_id: str, producer: str) -> list[Filed]:
        """The reports of a producer that count for a source, oldest observation first."""
        return self._list(_current(producer) & (reports.c.target_id == target_id))

    def audiences(self, producer: str) -> dict[str, tuple[int, ...]]:
        """Which groups saw each subject when it was last answered about; none where the marshal did not say."""
        found = select(reports.c.subject_id, reports.c.group_ids).where(self._mine(), _current(producer))
        return {row.subject_id: tuple(json.loads(row.group_ids)) for row in self.context.connection.execute(found)}

    def named(self, name: str) -> list[Filed]:
        """The reports of every producer that count for a subject or a source of this name."""
        return self._list(reports.c.is_current & _named(name))

    def unreadable(self, name: str) -> list[str]:
        """Why reports that count for a subject or a source of this name cannot be read by this version."""
        every = [read_row(row) for row in self._rows(reports.c.is_current & _named(name))]
        return [one for one in every if isinstance(one, str)]

    def refused(self, producer: str) -> list[Filed]:
        """Every refusal of a producer that counts."""
        return self._list(_current(producer) & (reports.c.status == str(Status.REFUSED)))

    def filed_between(self, start: datetime, end: datetime, producer: str) -> list[Filed]:
        """The reports of a producer that count and were made in `[start, end)`, naive UTC."""
        return self._list(_current(producer) & (reports.c.filed_at >= start) & (reports.c.filed_at < end))

    def observed_between(self, start: datetime, end: datetime, producer: str) -> list[Filed]:
        """The reports of a producer that count, of spectra taken in `[start, end)`, naive UTC."""
        taken = (reports.c.observed_at >= start.isoformat()) & (reports.c.observed_at < end.isoformat())
        return self._list(_current(producer) & taken)

    def every(self, producer: str) -> list[Filed]:
        """Every report of a producer that counts."""
        return self._list(_current(producer))

    def alerts(self, producer: str) -> list[tuple[str, str]]:
        """The source and the subject of every alert that counts."""
        columns = (reports.c.target_id, reports.c.subject_id)
        found = select(*columns).where(self._mine(), _current(producer) & (reports.c.policy == "ALERT"))
        return [(row.target_id, row.subject_id) for row in self.context.connection.execute(found.order_by(*columns))]

    def said_of(self, producer: str) -> dict[str, str]:
        """The class of each source that has one, by its report filed last."""
        answered = _current(producer) & reports.c.label.is_not(None)
        found = select(reports.c.target_id, reports.c.label).where(self._mine(), answered)
        rows = self.context.connection.execute(found.order_by(reports.c.filed_at, reports.c.id))
        return {row.target_id: row.label for row in rows}

    def _list(self, which: ColumnElement[bool]) -> list[Filed]:
        found = []
        for row in self._rows(which):
            filed = read_row(row)
            if isinstance(filed, Filed):
                found.append(filed)
            else:  # a later version of this program wrote it, say; it stays as it is, and stops no other
                about = {row.subject: row.subject_id}
                _log.warning("a report cannot be read and is left out", producer=row.producer, reason=filed, **about)
        return found

    def _rows(self, which: ColumnElement[bool]) -> Sequence[Any]:
        order = (reports.c.target_id, reports.c.observed_at, reports.c.subject_id)
        return self.context.connection.execute(select(reports).where(self._mine(), which).order_by(*order)).all()

    def _mine(self) -> ColumnElement[bool]:
        return reports.c.marshal == self.context.marshal


def _current(producer: str) -> ColumnElement[bool]:
    return reports.c.is_current & (reports.c.producer == producer)


def _about(subject: Subject, producer: str) -> ColumnElement[bool]:
    here = (reports.c.subject == subject.kind) & (reports.c.subject_id == subject.id)
    return here & (reports.c.producer == producer)


def _named(name: str) -> ColumnElement[bool]:
    return or_(reports.c.subject_id == name, reports.c.target_id == name)


def _columns(filed: Filed) -> dict[str, Any]:
    return {
        "subject": filed.subject.kind,
        "subject_id": filed.subject.id,
        "producer": filed.producer,
        "version": filed.version,
        "target_id": filed.target_id,
        "status": str(filed.report.status),
        "is_current": True,
        "observed_at": filed.observed_at,
        "instrument": filed.instrument,
        "group_ids": canonical(sorted(filed.group_ids)),
        "body": filed.report.to_json(),
        "facts": canonical(dict(filed.facts)),
        "input_hash": filed.report.input_hash,
        "model": filed.report.bundle,
        "filed_at": filed.filed_at,
        **_listed(filed.report),
    }


def _listed(report: Report) -> dict[str, Any]:
    """What lists are sorted and filtered by."""
    confidence, anomaly = report.confidence, report.anomaly
    verdict = report.verdict or report.host_verdict
    return {
        "label": None if verdict is None else verdict.label,
        "policy": None if confidence is None else confidence.policy,
        "probability": None if verdict is None else verdict.probabilities[verdict.label],
        "anomaly": None if anomaly is None else anomaly.score,
        "refusal": next((str(c.code) for c in report.caveats if c.refuses), None),
    }


def read_row(row: Any) -> Filed | str:
    """A report from a row of the table; or why the row holds none."""
    try:
        return Filed(
            subject=Subject(row.subject, row.subject_id),
            producer=row.producer,
            target_id=row.target_id,
            version=row.version,
            report=Report.from_json(row.body),
            facts=dict(json.loads(row.facts)),
            observed_at=row.observed_at,
            instrument=row.instrument,
            group_ids=tuple(json.loads(row.group_ids)),
            filed_at=row.filed_at,
        )
    except (ValueError, TypeError) as error:
        return f"{type(error).__name__}: {error}"

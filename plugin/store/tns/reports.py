"""Classification reports to the TNS, step by step: each step is written down before and after it is made.

    draft      composed, and composed anew as answers change; nothing is sent
    approved   a person with a name wants it sent; from here on the draft stays as it is
    uploaded   the TNS has the spectrum's file
    unknown    it was sent, or was about to be, and nobody knows whether it arrived: look before sending again
    submitted  the TNS gave it a number, and has not said yet what becomes of it
    accepted, partial, duplicate, rejected   the end; a rejected one may be drafted anew

A row is worked on by whoever claims it, for a while; so service, command and page never send the same one together.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, or_, select, update

from plugin.store.context import Context, canonical, storable
from plugin.store.tns.tables import tns_reports

State = Literal["draft", "approved", "uploaded", "unknown", "submitted", "accepted", "partial", "duplicate", "rejected"]
UNDER_WAY: Final[tuple[State, ...]] = ("approved", "uploaded", "unknown", "submitted")
ENDED: Final[tuple[State, ...]] = ("accepted", "partial", "duplicate", "rejected")
AGAIN: Final[tuple[State, ...]] = ("draft", "rejected")
"""What may be drafted anew."""
_MOST_STEPS: Final = 60
_REVIEWER: Final = 200
_PLAIN: Final = ("target_id", "state", "drafted_at", "reviewer", "stored_name", "report_id", "sent_at", "not_before")


@dataclass(frozen=True, slots=True, kw_only=True)
class TnsReport:
    """One report.

    Parameters
    ----------
    draft : mapping
        What a person approves, see `plugin.tns.reports.draft.Draft`.
    reviewer : str or None
        Who approved it.
    stored_name, report_id : str or None
        As the TNS calls the file and the report.
    reasons : tuple of str
        Why it was rejected, or why it waits.
    history : tuple of mapping
        `at`, `state` and `said` of every step, oldest first.
    """

    target_id: str
    state: State
    draft: Mapping[str, Any]
    drafted_at: datetime
    reviewer: str | None
    stored_name: str | None
    report_id: str | None
    sent_at: datetime | None
    not_before: datetime
    reasons: tuple[str, ...]
    history: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class TnsReports:
    """The questions about reports to one server of the TNS."""

    context: Context

    def put_draft(self, server: str, target_id: str, draft: Mapping[str, Any], now: datetime) -> bool:
        """Keep a draft, in the place of an earlier draft or a rejected report; False where one is under way or done.

        The same draft again changes nothing, and is kept.
        """
        before = self.of(server, target_id)
        if before is not None and before.state not in AGAIN:
            return False
        if before is not None and before.state == "draft" and canonical(before.draft) == canonical(draft):
            return True
        values: dict[str, Any] = {"state": "draft", "draft": canonical(draft), "drafted_at": now, "touched_at": now}
        values |= {"reviewer": None, "stored_name": None, "report_id": None, "sent_at": None, "not_before": now}
        values |= {"reasons": "[]", "history": self._grown(before, "draft", "drafted", now)}
        key = {"marshal": self.context.marshal, "server": server, "target_id": target_id}
        new = self.context.insert(tns_reports).values(**key, **values)
        free = tns_reports.c.state.in_(AGAIN)
        done = self.context.connection.execute(
            new.on_conflict_do_update(index_elements=list(key), set_=values, where=free)
        )
        return bool(done.rowcount)

    def drop_drafts(self, server: str, keep: Iterable[str]) -> int:
        """Take away drafts of sources that no longer deserve one; returns how many."""
        kept = set(keep)
        gone = [one.target_id for one in self.every(server, states=("draft",)) if one.target_id not in kept]
        for target_id in gone:
            is_draft = (tns_reports.c.target_id == target_id) & (tns_reports.c.state == "draft")
            self.context.connection.execute(tns_reports.delete().where(self._mine(server), is_draft))
        return len(gone)

    def approve(self, server: str, target_id: str, reviewer: str, drafted_at: datetime, now: datetime) -> bool:
        """Let a draft be sent; False when it is no draft any more, or not the one that was looked at."""
        before = self.of(server, target_id)
        if before is None:
            return False
        name = storable(reviewer)[:_REVIEWER]
        same = (tns_reports.c.state == "draft") & (tns_reports.c.drafted_at == drafted_at)
        values = {"state": "approved", "reviewer": name, "not_before": now, "touched_at": now}
        values |= {"history": self._grown(before, "approved", f"approved by {name}", now)}
        return self._set(server, target_id, same, **values) == 1

    def claim(self, server: str, target_id: str, now: datetime, *, early: bool = False) -> TnsReport | None:
        """Take a report that is due, for this worker alone; None when it is not due, or another works on it.

        Parameters
        ----------
        early : bool
            True to take it also before it is due: a person asks.
        """
        free = or_(tns_reports.c.claimed_until.is_(None), tns_reports.c.claimed_until <= now)
        due = tns_reports.c.state.in_(UNDER_WAY) & free
        if not early:
            due &= tns_reports.c.not_before <= now
        until = now + self.context.lease
        if not self._set(server, target_id, due, claimed_by=self.context.worker, claimed_until=until):
            return None
        return self.of(server, target_id)

    def due(self, server: str, now: datetime) -> list[str]:
        """Sources whose report can go on now, the longest waiting first."""
        waits = tns_reports.c.state.in_(UNDER_WAY) & (tns_reports.c.not_before <= now)
        found = select(tns_reports.c.target_id).where(self._mine(server), waits).order_by(tns_reports.c.not_before)
        return list(self.context.connection.execute(found).scalars())

    def step(
        self,
        server: str,
        report: TnsReport,
        state: State,
        now: datetime,
        *,
        said: str,
        wait: timedelta = timedelta(0),
        release: bool = True,
        reasons: Sequence[str] = (),
        **values: Any,
    ) -> TnsReport | None:
        """Write a step down; the report as it is now, or None when the claim was lost meanwhile.

        Parameters
        ----------
        said : str
            What happened, for the history.
        wait : timedelta
            How long nothing is to be done.
        release : bool
            False to go on working on it.
        values : optional
            `stored_name`, `report_id`, `sent_at`.
        """
        values |= {"state": state, "touched_at": now, "not_before": now + wait}
        values |= {"reasons": canonical([storable(one) for one in reasons])}
        values |= {"history": self._grown(self.of(server, report.target_id), state, said, now)}
        if release:
            values |= {"claimed_by": None, "claimed_until": None}
        else:
            values |= {"claimed_until": now + self.context.lease}
        ours = tns_reports.c.claimed_by == self.context.worker
        return self.of(server, report.target_id) if self._set(server, report.target_id, ours, **values) else None

    def of(self, server: str, target_id: str) -> TnsReport | None:
        """The report about a source."""
        found = self._list(server, tns_reports.c.target_id == target_id)
        return found[0] if found else None

    def every(self, server: str, states: Sequence[State] = ()) -> list[TnsReport]:
        """Every report, the last touched first."""
        which = tns_reports.c.state.in_(states) if states else tns_reports.c.state.is_not(None)
        return self._list(server, which)

    def _list(self, server: str, which: ColumnElement[bool]) -> list[TnsReport]:
        query = select(tns_reports).where(self._mine(server), which)
        order = (tns_reports.c.touched_at.desc(), tns_reports.c.target_id)
        return [_report(row) for row in self.context.connection.execute(query.order_by(*order))]

    def _grown(self, before: TnsReport | None, state: str, said: str, now: datetime) -> str:
        step = {"at": now.isoformat(timespec="seconds"), "state": state, "said": storable(said)[:600]}
        steps = [] if before is None else list(before.history)
        if steps and (steps[-1]["state"], steps[-1]["said"]) == (state, step["said"]):
            steps.pop()  # asked again, and the same answer: only the time is another
        return canonical([*steps, step][-_MOST_STEPS:])

    def _set(self, server: str, target_id: str, which: ColumnElement[bool], **values: Any) -> int:
        one = self._mine(server) & (tns_reports.c.target_id == target_id)
        done = self.context.connection.execute(update(tns_reports).where(one, which).values(**values))
        return int(done.rowcount)

    def _mine(self, server: str) -> ColumnElement[bool]:
        return (tns_reports.c.marshal == self.context.marshal) & (tns_reports.c.server == server)


def _report(row: Any) -> TnsReport:
    return TnsReport(
        draft=json.loads(row.draft),
        reasons=tuple(json.loads(row.reasons)),
        history=tuple(json.loads(row.history)),
        **{name: getattr(row, name) for name in _PLAIN},
    )

"""Answers that were given by another bundle or calibration than answers now, and when their turn comes."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, func, select

from plugin.store.context import Context
from plugin.store.queue import RENEWAL, due_again, is_renewal
from plugin.store.rows import CHUNK, QueueRows
from plugin.store.spectra import is_older
from plugin.store.subject import ASTRANET
from plugin.store.tables import queue, reports

_RENEWALS: Final = (queue.c.subject == "spectrum") & (queue.c.state == "new") & is_renewal()


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenBy:
    """Who gave an answer that counts, and the piece of work it came from.

    Parameters
    ----------
    piece_id : int
        Row of the queue: of the version that was answered, the newest one.
    bundle : str
        Which model.
    calibration, calibrated : str or None
        Which calibration, and its date; None for a refusal, which has none.
    strategy, sets : str or None
        How its class was chosen and its sets were made; None for a refusal, and from versions that knew but one way.
    filed_at : datetime
        When, naive UTC.
    waits : bool
        Whether it is in the queue already, for its turn.
    """

    piece_id: int
    bundle: str
    calibration: str | None
    calibrated: str | None
    filed_at: datetime
    waits: bool
    strategy: str | None = None
    sets: str | None = None


@dataclass(frozen=True, slots=True)
class Renewals:
    """The questions about renewals. What is due for another reason is none: it is answered anew anyway."""

    context: Context

    def older(self, is_current: Callable[[GivenBy], bool], since: datetime | None = None) -> list[GivenBy]:
        """Answers about spectra, filed since a moment, that are not by what answers now; the newest first."""
        return [one for one in self._given(since) if not is_current(one)]

    def put(self, which: Iterable[GivenBy], now: datetime, step: timedelta) -> int:
        """Let answers be given anew, one each `step`, behind those that wait already; returns how many were not due."""
        self.context.alone("queue")  # as who adds work does: two that change the same rows must not wait in a ring
        last = self.waiting_until()
        at = now if last is None else max(now, last + step)
        count = 0
        for one in which:
            here = (queue.c.id == one.piece_id) & (queue.c.state == "done")
            if self._rows.set(here, **{**due_again(at), "reason": RENEWAL}):
                count, at = count + 1, at + step
        return count

    def settle(self, is_current: Callable[[GivenBy], bool]) -> int:
        """Take those out of the queue whose answer has become current without them; returns how many."""
        self.context.alone("queue")
        settled = [one.piece_id for one in self._given(None) if one.waits and is_current(one)]
        some = (settled[i : i + CHUNK] for i in range(0, len(settled), CHUNK))
        return sum(self._rows.set(_RENEWALS & queue.c.id.in_(ids), state="done", reason=None) for ids in some)

    def waiting_until(self) -> datetime | None:
        """When the last of those that wait has its turn; None when none waits."""
        found = select(func.max(queue.c.not_before)).where(self._rows.mine(), _RENEWALS)
        until: datetime | None = self.context.connection.execute(found).scalar_one()
        return until

    def _given(self, since: datetime | None) -> Iterable[GivenBy]:
        same = and_(
            queue.c.marshal == reports.c.marshal,
            queue.c.subject == reports.c.subject,
            queue.c.subject_id == reports.c.subject_id,
            queue.c.version == reports.c.version,
        )
        # A reported version that is not the newest is answered anew for that reason.
        here = (reports.c.marshal == self.context.marshal, reports.c.is_current, reports.c.producer == ASTRANET)
        found = (
            select(queue.c.id, queue.c.state, reports.c.model, reports.c.filed_at, reports.c.body)
            .select_from(reports.join(queue, same))
            .where(*here, queue.c.subject == "spectrum", (queue.c.state == "done") | _RENEWALS, ~is_older())
            .order_by(reports.c.filed_at.desc(), reports.c.id.desc())
        )
        if since is not None:
            found = found.where(reports.c.filed_at >= since)
        for row in self.context.connection.execute(found):
            told = _told(row.body)
            yield GivenBy(
                piece_id=row.id,
                bundle=row.model,
                calibration=told.get("calibration_id"),
                calibrated=told.get("calibration_date"),
                filed_at=row.filed_at,
                waits=row.state == "new",
                strategy=told.get("strategy"),
                sets=told.get("method"),
            )

    @property
    def _rows(self) -> QueueRows:
        return QueueRows(self.context)


def _told(body: str) -> Mapping[str, Any]:
    """What a report says of how it was made, read without the rest of it, which another version may have written."""
    try:
        found = json.loads(body)
        return {"strategy": found["verdict"].get("strategy"), **found["confidence"]}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}

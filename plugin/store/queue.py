"""The queue: pieces of work about spectra and objects, each claimed by one worker at a time."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from plugin.store.context import Context, storable
from plugin.store.rows import QueueRows
from plugin.store.subject import Kind, Subject
from plugin.store.tables import queue

RENEWAL: Final = "waits for its renewal"
"""What the `reason` of a spectrum begins with that is to be answered anew only because another bundle or calibration
answers now. Such work comes after all other."""
UNKNOWN: Final = ""
"""`seen` of an object that was never looked at, or that must be looked at again; every other sorts after it."""


class LostClaim(Exception):
    """Another worker has taken the work over: what we found must not be filed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A subject to be looked at.

    Parameters
    ----------
    version : str
        Of a spectrum, in the server's own time; "" for an object.
    seen : str
        Of an object: the newest alert that was looked at, or the moment before which alerts are no news.
    asked : int
        How often it became due.
    reason : str or None
        Why it is parked, was put back, or was let go without an answer.
    listed : bool
        Of an object: whether the marshal has it; what only a broker let through, it may not have.
    """

    id: int
    subject: Subject
    target_id: str
    version: str
    seen: str
    asked: int
    state: str
    attempts: int
    reason: str | None = None
    listed: bool = True

    @property
    def is_renewal(self) -> bool:
        """Whether it is due only because another bundle or calibration answers now."""
        return self.reason is not None and self.reason.startswith(RENEWAL)


@dataclass(frozen=True, slots=True)
class Queue:
    """What can be done with every kind of work."""

    context: Context

    def due(self, kind: Kind, now: datetime) -> int:
        """How many could be claimed."""
        found = select(func.count()).select_from(queue).where(self._rows.mine(kind), _is_due(now))
        return int(self.context.connection.execute(found).scalar_one())

    def claim(self, kind: Kind, limit: int, now: datetime) -> list[Piece]:
        """Take up to `limit` due pieces; nobody else gets them while the claim is renewed.

        Renewals come last; of the others, and of them, those that wait longest first.
        """
        due = (
            select(queue)
            .where(self._rows.mine(kind), _is_due(now))
            .order_by(case((is_renewal(), 1), else_=0), queue.c.not_before, queue.c.version, queue.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)  # SQLite has no such thing and needs none: one process, one writer
        )
        found = self.context.connection.execute(due).all()
        ours = {"state": "claimed", "claimed_by": self.context.worker, "claimed_until": self.context.until}
        self._rows.set(queue.c.id.in_([row.id for row in found]), **ours)
        return [piece_of(row) for row in found]

    def finish(self, piece: Piece, state: str = "done", *, seen: str | None = None, reason: str | None = None) -> None:
        """Close a piece that this worker holds; one that was asked for meanwhile is due again.

        Parameters
        ----------
        state : str
            done or gone.
        seen : str or None
            Its newest alert now; None to leave it as it was.
        reason : str or None
            Why there is no answer, if there is none.

        Raises
        ------
        LostClaim
            If it does not hold it any more.
        """
        after = case((queue.c.asked == piece.asked, state), else_="new")
        known = {} if seen is None else {"seen": seen}
        self._free(piece, state=after, reason=None if reason is None else storable(reason), **known)

    def retry(self, piece: Piece, reason: str, at: datetime) -> None:
        """Put a piece back, to be tried again from `at` on; raises `LostClaim` as `finish` does."""
        self._free(piece, state="new", attempts=piece.attempts + 1, not_before=at, reason=_put_back(piece, reason))

    def postpone(self, piece: Piece, reason: str, at: datetime) -> None:
        """Put a piece back that waits for another one; nothing was tried with it."""
        self._free(piece, state="new", not_before=at, reason=_put_back(piece, reason))

    def park(self, piece: Piece, reason: str) -> None:
        """Set a piece aside for a person to see; raises `LostClaim` as `finish` does."""
        self._free(piece, state="parked", attempts=piece.attempts + 1, reason=storable(reason))

    def release(self, held: Iterable[Piece]) -> None:
        """Put pieces back that nothing was tried with; those that were taken over are not ours to put back."""
        for piece in held:
            with suppress(LostClaim):
                self._free(piece, state="new")

    def renew(self) -> int:
        """Hold what this worker has claimed for another lease; returns how many pieces."""
        # What another transaction of ours has in hand is being closed: no need to wait for it.
        ours = (queue.c.state == "claimed") & (queue.c.claimed_by == self.context.worker)
        held = select(queue.c.id).where(self._rows.mine(), ours).with_for_update(skip_locked=True)
        return self._rows.set(queue.c.id.in_(held), claimed_until=self.context.until)

    def recover(self, *, everything: bool = False) -> int:
        """Free what this worker left behind, and what others claimed: all of it, or only where the lease has ended."""
        held = queue.c.state == "claimed"
        if not everything:
            held &= or_(queue.c.claimed_by == self.context.worker, queue.c.claimed_until < self.context.time)
        return self._rows.set(held, state="new", claimed_by=None, claimed_until=None)

    def unpark(self, kind: Kind, now: datetime) -> int:
        """Try everything of a kind that is parked again."""
        return self._rows.set((queue.c.subject == kind) & (queue.c.state == "parked"), **due_again(now))

    def ask_again(self, subject: Subject, now: datetime, *, reason: str | None = None) -> bool:
        """Let a subject be looked at once more, news or not, at its newest version; says whether it is known.

        Parameters
        ----------
        reason : str, optional
            What is wanted of it, for who answers it. One that is being looked at just now does not hear of it.
        """
        found = self._list((queue.c.subject == subject.kind) & (queue.c.subject_id == subject.id))
        return bool(self._renewed(found, now, reason))

    def again(self, name: str, now: datetime, *, reason: str | None = None) -> list[Subject]:
        """Let everything about a subject or a source of this name be looked at anew, news or not; says what."""
        return self._renewed(self.of(name), now, reason)

    def _renewed(self, pieces: Iterable[Piece], now: datetime, reason: str | None = None) -> list[Subject]:
        """One that is being looked at is looked at again when that ends."""
        newest = {piece.subject: piece for piece in pieces}  # of several versions the last counts
        for piece in newest.values():
            here = queue.c.id == piece.id
            seen = {"seen": UNKNOWN} if piece.subject.kind == "object" else {}
            self._rows.set(here & (queue.c.state != "claimed"), **due_again(now), reason=reason, **seen)
            self._rows.set(here & (queue.c.state == "claimed"), asked=queue.c.asked + 1, **seen)
        return list(newest)

    def of(self, name: str) -> list[Piece]:
        """Every version of a subject, or everything about a source of this name; oldest version first."""
        return self._list(or_(queue.c.subject_id == name, queue.c.target_id == name))

    def parked(self) -> list[Piece]:
        """What was set aside."""
        return self._list(queue.c.state == "parked")

    def _list(self, which: ColumnElement[bool]) -> list[Piece]:
        return [piece_of(row) for row in self._rows.all(which, queue.c.version, queue.c.id)]

    def _free(self, piece: Piece, **values: Any) -> None:
        ours = and_(queue.c.state == "claimed", queue.c.claimed_by == self.context.worker)
        if not self._rows.set(ours & (queue.c.id == piece.id), claimed_by=None, claimed_until=None, **values):
            raise LostClaim(f"{piece.subject}: taken over by another worker")

    @property
    def _rows(self) -> QueueRows:
        return QueueRows(self.context)


def due_again(now: datetime) -> dict[str, Any]:
    """The values of a row that is to be looked at, whatever became of it before."""
    return {"state": "new", "asked": queue.c.asked + 1, "attempts": 0, "not_before": now}


def is_renewal() -> ColumnElement[bool]:
    """Whether a row of the table waits for its renewal."""
    return func.coalesce(queue.c.reason, "").startswith(RENEWAL)


def _put_back(piece: Piece, reason: str) -> str:
    """Why a piece is put back; a renewal stays one."""
    return storable(f"{RENEWAL}: {reason}" if piece.is_renewal else reason)


def _is_due(now: datetime) -> ColumnElement[bool]:
    return and_(queue.c.state == "new", queue.c.not_before <= now)


def piece_of(row: Any) -> Piece:
    """A piece of work from a row of the table."""
    plain = {name: getattr(row, name) for name in Piece.__dataclass_fields__ if name != "subject"}
    return Piece(subject=Subject(row.subject, row.subject_id), **plain)

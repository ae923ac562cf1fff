"""What should hang on the marshal, and what does.

`outbox` holds one wish per (place, kind, origin); `delivered` what the marshal holds as far as we know. A delivery
first makes `delivered` say "unknown" (no sha), then sends, then writes down what is there now: whenever the process
dies in between, the next one knows that it does not know, and sends again. Sending is an upsert, so twice is once.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, case, delete, exists, func, or_, select, update

from iris_client.protocols import Place
from plugin.store.context import Context, canonical, storable
from plugin.store.tables import delivered, outbox
from plugin.store.truth.tables import shown

NOTHING = "nothing"
"""The sha of "nothing should hang here"."""
FOLLOWING = ("classification", "comment", "tag")
"""Kinds that are sent only when the annotation of the same origin at the same place is: while that is parked, because
another account has it there, whatever would stand beside it would stand beside the other account's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One wish and its fate.

    Parameters
    ----------
    body : mapping or None
        None when nothing should hang there.
    state : str
        pending, sending, sent, retracted or parked.
    remote_id : str or None
        The marshal's id of what hangs there.
    differs : bool
        Whether what hangs there is known, and is not this.
    fault : str or None
        Why what is stored cannot be read; there is no body then, and it must not be sent.
    asked : int
        How often it had to be sent once more, because another delivery may have come between.
    """

    id: int
    place: Place
    kind: str
    origin: str
    body: Mapping[str, Any] | None
    group_ids: tuple[int, ...]
    body_sha: str
    state: str
    attempts: int
    reason: str | None = None
    remote_id: str | None = None
    differs: bool = False
    fault: str | None = None
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Outbox:
    """The questions about posts."""

    context: Context

    def enqueue(
        self,
        place: Place,
        *,
        kind: str,
        origin: str,
        body: Mapping[str, Any] | None,
        group_ids: tuple[int, ...],
        now: datetime,
    ) -> bool:
        """Say what should hang at a place from now on; `body` None for nothing. What is there already is not sent.

        Returns
        -------
        bool
            Whether a delivery follows from it.
        """
        key = self._key(place, kind, origin)
        old = self._row(outbox, key, lock=True)  # or a delivery that begins now would be taken for none
        sha = NOTHING if body is None else digest(body, group_ids)
        if (old is None and body is None) or (old is not None and old.body_sha == sha):
            return False
        values = {
            "body": None if body is None else canonical(body),
            "group_ids": canonical(sorted(group_ids)),
            "body_sha": sha,
            "state": self._state(old, key, sha),
            "attempts": 0,
            "not_before": now,
            "enqueued_at": now,
            "reason": None,
        }
        new = self.context.insert(outbox).values(**key, **values)
        self.context.connection.execute(new.on_conflict_do_update(index_elements=list(key), set_=values))
        return values["state"] in ("pending", "sending")

    def _state(self, old: Any, key: Mapping[str, Any], sha: str) -> str:
        """Whether the new wish needs a delivery. One that is under way is looked at again when it ends."""
        if old is not None and old.state == "sending":
            return "sending"
        there = self._row(delivered, key)
        if sha == NOTHING:
            return "retracted" if there is None else "pending"
        return "sent" if there is not None and there.body_sha == sha else "pending"

    def claim(self, now: datetime, *, kinds: Collection[str]) -> Parcel | None:
        """Take the next due post of these kinds; its place is unknown until `sent`, `retry` or `park` is called."""
        due = (
            select(outbox)
            .where(self._mine(), outbox.c.state == "pending", outbox.c.not_before <= now, outbox.c.kind.in_(kinds))
            .where(~waits_for_its_annotation())
            .order_by(outbox.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        row = self.context.connection.execute(due).first()
        if row is None:
            return None
        self._set(
            outbox.c.id == row.id,
            state="sending",
            attempts=row.attempts + 1,
            claimed_by=self.context.worker,
            claimed_until=self.context.until,
        )
        parcel = self._parcel(row)
        self._mark_unknown({name: getattr(row, name) for name in _KEY})
        return parcel

    def _mark_unknown(self, key: Mapping[str, Any]) -> None:
        new = self.context.insert(delivered).values(**key)
        self.context.connection.execute(new.on_conflict_do_update(index_elements=list(_KEY), set_={"body_sha": None}))

    def sent(self, parcel: Parcel, remote_id: str | None, now: datetime) -> bool:
        """Write down that the marshal now holds exactly this; False if the claim was lost, see `_close`."""
        if not self._close(parcel, "retracted" if parcel.body is None else "sent"):
            return False
        key = self._key(parcel.place, parcel.kind, parcel.origin)
        where = and_(*(delivered.c[name] == value for name, value in key.items()))
        if parcel.body is None:
            self.context.connection.execute(delete(delivered).where(where))
        else:
            values = {"body_sha": parcel.body_sha, "remote_id": remote_id, "delivered_at": now}
            self.context.connection.execute(update(delivered).where(where).values(**values))
            self._show(parcel.place, now)
        return True

    def _show(self, place: Place, now: datetime) -> None:
        """Keep since when people can read an answer of ours there; what is taken away later was read all the same."""
        if place.kind != "night":
            row = {"marshal": self.context.marshal, "place_kind": place.kind, "place_id": place.id, "first_at": now}
            self.context.connection.execute(self.context.insert(shown).values(**row).on_conflict_do_nothing())

    def retry(self, parcel: Parcel, reason: str, at: datetime) -> bool:
        """Put a post back, to be tried again from `at` on; False if the claim was lost, see `_close`."""
        return self._close(parcel, "pending", reason=storable(reason), not_before=at)

    def park(self, parcel: Parcel, reason: str) -> bool:
        """Set a post aside for a person to see; False if the claim was lost, see `_close`."""
        return self._close(parcel, "parked", reason=storable(reason))

    def _close(self, parcel: Parcel, state: str, **values: object) -> bool:
        """End a delivery, if it is still ours; when the wish changed meanwhile, the new one is due at once.

        A delivery that another worker has taken over is not ours to end. Nobody can say in which order the two
        reached the marshal: what hangs there is unknown, and the wish is sent once more.
        """
        held = and_(outbox.c.id == parcel.id, outbox.c.state == "sending", outbox.c.claimed_by == self.context.worker)
        free = {"claimed_by": None, "claimed_until": None}
        same = (outbox.c.body_sha == parcel.body_sha) & (outbox.c.asked == parcel.asked)
        error = {"reason": None, **values}
        if self._set(held & same, state=state, **error, **free) or self._set(held & ~same, state="pending", **free):
            return True
        again = case((outbox.c.state.in_(("sent", "retracted")), "pending"), else_=outbox.c.state)
        self._set(outbox.c.id == parcel.id, state=again, asked=outbox.c.asked + 1)
        self._mark_unknown(self._key(parcel.place, parcel.kind, parcel.origin))
        return False

    def renew(self) -> int:
        """Hold what this worker is sending for another lease; returns how many posts."""
        ours = (outbox.c.state == "sending") & (outbox.c.claimed_by == self.context.worker)
        held = select(outbox.c.id).where(self._mine(), ours).with_for_update(skip_locked=True)
        return self._set(outbox.c.id.in_(held), claimed_until=self.context.until)

    def recover(self, *, everything: bool = False) -> int:
        """Free what this worker left unfinished, and what others were sending: all, or where the lease has ended."""
        held = and_(self._mine(), outbox.c.state == "sending")
        if not everything:
            held &= or_(outbox.c.claimed_by == self.context.worker, outbox.c.claimed_until < self.context.time)
        free = update(outbox).where(held).values(state="pending", claimed_by=None, claimed_until=None)
        return int(self.context.connection.execute(free).rowcount)

    def unpark(self, now: datetime) -> int:
        """Try everything that is parked again."""
        again = update(outbox).where(self._mine(), outbox.c.state == "parked")
        return int(self.context.connection.execute(again.values(state="pending", attempts=0, not_before=now)).rowcount)

    def unpark_one(self, row_id: int, now: datetime) -> bool:
        """Try one post that is parked again; says whether it was."""
        this = and_(self._mine(), outbox.c.state == "parked", outbox.c.id == row_id)
        again = update(outbox).where(this).values(state="pending", attempts=0, not_before=now)
        return bool(self.context.connection.execute(again).rowcount)

    def again(self, places: Iterable[Place], now: datetime, *, kinds: Collection[str]) -> int:
        """Send what hangs, or should hang, at these places once more, sent or parked; returns how many posts."""
        count = 0
        for place in places:
            here = and_(outbox.c.place_kind == place.kind, outbox.c.place_id == place.id, outbox.c.kind.in_(kinds))
            which = and_(self._mine(), here, outbox.c.state.in_(("sent", "parked", "pending")))
            for row in self.context.connection.execute(select(outbox).where(which).with_for_update()).all():
                self._set(
                    outbox.c.id == row.id, state="pending", attempts=0, not_before=now, enqueued_at=now, reason=None
                )
                self._mark_unknown({name: getattr(row, name) for name in _KEY})
                count += 1
        return count

    def places(self) -> list[Place]:
        """Every place at which something hangs, or should, or did."""
        found = select(outbox.c.place_kind, outbox.c.place_id).where(self._mine()).distinct()
        rows = self.context.connection.execute(found.order_by(outbox.c.place_kind, outbox.c.place_id)).all()
        return [Place(kind=row.place_kind, id=row.place_id) for row in rows]

    def count(self, state: str) -> int:
        """How many wishes are in one state."""
        found = select(func.count()).select_from(outbox).where(self._mine(), outbox.c.state == state)
        return int(self.context.connection.execute(found).scalar_one())

    def sent_since(self, kind: str, since: datetime, *, but_on: Collection[str]) -> list[datetime]:
        """When posts of a kind were sent that have different ids there; those on some kinds of places do not count."""
        mine = (delivered.c.marshal == self.context.marshal) & (delivered.c.kind == kind)
        found = (
            select(func.min(delivered.c.delivered_at))
            .where(mine, delivered.c.delivered_at > since, delivered.c.place_kind.not_in(but_on))
            .group_by(delivered.c.remote_id)
        )
        return sorted(self.context.connection.execute(found).scalars())

    def at(self, places: list[Place]) -> list[Parcel]:
        """Everything for some places."""
        here = [and_(outbox.c.place_kind == p.kind, outbox.c.place_id == p.id) for p in places]
        return self._list(or_(*here)) if here else []

    def parked(self, *, limit: int | None = None, offset: int = 0) -> list[Parcel]:
        """What was set aside; all of it, or a page."""
        return self._list(outbox.c.state == "parked", limit=limit, offset=offset)

    def _list(self, which: ColumnElement[bool], *, limit: int | None = None, offset: int = 0) -> list[Parcel]:
        found = select(outbox).where(self._mine(), which).order_by(outbox.c.id).limit(limit).offset(offset)
        return [self._parcel(row) for row in self.context.connection.execute(found).all()]

    def _set(self, which: ColumnElement[bool], **values: object) -> int:
        return int(self.context.connection.execute(update(outbox).where(which).values(**values)).rowcount)

    def _row(self, table: Table, key: Mapping[str, Any], *, lock: bool = False) -> Any:
        where = and_(*(table.c[name] == value for name, value in key.items()))
        found = select(table).where(where)
        return self.context.connection.execute(found.with_for_update() if lock else found).first()

    def _key(self, place: Place, kind: str, origin: str) -> dict[str, Any]:
        values = (self.context.marshal, place.kind, place.id, kind, origin)
        return dict(zip(_KEY, values, strict=True))

    def _mine(self) -> ColumnElement[bool]:
        return outbox.c.marshal == self.context.marshal

    def _parcel(self, row: Any) -> Parcel:
        there = self._row(delivered, {name: getattr(row, name) for name in _KEY})
        body, group_ids, fault = _read(row)
        return Parcel(
            id=row.id,
            place=Place(kind=row.place_kind, id=row.place_id),
            kind=row.kind,
            origin=row.origin,
            body=body,
            group_ids=group_ids,
            body_sha=row.body_sha,
            state=row.state,
            attempts=row.attempts,
            reason=row.reason,
            remote_id=None if there is None else there.remote_id,
            differs=there is not None and there.body_sha not in (None, row.body_sha),
            fault=fault,
            asked=row.asked,
        )


_KEY = ("marshal", "place_kind", "place_id", "kind", "origin")


def waits_for_its_annotation(*, parked: bool = False) -> ColumnElement[bool]:
    """Whether a post must not go before its annotation, which has not gone.

    Parameters
    ----------
    parked : bool
        True: only where it will not go by itself, for it is parked.
    """
    first = outbox.alias()
    same = [first.c[name] == outbox.c[name] for name in _KEY if name != "kind"]
    waits = first.c.state == "parked" if parked else first.c.state != "sent"
    ahead = exists().where(*same, first.c.kind == "annotation", waits)
    return and_(outbox.c.kind.in_(FOLLOWING), outbox.c.body.is_not(None), ahead)


def _read(row: Any) -> tuple[Mapping[str, Any] | None, tuple[int, ...], str | None]:
    """Body, groups, and why they cannot be read."""
    try:
        return None if row.body is None else dict(json.loads(row.body)), tuple(json.loads(row.group_ids)), None
    except (ValueError, TypeError) as error:
        return None, (), f"{type(error).__name__}: {error}"


def digest(body: Mapping[str, Any], group_ids: tuple[int, ...]) -> str:
    """SHA-256 of what is sent: the values and who may see them."""
    return hashlib.sha256(canonical({"body": body, "groups": sorted(group_ids)}).encode()).hexdigest()

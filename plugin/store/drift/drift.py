"""How far the tests for drift are, and their alarms."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from plugin.store.context import Context, canonical, storable
from plugin.store.drift.tables import drift_alarms, drift_state

_NAME = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What was written last; `body` is empty where the tests are to begin anew, as `summary` says."""

    changed_at: datetime
    body: Mapping[str, Any]
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RaisedAlarm:
    """One alarm on file."""

    test: str
    raised_at: datetime
    sentence: str
    acknowledged_at: datetime | None


@dataclass(frozen=True, slots=True)
class Drift:
    """The questions about drift."""

    context: Context

    def lock(self) -> None:
        """Let nobody else change how far the tests are until the transaction ends."""
        self.context.alone("drift")

    def state(self) -> State | None:
        """How far the tests are; None before they have begun."""
        row = self.context.connection.execute(self._mine(drift_state)).one_or_none()
        if row is None:
            return None
        return State(changed_at=row.changed_at, body=json.loads(row.body), summary=json.loads(row.summary))

    def summary(self) -> Mapping[str, Any]:
        """The few figures that are shown, without all the rest; empty before the tests have begun."""
        found = select(drift_state.c.summary).where(drift_state.c.marshal == self.context.marshal)
        text = self.context.connection.execute(found).scalar_one_or_none()
        return {} if text is None else dict(json.loads(text))

    def put(self, body: Mapping[str, Any], summary: Mapping[str, Any], now: datetime) -> None:
        """Write down how far the tests are."""
        values = {"changed_at": now, "body": canonical(body), "summary": canonical(summary)}
        new = self.context.insert(drift_state).values(marshal=self.context.marshal, **values)
        self.context.connection.execute(new.on_conflict_do_update(index_elements=["marshal"], set_=values))

    def raise_alarm(self, test: str, sentence: str, now: datetime) -> None:
        """Put an alarm on file."""
        row = {"marshal": self.context.marshal, "test": storable(test)[:_NAME], "sentence": storable(sentence)}
        self.context.connection.execute(drift_alarms.insert().values(raised_at=now, **row))

    def alarms(self, *, acknowledged: bool = False) -> Sequence[RaisedAlarm]:
        """Those that stand, the oldest first; on request those that somebody acknowledged as well."""
        found = self._mine(drift_alarms).order_by(drift_alarms.c.raised_at, drift_alarms.c.id)
        if not acknowledged:
            found = found.where(drift_alarms.c.acknowledged_at.is_(None))
        return [
            RaisedAlarm(
                test=row.test, raised_at=row.raised_at, sentence=row.sentence, acknowledged_at=row.acknowledged_at
            )
            for row in self.context.connection.execute(found)
        ]

    def acknowledge(self, now: datetime) -> int:
        """Let no alarm stand any more; returns how many stood."""
        standing = (drift_alarms.c.marshal == self.context.marshal) & drift_alarms.c.acknowledged_at.is_(None)
        done = update(drift_alarms).where(standing).values(acknowledged_at=now)
        return int(self.context.connection.execute(done).rowcount)

    def _mine(self, table: Any) -> Any:
        return select(table).where(table.c.marshal == self.context.marshal)

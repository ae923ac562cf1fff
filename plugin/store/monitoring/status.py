"""What each process of the service last said of itself, for those who ask the database and not the process."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, select

from plugin.store.context import Context, canonical
from plugin.store.tables import status

_KEPT: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a process said, and when."""

    worker: str
    told_at: datetime
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Status:
    """One row per process."""

    context: Context

    def tell(self, body: Mapping[str, Any], now: datetime) -> None:
        """Write what this process says of itself; rows of processes that are long gone are removed."""
        key = {"marshal": self.context.marshal, "worker": self.context.worker}
        values = {"told_at": now, "body": canonical(body)}
        new = self.context.insert(status).values(**key, **values)
        self.context.connection.execute(new.on_conflict_do_update(index_elements=list(key), set_=values))
        gone = (status.c.marshal == self.context.marshal) & (status.c.told_at < now - _KEPT)
        self.context.connection.execute(delete(status).where(gone))

    def told(self) -> list[Told]:
        """What every process said last, the latest first; what this version cannot read is left out."""
        mine = select(status).where(status.c.marshal == self.context.marshal).order_by(status.c.told_at.desc())
        found = []
        for row in self.context.connection.execute(mine).all():
            try:
                body = json.loads(row.body)
            except ValueError:
                continue
            if isinstance(body, dict):
                found.append(Told(worker=row.worker, told_at=row.told_at, body=body))
        return found

"""What every question to the database needs to know."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, DateTime, Table, func, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

from plugin.clock import Clock, utc_now


@dataclass(frozen=True, slots=True)
class Context:
    """A connection inside a transaction, which marshal's rows are meant, who asks, and for how long a claim holds.

    Parameters
    ----------
    clock : callable or None
        By which claims end; None for the database's own clock, which is the same for all workers.
    """

    connection: Connection
    marshal: str
    worker: str
    lease: timedelta
    clock: Clock | None = None

    @property
    def is_postgres(self) -> bool:
        """Whether many workers may be at it."""
        return self.connection.dialect.name == "postgresql"

    @property
    def time(self) -> Any:
        """Now, naive UTC, by the clock that is the same for all workers: a value, or an expression for a statement."""
        if self.clock is None and self.is_postgres:
            return func.timezone("utc", func.clock_timestamp(), type_=DateTime())
        return (self.clock or utc_now)()

    @property
    def until(self) -> Any:
        """When a claim that is made now ends, unless it is renewed."""
        return self.time + self.lease

    def alone(self, what: str) -> None:
        """Let no other worker of this marshal do what has this name until the transaction ends."""
        if self.is_postgres:  # SQLite has one writer anyway
            name = {"name": f"{self.marshal} {what}"}
            self.connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), name)

    def insert(self, table: Table) -> PostgresInsert | SqliteInsert:
        """An INSERT that knows ON CONFLICT."""
        return postgresql.insert(table) if self.is_postgres else sqlite.insert(table)


def storable(text: str) -> str:
    """A text that every database takes: without what no UTF-8 can hold, and without NUL, which PostgreSQL refuses."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def canonical(value: Any) -> str:
    """JSON with one form only: sorted keys, no spaces, never NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)

"""What every question to the database needs to know."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert


@dataclass(frozen=True, slots=True)
class Context:
    """A connection inside a transaction, which marshal's rows are meant, who asks, and for how long a claim holds."""

    connection: Connection
    marshal: str
    worker: str
    lease: timedelta

    @property
    def is_postgres(self) -> bool:
        """Whether many workers may be at it."""
        return self.connection.dialect.name == "postgresql"

    def insert(self, table: Table) -> PostgresInsert | SqliteInsert:
        """An INSERT that knows ON CONFLICT."""
        return postgresql.insert(table) if self.is_postgres else sqlite.insert(table)


def storable(text: str) -> str:
    """A text that every database takes: without what no UTF-8 can hold, and without NUL, which PostgreSQL refuses."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def canonical(value: Any) -> str:
    """JSON with one form only: sorted keys, no spaces, never NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)

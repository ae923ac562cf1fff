"""The calls of an hour that several processes make to one server together, counted in the database.

The pace of the marshal (`plugin.store.workers.pace`) says when the next request may go; a server that allows so many
calls in any hour, however they come, needs their number. They are counted by the minute: one counts until the whole of
its minute is more than an hour ago, so that no hour ever has more than allowed, whenever it begins.
"""

from typing import Final

from sqlalchemy import Connection, Engine, text

from iris_client.brokers.lasair.budget import HOUR_S, Turn

_MINUTE_S: Final = 60.0
_NOW: Final = text("SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision)")
_ALONE: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:server, 0))")
_FORGET: Final = text("DELETE FROM calls WHERE server = :server AND minute < :oldest")
_COUNTED: Final = text("SELECT minute, calls FROM calls WHERE server = :server ORDER BY minute")
_COUNT: Final = text(
    "INSERT INTO calls (server, minute, calls) VALUES (:server, :minute, 1)"
    " ON CONFLICT (server, minute) DO UPDATE SET calls = calls.calls + 1"
)
_CLOSED: Final = text("SELECT next_at FROM pace WHERE marshal = :server")
_CLOSE: Final = text(
    "INSERT INTO pace (marshal, next_at) VALUES (:server, :until)"
    " ON CONFLICT (marshal) DO UPDATE SET next_at = greatest(pace.next_at, :until)"
)


class SharedCalls:
    """A `iris_client.brokers.lasair.budget.CallLog` kept in PostgreSQL by its clock: one for all processes.

    Parameters
    ----------
    engine : Engine
        Of PostgreSQL.
    server : str
        Whose calls are counted: its address, at most 255 characters.
    """

    def __init__(self, engine: Engine, server: str) -> None:
        self._engine, self._server = engine, server[:255]

    def take(self, limit: int, patience_s: float) -> Turn:
        """Count a call, of which there may be `limit` in an hour; not where none is left, or the pause is longer."""
        with self._engine.begin() as connection:
            connection.execute(_ALONE, {"server": f"calls {self._server}"})
            now = float(connection.execute(_NOW).scalar_one())
            connection.execute(_FORGET, {"server": self._server, "oldest": _oldest(now)})
            turn = self._turn(connection, now, limit)
            if not turn.full_s and turn.pause_s <= patience_s:
                minute = int((now + turn.pause_s) // _MINUTE_S)
                connection.execute(_COUNT, {"server": self._server, "minute": minute})
            return turn

    def look(self) -> Turn:
        """How many there were; counts none."""
        with self._engine.begin() as connection:
            return self._turn(connection, float(connection.execute(_NOW).scalar_one()), None)

    def close_for(self, seconds: float) -> None:
        """The server has asked for a pause, of all processes."""
        with self._engine.begin() as connection:
            until = float(connection.execute(_NOW).scalar_one()) + seconds
            connection.execute(_CLOSE, {"server": self._server, "until": until})

    def _turn(self, connection: Connection, now: float, limit: int | None) -> Turn:
        rows = connection.execute(_COUNTED, {"server": self._server}).all()
        latest = int(now // _MINUTE_S) + 1  # not of a clock that was set back
        counted = [(row.minute, row.calls) for row in rows if _oldest(now) <= row.minute <= latest]
        used = sum(calls for _, calls in counted)
        until = connection.execute(_CLOSED, {"server": self._server}).scalar_one_or_none()
        pause = 0.0 if until is None else min(max(0.0, float(until) - now), HOUR_S)
        full, left = 0.0, used
        for minute, calls in counted:
            if limit is None or left < limit:
                break
            left -= calls
            full = (minute + 1) * _MINUTE_S + HOUR_S - now
        return Turn(used=used, full_s=full, pause_s=pause)


def _oldest(now: float) -> int:
    """The first minute that counts."""
    return int(now // _MINUTE_S) - int(HOUR_S // _MINUTE_S)

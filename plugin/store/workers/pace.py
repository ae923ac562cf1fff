"""The pace at which several processes ask one marshal together: the next free place is a row of the database."""

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import Engine, text

LONGEST_S: Final = 60.0
"""A place farther ahead was not booked: the database's clock was set back."""

_NOW: Final = "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"
_BOOK: Final = text(
    f"INSERT INTO pace (marshal, next_at) VALUES (:marshal, {_NOW} - :slack + :interval)"  # noqa: S608 - a constant
    " ON CONFLICT (marshal) DO UPDATE SET"
    f" next_at = greatest(least(pace.next_at, {_NOW} + :longest), {_NOW} - :slack) + :interval"
    f" RETURNING next_at - :interval - {_NOW}"
)
_LEFT: Final = text(
    f"SELECT {_NOW} - greatest(least(next_at, {_NOW} + :longest), {_NOW} - :slack)"  # noqa: S608 - a constant
    " FROM pace WHERE marshal = :marshal"
)
_PAUSE: Final = text(
    f"INSERT INTO pace (marshal, next_at) VALUES (:marshal, {_NOW} + :seconds)"  # noqa: S608 - a constant
    f" ON CONFLICT (marshal) DO UPDATE SET next_at = greatest(pace.next_at, {_NOW} + :seconds)"
)


class SharedPacer:
    """A token bucket like `iris_client.http.pacer.Pacer`, kept in PostgreSQL by its clock: one for all processes.

    A caller books its place in a transaction of one statement and sleeps outside of it.

    Parameters
    ----------
    engine : Engine
        Of PostgreSQL.
    marshal : str
        Whose budget it is.
    rate : float
        Requests per second in the long run, of all processes together.
    burst : int
        Requests that may go at once after a pause.
    sleep : callable
        How to wait; replaced in tests.
    """

    def __init__(
        self, engine: Engine, marshal: str, rate: float, burst: int, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError("rate must be positive and burst at least 1")
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._interval = 1.0 / rate
        self._slack = (burst - 1) * self._interval
        self._marshal = marshal
        self._terms = {
            "marshal": marshal,
            "interval": self._interval,
            "slack": self._slack,
            "longest": LONGEST_S,
        }
        self._sleep = sleep

    def wait(self) -> float:
        """Wait until the next request may go; returns the seconds waited."""
        with self._engine.connect() as connection:
            delay = max(0.0, float(connection.execute(_BOOK, self._terms).scalar_one()))
        if delay > 0:
            self._sleep(delay)
        return delay

    def pause(self, seconds: float) -> None:
        """Let nobody go for `seconds`, and nobody in a burst after that: the server has said that it is too much."""
        with self._engine.connect() as connection:
            connection.execute(_PAUSE, {"marshal": self._marshal, "seconds": seconds})

    def left(self) -> int:
        """How many requests may go at once now, of all processes; 0 while callers have to wait."""
        with self._engine.connect() as connection:
            waited = connection.execute(_LEFT, self._terms).scalar_one_or_none()
        slack, interval = self._slack, self._interval
        return max(0, int((slack if waited is None else float(waited)) / interval + 1.0 + 1e-6))

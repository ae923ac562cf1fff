"""Trouble with the database, as real as it can be had: locked, full, connections cut."""

import random
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

_BUSY_MS: Final = 50
_FULL_SHARE: Final = 0.1


class Trouble(StrEnum):
    """What can go wrong in one cycle."""

    LOCKED = "locked"
    """Another holds the file, or a table, for longer than one waits."""
    FULL = "full"
    """SQLite: the file may not grow (its own limit). PostgreSQL: one statement in ten answers that the disk is full."""
    CUT = "cut"
    """PostgreSQL's connections are ended by an administrator, those of other workers too."""


def kinds_of(address: str) -> tuple[Trouble, ...]:
    """What can happen to this database."""
    on_server = make_url(address).get_backend_name() == "postgresql"
    return tuple(Trouble) if on_server else (Trouble.LOCKED, Trouble.FULL)


def befall(engine: Engine, kind: Trouble, chance: random.Random) -> None:
    """Let it happen to this process from now on; in threads that end with it."""
    if engine.dialect.name == "postgresql":
        {Trouble.LOCKED: _lock_table, Trouble.FULL: _fill, Trouble.CUT: _cut}[kind](engine, chance)
        return
    engine.dispose()  # connections that are made from now on have it
    if kind is Trouble.FULL:
        event.listen(engine, "connect", _no_growth)
    else:
        event.listen(engine, "connect", _impatient)
        _in_background(lambda: _hold(str(engine.url.database), chance))


def _no_growth(connection: Any, _record: object) -> None:
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 1}")


def _impatient(connection: Any, _record: object) -> None:
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")


def _hold(file: str, chance: random.Random) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    while True:
        time.sleep(chance.uniform(0.0, 0.4))
        with suppress(sqlite3.OperationalError):
            connection.execute("BEGIN EXCLUSIVE")
            time.sleep(chance.uniform(0.05, 0.3))
            connection.execute("ROLLBACK")


def _lock_table(engine: Engine, chance: random.Random) -> None:
    def hold() -> None:
        with _beside(engine).connect() as connection:
            while True:
                time.sleep(chance.uniform(0.0, 0.6))
                with connection.begin():
                    table = chance.choice(("queue", "outbox", "reports", "leases"))
                    connection.execute(text(f'LOCK TABLE "{table}" IN ACCESS EXCLUSIVE MODE'))
                    time.sleep(chance.uniform(0.05, 0.3))

    _in_background(hold)


def _cut(engine: Engine, chance: random.Random) -> None:
    others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.5"
    )

    def cut() -> None:
        while True:
            time.sleep(chance.uniform(0.1, 0.6))
            with _beside(engine).begin() as connection:
                connection.execute(others)

    _in_background(cut)


def _fill(engine: Engine, chance: random.Random) -> None:
    from psycopg import errors

    def full(_cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip()[:6].upper() in ("INSERT", "UPDATE") and chance.random() < _FULL_SHARE:
            raise errors.DiskFull('could not extend file "base/1/2": No space left on device (injected)')

    event.listen(engine, "do_execute", full)


def _beside(engine: Engine) -> Engine:
    return create_engine(engine.url, pool_pre_ping=True)


def _in_background(work: Callable[[], None]) -> None:
    def guarded() -> None:
        while True:  # whoever makes trouble is cut off too
            with suppress(DBAPIError):
                work()

    threading.Thread(target=guarded, name="trouble", daemon=True).start()

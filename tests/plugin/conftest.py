"""What the tests of the service share."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from plugin.app import App, build
from plugin.sandbox.postgres import PostgresServer
from plugin.settings import Settings
from plugin.store import Store, open_store
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import FakeMarshal

URL = "http://marshal.test"
TOKEN = "5ec9e7aa-0000-4000-8000-00000000feed"


class FakeClock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 6, 10, 12)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests of store, cycle and truth run on SQLite and on PostgreSQL; those marked `sqlite` are about that alone."""
    both = ("tests/plugin/store/", "tests/plugin/cycle/", "tests/plugin/truth/", "tests/plugin/backfill/test_posting")
    here = metafunc.definition.nodeid.startswith(both)
    if not here or metafunc.definition.get_closest_marker("sqlite"):
        return
    for name in ("database", "empty_database"):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, ("sqlite", "postgres"), indirect=True)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def marshal() -> FakeMarshal:
    return FakeMarshal()


@pytest.fixture(scope="session")
def migrated(postgres: PostgresServer) -> str:
    """A database with the newest schema, to copy."""
    url = postgres.database()
    open_store(url, marshal=URL).close()
    return url


@pytest.fixture
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database in which there is nothing at all."""
    yield from _database(request, tmp_path, template=False)


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without rows."""
    yield from _database(request, tmp_path, template=True)


def _database(request: pytest.FixtureRequest, folder: Path, *, template: bool) -> Iterator[str]:
    if getattr(request, "param", "sqlite") == "sqlite":
        yield f"sqlite:///{folder / 'astranet.sqlite'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.database(request.getfixturevalue("migrated") if template else None)
    yield url
    server.drop(url)


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with open_store(database, marshal=URL) as opened:
        yield opened


def make_settings(folder: Path, **values: Any) -> Settings:
    given = {
        "marshal_url": URL,
        "marshal_token": TOKEN,
        "group_ids": (6,),
        "database_url": f"sqlite:///{folder / 'astranet.sqlite'}",
        "output_dir": folder / "output",
        "dry_run": False,
        "sweep_hours": 0,
    }
    return Settings(**{**given, **values})


@pytest.fixture
def make_app(tmp_path: Path, database: str, marshal: FakeMarshal, clock: FakeClock) -> Iterator[Callable[..., App]]:
    """Build apps on one database; those still open are closed at the end."""
    made: list[App] = []

    def make(*, analyst: FakeAnalyst | None = None, **values: Any) -> App:
        given = {"database_url": database, **values}
        app = build(make_settings(tmp_path, **given), marshal=marshal, analyst=analyst or FakeAnalyst(), clock=clock)
        made.append(app)
        return app

    yield make
    for app in made:
        app.close()

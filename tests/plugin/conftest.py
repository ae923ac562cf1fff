"""What the tests of the service share."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from plugin.app import App, build
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


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def marshal() -> FakeMarshal:
    return FakeMarshal()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.sqlite'}", marshal=URL) as opened:
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
def make_app(tmp_path: Path, marshal: FakeMarshal, clock: FakeClock) -> Iterator[Callable[..., App]]:
    """Build apps on one database; those still open are closed at the end."""
    made: list[App] = []

    def make(*, analyst: FakeAnalyst | None = None, **values: Any) -> App:
        app = build(make_settings(tmp_path, **values), marshal=marshal, analyst=analyst or FakeAnalyst(), clock=clock)
        made.append(app)
        return app

    yield make
    for app in made:
        app.close()

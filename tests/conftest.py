"""Runs before every other import of the tests."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

import plugin  # noqa: F401 - one thread, as in the service (see there)

if TYPE_CHECKING:
    from plugin.sandbox.postgres import PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator["PostgresServer"]:
    """A real PostgreSQL: one that is started here, or that of TEST_POSTGRES_URL, whose user may create databases."""
    from plugin.sandbox.postgres import PostgresServer

    with PostgresServer(os.environ.get("TEST_POSTGRES_URL")) as server:
        yield server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse tests that are named by compressed bytes: these hold the time, and two processes know other tests then."""
    nameless = [item.nodeid for item in items if "\\x1f\\x8b\\x08" in item.nodeid]
    if nameless:
        raise pytest.UsageError(f"these need ids of their own: {', '.join(nameless)}")

"""What the tests of the pages share."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plugin.store import Store, open_store
from plugin.web.parts import WebParts
from plugin.web.server import make_web_app
from tests.fakes.web import TestClient
from tests.plugin.conftest import URL, FakeClock, make_settings

BIND = "127.0.0.1:8765"
LOCAL = "http://127.0.0.1:8765"
WEB_TOKEN = "a-token-for-the-pages-0123456789"
Visit = Callable[..., TestClient]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Beside the database of a service that a test may start."""
    with open_store(f"sqlite:///{tmp_path / 'store.sqlite'}", marshal=URL) as opened:
        yield opened


@pytest.fixture
def visit(tmp_path: Path, store: Store, clock: FakeClock) -> Visit:
    """A browser on the pages of an empty store, from this machine."""

    def make(
        *, base_url: str = LOCAL, client: tuple[str, int] = ("127.0.0.1", 50000), store: Store = store, **values: Any
    ) -> TestClient:
        settings = make_settings(tmp_path, **{"web_bind": BIND, **values})
        app = make_web_app(WebParts(settings=settings, store=store, clock=clock))
        return TestClient(app, base_url=base_url, client=client, follow_redirects=False)

    return make

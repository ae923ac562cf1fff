"""The web server: rooms of pages put together, served beside the service or alone."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from plugin.environment import PREFIX, ConfigError
from plugin.web import analysis, health, login, notes, pages, reports
from plugin.web.access import STATIC, Access, Guard
from plugin.web.parts import MakeRoom, WebParts
from plugin.web.rendering import STATIC_FOLDER
from plugin.web.security import SecurityHeaders

_log = structlog.get_logger("astranet.web")

ROOMS: Final[tuple[MakeRoom, ...]] = (
    pages.make_room,
    login.make_room,
    health.make_room,
    analysis.make_room,
    reports.make_room,
    notes.make_room,
)
"""Every room there is. Each gives its routes, its links, and which paths it guards itself."""

_START_S, _STOP_S, _ASKED_S = 20.0, 10.0, 5


def make_web_app(parts: WebParts, rooms: Sequence[MakeRoom] = ROOMS) -> Starlette:
    """Put the rooms together, behind the rules of access.

    Raises
    ------
    ConfigError
        If the settings would leave the pages open, see `Access.of`.
    """
    access = Access.of(parts.settings)
    made = [make(parts) for make in rooms]
    app = Starlette(
        routes=[
            *(route for room in made for route in room.routes),
            Mount(STATIC.rstrip("/"), StaticFiles(directory=STATIC_FOLDER)),
        ],
        middleware=[Middleware(SecurityHeaders), Middleware(Guard, access=access, rooms=made)],
    )
    app.state.access = access
    app.state.links = [link for room in made for link in room.links]
    return app


class WebServer:
    """An application on an address, in a thread of its own.

    Raises
    ------
    ConfigError
        If the address cannot be listened on.
    """

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._socket = socket.create_server((host, port), family=family)
        except OSError as error:
            raise ConfigError(f"{PREFIX}WEB_BIND: cannot listen on {host}:{port}: {error.strerror}") from None
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,  # an address may hold what somebody typed
            proxy_headers=False,  # who connects is who connects; `Access` reads the one header that is trusted
            server_header=False,
            timeout_keep_alive=_ASKED_S,
            timeout_graceful_shutdown=_ASKED_S,
            limit_concurrency=200,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="web", daemon=True)

    def start(self) -> None:
        """Start serving.

        Raises
        ------
        RuntimeError
            If the server does not come up.
        """
        self._thread.start()
        end = time.monotonic() + _START_S
        while not self._server.started:
            if time.monotonic() > end or not self._thread.is_alive():
                raise RuntimeError("the web server did not start")
            time.sleep(0.01)

    def stop(self) -> None:
        """Let requests in hand end, for some seconds; then stop."""
        self._server.should_exit = True
        self._thread.join(_STOP_S)
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])


@contextmanager
def serve(parts: WebParts) -> Iterator[str]:
    """Serve at `WEB_BIND` as long as the context lasts; gives the address.

    Raises
    ------
    ConfigError
        If the settings would leave the pages open, or the address cannot be listened on.
    """
    server = WebServer(make_web_app(parts), *parts.settings.web())
    server.start()
    _log.info("pages", at=server.url)
    try:
        yield server.url
    finally:
        server.stop()

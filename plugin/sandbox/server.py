"""The sandbox on a loopback port: uvicorn in a thread of its own."""

import asyncio
import socket
import threading
import time
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

LOOPBACK = "127.0.0.1"
_START_S, _STOP_S = 20.0, 10.0


class Connections:
    """The open connections, by the client's address, so that a fault can cut one."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], asyncio.Transport] = {}

    def opened(self, transport: asyncio.Transport) -> None:
        """Remember a connection."""
        self._open[transport.get_extra_info("peername")] = transport
        # Head and body are two packets; without this each answer waits 40 ms for the client's acknowledgement.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def abort(self, client: tuple[str, int]) -> None:
        """Cut a connection at once, without an answer."""
        if (transport := self._open.pop(client, None)) is not None:
            transport.abort()


class ServerThread:
    """An ASGI application on 127.0.0.1.

    Parameters
    ----------
    app : ASGI application
    connections : Connections
        Gets every new connection.
    port : int
        0 picks a free one.
    """

    def __init__(self, app: ASGIApp, connections: Connections, port: int = 0) -> None:
        self._socket = socket.create_server((LOOPBACK, port))
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            http=_protocol(connections),
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=0,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="sandbox", daemon=True)

    def start(self) -> None:
        """Start serving; the socket listens from the moment it is made, so nothing is refused meanwhile.

        Raises
        ------
        RuntimeError
            If the server does not come up.
        """
        self._thread.start()
        for _ in range(int(_START_S / 0.01)):
            if self._server.started:
                return
            time.sleep(0.01)
        raise RuntimeError("the sandbox did not start")

    def stop(self) -> None:
        """Stop serving and wait for the thread."""
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(_STOP_S)
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])


class Served:
    """What listens on a loopback port while it runs: `_server` is None before and after."""

    _server: ServerThread | None = None

    @property
    def url(self) -> str:
        """Where it listens.

        Raises
        ------
        RuntimeError
            If it does not.
        """
        if self._server is None:
            raise RuntimeError(f"{type(self).__name__} is not running; use it as a context manager")
        return f"http://{LOOPBACK}:{self._server.port}"

    def _stop(self) -> None:
        """Stop listening, if it does."""
        if self._server is not None:
            self._server.stop()
            self._server = None


def _protocol(connections: Connections) -> type[H11Protocol]:
    class Watched(H11Protocol):
        """Tells `connections` of every connection."""

        def connection_made(self, transport: Any) -> None:
            connections.opened(transport)
            super().connection_made(transport)

    return Watched

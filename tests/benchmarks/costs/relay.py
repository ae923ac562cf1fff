"""A relay of TCP connections that counts what goes through it, both ways, headers included."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

LOOPBACK: Final = "127.0.0.1"
_BUFFER: Final = 65536
_TIMEOUT_S: Final = 300.0


class Relay:
    """Listens on a loopback port and passes everything on to another one. Use it as a context.

    Parameters
    ----------
    port : int
        Where the server listens.
    """

    def __init__(self, port: int) -> None:
        self._to = (LOOPBACK, port)
        self._socket = socket.create_server((LOOPBACK, 0))
        self._lock = threading.Lock()
        self._sent = self._received = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self._socket.getsockname()[1]}"

    def counted(self) -> tuple[int, int]:
        """Bytes that went to the server and came from it since the last time, then nothing."""
        with self._lock:
            found = self._sent, self._received
            self._sent = self._received = 0
        return found

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._socket.close()

    def _listen(self) -> None:
        while True:
            try:
                ours, _ = self._socket.accept()
            except OSError:  # closed
                return
            theirs = socket.create_connection(self._to, timeout=_TIMEOUT_S)
            for one, other, is_request in ((ours, theirs, True), (theirs, ours, False)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass_on, args=(one, other, is_request), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket, is_request: bool) -> None:
        with suppress(OSError):  # either side has gone
            while data := one.recv(_BUFFER):
                with self._lock:
                    if is_request:
                        self._sent += len(data)
                    else:
                        self._received += len(data)
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

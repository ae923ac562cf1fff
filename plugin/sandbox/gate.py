"""What stands before the application: it counts every call, limits the rate, and brings the faults about."""

import asyncio
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugin.sandbox.faults import Fault, FaultKind, Hook, Seen
from plugin.sandbox.ratelimit import LeakyBucket

WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SPOILING = frozenset({FaultKind.TRUNCATED, FaultKind.SHORT_BODY, FaultKind.WRONG_TYPES, FaultKind.NAN})
_LOGIN_PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n"


class Record(NamedTuple):
    """One call the sandbox has seen. Status 0: the client got no answer."""

    method: str
    path: str
    status: int


class Gate:
    """ASGI middleware around the application.

    Parameters
    ----------
    app : ASGI application
    abort : callable
        Cuts the connection of a client, given as (host, port).
    """

    def __init__(self, app: ASGIApp, abort: Callable[[tuple[str, int]], None]) -> None:
        self._app, self._abort = app, abort
        self._lock = threading.Lock()
        self._records: list[Record] = []
        self._seen = 0
        self.hook: Hook | None = None
        self.limit: LeakyBucket | None = None

    @property
    def records(self) -> list[Record]:
        """Every call so far, in order of completion."""
        with self._lock:
            return list(self._records)

    def forget(self) -> None:
        """Start the list of calls anew."""
        with self._lock:
            self._records.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        method, path = scope["method"], scope["path"]
        if len(path) > 1 and path.endswith("/"):
            scope = {**scope, "path": path.rstrip("/")}
        fault = None
        if not self._admitted(scope):
            status, headers, body = nginx_page(429)
        elif (fault := self._fault(method, path)) is None:
            status, headers, body = await _run(self._app, scope, receive)
        else:
            status, headers, body = await self._strike(fault, scope, receive)
        with self._lock:
            self._records.append(Record(method, path, status))
        if status:
            await _reply(send, status, headers, body)
            return
        if fault is not None and fault.kind is FaultKind.TIMEOUT:
            await asyncio.sleep(fault.delay_s)
        await self._cut(scope, receive, send, headers, body)

    def _admitted(self, scope: Scope) -> bool:
        if scope["path"].startswith("/lasair/"):  # another server, with limits of its own
            return True
        header = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        return self.limit is None or self.limit.admits(header)

    def _fault(self, method: str, path: str) -> Fault | None:
        with self._lock:
            seen = Seen(number=self._seen, method=method, path=path)
            self._seen += 1
            return None if self.hook is None else self.hook(seen)

    async def _strike(self, fault: Fault, scope: Scope, receive: Receive) -> "Answer":
        done: Answer = (0, [], b"")
        if fault.after or fault.kind in _SPOILING:
            done = await _run(self._app, scope, receive)
        return spoil(fault.kind, done)

    async def _cut(self, scope: Scope, receive: Receive, send: Send, headers: "Headers", body: bytes) -> None:
        if body:
            announced = [(b"content-length", str(2 * len(body)).encode()), *headers]
            await send({"type": "http.response.start", "status": 200, "headers": announced})
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await asyncio.sleep(0.02)
        self._abort(tuple(scope["client"]))
        while (await receive())["type"] != "http.disconnect":
            pass


Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]


def spoil(kind: FaultKind, done: Answer) -> Answer:
    """What the client gets instead of `done`; status 0 means that the connection is cut."""
    status, headers, body = done
    if kind in (FaultKind.TIMEOUT, FaultKind.RESET):
        return 0, [], b""
    if kind is FaultKind.RATE_LIMIT:
        return nginx_page(429)
    if kind is FaultKind.BAD_GATEWAY:
        return nginx_page(502)
    if kind is FaultKind.SERVER_ERROR:
        text = b'{"status": "error", "message": "(injected) something broke", "data": {}, "version": "1.4.0"}'
        return 500, [(b"content-type", b"application/json; charset=UTF-8")], text
    if kind is FaultKind.HTML:
        return 200, [(b"content-type", b"text/html; charset=UTF-8")], _LOGIN_PAGE
    if kind is FaultKind.SHORT_BODY:
        return 0, headers, body[: max(1, len(body) // 2)]
    if kind is FaultKind.TRUNCATED:
        return status, headers, body[: len(body) // 2]
    if kind is FaultKind.NAN:
        return status, headers, body.replace(b"null", b"NaN")
    return status, headers, b'{"status": "success", "data": "not what you expect", "version": "1.4.0"}'


def nginx_page(status: int) -> Answer:
    """An error page of nginx: HTML, without Retry-After."""
    title = f"{status} {HTTPStatus(status).phrase}"
    head = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
    body = f"{head}<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
    return status, [(b"content-type", b"text/html")], body.encode()


async def _run(app: ASGIApp, scope: Scope, receive: Receive) -> Answer:
    """Let the application answer, into memory."""
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, keep)
    start, *rest = messages
    kept = [(k, v) for k, v in start["headers"] if k != b"content-length"]
    return start["status"], kept, b"".join(m.get("body", b"") for m in rest)


async def _reply(send: Send, status: int, headers: Headers, body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})

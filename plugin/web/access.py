"""Who may read the pages and who may change something.

Bound to loopback, everybody on this machine may read. Bound elsewhere, nobody may without the token or a reverse
proxy that says who it is. Whatever changes something needs a session and a form of ours, wherever it is bound.
"""

import hmac
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import URL
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugin.environment import PREFIX, ConfigError
from plugin.settings import Settings
from plugin.web.parts import Room
from plugin.web.sessions import COOKIE, Attempts, Sessions

LOGIN: Final = "/login"
STATIC: Final = "/static/"
_FORM_BYTES: Final = 64 * 1024
_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks.

    Parameters
    ----------
    name : str or None
        As a proxy named them; None for somebody with the token, or nobody in particular.
    session : str or None
        What the tokens of their forms are bound to. None: may not change anything.
    """

    may_read: bool
    name: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The rules, from the settings.

    Parameters
    ----------
    is_local : bool
        Whether only this machine can connect.
    header : str or None
        In which a trusted proxy names its user.
    hosts : tuple of str
        Under which names the pages may be asked for; empty for any.
    """

    is_local: bool
    token: str | None
    header: str | None
    proxies: tuple[Network, ...]
    hosts: tuple[str, ...]
    sessions: Sessions
    attempts: Attempts

    @classmethod
    def of(cls, settings: Settings) -> "Access":
        """Read the rules.

        Raises
        ------
        ConfigError
            If the pages would be open to others without a token or a proxy that says who it is, or a trusted header
            comes without the addresses of the proxies.
        """
        host, _ = settings.web()
        is_local = host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
        token = None if settings.web_token is None else settings.web_token.get_secret_value()
        header, proxies = settings.web_trusted_header, settings.web_trusted_proxies
        if header and not proxies:
            raise ConfigError(
                f"{PREFIX}WEB_TRUSTED_HEADER: anybody could send this header; set {PREFIX}WEB_TRUSTED_PROXIES to the "
                "addresses of the proxy that sets it."
            )
        if not is_local and token is None and not header:
            raise ConfigError(
                f"{PREFIX}WEB_BIND: {host} can be reached by other machines, and nobody would have to say who they "
                f"are. Set {PREFIX}WEB_TOKEN_FILE, or {PREFIX}WEB_TRUSTED_HEADER behind a proxy that logs people in, "
                "or bind to 127.0.0.1."
            )
        asked = urlsplit(settings.analysis_url or "").hostname  # the marshal asks under this one
        named = (*settings.web_hosts, *((asked,) if asked else ()))
        names = (*_LOOPBACK_NAMES, host, *named) if is_local or settings.web_hosts else ()
        return cls(
            is_local=is_local,
            token=token,
            header=header,
            proxies=tuple(ipaddress.ip_network(one, strict=False) for one in proxies),
            hosts=tuple(name.lower() for name in names),
            sessions=Sessions(token),
            attempts=Attempts(),
        )

    def is_host(self, host: str) -> bool:
        """Whether the pages may be asked for under this name; a page elsewhere cannot have its own name point here."""
        name = urlsplit(f"//{host}").hostname if host and _is_host_text(host) else None
        return not self.hosts or (name is not None and name.lower() in self.hosts)

    def visitor(self, request: HTTPConnection) -> Visitor:
        """Who asks, by cookie, by a proxy's header, by bearer token, or by being on this machine."""
        if (session := self.sessions.read(request.cookies.get(COOKIE))) is not None and self.token is not None:
            return Visitor(may_read=True, session=f"token {session}")
        if (name := self._named_by_proxy(request)) is not None:
            return Visitor(may_read=True, name=name, session=f"user {name}")
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_token(bearer.strip(), address_of(request)):
            return Visitor(may_read=True)
        # Somebody whom a proxy on this machine let through is not on this machine.
        came_by_proxy = any(name in request.headers for name in _FORWARDED)
        is_here = self.is_local and not came_by_proxy and self.is_host(request.headers.get("host", ""))
        return Visitor(may_read=is_here)

    def is_token(self, given: str, address: str) -> bool:
        """Whether this is the token; a wrong one is counted, and after some of them nothing is right for a while."""
        if self.token is None or not self.attempts.allowed(address):
            return False
        if hmac.compare_digest(given.encode(), self.token.encode()):
            return True
        self.attempts.wrong(address)
        return False

    def is_https(self, request: HTTPConnection) -> bool:
        """Whether the visitor's browser speaks https, to us or to a trusted proxy."""
        by_proxy = self._is_proxy(request) and request.headers.get("x-forwarded-proto") == "https"
        return request.url.scheme == "https" or by_proxy

    def _named_by_proxy(self, request: HTTPConnection) -> str | None:
        if not self.header or not self._is_proxy(request):
            return None
        return request.headers.get(self.header, "").strip()[:200] or None

    def _is_proxy(self, request: HTTPConnection) -> bool:
        address = address_of(request)
        return _is_address(address) and any(ipaddress.ip_address(address) in network for network in self.proxies)


class Guard:
    """ASGI middleware: lets in who may, and refuses a change that was not asked for by a form of ours.

    Parameters
    ----------
    rooms : sequence of Room
        Some paths of theirs they guard themselves.
    """

    def __init__(self, app: ASGIApp, access: Access, rooms: Sequence[Room]) -> None:
        self._app = app
        self._access = access
        self._rooms = tuple(rooms)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, and hand it on or refuse it."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        refused, receive = await self._check(request, receive)
        await (self._app if refused is None else refused)(scope, receive, send)

    async def _check(self, request: Request, receive: Receive) -> tuple[Response | None, Receive]:
        """Why a request is refused, or None; and how its body is read from now on."""
        path = request.url.path
        if not self._access.is_host(request.headers.get("host", "")):
            return refusal(421, "This server is not asked under this name."), receive
        request.state.visitor = visitor = self._access.visitor(request)
        if any(room.is_own(path) for room in self._rooms):
            return None, receive
        is_change = request.method not in ("GET", "HEAD")
        if is_change and not _is_same_origin(request):
            return refusal(403, "This was asked for by another site."), receive
        if path == LOGIN or (path.startswith(STATIC) and not is_change):
            return None, receive
        if not visitor.may_read:
            if is_change or self._access.token is None:
                return refusal(401, "Log in first."), receive
            return RedirectResponse(f"{LOGIN}?{_next(request.url)}", 303), receive
        return await self._check_change(request, visitor, receive) if is_change else (None, receive)

    async def _check_change(
        self, request: Request, visitor: Visitor, receive: Receive
    ) -> tuple[Response | None, Receive]:
        if visitor.session is None:
            return refusal(403, "Reading needs no login here; changing something does."), receive
        body = await read_body(request)
        if body is None:
            return refusal(413, "The form is too long."), receive
        form = parse_qs(body.decode("utf-8", "replace"), max_num_fields=100)
        if not self._access.sessions.is_csrf(form.get("csrf", [None])[0], visitor.session):
            return refusal(403, "The form is too old. Go back, reload the page, and try again."), receive
        request.state.form = {name: values[0] for name, values in form.items()}
        return None, _replay(body)


def form_of(request: HTTPConnection) -> Mapping[str, str]:
    """The fields of a form that was let in, each once."""
    found: Mapping[str, str] = request.state.form
    return found


def address_of(request: HTTPConnection) -> str:
    """From where the connection came; never what a header says."""
    return request.client.host if request.client is not None else ""


def refusal(status: int, why: str) -> Response:
    """A refusal in one line."""
    return PlainTextResponse(why + "\n", status)


async def read_body(request: Request, limit: int = _FORM_BYTES) -> bytes | None:
    """The body; None when it is longer than `limit` bytes."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
    return b"".join(parts)


def _replay(body: bytes) -> Receive:
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return left.pop() if left else {"type": "http.disconnect"}

    return receive


def _is_same_origin(request: Request) -> bool:
    """Whether a browser sends this from a page of ours. Who sends no such header is no browser that could be misled."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


def _next(url: URL) -> str:
    from urllib.parse import urlencode

    return urlencode({"next": url.path + (f"?{url.query}" if url.query else "")})


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_host_text(text: str) -> bool:
    return len(text) < 300 and not set(text) & set("/?#@\\ ")

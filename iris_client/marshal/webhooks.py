"""SkyPortal's web hooks: the address that takes the answer to one analysis, once, and asks for no token.

The address is the credential, so it is a secret; and it comes from outside, so it is trusted only where it is the
marshal's own: the host, port and path are compared here, and redirects are not followed.

    200, or "already updated"                answered, by this call or by an earlier one whose answer was lost
    "Token has expired", "timed_out"         `Spent`: it came too late
    "Invalid token"                          `Unknown`: the analysis was deleted, or the marshal's database hiccups
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from iris_client.errors import Refused
from iris_client.http.closing import Closing
from iris_client.http.pacer import Pacer
from iris_client.http.transport import ANSWER_S, Hooks, Transport

_PATH: Final = re.compile(
    r"/api/webhook/obj_analysis/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE
)
_ANSWERED: Final = re.compile(r"already updated with status='(completed|failure)'")
_LATE: Final = re.compile(r"Token has expired|already updated with status='timed_out'")
_PORTS: Final = {"http": 80, "https": 443}


class Spent(Refused):
    """The hook takes nothing any more: its time is over."""


class Unknown(Refused):
    """The marshal knows no analysis of that hook."""


class WebHooks(Closing):
    """Answers analyses.

    Parameters
    ----------
    addresses : sequence of str
        Addresses of the marshal; a hook must begin with one of them.
    sleep : callable
        How to wait for the pacer.
    hooks : Hooks, optional
        Who is told of each request. It is told the path, so it must not tell it on.
    http : httpx.BaseTransport, optional
        What carries the requests.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        *,
        timeout_s: float = ANSWER_S,
        sleep: Callable[[float], None] | None = None,
        hooks: Hooks | None = None,
        http: httpx.BaseTransport | None = None,
    ) -> None:
        pacer = Pacer(4.0, 8) if sleep is None else Pacer(4.0, 8, sleep=sleep)
        self._clients = {
            _origin(url): Transport(url, None, timeout_s=timeout_s, pacer=pacer, hooks=hooks, http=http)
            for url in addresses
        }

    def __repr__(self) -> str:
        return f"WebHooks({sorted(self._clients)})"

    def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            client.close()

    def check(self, url: str) -> None:
        """See whether an address is a hook of the marshal's.

        Raises
        ------
        ValueError
            If it is not; the message says why and does not hold the address's secret.
        """
        self._split(url)

    def answer(self, url: str, body: Mapping[str, Any]) -> None:
        """Answer an analysis; that it was answered already is no error.

        Raises
        ------
        Spent, Unknown
            If the marshal takes no answer there any more.
        UpstreamError
            If it was not taken for another reason; what is `Unavailable` may be sent again.
        """
        try:
            client, path = self._split(url)
        except ValueError as error:
            raise Refused(f"not sent: {error}") from None
        try:
            client.post(path, body)
        except Refused as error:
            said = str(error)
            if _ANSWERED.search(said):
                return
            if _LATE.search(said):
                raise Spent(f"the marshal takes no answer any more: {said}", status=error.status) from None
            if error.status == 403 and "Invalid token" in said:
                raise Unknown(f"the marshal knows no such analysis: {said}", status=error.status) from None
            raise

    def _split(self, url: str) -> tuple[Transport, str]:
        parts = _parts(url)
        if parts.username is not None or parts.password is not None or "?" in url or "#" in url:
            raise ValueError("the call-back address holds a user name, a query or a fragment")
        if not _PATH.fullmatch(parts.path):
            raise ValueError("the call-back address is no web hook of analyses (/api/webhook/obj_analysis/<uuid>)")
        client = self._clients.get(_origin(url))
        if client is None:
            known = " or ".join(sorted(f"{s}://{h}:{p}" for s, h, p in self._clients))
            asked = f"{parts.scheme}://{parts.hostname}"
            raise ValueError(f"the call-back address is not the marshal's: it is at {asked[:80]}, not at {known}")
        return client, parts.path


def _parts(url: str) -> Any:
    if not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        raise ValueError("the call-back address holds characters that none can hold")
    return urlsplit(url)


def _origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: two addresses with the same ones are of the same server."""
    parts = _parts(url)
    try:
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise ValueError("the call-back address is no http(s) address") from None
    return parts.scheme, (parts.hostname or "").lower(), port

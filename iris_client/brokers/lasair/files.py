"""Stamps from the addresses that Lasair gives for them. They are public: no token is sent there."""

import time
import zlib
from collections.abc import Callable
from typing import Final, cast
from urllib.parse import urljoin, urlsplit

import httpx

from iris_client.addresses import is_loopback
from iris_client.errors import BadPayload, Unavailable
from iris_client.http.closing import Closing
from iris_client.http.pacer import Pacer, Pacing
from iris_client.http.transport import Hooks
from iris_client.http.unpack import ACCEPTED, unpacked

_MOST_BYTES: Final = 1 << 24
_ATTEMPTS: Final = 4
_BLOCK: Final = 2880
"""FITS files consist of blocks of so many bytes."""


class Files(Closing):
    """A reader of small files on the host of an API, or on one of the same domain.

    Parameters
    ----------
    url : str
        Of the API.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float,
        pacer: Pacing | None = None,
        sleep: Callable[[float], None] = time.sleep,
        hooks: Hooks | None = None,
        http: httpx.BaseTransport | None = None,
    ) -> None:
        host = urlsplit(url).hostname or ""
        self._url, self._sleep, self._hooks = url, sleep, hooks or Hooks()
        self._domain = None if is_loopback(host) else host.partition(".")[2]
        self._pacer = pacer or Pacer(10.0, 10)
        headers = {"Accept-Encoding": ACCEPTED}
        trust = not is_loopback(host)
        self._client = httpx.Client(
            timeout=timeout_s, follow_redirects=False, transport=http, headers=headers, trust_env=trust
        )

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def get(self, url: str | None) -> bytes | None:
        """The bytes at an address; None where there is none, or it is not of this server.

        What looks cut short is asked for again; if it stays so it is handed on as it is.

        Raises
        ------
        Unavailable
            If there is no answer.
        """
        where = None if url is None else urljoin(self._url, url)
        if where is None or not self._is_theirs(where):
            return None
        for attempt in range(1, _ATTEMPTS + 1):
            last = attempt == _ATTEMPTS
            try:
                content = self._once(where)
            except Unavailable:
                if last:
                    raise
            else:
                if not content or last or _is_whole(content):
                    return content or None
            self._sleep(0.5 * attempt)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, url: str) -> bytes | None:
        path = urlsplit(url).path
        self._pacer.wait()
        start, status = time.monotonic(), None
        try:
            with self._client.stream("GET", url) as answer:
                status = answer.status_code
                packing = answer.headers.get("Content-Encoding", "")
                raw = cast(httpx.SyncByteStream, answer.stream)
                content = b"".join(unpacked(raw, packing, limit=_MOST_BYTES, what=f"GET {path}"))
                page = "html" in answer.headers.get("Content-Type", "")
        except httpx.TransportError as error:
            raise Unavailable(f"GET {path}: no answer ({type(error).__name__})") from None
        except BadPayload:
            return None
        finally:
            self._hooks.on_request("GET", path, status, time.monotonic() - start)
        if status == 429 or status >= 500 or (status == 200 and page):
            raise Unavailable(f"GET {path}: HTTP {status}", status=status)
        return content if status == 200 else None

    def _is_theirs(self, url: str) -> bool:
        ours, theirs = urlsplit(self._url), urlsplit(url)
        if (ours.scheme, ours.hostname, ours.port) == (theirs.scheme, theirs.hostname, theirs.port):
            return True
        domain, host = self._domain, theirs.hostname or ""
        return bool(domain and "." in domain and theirs.scheme == "https" and ("." + host).endswith("." + domain))


def _is_whole(content: bytes) -> bool:
    """Whether these bytes are not obviously half a stamp, or a message in place of one."""
    if content[:2] == b"\x1f\x8b":
        machine = zlib.decompressobj(wbits=31)
        try:
            machine.decompress(content, _MOST_BYTES)
        except zlib.error:
            return False
        return machine.eof
    return not content.startswith((b"{", b"<")) and (not content.startswith(b"SIMPLE") or not len(content) % _BLOCK)

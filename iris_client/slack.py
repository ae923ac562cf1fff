"""Messages through an incoming web hook: Slack's, and whatever takes the same payload (Mattermost, Discord's /slack).

The address is the secret: whoever has it may write. So no error, representation or log holds it. A hook takes a message
and gives nothing back: no id, no way to look, and no way to change what was said.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast
from urllib.parse import urlsplit

import httpx

from iris_client.addresses import check_hook_url, hook_secrets, is_loopback
from iris_client.errors import Refused, Unavailable, redact
from iris_client.http.closing import Closing
from iris_client.http.pacer import Pacer
from iris_client.http.responses import retry_after
from iris_client.http.transport import Hooks

ANSWER_S: Final = 10.0
_CONNECT_S: Final = 5.0
_SECOND: Final = 1.0
"""Between two messages: Slack takes one a second."""
_PAUSE_429_S: Final = 30.0
"""Where a 429 names no time."""
_REMEMBERED_S: Final = 3600.0
"""For how long a hook that is gone is not asked again."""
_LATER: Final = frozenset({408, 425, 429})
_GONE: Final = frozenset({403, 404, 410})
_MOST_BYTES: Final = 65_536
_SAMPLE: Final = 100
_PATH: Final = "web hook"
"""What hooks of the transport and errors are told instead of an address."""

Payload = Mapping[str, Any]


class SlackHook(Closing):
    """One incoming web hook.

    Parameters
    ----------
    url : str
        Its whole address; https, or http on loopback.
    pacer : Pacer, optional
        By default one message a second.
    timeout_s : float
        Longest wait for an answer, seconds.
    hooks : Hooks, optional
        Who is told of each request; never of the address.
    http : httpx.BaseTransport, optional
        What carries the requests; tests pass a mock.
    clock : callable
        Seconds that only grow.

    Raises
    ------
    ValueError
        If the address cannot be one; the message does not hold it.
    """

    def __init__(
        self,
        url: str,
        *,
        pacer: Pacer | None = None,
        timeout_s: float = ANSWER_S,
        hooks: Hooks | None = None,
        http: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_hook_url(url)
        self._address = _Address(url)
        self._pacer = pacer or Pacer(1 / _SECOND, 1)
        self._hooks, self._clock, self._lock = hooks or Hooks(), clock, threading.Lock()
        self._closed_until = 0.0
        self._refusal: Refused | None = None
        self._client = httpx.Client(
            timeout=httpx.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
            follow_redirects=False,  # a redirect would carry the message, and perhaps the address, to somewhere else
            trust_env=not is_loopback(urlsplit(url).hostname or ""),
            transport=http,
        )

    def __repr__(self) -> str:
        return "SlackHook(***)"

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def post(self, text: str, blocks: Sequence[Payload] = ()) -> None:
        """Say something; what is remote in it must be escaped already, see `escaped`.

        Raises
        ------
        Unavailable
            If it was not taken now; it may have been when the answer was lost.
        Refused
            If the hook is gone or does not take this.
        """
        with self._lock:
            left = self._closed_until - self._clock()
            if left > 0:
                raise self._refusal or Unavailable("the web hook asked to wait", status=429, retry_after=left)
        status, headers, body = self._send({"text": text, **({"blocks": list(blocks)} if blocks else {})})
        self._judge(status, headers, body)

    def probe(self) -> str:
        """Ask whether the hook is there without saying anything: a message without a text is refused by one that is.

        Raises
        ------
        UpstreamError
            If it is not.
        """
        status, headers, body = self._send({})
        if status == 400:
            return "the web hook is there"
        self._judge(status, headers, body)
        return "the web hook is there, and takes a message without a text"

    def _send(self, payload: Payload) -> tuple[int, Mapping[str, str], bytes]:
        content = json.dumps(payload, allow_nan=False).encode()
        self._pacer.wait()
        start, status, parts, size = time.monotonic(), None, [], 0
        try:
            kind = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
            with self._client.stream("POST", self._address.value(), content=content, headers=kind) as answer:
                status = answer.status_code
                for part in cast(httpx.SyncByteStream, answer.stream):  # as it came: nothing is unpacked
                    parts.append(part)
                    size += len(part)
                    if size > _MOST_BYTES:
                        break
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"{_PATH}: no answer ({type(error).__name__})") from None
        finally:
            self._hooks.on_request("POST", _PATH, status, time.monotonic() - start)
        return status, {name.lower(): value for name, value in answer.headers.items()}, b"".join(parts)[:_MOST_BYTES]

    def _judge(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        page = "html" in headers.get("content-type", "").lower()
        if 200 <= status < 300 and not page:
            return
        said = f"{_PATH}: HTTP {status}: {self._sample(body)}"
        if status in _LATER or status >= 500 or page:
            wait = retry_after(headers)
            if status == 429:
                wait = _PAUSE_429_S if wait is None else wait
                self._shut(wait)
            raise Unavailable(said, status=status, retry_after=wait)
        refusal = Refused(said, status=status)
        if status in _GONE:
            self._shut(_REMEMBERED_S, refusal)
        raise refusal

    def _shut(self, seconds: float, refusal: Refused | None = None) -> None:
        """Do not ask for so long."""
        with self._lock:
            self._closed_until, self._refusal = self._clock() + seconds, refusal

    def _sample(self, body: bytes) -> str:
        text = " ".join(body[:4096].decode("utf-8", "replace").split())
        return redact(text, self._address.secrets())[:_SAMPLE]


def escaped(text: str) -> str:
    """A text from elsewhere as Slack wants it: it makes no link, calls nobody, and is one line."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    plain = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.replace("@", "@\u200b")  # Mattermost would call @channel, @all, @here


class _Address:
    """Holds the address, so that no representation shows it, not even that of a frame's local variables."""

    def __init__(self, url: str) -> None:
        self._url = url

    def value(self) -> str:
        """The address."""
        return self._url

    def secrets(self) -> tuple[str, ...]:
        """What must be in no text: the address, and its path alone."""
        return hook_secrets(self._url)

    def __repr__(self) -> str:
        return "<secret>"

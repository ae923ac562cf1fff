"""The one HTTP client for a marshal: paced, retried, redacted, and with every failure in the error tree.

What is safe to repeat is repeated here: reading, PUT (which replaces) and DELETE. A POST is sent once. When its answer
is lost it raises `Uncertain`, and the caller looks whether it has happened before doing it again.
"""

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast
from urllib.parse import urlencode, urlsplit

import httpx
import tenacity

from iris_client.errors import BadPayload, Refused, Unavailable, Uncertain, UpstreamError, redact
from iris_client.http.pacer import Pacing, shared_pacer
from iris_client.http.responses import Envelope, Reply, http_date, judge, skyportal_envelope
from iris_client.http.unpack import ACCEPTED, unpacked

CONNECT_S: Final = 10.0
"""To open a connection: longer means that nobody is there."""
ANSWER_S: Final = 60.0
"""To answer: `/api/spectra` loads every array of its window before it leaves them out."""
MAX_ANSWER_BYTES: Final = 128 * 2**20
"""Unpacked. The longest real answers, lists of spectra with their arrays, have some tens of MB."""
PATIENCE_S: Final = 60.0
"""Longest wait inside one call; a server that asks for more gets its task put off instead."""
ATTEMPTS: Final = 4
_FORM: Final = "application/x-www-form-urlencoded"
PAUSE_429_S: Final = 1.0
"""nginx names no time with its 429; after this the bucket has room again."""

Json = Mapping[str, Any]
Params = Mapping[str, str | int]


def _ignore(*_: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Who is told: nothing secret is passed, and paths come without their query.

    Parameters
    ----------
    on_request : callable
        `(method, path, status or None, seconds)` after each request; None when there was no answer.
    on_retry : callable
        `(method, path, attempt, seconds until the next, error)` before each repetition.
    on_date : callable
        `(time)` with the server's own clock, aware, of each answer that tells it.
    """

    on_request: Callable[[str, str, int | None, float], None] = _ignore
    on_retry: Callable[[str, str, int, float, UpstreamError], None] = _ignore
    on_date: Callable[[datetime], None] = _ignore


class Transport:
    """A paced and retrying client of one server for one token.

    Parameters
    ----------
    url : str
        Address of the marshal, such as `https://fritz.science`; no user name in it.
    token : str or None
        Kept out of every message, representation and hook. None for a server that asks for none.
    pacer : Pacing, optional
        By default the one that all clients of this token share.
    attempts : int
        How often a call that may be repeated is made.
    sleep : callable
        How to wait between repetitions; tests pass one that does not.
    http : httpx.BaseTransport, optional
        What carries the requests; tests pass a mock.
    scheme : str
        How the token is announced: `token` for SkyPortal, `Bearer` for most others.
    envelope : callable
        What a good answer is wrapped in.
    secrets : iterable of str
        Further values to keep out of every message, such as a password in a body.

    Raises
    ------
    ValueError
        If the URL or the token cannot be one. The message does not hold the token.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        timeout_s: float = ANSWER_S,
        pacer: Pacing | None = None,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
        hooks: Hooks | None = None,
        http: httpx.BaseTransport | None = None,
        scheme: str = "token",
        envelope: Envelope = skyportal_envelope,
        secrets: Iterable[str] = (),
    ) -> None:
        self.url = _checked_url(url)
        headers = {"Accept": "application/json", "Accept-Encoding": ACCEPTED}
        if token is not None:
            headers["Authorization"] = f"{scheme} {_checked_token(token)}"
        self._secrets = _Secrets(*(() if token is None else (token,)), *secrets)
        self._pacer = pacer or shared_pacer(self.url, token or "")
        self._envelope = envelope
        self._attempts, self._sleep, self._hooks = attempts, sleep, hooks or Hooks()
        self._client = httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s)),
            follow_redirects=False,  # a redirect would carry the token to somewhere else
            trust_env=not _is_loopback(self.url),  # a proxy is for the world outside, never for the sandbox
            transport=http,
        )

    def __repr__(self) -> str:
        return f"Transport({self.url!r})"

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def is_ours(self, value: object) -> bool:
        """Whether `value` is our token: to find it among others without handing it out."""
        return value in self._secrets.values()

    def get(self, path: str, params: Params | None = None, *, expect: type = dict) -> Any:
        """Read; the `data` of the answer, which must be of type `expect`."""
        return self._repeated("GET", path, params=params, expect=expect)[0]

    def headers(self, path: str) -> Mapping[str, str]:
        """Read, for the answer's headers (names in lower case)."""
        return self._repeated("GET", path)[1].headers

    def put(self, path: str, body: Json) -> None:
        """Replace; repeating it does no harm."""
        self._repeated("PUT", path, body=body)

    def patch(self, path: str, body: Json) -> None:
        """Set some fields; repeating it does no harm."""
        self._repeated("PATCH", path, body=body)

    def delete(self, path: str, body: Json | None = None) -> None:
        """Take away; when repeated after a lost answer this may raise `NotFound`."""
        self._repeated("DELETE", path, body=body)

    def ask(self, path: str, body: Json | bytes, *, expect: type = dict) -> Any:
        """Read by POST, as query languages do; repeated like any reading. Bytes are an encoded form."""
        return self._repeated("POST", path, body=body, expect=expect)[0]

    def log_in(self, path: str, form: Mapping[str, str]) -> Any:
        """Send a form that may be sent again, such as name and password; the answer is an object."""
        return self._repeated("POST", path, body=urlencode(form).encode(), expect=dict)[0]

    def post(self, path: str, body: Json, *, repeatable: bool = False) -> Any:
        """Add, once; the `data` of the answer.

        Parameters
        ----------
        repeatable : bool
            The server itself takes the same thing twice for one, so a lost answer may be asked for again.

        Raises
        ------
        Uncertain
            When it was sent and what came back does not tell whether it has happened.
        """
        if repeatable:
            return self._repeated("POST", path, body=body, expect=dict)[0]
        try:
            return self._once("POST", path, body=body, expect=dict)[0]
        except _NotSent as error:
            raise Unavailable(str(error)) from None
        except (Unavailable, BadPayload) as error:
            raise Uncertain(str(error), status=error.status, retry_after=error.retry_after) from None

    def _repeated(self, method: str, path: str, **rest: Any) -> tuple[Any, Reply]:
        """Call until it works, as long as repeating may help."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_help),
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=_wait,
            sleep=self._sleep,
            before_sleep=lambda state: self._tell(method, path, state),
            reraise=True,
        )
        result: tuple[Any, Reply] = retrying(self._once, method, path, **rest)
        return result

    def _once(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Json | bytes | None = None,
        expect: type | None = None,
    ) -> tuple[Any, Reply]:
        """One request and what it means."""
        reply = self._send(method, path, params, body)
        if reply.status == 429:
            self._pacer.pause(PAUSE_429_S)
        data = judge(reply, self._secrets.values(), envelope=self._envelope)
        if expect is not None and not isinstance(data, expect):
            sample = redact(json.dumps(data), self._secrets.values())[:100]
            raise BadPayload(f"{method} {path}: data is {type(data).__name__}, not {expect.__name__}: {sample}")
        return data, reply

    def _send(self, method: str, path: str, params: Params | None, body: Json | bytes | None) -> Reply:
        content = body if body is None or isinstance(body, bytes) else _encoded(body)
        kind = {} if body is None else {"Content-Type": _FORM if isinstance(body, bytes) else "application/json"}
        self._pacer.wait()
        start, status = time.monotonic(), None
        try:
            with self._client.stream(method, path, params=params, content=content, headers=kind) as answer:
                status = answer.status_code
                packing = answer.headers.get("Content-Encoding", "")
                raw = cast(httpx.SyncByteStream, answer.stream)  # as it came; `iter_bytes` unpacks without an end
                received = b"".join(unpacked(raw, packing, limit=MAX_ANSWER_BYTES, what=f"{method} {path}"))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise _NotSent(f"{method} {path}: no connection ({type(error).__name__})") from None
        except httpx.TransportError as error:
            raise Unavailable(f"{method} {path}: no answer ({type(error).__name__})") from None
        finally:
            self._hooks.on_request(method, path, status, time.monotonic() - start)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        if (theirs := http_date(headers.get("date", ""))) is not None:
            self._hooks.on_date(theirs)
        return Reply(method=method, path=path, status=answer.status_code, headers=headers, body=received)

    def _tell(self, method: str, path: str, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, UpstreamError):
            self._hooks.on_retry(method, path, state.attempt_number, state.upcoming_sleep, error)


class _NotSent(Unavailable):
    """The request never left: repeating it is safe whatever it was."""


class _Secrets:
    """Holds values that no representation may show, not even that of a frame's local variables."""

    def __init__(self, *values: str) -> None:
        self._values = values

    def values(self) -> tuple[str, ...]:
        """The values, to take out of a text."""
        return self._values

    def __repr__(self) -> str:
        return "<secrets>"


_backoff = tenacity.wait_exponential(multiplier=0.5, max=20.0) + tenacity.wait_random(0.0, 1.0)


def _wait(state: tenacity.RetryCallState) -> float:
    """Longer each time, with chance in it so that clients do not come back together; or what the server asks for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, Unavailable) else None
    return max(asked or 0.0, float(_backoff(state)))


def _may_help(error: BaseException) -> bool:
    """Half an answer may be whole the next time; a wait beyond our patience is for the caller to arrange."""
    if isinstance(error, Unavailable):
        return error.retry_after is None or error.retry_after <= PATIENCE_S
    return isinstance(error, BadPayload)


def _encoded(body: Json) -> bytes:
    """JSON without NaN, which SkyPortal answers with a 500."""
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise Refused(f"not sent: the body is no JSON ({type(error).__name__})") from None


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("the marshal's URL must start with http:// or https:// and name a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("the marshal's URL must hold no user name, password or query")
    return url.rstrip("/")


def _checked_token(token: str) -> str:
    """HTTP libraries quote a header they cannot send, token and all, so odd ones stop here."""
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise ValueError("the marshal's token is empty or holds blanks or characters that no header can carry")
    return token


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host == "::1" or host.startswith("127.")

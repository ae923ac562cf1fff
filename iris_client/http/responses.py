"""What a SkyPortal answer means: its data, or the one error of `iris_client.errors` that it stands for.

    2xx, JSON, status "success"                     data
    2xx, but no JSON object, or half of one         BadPayload
    2xx and HTML: a log-in or maintenance page      Unavailable
    404; 400, 403 for something that is not there   NotFound
    403 when reading                                NotFound (SkyPortal's "not found or not yours")
    408, 425, 429, 502-504; HTML with 403-405, 5xx  Unavailable
    500 that blames the request                     Refused
    500 otherwise                                   Unavailable
    3xx, 400, 401, 403 when writing, other 4xx      Refused

401 is what SkyPortal says when the token lacks a right (not 403), so the sentence names the likely one.
"""

import email.utils
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from iris_client.errors import BadPayload, NotFound, Refused, Unavailable, UpstreamError, redact

_SAMPLE: Final = 200
"""Characters of a foreign body that go into a message: enough to recognise it by."""
_LATER: Final = frozenset({408, 425, 429, 502, 503, 504})
_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_OFTEN_A_PROXY: Final = frozenset({403, 404, 405, 500})
"""SkyPortal says these in JSON; a page in HTML comes from something in front of it, or from another server."""
_GONE: Final = re.compile(
    r"^(Invalid object ID|Could not find any accessible|Cannot find a (classification|comment))|\bto read Obj\b"
)
_OUR_FAULT: Final = re.compile(
    r"JSON decode of request body|invalid input syntax"
    r"|psycopg\.errors\.(Invalid|Undefined|NotNull|ForeignKey|Numeric|Untranslatable)"
    r"|invalid literal for|could not convert|codec can't|Invalid output format|Could not serialize phot"
)
_RIGHTS: Final = (
    ("/annotations", "Annotate"),
    ("/comments", "Comment"),
    ("/classification", "Classify"),
    ("/analysis_service", "Manage Analysis Services"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP answer, as far as its meaning goes.

    Parameters
    ----------
    headers : mapping of str to str
        Names in lower case.
    """

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_json(self) -> bool:
        """Whether the server says that it is JSON."""
        return "json" in self.headers.get("content-type", "").lower()


Envelope = Callable[[Any], Any]
"""From the parsed JSON of a good answer to what it carries. It raises `ValueError` when that is not the agreed form."""


def skyportal_envelope(body: Any) -> Any:
    """SkyPortal's: `status` and `data`.

    Raises
    ------
    ValueError
        If it is another one.
    Refused
        If it says error, in spite of the code; without a text, for `judge` quotes the answer then.
    """
    if not isinstance(body, dict) or body.get("status") not in ("success", "error"):
        raise ValueError("no envelope of SkyPortal's")
    if body["status"] == "error":
        raise Refused("")
    return body.get("data")


def judge(reply: Reply, secrets: Sequence[str] = (), *, envelope: Envelope = skyportal_envelope) -> Any:
    """The `data` of a good answer.

    Raises
    ------
    UpstreamError
        The subclass that says what to do; the message has no secrets in it.
    """
    if 200 <= reply.status < 300:
        return _data(reply, secrets, envelope)
    kind = BadPayload if _contradicts_itself(reply) else _kind(reply, _message(reply))
    wait = retry_after(reply.headers) if kind is Unavailable else None
    raise kind(_sentence(reply, secrets), status=reply.status, retry_after=wait, secrets=secrets)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the server asks us to wait; a date is taken relative to the server's own `Date`."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d*)?", text):
        return float(text)
    then, now = http_date(text), http_date(headers.get("date", ""))
    return max(0.0, (then - now).total_seconds()) if then and now else None


def http_date(text: str) -> Any:
    """The aware `datetime` of an HTTP date, or None."""
    try:
        return email.utils.parsedate_to_datetime(text) if text.endswith("GMT") else None
    except ValueError:
        return None


def _data(reply: Reply, secrets: Sequence[str], envelope: Envelope) -> Any:
    if not reply.is_json:
        raise Unavailable(_sentence(reply, secrets), status=reply.status, secrets=secrets)
    try:
        return envelope(_json(reply.body))
    except ValueError:
        raise BadPayload(_sentence(reply, secrets), status=reply.status, secrets=secrets) from None
    except UpstreamError as error:
        said = f"{reply.method} {reply.path}: {error}" if str(error) else _sentence(reply, secrets)
        raise type(error)(said, status=reply.status, secrets=secrets) from None


def _contradicts_itself(reply: Reply) -> bool:
    """Whether a code of error comes with an envelope of success: neither is to be believed."""
    envelope = _json(reply.body) if reply.is_json else None
    return isinstance(envelope, dict) and envelope.get("status") == "success"


def _kind(reply: Reply, message: str) -> type[UpstreamError]:
    """The table at the top."""
    status, reading = reply.status, reply.method in {"GET", "HEAD"}
    if status in _LATER or (status in _OFTEN_A_PROXY and not reply.is_json) or status > 500:
        return Unavailable
    if status == 500:
        return Refused if _OUR_FAULT.search(message) else Unavailable
    if status == 404 or (status == 403 and reading) or (status in {400, 403} and _GONE.search(message)):
        return NotFound
    return Refused


def _message(reply: Reply) -> str:
    """What the server says about it, in its own words; the start of the body if it is no envelope."""
    envelope = _json(reply.body) if reply.is_json else None
    if isinstance(envelope, dict) and isinstance(envelope.get("message"), str):
        return str(envelope["message"])
    text = reply.body[:4096].decode("utf-8", "replace")
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def _sentence(reply: Reply, secrets: Sequence[str]) -> str:
    """Which call, which code, what the server said: secrets first, then the length, so that no half secret survives."""
    said = redact(" ".join(_message(reply).split()), secrets)[:_SAMPLE]
    hint = _hint(reply)
    return f"{reply.method} {reply.path}: HTTP {reply.status}{hint}: {said}"


def _hint(reply: Reply) -> str:
    if reply.status == 401:
        right = next((name for part, name in _RIGHTS if part in reply.path and reply.method != "GET"), None)
        return f" (token not valid, or without the right {right})" if right else " (token not valid)"
    if 300 <= reply.status < 400:
        return " (the marshal's URL redirects; set its final address)"
    if 200 <= reply.status < 300:
        return " but not in the agreed form"
    return ""


def _json(body: bytes) -> Any:
    """Parsed JSON, a bare NaN as null; None when it is none. SkyPortal itself never sends NaN, proxies of data do."""
    try:
        found = json.loads(body, parse_constant=lambda name: None if name == "NaN" else float(name.lower()))
        return _whole_characters(found) if _HALF.search(body) else found
    except (ValueError, RecursionError):
        return None


def _whole_characters(value: Any) -> Any:
    """The value with half characters replaced: JSON can spell them, and no file and no database takes them."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole_characters(item) for item in value]
    if isinstance(value, dict):
        return {_whole_characters(key): _whole_characters(item) for key, item in value.items()}
    return value

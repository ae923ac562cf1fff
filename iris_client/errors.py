"""The error tree: what can go wrong upstream, and what each means for the work at hand.

    UpstreamError
    |-- Unavailable    try again later: time-outs, resets, 429, 502-504, HTML where JSON should be
    |   `-- Uncertain  sent, but the answer was lost: it may have happened, so look before doing it again
    |-- Refused        never the same again; park it and show why: 400, 401, 403 on writing, 409, 413, 500 on bad input
    |-- NotFound       a real answer: there is no such thing, or not for this token
    `-- BadPayload     it answered, but not in the agreed form; park it with a sample

`ConfigError` and `BundleError` belong to the start of the service and are defined where they are raised.
Errors are raised in one place (`iris_client.http.transport`), decided on in one place (the use cases), and logged once.
Every message passes `redact` first: SkyPortal echoes the caller's own token in some of its answers.
"""

import re
from collections.abc import Iterable

_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)
_HEADER = re.compile(r"(authorization['\"]?\s*[:=]\s*['\"]?)(token|bearer)\s+[^\s'\",}]+", re.IGNORECASE)
_LONGEST = 400


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Take every secret out of `text`: those given, anything that looks like a SkyPortal token, any auth header."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    text = _HEADER.sub(r"\1\2 ***", text)
    return _UUID.sub("***", text)


class UpstreamError(Exception):
    """Something outside went wrong. The message is safe to log and to show.

    Parameters
    ----------
    message : str
        One sentence; redacted and shortened here.
    status : int, optional
        HTTP status, where there was one.
    retry_after : float, optional
        Seconds the server asked to wait.
    secrets : iterable of str
        Values that must not survive in the message.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        super().__init__(redact(message, secrets)[:_LONGEST])
        self.status = status
        self.retry_after = retry_after


class Unavailable(UpstreamError):
    """Not now: try again later."""


class Uncertain(Unavailable):
    """A write was sent and its answer lost: it may have been carried out. Look before sending it again."""


class Refused(UpstreamError):
    """Not ever, with this request: park it and show it."""


class NotFound(UpstreamError):
    """There is no such thing, or not for this token. An answer, not a fault."""


class BadPayload(UpstreamError):
    """The answer is not in the agreed form. The message holds a sample."""

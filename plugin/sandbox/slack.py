"""A stand-in for Slack's incoming web hooks on loopback, after Slack's documentation; never compared with the real one.

"ok" in plain text for a message; 400 `invalid_payload`, `no_text`, `invalid_blocks`; 404 `no_service` for an address
that is not ours or was revoked, 403 `action_prohibited`, 410 `channel_is_archived`; 429 with `Retry-After` beyond one
message a second. Faults can be brought about as in the marshal's sandbox: `faults` is asked about every call.
"""

import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Literal, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from plugin.sandbox.faults import Hook
from plugin.sandbox.gate import Gate, Record
from plugin.sandbox.server import Connections, Served, ServerThread

PATH: Final = "/services/T00000000/B00000000/sandboxsandboxsandbox"
RETRY_AFTER_S: Final = 30
_LONGEST_TEXT, _LONGEST_SECTION, _MOST_BLOCKS = 40_000, 3000, 50
_REFUSALS: Final = {
    "revoked": (404, "no_service"),
    "prohibited": (403, "action_prohibited"),
    "archived": (410, "channel_is_archived"),
}


class SlackSandbox(Served):
    """The stand-in; use it as a context.

    Parameters
    ----------
    per_second : float or None
        Messages that are taken per second in the long run; bursts of 5. None: any number.
    clock : callable
        Seconds; tests pass their own.
    """

    def __init__(self, *, per_second: float | None = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.messages: list[dict[str, Any]] = []
        """What was said, in order."""
        self.state: Literal["there", "revoked", "prohibited", "archived", "moved"] = "there"
        self._per_second, self._clock = per_second, clock
        self._spent, self._last = 0.0, clock()
        self._connections = Connections()
        app = Starlette(routes=[Route("/{path:path}", self._receive, methods=["GET", "POST"])])
        self._gate = Gate(app, self._connections.abort)

    @property
    def hook_url(self) -> str:
        """The address to give to the service; here it is no secret."""
        return self.url + PATH

    @property
    def texts(self) -> list[str]:
        """The texts of what was said."""
        return [str(message["text"]) for message in self.messages]

    @property
    def requests(self) -> list[Record]:
        """Every call so far."""
        return self._gate.records

    @property
    def faults(self) -> Hook | None:
        """What brings faults about."""
        return self._gate.hook

    @faults.setter
    def faults(self, hook: Hook | None) -> None:
        self._gate.hook = hook

    def start(self) -> Self:
        """Serve in the background until `stop`."""
        if self._server is None:
            self._server = ServerThread(self._gate, self._connections)
            self._server.start()
        return self

    def stop(self) -> None:
        """Stop serving; what was said stays."""
        self._stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    async def _receive(self, request: Request) -> Response:
        if request.url.path != PATH:
            return PlainTextResponse("no_service", 404)
        if self.state == "moved":
            return PlainTextResponse("", 302, headers={"location": self.url + "/elsewhere"})
        if self.state in _REFUSALS:
            status, word = _REFUSALS[self.state]
            return PlainTextResponse(word, status)
        if not self._admits():
            return PlainTextResponse("rate_limited", 429, headers={"retry-after": str(RETRY_AFTER_S)})
        return self._take(await request.body())

    def _take(self, raw: bytes) -> Response:
        try:
            message = json.loads(raw)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            return PlainTextResponse("invalid_payload", 400)
        text = message.get("text")
        if not isinstance(text, str) or not text.strip():
            return PlainTextResponse("no_text", 400)
        if len(text) > _LONGEST_TEXT:
            return PlainTextResponse("msg_too_long", 400)
        if not _good_blocks(message.get("blocks", [])):
            return PlainTextResponse("invalid_blocks", 400)
        self.messages.append(message)
        return PlainTextResponse("ok")

    def _admits(self) -> bool:
        if self._per_second is None:
            return True
        now = self._clock()
        self._spent = max(0.0, self._spent - (now - self._last) * self._per_second)
        self._last = now
        if self._spent + 1 > 5:
            return False
        self._spent += 1
        return True


def _good_blocks(blocks: object) -> bool:
    """Whether Slack would draw them: sections of text, none too long."""
    if not isinstance(blocks, list) or len(blocks) > _MOST_BLOCKS:
        return False
    for block in blocks:
        text = block.get("text") if isinstance(block, dict) and block.get("type") == "section" else None
        if not isinstance(text, dict) or text.get("type") not in ("mrkdwn", "plain_text"):
            return False
        if not isinstance(text.get("text"), str) or not 0 < len(text["text"]) <= _LONGEST_SECTION:
            return False
    return True

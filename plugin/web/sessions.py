"""Who logged in: signed cookies, the CSRF tokens bound to them, and a limit to guessing."""

import hashlib
import hmac
import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from itsdangerous import BadData, URLSafeTimedSerializer

COOKIE: Final = "astranet_session"
SECONDS: Final = 12 * 3600
"""How long a session lasts: a night."""


class Sessions:
    """Sessions live in the visitor's cookie, signed; a new token ends all of them.

    Parameters
    ----------
    token : str or None
        The key is made from it, so that a restart ends no session. None: sessions end with the process.
    """

    def __init__(self, token: str | None) -> None:
        key = secrets.token_bytes(32) if token is None else hashlib.sha256(b"astranet web\0" + token.encode()).digest()
        self._cookies = URLSafeTimedSerializer(key, salt="session")
        self._csrf = URLSafeTimedSerializer(key, salt="csrf")

    def new(self) -> str:
        """The cookie of a new session."""
        return self._cookies.dumps(secrets.token_urlsafe(16))

    def read(self, cookie: str | None) -> str | None:
        """The session of a cookie; None when it is none of ours or too old."""
        return _loaded(self._cookies, cookie)

    def csrf(self, session: str) -> str:
        """A token for the forms of a session."""
        return self._csrf.dumps(session)

    def is_csrf(self, token: str | None, session: str) -> bool:
        """Whether a form's token is of this session."""
        found = _loaded(self._csrf, token)
        return found is not None and hmac.compare_digest(found.encode(), session.encode())


def _loaded(serializer: URLSafeTimedSerializer, text: str | None) -> str | None:
    if not text or len(text) > 1000:
        return None
    try:
        found: Any = serializer.loads(text, max_age=SECONDS)
    except BadData:
        return None
    return found if isinstance(found, str) else None


class Attempts:
    """How often somebody may be wrong: few times per address, and not much oftener from everywhere together.

    Parameters
    ----------
    clock : callable
        Seconds that only go forward.
    """

    def __init__(
        self, *, each: int = 5, together: int = 50, seconds: float = 300.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._each, self._together, self._seconds = each, together, seconds
        self._clock = clock
        self._wrong: deque[tuple[float, str]] = deque()

    def allowed(self, address: str) -> bool:
        """Whether this address may try."""
        now = self._clock()
        while self._wrong and self._wrong[0][0] < now - self._seconds:
            self._wrong.popleft()
        mine = sum(who == address for _, who in self._wrong)
        return mine < self._each and len(self._wrong) < self._together

    def wrong(self, address: str) -> None:
        """Remember a wrong one."""
        if len(self._wrong) < self._together:
            self._wrong.append((self._clock(), address))

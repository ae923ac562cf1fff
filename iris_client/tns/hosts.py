"""Where requests may go: the last thing each of them passes before it leaves, whatever was asked for above."""

from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from iris_client.errors import Refused

PRODUCTION: Final = "https://www.wis-tns.org"
SANDBOX: Final = "https://sandbox.wis-tns.org"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_WRITING: Final = "/api/set/"


def may_report_to(url: str, *, production: bool) -> bool:
    """Whether reports may go to an address: the TNS's sandbox over TLS, this machine, and with `production` the TNS."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        return False
    if parts.hostname in _LOOPBACK:
        return parts.scheme in {"http", "https"}
    allowed = {urlsplit(SANDBOX).hostname, *([urlsplit(PRODUCTION).hostname] if production else [])}
    return parts.scheme == "https" and parts.hostname in allowed and port in {None, 443}


class Door(HTTPAdapter):
    """The transport of a client of the TNS; a request that may not pass is refused before any connection is made.

    Parameters
    ----------
    writes : bool
        False for a reader: nothing under `/api/set/` passes. True for a reporter: nothing passes, reading included,
        to an address that `may_report_to` does not allow.
    production : bool
        Whether the reporter may talk to the TNS itself.
    """

    def __init__(self, *, writes: bool, production: bool = False) -> None:
        super().__init__()
        self._writes, self._production = writes, production

    def send(self, request: requests.PreparedRequest, *more: Any, **how: Any) -> requests.Response:
        """Send a request that may pass.

        Raises
        ------
        Refused
            If it may not.
        """
        url = request.url or ""
        if not self._writes and _WRITING in url.lower():
            raise Refused("this client only reads from the TNS")
        if self._writes and not may_report_to(url, production=self._production):
            host = urlsplit(url).hostname
            raise Refused(f"reports do not go to {host}: only to the TNS's sandbox, unless production is switched on")
        return super().send(request, *more, **how)

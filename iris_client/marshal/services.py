"""Analysis services on a SkyPortal: what people find behind its Analysis button."""

from collections.abc import Mapping
from typing import Any, Final

from iris_client.http.transport import Transport
from iris_client.marshal import parse

_PATH: Final = "/api/analysis_service"


class AnalysisServices:
    """Lists and changes them; changing needs the right `Manage Analysis Services`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def all(self) -> list[Mapping[str, Any]]:
        """Those that the token's groups may use."""
        return parse.rows(self._transport.get(_PATH, expect=list))

    def add(self, body: Mapping[str, Any]) -> str:
        """Register one; returns its id. Names are unique, so a lost answer can be looked up in `all`."""
        return str(self._transport.post(_PATH, body).get("id"))

    def change(self, service_id: int, body: Mapping[str, Any]) -> None:
        """Change what is given, and leave the rest."""
        self._transport.patch(f"{_PATH}/{service_id:d}", body)

    def remove(self, service_id: int) -> None:
        """Take one away, with every analysis that it made."""
        self._transport.delete(f"{_PATH}/{service_id:d}")

"""Spectra over GraphQL, as a `protocols.SpectrumSource`.

No SkyPortal speaks GraphQL today, so nothing is taken for granted: the query documents and the map from the answer's
fields to SkyPortal's are given. What comes out is read by the same code as SkyPortal's REST rows, and so is the same.

Errors arrive as `errors[]` with HTTP 200. Any of them fails the whole query: half a spectrum is none.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from iris_client.errors import BadPayload, NotFound, Refused, Unavailable, UpstreamError
from iris_client.http.closing import Closing
from iris_client.http.pacer import Pacing
from iris_client.http.transport import ANSWER_S, Hooks, Transport
from iris_client.marshal import parse
from iris_client.marshal.graphql_fields import FieldMap
from iris_client.protocols import SpectrumStub
from models.domain import RawSpectrum, Target

PAGE: Final = 100
_CODES: Final[Mapping[str, type[UpstreamError]]] = {
    "NOT_FOUND": NotFound,
    "UNAUTHENTICATED": Refused,
    "FORBIDDEN": Refused,
    "BAD_USER_INPUT": Refused,
    "GRAPHQL_PARSE_FAILED": Refused,
    "GRAPHQL_VALIDATION_FAILED": Refused,
    "INTERNAL_SERVER_ERROR": Unavailable,
    "RATE_LIMITED": Unavailable,
    "TOO_MANY_REQUESTS": Unavailable,
    "THROTTLED": Unavailable,
}
"""What `extensions.code` means; Apollo's names, which others have taken over. Any other code is a `BadPayload`."""


class NotPersisted(Refused):
    """The server does not know the query by its hash: send the text along."""


class GraphQLSpectra(Closing):
    """A source of spectra over GraphQL.

    Parameters
    ----------
    url, token : str
        The endpoint, such as `https://marshal.example/graphql`, and who we are there.
    documents : str
        A GraphQL document with four named operations; `fields` says which.
    fields : FieldMap
        Where in the answers things are.
    persisted : bool
        Send the document's SHA-256 first and its text only when the server does not know it ("automatic persisted
        queries"). A server that cannot do this is told the text from then on.
    scheme : str
        Announces the token in the header.
    pacer, sleep, hooks, http : optional
        As in `iris_client.http.transport.Transport`.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        documents: str,
        fields: FieldMap,
        persisted: bool = True,
        scheme: str = "token",
        page: int = PAGE,
        timeout_s: float = ANSWER_S,
        pacer: Pacing | None = None,
        sleep: Callable[[float], None] = time.sleep,
        hooks: Hooks | None = None,
        http: httpx.BaseTransport | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._path = parts.path or "/"
        self._transport = Transport(
            url.removesuffix(parts.path) if parts.path else url,
            token,
            timeout_s=timeout_s,
            pacer=pacer,
            sleep=sleep,
            hooks=hooks,
            http=http,
            scheme=scheme,
            envelope=graphql_envelope,
        )
        self._documents, self._fields, self._page = documents, fields, page
        self._hash = hashlib.sha256(documents.encode()).hexdigest()
        self._persisted = persisted

    def __repr__(self) -> str:
        return f"GraphQLSpectra({self._transport.url!r})"

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def spectra_modified_since(self, cursor: str | None, *, group_ids: Sequence[int]) -> list[SpectrumStub]:
        """Stubs with `modified >= cursor`, oldest first."""
        variables = {"modifiedAfter": cursor, "groupIds": sorted(set(group_ids)) or None}
        return sorted(self._stubs("modified", variables), key=lambda stub: (stub.modified, int(stub.spectrum_id)))

    def spectra_shared_with(self, *, group_ids: Sequence[int]) -> Iterator[SpectrumStub]:
        """Every spectrum that one of these groups sees, once for each."""
        for group in sorted(set(group_ids)):
            for stub in self._stubs("shared", {"groupIds": [group]}):
                yield replace(stub, group_ids=(group,))
        if not group_ids:
            yield from self._stubs("shared", {"groupIds": None})

    def spectrum(self, spectrum_id: str) -> RawSpectrum:
        """The arrays of one spectrum; raises `NotFound` when it is gone or not shared with the token."""
        return parse.spectrum(self._one("spectrum", spectrum_id))

    def target(self, target_id: str) -> Target:
        """The source it belongs to; raises `NotFound` when there is none."""
        return parse.target(self._one("source", target_id))

    def _one(self, what: str, identity: str) -> Mapping[str, Any]:
        row = self._fields.row(what, self._ask(what, {"id": identity}))
        if row is None:
            raise NotFound(f"GraphQL: there is no {what} {identity}, or not for this token")
        return row

    def _stubs(self, what: str, variables: Mapping[str, Any]) -> Iterator[SpectrumStub]:
        """Page by page. A spectrum that moves to a later page while we read is given out once."""
        seen: set[tuple[str, str]] = set()
        after: str | None = None
        cursors: set[str] = set()
        while True:
            data = self._ask(what, {**variables, "first": self._page, "after": after})
            for row in self._fields.rows(what, data):
                stub = parse.stub(row)
                if (stub.spectrum_id, stub.modified) not in seen:
                    seen.add((stub.spectrum_id, stub.modified))
                    yield stub
            after = self._fields.next_page(what, data)
            if after is None:
                return
            if after in cursors:
                raise BadPayload("GraphQL: the pages go round in a circle")
            cursors.add(after)

    def _ask(self, what: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run one operation: by hash if that may work, else with the text."""
        body: dict[str, Any] = {"operationName": self._fields.operations[what], "variables": variables}
        if not self._persisted:
            return self._send({**body, "query": self._documents})
        body["extensions"] = {"persistedQuery": {"version": 1, "sha256Hash": self._hash}}
        try:
            return self._send(body)
        except NotPersisted as error:
            if "SUPPORTED" in str(error).upper():
                self._persisted = False
                del body["extensions"]
        return self._send({**body, "query": self._documents})

    def _send(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._transport.ask(self._path, body)
        return found


def graphql_envelope(body: Any) -> Any:
    """GraphQL's: `data` and `errors`.

    Raises
    ------
    ValueError
        If it is another one, or holds no data.
    UpstreamError
        What the first of the errors stands for.
    """
    if not isinstance(body, dict) or not ("data" in body or "errors" in body):
        raise ValueError("no envelope of GraphQL's")
    if errors := body.get("errors"):
        raise _error(errors[0] if isinstance(errors, list) else errors)
    if not isinstance(body.get("data"), dict):
        raise ValueError("neither data nor errors")
    return body["data"]


def _error(first: Any) -> UpstreamError:
    about = first.get("extensions") if isinstance(first, dict) else None
    code = str(about.get("code", "")) if isinstance(about, dict) else ""
    text = str(first.get("message", "") if isinstance(first, dict) else first)[:200]
    if code.startswith("PERSISTED_QUERY") or text.startswith("PersistedQuery"):
        return NotPersisted(f"{code} {text}")
    return _CODES.get(code, BadPayload)(f"GraphQL error {code or 'without a code'}: {text}")

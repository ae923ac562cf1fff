"""The sandbox's spectra and sources as a GraphQL schema, over the same rows that its REST routes send.

No SkyPortal has one; this is how it could look: cursor paging by key, so that nothing moves between two pages.
Numbers that belong together travel as one JSON value, as uploaded: GraphQL's Float would refuse what REST lets by.
"""

import base64
import binascii
import json
from typing import Any

import strawberry
from strawberry.scalars import JSON

from plugin.sandbox.skyportal.api import ApiError, Call
from plugin.sandbox.skyportal.routes.sources import read as read_source
from plugin.sandbox.skyportal.routes.spectra import query as query_spectra
from plugin.sandbox.skyportal.routes.spectra import read as read_spectrum
from plugin.sandbox.skyportal.rows import Json, User
from plugin.sandbox.skyportal.state import State
from plugin.sandbox.skyportal.views import minimal_spectrum

MOST_PER_PAGE = 100


@strawberry.type(description="A group that something is shared with.")
class Group:
    """A group."""

    id: int
    name: str


@strawberry.type(description="A class given to a source, by a person or (ml) by a machine.")
class Classification:
    """A classification."""

    id: int
    classification: str
    ml: bool
    probability: float | None
    origin: str | None
    author_id: int
    author_name: str
    created_at: str
    modified: str


@strawberry.type(description="A spectrum. In lists the arrays, units and groups are null.")
class Spectrum:
    """A spectrum."""

    id: int
    obj_id: str
    modified: str
    type: str
    observed_at: str
    origin: str | None
    units: str | None = None
    instrument_name: str | None = None
    wavelengths: JSON | None = None
    fluxes: JSON | None = None
    errors: JSON | None = None
    groups: list[Group] | None = None


@strawberry.type(description="An object in the sky.")
class Source:
    """A source."""

    id: str
    ra: float | None
    dec: float | None
    redshift: float | None
    redshift_origin: str | None
    tns_name: str | None
    tns_info: JSON | None
    ebv: float | None
    classifications: list[Classification]
    groups: list[Group]


@strawberry.type
class PageInfo:
    """Whether there is more, and from where."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class SpectrumPage:
    """Part of a list of spectra."""

    nodes: list[Spectrum]
    page_info: PageInfo
    total_count: int


class CodedError(Exception):
    """An error with a code for `extensions.code`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.extensions = {"code": code}


Info = strawberry.Info[Any, Any]


@strawberry.type
class Query:
    """What can be asked."""

    @strawberry.field(description="Spectra by time of modification, from `modifiedAfter` on (inclusive).")
    def spectra(
        self,
        info: Info,
        modified_after: str | None = None,
        group_ids: list[int] | None = None,
        first: int | None = MOST_PER_PAGE,
        after: str | None = None,
    ) -> SpectrumPage:
        """One page of stubs."""
        query = {"minimalPayload": "true"} | ({"modifiedAfter": modified_after} if modified_after else {})
        query |= {"groupIDs": ",".join(map(str, group_ids))} if group_ids else {}
        return _page(_run(info, query_spectra, query=query), first, after)

    @strawberry.field(description="Every spectrum shared with one of the groups.")
    def shared_spectra(
        self,
        info: Info,
        group_ids: list[int] | None = None,
        first: int | None = MOST_PER_PAGE,
        after: str | None = None,
    ) -> SpectrumPage:
        """One page of stubs."""
        state, user = _who(info)
        wanted = set(group_ids or ())
        with state.lock:
            rows = [minimal_spectrum(s) for s in state.visible_spectra(user) if not wanted or s.group_ids & wanted]
        return _page(rows, first, after)

    @strawberry.field(description="One spectrum with its arrays; null when it is gone or not shared.")
    def spectrum(self, info: Info, id: strawberry.ID) -> Spectrum | None:
        """One spectrum."""
        row = _run(info, read_spectrum, path={"spectrum_id": int(id) if id.isdecimal() else 0})
        return None if row is None else _spectrum(row)

    @strawberry.field(description="One source; null when there is none.")
    def source(self, info: Info, id: strawberry.ID) -> Source | None:
        """One source."""
        row = _run(info, read_source, path={"obj_id": str(id)})
        if row is None:
            return None
        named = [
            Classification(**{field: c[field] for field in Classification.__annotations__})
            for c in row["classifications"]
        ]
        keys = ("id", "ra", "dec", "redshift", "redshift_origin", "tns_name", "tns_info", "ebv")
        return Source(**{key: row[key] for key in keys}, classifications=named, groups=_groups(row))


schema = strawberry.Schema(Query)


def _who(info: Info) -> tuple[State, User]:
    state, user = info.context["state"], info.context["user"]
    assert isinstance(state, State)
    assert isinstance(user, User)
    return state, user


def _run(info: Info, handler: Any, *, query: dict[str, str] | None = None, path: Json | None = None) -> Any:
    """Ask the REST handler; what it does not find is null here."""
    state, user = _who(info)
    call = Call(state=state, user=user, path=path or {}, query=query or {}, body={})
    try:
        with state.lock:
            return handler(call)
    except ApiError as error:
        if error.status in (403, 404):
            return None
        raise CodedError("BAD_USER_INPUT", error.message) from None


def _spectrum(row: Json) -> Spectrum:
    keys = ("id", "obj_id", "modified", "type", "observed_at", "origin")
    arrays = ("units", "instrument_name", "wavelengths", "fluxes", "errors")
    known: Json = {key: row[key] for key in keys} | {key: row.get(key) for key in arrays}
    return Spectrum(**known, groups=_groups(row) if "groups" in row else None)


def _groups(row: Json) -> list[Group]:
    return [Group(id=g["id"], name=g["name"]) for g in row["groups"]]


def _page(rows: list[Json], first: int | None, after: str | None) -> SpectrumPage:
    """The rows behind the cursor, by (modified, id): what changes meanwhile comes again later, nothing is skipped."""
    ordered = sorted(rows, key=lambda row: (row["modified"], row["id"]))
    start = _decoded(after) if after else ("", -1)
    left = [row for row in ordered if (row["modified"], row["id"]) > start]
    shown = left[: max(1, min(first or MOST_PER_PAGE, MOST_PER_PAGE))]
    end = _encoded(shown[-1]) if shown else None
    info = PageInfo(has_next_page=len(shown) < len(left), end_cursor=end)
    return SpectrumPage(nodes=[_spectrum(row) for row in shown], page_info=info, total_count=len(ordered))


def _encoded(row: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps([row["modified"], row["id"]]).encode()).decode()


def _decoded(cursor: str) -> tuple[str, int]:
    try:
        modified, number = json.loads(base64.urlsafe_b64decode(cursor))
        return str(modified), int(number)
    except (ValueError, TypeError, binascii.Error):
        raise CodedError("BAD_USER_INPUT", "after: not one of our cursors") from None

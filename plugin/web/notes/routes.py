"""The list of notes, and one note."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from plugin.notes.files import drafted
from plugin.notes.review.authors import Author, read_authors
from plugin.notes.review.reviewing import Overtaken
from plugin.settings import Settings
from plugin.web.notes.views import KINDS, read_view
from plugin.web.parts import WebParts
from plugin.web.rendering import page

Endpoint = Callable[[Request], Response]
NAME_COOKIE: Final = "astranet_reviewer"
SAID: Final = {
    "saved": "Saved.",
    "same": "Nothing was changed.",
    "out": "Saved. The object is out, and the counts in the text follow.",
    "in": "Saved. The object is in, and the counts in the text follow.",
    "approved": "Approved. Copy it into the TNS's form; nothing was sent anywhere.",
    "revised": "A new version, with the text of the one before. That one stays as it is.",
}


def list_of(parts: WebParts) -> Endpoint:
    """Every note with its state; and the files of those that are in no review."""

    def notes(request: Request) -> Response:
        with parts.store.begin(to_read=True) as unit:
            found = unit.notes.every()
        known = {(note.night, note.kind) for note in found}
        files = [one for one in drafted(parts.settings.output_dir) if (str(one[0]), one[1]) not in known]
        return page(request, "notes.html", notes=found, kinds=KINDS, files=files)

    return notes


def page_of(parts: WebParts) -> Endpoint:
    """One note; an earlier version with `?version=`."""

    def one(request: Request) -> Response:
        version = request.query_params.get("version", "")
        number = int(version) if version.isascii() and version.isdigit() and len(version) < 9 else None
        said = SAID.get(request.query_params.get("said", ""))
        return shown(parts, request, version=number, said=said)

    return one


def shown(
    parts: WebParts,
    request: Request,
    status: int = 200,
    *,
    version: int | None = None,
    said: str | None = None,
    wrong: tuple[str, ...] = (),
    overtaken: Overtaken | None = None,
    typed: Mapping[str, str] | None = None,
    name: str = "",
) -> Response:
    """Draw a note.

    Parameters
    ----------
    wrong : tuple of str
        Why what was asked for was not done.
    overtaken : Overtaken or None
        What somebody else has changed meanwhile.
    typed : mapping of str to str or None
        Texts that a person typed and that are not saved.
    name : str
        Whose they are, as it was typed with them.
    """
    kind, night = request.path_params["kind"], request.path_params["night"]
    authors = authors_of(parts.settings)
    try:
        with parts.store.begin(to_read=True) as unit:
            view = read_view(unit, parts.settings, kind, night, version, authors)
    except ValueError as error:
        return page(request, "note_unread.html", 500, kind=kind, night=night, reason=str(error))
    if view is None:
        return page(request, "unknown.html", 404, name=f"note {kind} {night}")
    values: dict[str, Any] = {"view": view, "texts": typed or view.texts, "wrong": wrong, "overtaken": overtaken}
    return page(
        request,
        "note.html",
        status,
        **values,
        said=said,
        marshal=parts.settings.marshal_url,
        reviewer=name or reviewer_of(request),
    )


def reviewer_of(request: Request) -> str:
    """Who a visitor says they are: the proxy's name for them, or what they typed last."""
    name: str | None = request.state.visitor.name
    return name or " ".join(unquote(request.cookies.get(NAME_COOKIE, "")).split())[:100]


def authors_of(settings: Settings) -> list[Author]:
    """Those of the file; nobody where it cannot be read."""
    try:
        return read_authors(settings.note_authors_file)
    except OSError:
        return []

"""A note as files for the TNS's form, and the pictures of its objects."""

import base64
import binascii
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from iris_client.protocols import Place
from plugin.notes.review.content import draft_of
from plugin.notes.review.export import MADE
from plugin.web.access import refusal
from plugin.web.notes.routes import Endpoint
from plugin.web.parts import WebParts

_PNG: Final = b"\x89PNG\r\n\x1a\n"


def download(parts: WebParts) -> Endpoint:
    """A file of one version; as text to keep, never as a page of ours."""

    def file(request: Request) -> Response:
        asked = request.path_params
        make = MADE.get(asked["file"])
        with parts.store.begin(to_read=True) as unit:
            note = unit.notes.of(asked["kind"], asked["night"], asked["version"])
        if make is None or note is None:
            return refusal(404, "There is no such file.")
        stem, _, ending = asked["file"].rpartition(".")
        kept = f"{stem}_{note.kind}_{note.night}_v{note.version}.{ending}"
        headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(kept)}"}
        return Response(make(draft_of(note.content)), media_type="text/plain; charset=utf-8", headers=headers)

    return file


def card(parts: WebParts) -> Endpoint:
    """The picture that was drawn of a spectrum for the marshal."""

    def picture(request: Request) -> Response:
        place = Place(kind="spectrum", id=request.path_params["spectrum"][:255])
        with parts.store.begin(to_read=True) as unit:
            found = [p for p in unit.outbox.at([place]) if p.kind == "comment" and p.body is not None]
        try:
            content = base64.b64decode(str((found[0].body or {}).get("png")), validate=True) if found else b""
        except binascii.Error:
            content = b""
        if not content.startswith(_PNG):
            return refusal(404, "There is no such picture.")
        return Response(content, media_type="image/png")

    return picture

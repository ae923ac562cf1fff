"""Comments on sources and spectra, with files. The same text by the same author is not stored twice."""

import base64
import binascii
from typing import Any

from starlette.responses import Response

from plugin.sandbox.skyportal.accounts import PUBLIC_GROUP
from plugin.sandbox.skyportal.api import ApiError, Call, body_groups, find_spectrum
from plugin.sandbox.skyportal.rows import Comment, Json
from plugin.sandbox.skyportal.views import comment_json

GONE = "Could not find any accessible comments."


def read_all(call: Call) -> list[Json]:
    """GET .../comments: one thread, the main one unless `channel` names another."""
    obj_id, spectrum_id = _place(call)
    rows = call.state.comments_on(obj_id, spectrum_id, call.user)
    channel = call.query.get("channel")
    return [comment_json(c, call.state, with_author=True) for c in rows if c.channel == channel]


def read_without_place(call: Call) -> None:
    """GET /api/sources/comments."""
    raise ApiError(400, "Please provide a resource_id or text to search for.")


def read(call: Call) -> Json:
    """GET .../comments/<id>."""
    return comment_json(_find(call), call.state, with_author=False)


def create(call: Call) -> Json:
    """POST .../comments. What makes two comments the same leaves the attachment's content out."""
    obj_id, spectrum_id = _place(call)
    text, (name, content) = _text(call, obj_id), _attachment(call)
    groups = body_groups(call, {PUBLIC_GROUP})
    _refuse_unknown(call, obj_id)
    same = (obj_id, spectrum_id, text, name, call.user.id, groups, call.body.get("channel"))
    for old in call.state.comments:
        key = (old.obj_id, old.spectrum_id, old.text, old.attachment_name, old.author_id, old.group_ids, old.channel)
        if key == same:
            return {"comment_id": old.id, "message": "Same comment already exists."}
    now = call.state.stamp()
    number = call.state.next_id("comments" if spectrum_id is None else "spectrum comments")
    call.state.comments.append(
        Comment(
            id=number,
            obj_id=obj_id,
            spectrum_id=spectrum_id,
            text=text,
            author_id=call.user.id,
            group_ids=groups,
            created_at=now,
            modified=now,
            channel=call.body.get("channel"),
            attachment_name=name,
            attachment=content,
        )
    )
    return {"comment_id": number}


def update(call: Call) -> None:
    """PUT .../comments/<id>."""
    comment = _own(call)
    if "text" in call.body:
        comment.text = _text(call, comment.obj_id)
    if "attachment" in call.body:
        comment.attachment_name, comment.attachment = _attachment(call)
    comment.modified = call.state.stamp()


def delete(call: Call) -> None:
    """DELETE .../comments/<id>."""
    call.state.comments.remove(_own(call))


def attachment(call: Call) -> Any:
    """GET .../comments/<id>/attachment: raw bytes; as JSON it fails for binary files."""
    comment = _find(call)
    content = comment.attachment or b""
    if call.query.get("download", "true").lower() == "true":
        disposition = f'attachment; filename="{comment.attachment_name}"'
        return Response(content, media_type="application/octet-stream", headers={"content-disposition": disposition})
    if call.flag("preview"):
        disposition = f'inline; filename="{comment.attachment_name}"'
        return Response(content, media_type="image/png", headers={"content-disposition": disposition})
    try:
        return {"commentId": comment.id, "attachment": content.decode()}
    except UnicodeDecodeError as error:
        raise ApiError(500, str(error)) from None


def _place(call: Call) -> tuple[str, int | None]:
    if "spectrum_id" in call.path:
        spectrum = find_spectrum(call)
        return spectrum.obj_id, spectrum.id
    return str(call.path["obj_id"]), None


def _text(call: Call, obj_id: str) -> str:
    text = call.body.get("text")
    if text is None:
        about = f"Error posting comment for sources {obj_id}: "
        raise ApiError(400, about + "'NoneType' object has no attribute 'replace'")
    return str(text)


def _attachment(call: Call) -> tuple[str | None, bytes | None]:
    """Name and bytes; invalid base64 is accepted in silence as an empty file."""
    given = call.body.get("attachment")
    if given is None:
        return None, None
    if not isinstance(given, dict) or "body" not in given or "name" not in given:
        raise ApiError(400, "Malformed comment attachment")
    try:
        return str(given["name"]), base64.b64decode(str(given["body"]).split("base64,")[-1])
    except binascii.Error:
        return str(given["name"]), b""


def _refuse_unknown(call: Call, obj_id: str) -> None:
    if obj_id not in call.state.sources:
        raise ApiError(
            400,
            f"Error posting comment for sources {obj_id}: (psycopg.errors.ForeignKeyViolation) insert or update on "
            'table "comments" violates foreign key constraint "comments_obj_id_fkey"\n'
            f'DETAIL:  Key (obj_id)=({obj_id}) is not present in table "objs".\n[SQL: INSERT INTO comments ...]',
        )


def _find(call: Call) -> Comment:
    obj_id, spectrum_id = _place(call)
    rows = call.state.comments_on(obj_id, spectrum_id, call.user)
    found = next((c for c in rows if c.id == call.path["comment_id"]), None)
    if found is None:
        raise ApiError(403, GONE)
    return found


def _own(call: Call) -> Comment:
    comment = _find(call)
    if comment.author_id != call.user.id and not call.user.is_admin:
        raise ApiError(403, GONE)
    return comment

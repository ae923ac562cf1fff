"""Annotations on sources and spectra: one per origin and place, replaced whole, touched by their author only."""

import re

from plugin.sandbox.skyportal.api import ApiError, Call, body_groups, find_source, find_spectrum, has_nan
from plugin.sandbox.skyportal.rows import Annotation, Json
from plugin.sandbox.skyportal.views import annotation_json

GONE = "Could not find any accessible annotations."
_BACKGROUND = "\n(Background on this error at: https://sqlalche.me/e/20/gkpj)"


def read_all(call: Call) -> list[Json]:
    """GET .../annotations."""
    obj_id, spectrum_id = _place(call)
    return [annotation_json(a, call.state) for a in call.state.annotations_on(obj_id, spectrum_id, call.user)]


def read(call: Call) -> Json:
    """GET .../annotations/<id>."""
    note = _find(call)
    if not call.user.sees(note.group_ids):
        raise ApiError(403, GONE)
    return annotation_json(note, call.state)


def create(call: Call) -> Json:
    """POST .../annotations: a second one of the same origin is refused, even when its author is somebody else."""
    origin, data = _validated(call)
    obj_id, spectrum_id = _place(call)
    groups = body_groups(call, set(call.user.group_ids))
    number = call.state.next_id("annotations" if spectrum_id is None else "spectrum annotations")
    if has_nan(data):
        raise ApiError(500, _nan_message(call, origin, obj_id))
    _refuse_second(call, obj_id, spectrum_id, origin)
    now = call.state.stamp()
    call.state.annotations.append(
        Annotation(
            id=number,
            obj_id=obj_id,
            spectrum_id=spectrum_id,
            origin=origin,
            data=data,
            author_id=call.user.id,
            group_ids=groups,
            created_at=now,
            modified=now,
        )
    )
    return {"annotation_id": number}


def update(call: Call) -> None:
    """PUT .../annotations/<id>: `data` is replaced, not merged. The author may, even without sight of its groups."""
    note = _own(call)
    if "data" in call.body:
        if not isinstance(call.body["data"], dict):
            raise ApiError(400, "Invalid/missing parameters: data: Input should be a valid dictionary")
        if has_nan(call.body["data"]):
            raise ApiError(500, _nan_message(call, note.origin, note.obj_id))
        note.data = call.body["data"]
    if call.body.get("group_ids"):
        note.group_ids = body_groups(call, note.group_ids)
    note.modified = call.state.stamp()


def delete(call: Call) -> None:
    """DELETE .../annotations/<id>."""
    call.state.annotations.remove(_own(call))


def info(call: Call) -> Json:
    """GET /api/internal/annotations_info: which keys of which JSON type each origin has used."""
    found: dict[str, dict[str, str | None]] = {}
    for note in call.state.annotations:
        if note.spectrum_id is None and call.user.sees(note.group_ids):
            kinds: dict[str, str | None] = {key: _json_type(value) for key, value in note.data.items()} or {
                "null": None
            }
            found.setdefault(note.origin, {}).update(kinds)
    return {origin: [{k: v} for k, v in keys.items()] for origin, keys in found.items()}


def _place(call: Call) -> tuple[str, int | None]:
    if "spectrum_id" in call.path:
        spectrum = find_spectrum(call)
        return spectrum.obj_id, spectrum.id
    return find_source(call, 404, f"Obj {call.path['obj_id']} not found").id, None


def _validated(call: Call) -> tuple[str, Json]:
    origin, data = call.body.get("origin", ""), call.body.get("data")
    if not isinstance(origin, str) or not re.match(r"^\w+", origin):
        raise ApiError(400, r"Invalid/missing parameters: origin: String should match pattern '^\w+'")
    if "data" not in call.body:
        raise ApiError(400, "Invalid/missing parameters: data: Field required")
    if not isinstance(data, dict):
        raise ApiError(400, "Invalid/missing parameters: data: Input should be a valid dictionary")
    return origin, data


def _find(call: Call) -> Annotation:
    on_spectrum = "spectrum_id" in call.path
    rows = [a for a in call.state.annotations if (a.spectrum_id is not None) == on_spectrum]
    note = next((a for a in rows if a.id == call.path["annotation_id"]), None)
    if note is None:
        raise ApiError(403, GONE)
    given = call.path["spectrum_id" if on_spectrum else "obj_id"]
    if given != (note.spectrum_id if on_spectrum else note.obj_id):
        raise ApiError(400, f"Annotation resource ID does not match resource ID given in path ({given})")
    return note


def _own(call: Call) -> Annotation:
    note = _find(call)
    if note.author_id != call.user.id and not call.user.is_admin:
        raise ApiError(403, GONE)
    return note


def _refuse_second(call: Call, obj_id: str, spectrum_id: int | None, origin: str) -> None:
    here = (obj_id, spectrum_id, origin)
    if not any((a.obj_id, a.spectrum_id, a.origin) == here for a in call.state.annotations):
        return
    table, column, value = ("annotations", "obj_id", obj_id)
    if spectrum_id is not None:
        table, column, value = ("annotations_on_spectra", "spectrum_id", str(spectrum_id))
    raise ApiError(
        400,
        "Annotation already exists: (psycopg.errors.UniqueViolation) duplicate key value violates unique constraint "
        f'"{table}_{column}_origin_key"\nDETAIL:  Key ({column}, origin)=({value}, {origin}) already exists.\n'
        f"[SQL: INSERT INTO {table} ...]\n[parameters: {{'author_id': {call.user.id}}}]{_BACKGROUND}",
    )


def _nan_message(call: Call, origin: str, obj_id: str) -> str:
    return (
        "(psycopg.errors.InvalidTextRepresentation) invalid input syntax for type json\n"
        'DETAIL:  Token "NaN" is invalid.\n[SQL: INSERT INTO annotations ...]\n'
        f"[parameters: {{'origin': '{origin}', 'author_id': {call.user.id}, 'obj_id': '{obj_id}'}}]{_BACKGROUND}"
    )


def _json_type(value: object) -> str:
    names: dict[type, str] = {bool: "boolean", type(None): "null", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "number")

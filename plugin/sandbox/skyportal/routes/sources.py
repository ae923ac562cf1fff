"""Sources: the paged list, one source, saving, redshift, labels."""

import hashlib
from typing import Any

from starlette.responses import Response

from plugin.sandbox.skyportal.api import ApiError, Call, body_groups, find_source
from plugin.sandbox.skyportal.rows import Json, Source
from plugin.sandbox.skyportal.source_filters import matching, ordered
from plugin.sandbox.skyportal.source_views import listed, single
from plugin.sandbox.skyportal.views import groups_json

MOST_PER_PAGE = 500


def query(call: Call) -> Json:
    """GET /api/sources."""
    page = int(call.query.get("pageNumber", 1))
    if page < 1:
        raise ApiError(400, "Page number must be greater than 0.")
    size = min(int(call.query.get("numPerPage", 100)), MOST_PER_PAGE)
    groups = _accessible(call)
    if call.flag("saveSummary"):
        rows, total = _saves(call, groups, page, size)
        return {"totalMatches": total, "sources": rows, "pageNumber": page, "numPerPage": size}
    found, query_id = _frozen(call, groups)
    shown = [call.state.sources[i] for i in found[(page - 1) * size : page * size]]
    answer: Json = {
        "totalMatches": len(found),
        "sources": [listed(call, s) for s in shown],
        "pageNumber": page,
        "numPerPage": size,
    }
    if call.query.get("group_ids"):
        answer["group_id"] = groups[-1]
    return answer if query_id is None else {**answer, "queryID": query_id}


def read(call: Call) -> Json:
    """GET /api/sources/<id>: objects are world-readable, also those saved nowhere."""
    return single(call, find_source(call))


def is_saved(call: Call) -> Response:
    """HEAD /api/sources/<id>: 200 only when it is saved to a group of the caller."""
    source = call.state.sources.get(str(call.path["obj_id"]))
    saved = source is not None and call.user.sees(set(source.saves))
    return Response(status_code=200 if saved and source is not None and source.saves else 404)


def exists(call: Call) -> Json:
    """GET /api/source_exists/<id>."""
    name = str(call.path["obj_id"])
    if name in call.state.sources:
        return {"source_exists": True, "message": f"A source with the name {name} already exists."}
    return {"source_exists": False, "message": f"A source with the name {name} does not exist."}


def groups_of(call: Call) -> list[Json]:
    """GET /api/sources/<id>/groups."""
    source = find_source(call)
    return groups_json(call.state, {g for g in source.saves if call.user.sees({g})})


def create(call: Call) -> Json:
    """POST /api/sources: makes the object, or saves it to more groups."""
    missing = [name for name in ("id", "ra", "dec") if name not in call.body]
    if missing and call.body.get("id") not in call.state.sources:
        raise ApiError(400, f"Missing required fields: {', '.join(missing)}")
    groups = body_groups(call, set(call.user.group_ids) - {call.user.own_group})
    columns = {k: call.body[k] for k in ("redshift", "origin", "altdata", "tns_name") if k in call.body}
    ra, dec = float(call.body.get("ra", 0.0)), float(call.body.get("dec", 0.0))
    source = call.state.save_source(str(call.body["id"]), ra=ra, dec=dec, user=call.user, group_ids=groups, **columns)
    return {"id": source.id, "saved_to_groups": sorted(groups)}


def update(call: Call) -> None:
    """PATCH /api/sources/<id>: overwrites for everybody."""
    source = find_source(call)
    names = ("redshift", "redshift_error", "redshift_origin", "ra", "dec", "altdata", "tns_name")
    call.state.set_columns(source.id, call.user, **{key: call.body[key] for key in names if key in call.body})


def save_to_groups(call: Call) -> None:
    """POST /api/source_groups."""
    source = call.state.sources.get(str(call.body.get("objId")))
    if source is None:
        raise ApiError(400, "Source not found")
    wanted = {int(g) for g in call.body.get("inviteGroupIds") or ()}
    if already := wanted & set(source.saves):
        raise ApiError(400, f"Source already saved to group w/ ID {min(already)}")
    call.state.save_source(source.id, ra=source.ra, dec=source.dec, user=call.user, group_ids=wanted)


def add_labels(call: Call) -> None:
    """POST /api/sources/<id>/labels: "a person has looked at it"."""
    source = find_source(call)
    call.state.labels |= {(source.id, int(g), call.user.id) for g in call.body.get("groupIds") or ()}


def remove_labels(call: Call) -> None:
    """DELETE /api/sources/<id>/labels."""
    source = find_source(call)
    call.state.labels -= {(source.id, int(g), call.user.id) for g in call.body.get("groupIds") or ()}


def queue_tns(call: Call) -> None:
    """GET /api/sources/<id>/tns: only queues a look-up."""
    find_source(call)


def _accessible(call: Call) -> list[int]:
    wanted = call.numbers("group_ids")
    mine = sorted(call.state.groups if call.user.is_admin else call.user.group_ids)
    if wanted is None:
        return mine
    if set(wanted) - set(mine):
        raise ApiError(400, "Cannot retrieve sources: Selected group(s) not all accessible to user.")
    return wanted


def _frozen(call: Call, groups: list[int]) -> tuple[list[str], str | None]:
    """The ids that match, in order; with `useCache` the same ones again for the same `queryID`."""
    known = call.query.get("queryID", "")
    if call.flag("useCache") and known in call.state.query_cache:
        return call.state.query_cache[known], known
    found = [s.id for s in ordered(call, matching(call, groups))]
    if not call.flag("useCache"):
        return found, None
    key = hashlib.sha256(f"{sorted(call.query.items())} {call.state.stamp()}".encode()).hexdigest()
    call.state.query_cache[key] = found
    return found, key


def _saves(call: Call, groups: list[int], page: int, size: int) -> tuple[list[Json], int]:
    rows = [row for s in matching(call, groups) for row in _save_rows(s, groups)]
    rows.sort(key=lambda row: row["saved_at"])
    return rows[(page - 1) * size : page * size], len(rows)


def _save_rows(source: Source, groups: list[int]) -> list[dict[str, Any]]:
    return [
        {
            "obj_id": source.id,
            "group_id": save.group_id,
            "modified": save.saved_at.isoformat(),
            "saved_by_id": save.saved_by,
            "active": True,
            "unsaved_by_id": None,
            "id": save.id,
            "created_at": save.saved_at.isoformat(),
            "saved_at": save.saved_at.isoformat(),
            "requested": False,
            "unsaved_at": None,
        }
        for group, save in source.saves.items()
        if group in groups
    ]

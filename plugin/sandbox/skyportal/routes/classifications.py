"""Classifications: they pile up, their defaults are those of a person, and a PUT without `ml` takes the mark off."""

from collections.abc import Mapping
from typing import Any

from plugin.sandbox.skyportal.accounts import PUBLIC_GROUP
from plugin.sandbox.skyportal.api import ApiError, Call
from plugin.sandbox.skyportal.rows import Classification, Json
from plugin.sandbox.skyportal.taxonomy import TAXONOMY_ID, TAXONOMY_NAME, class_names, hierarchy
from plugin.sandbox.skyportal.views import classification_json, groups_json

_ABOUT = "Error posting classification: "


def of_source(call: Call) -> list[Json]:
    """GET /api/sources/<id>/classifications."""
    rows = call.state.classifications_of(str(call.path["obj_id"]), call.user)
    return [classification_json(c, call.state, edits=[], votes=c.votes) for c in rows]


def read(call: Call) -> Json:
    """GET /api/classification/<id>."""
    return classification_json(_find(call), call.state)


def query(call: Call) -> Json:
    """GET /api/classification."""
    start, end = call.date("startDate"), call.date("endDate")
    rows = [c for c in call.state.classifications.values() if call.user.sees(c.group_ids)]
    rows = [c for c in rows if (start is None or c.created_at >= start) and (end is None or c.created_at <= end)]
    size, page = int(call.query.get("numPerPage", 100)), int(call.query.get("pageNumber", 1))
    shown = rows[(page - 1) * size : page * size]
    return {"classifications": [classification_json(c, call.state) for c in shown], "totalMatches": len(rows)}


def create(call: Call) -> Json:
    """POST /api/classification: one, or several under `classifications`; earlier ones stay when a later one fails."""
    if "classifications" in call.body:
        return {"classification_ids": [_store(call, item).id for item in call.body["classifications"]]}
    return {"classification_id": _store(call, call.body).id}


def update(call: Call) -> None:
    """PUT /api/classification/<id>."""
    row = _own(call)
    if "classification" in call.body:
        _check_class(call.body["classification"], row.taxonomy_id)
        row.classification = str(call.body["classification"])
    if "probability" in call.body:
        row.probability = _probability(call.body)
    if call.body.get("group_ids"):
        row.group_ids = {int(g) for g in call.body["group_ids"]}
    row.ml = bool(call.body.get("ml", False))
    row.modified = call.state.stamp()


def delete(call: Call) -> None:
    """DELETE /api/classification/<id>: it also labels the source, unless told not to."""
    row = _own(call)
    if call.body.get("label", True):
        _label(call, row)
    del call.state.classifications[row.id]


def taxonomy(call: Call) -> list[Json]:
    """GET /api/taxonomy."""
    born = call.state.users[1].created_at.isoformat()
    return [
        {
            "provenance": "tdtax 0.1.7 (transients only)",
            "hierarchy": hierarchy(),
            "version": "0.1.7",
            "id": TAXONOMY_ID,
            "created_at": born,
            "name": TAXONOMY_NAME,
            "isLatest": True,
            "modified": born,
            "groups": groups_json(call.state, {PUBLIC_GROUP}),
        }
    ]


def _store(call: Call, item: Mapping[str, Any]) -> Classification:
    obj_id = str(item.get("obj_id"))
    if obj_id not in call.state.sources:
        raise ApiError(400, f"{_ABOUT}Cannot find object with ID {obj_id}.")
    if "taxonomy_id" not in item:
        raise ApiError(400, f"{_ABOUT}'taxonomy_id'")
    _check_class(item.get("classification"), item["taxonomy_id"])
    probability = _probability(item)
    now = call.state.stamp()
    row = Classification(
        id=call.state.next_id("classifications"),
        obj_id=obj_id,
        classification=str(item["classification"]),
        taxonomy_id=TAXONOMY_ID,
        author_id=call.user.id,
        group_ids={int(g) for g in item.get("group_ids") or (PUBLIC_GROUP,)},
        created_at=now,
        modified=now,
        probability=probability,
        origin=item.get("origin"),
        ml=bool(item.get("ml", False)),
    )
    if item.get("vote", True):
        row.votes.append(_vote(call, row.id, now.isoformat()))
    if item.get("label", True):
        _label(call, row)
    call.state.classifications[row.id] = row
    return row


def _vote(call: Call, row_id: int, when: str) -> Json:
    number = call.state.next_id("votes")
    base = {"vote": 1, "classification_id": row_id, "voter_id": call.user.id, "id": number}
    return {**base, "created_at": when, "modified": when}


def _label(call: Call, row: Classification) -> None:
    call.state.labels |= {(row.obj_id, group, call.user.id) for group in row.group_ids}


def _check_class(name: object, taxonomy_id: object) -> None:
    if taxonomy_id != TAXONOMY_ID:
        raise ApiError(400, f"{_ABOUT}Cannot find a taxonomy with ID: {taxonomy_id}.")
    if name not in class_names():
        about = f"That classification ({name}) is not in the allowed classes for the chosen taxonomy (id={taxonomy_id}"
        raise ApiError(400, _ABOUT + about)


def _probability(item: Mapping[str, Any]) -> float | None:
    value = item.get("probability")
    if value is not None and not 0 <= float(value) <= 1:
        raise ApiError(400, f"{_ABOUT}That probability ({value}) is outside the allowable range (0-1).")
    return None if value is None else float(value)


def _find(call: Call) -> Classification:
    number = call.path["classification_id"]
    row = call.state.classifications.get(number)
    if row is None or not call.user.sees(row.group_ids):
        raise ApiError(400, f"Cannot find a classification with ID: {number}.")
    return row


def _own(call: Call) -> Classification:
    row = _find(call)
    if row.author_id != call.user.id and not call.user.is_admin:
        raise ApiError(400, f"Cannot find a classification with ID: {row.id}.")
    return row

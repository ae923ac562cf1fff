"""Candidates: objects whose alerts passed a filter of a group, saved or not."""

import uuid
from typing import Any

from plugin.sandbox.skyportal.api import ApiError, Call
from plugin.sandbox.skyportal.rows import Json, Source
from plugin.sandbox.skyportal.source_views import candidate

MOST_PER_PAGE = 500


def query(call: Call) -> Json:
    """GET /api/candidates, latest first; `queryID` keeps the list as it was at its first page."""
    page, size = int(call.query.get("pageNumber", 1)), min(int(call.query.get("numPerPage", 25)), MOST_PER_PAGE)
    if page < 1:
        raise ApiError(400, "Page number must be greater than 0.")
    names, query_id = _frozen(call)
    shown = [call.state.sources[name] for name in names[(page - 1) * size : page * size]]
    rows = [_row(call, source) for source in shown]
    return {
        "candidates": rows,
        "queryID": query_id,
        "pageNumber": page,
        "numPerPage": size,
        "totalMatches": len(names),
    }


def _frozen(call: Call) -> tuple[list[str], str]:
    known = call.query.get("queryID", "")
    if known in call.state.query_cache:
        return call.state.query_cache[known], known
    key = str(uuid.uuid4())
    call.state.query_cache[key] = _matching(call)
    return call.state.query_cache[key], key


def _matching(call: Call) -> list[str]:
    """Each object once, by the latest time at which an alert of it passed."""
    mine = set(call.state.groups if call.user.is_admin else call.user.group_ids)
    wanted = set(call.numbers("groupIDs") or mine)  # `filterIDs` is not known here: a group has one filter
    if not wanted <= mine:
        raise ApiError(400, "Selected group(s) not all accessible to user.")
    start, end = call.date("startDate"), call.date("endDate")
    latest: dict[str, Any] = {}
    for passed in call.state.candidates:
        inside = (start is None or passed.passed_at >= start) and (end is None or passed.passed_at <= end)
        if inside and passed.group_ids & wanted and passed.obj_id in call.state.sources:
            latest[passed.obj_id] = max(passed.passed_at, latest.get(passed.obj_id, passed.passed_at))
    return sorted(latest, key=lambda name: (latest[name], name), reverse=True)


def _row(call: Call, source: Source) -> Json:
    passing = {g for c in call.state.candidates if c.obj_id == source.id for g in c.group_ids}
    return candidate(call, source, sorted(g for g in passing if call.user.sees({g})))

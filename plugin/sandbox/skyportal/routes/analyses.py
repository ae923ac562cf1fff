"""Analyses: asked for, sent to their service, answered at a web hook that works once and not for ever."""

import base64
import binascii
import hashlib
import json
import threading
from datetime import timedelta
from typing import Any, Final

import httpx
from starlette.responses import Response

from plugin.sandbox.skyportal.analysis_inputs import payload
from plugin.sandbox.skyportal.analysis_rows import Analysis, Service
from plugin.sandbox.skyportal.api import ApiError, Call, body_groups, has_nan
from plugin.sandbox.skyportal.routes.analysis_services import find
from plugin.sandbox.skyportal.rows import Annotation, Json
from plugin.sandbox.skyportal.state import State
from plugin.sandbox.skyportal.views import groups_json

_PATIENCE_S: Final = 30.0
_GONE: Final = "Cannot access this Analysis."


def start(call: Call) -> Json:
    """POST /api/obj/<id>/analysis/<service>: the service is called in a thread of its own."""
    service = find(call, f"Could not access Analysis Service ID: {call.path['service_id']}.")
    if service.upload_only:
        text = f"Analysis Service ID: {service.id} is of type upload_only. Please use the analysis_upload endpoint."
        raise ApiError(403, text)
    analysis = _new(call, service, "queued")
    analysis.invalid_after = analysis.created_at + timedelta(seconds=service.timeout)
    body = payload(call.state, service, analysis, call.user, call.state.address)
    threading.Thread(target=_call, args=(call.state, service, analysis, body), daemon=True).start()
    return {"id": analysis.id}


def upload(call: Call) -> Json:
    """POST /api/obj/<id>/analysis_upload/<service>."""
    service = find(call, f"Could not access Analysis Service ID: {call.path['service_id']}.")
    if not service.upload_only:
        raise ApiError(403, f"Analysis Service ID: {service.id} is not of type upload_only.")
    analysis = _new(call, service, "completed")
    analysis.data = call.body.get("analysis") or {}
    analysis.status_message = message = str(call.body.get("message", ""))
    saved = f"persistentdata/analysis/{analysis.token}/analysis_{analysis.id}.joblib"
    return {"id": analysis.id, "message": f"Saved upload_only analysis data at {saved}. Message: {message}"}


def answer(call: Call) -> Json:
    """POST /api/webhook/obj_analysis/<token>: no account is asked for."""
    state, token = call.state, str(call.path["token"])
    analysis = next((a for a in state.analyses.values() if a.token == token), None)
    if analysis is None:
        raise ApiError(403, "Invalid token")
    now, last = state.stamp(), analysis.last_activity
    if analysis.status not in ("pending", "queued"):
        was = f"status='{analysis.status}' and message={analysis.status_message}"
        raise ApiError(403, f"Analysis already updated with {was}")
    analysis.last_activity = analysis.modified = now
    analysis.duration = (now - last).total_seconds()
    if analysis.invalid_after is not None and now > analysis.invalid_after:
        analysis.status = "timed_out"
        analysis.status_message = f"Analysis timed out before webhook call at {now}"
        raise ApiError(400, "Token has expired")
    analysis.status = "completed" if call.body.get("status", "error") == "success" else "failure"
    analysis.status_message = call.body.get("message", "")
    analysis.data = call.body.get("analysis", {})
    for note in analysis.data.get("annotations") or ():
        _annotate(state, analysis, note)
    return {"status": "success"}


def read(call: Call) -> Json:
    """GET /api/obj/analysis/<id>: its token, too, as on the real server."""
    analysis = _find(call)
    row = {**_row(call, analysis), "groups": groups_json(call.state, analysis.group_ids)}
    row["num_plots"] = len(analysis.data.get("plots") or ())
    return row | ({"data": analysis.data} if call.flag("includeAnalysisData") else {})


def read_all(call: Call) -> list[Json]:
    """GET /api/obj/analysis: of one source, or all."""
    wanted, state = call.query.get("objID", ""), call.state
    found = [a for a in state.analyses.values() if wanted in a.obj_id and call.user.sees(a.group_ids)]
    empty = dict.fromkeys(("model_lightcurve", "model_lightcurves", "model_name", "n_detections"))
    groups = [[{"id": g, "name": state.groups[g].name} for g in sorted(a.group_ids)] for a in found]
    return [{**_row(call, a), **empty, "groups": g} for a, g in zip(found, groups, strict=True)]


def delete(call: Call) -> None:
    """DELETE /api/obj/analysis/<id>: its web hook is known no more."""
    del call.state.analyses[_find(call).id]


def results(call: Call) -> Any:
    """GET /api/obj/analysis/<id>/results."""
    found = (_find(call).data.get("results") or {}).get("data")
    if not found:
        raise ApiError(404, "No results data found for this Analysis.")
    return found


def plot(call: Call) -> Response:
    """GET /api/obj/analysis/<id>/plots/<number>: the picture itself."""
    plots = _find(call).data.get("plots") or []
    number = int(call.path["number"])
    if number >= len(plots):
        raise ApiError(404, "No plot data found for this Analysis.")
    try:
        content = base64.b64decode(plots[number]["data"], validate=True)
    except binascii.Error as error:
        raise ApiError(400, f"Issue with saving plot {error}") from None
    return Response(content, media_type=f"image/{plots[number]['format']}")


def _new(call: Call, service: Service, status: str) -> Analysis:
    state, obj_id = call.state, str(call.path["obj_id"])
    parameters = call.body.get("analysis_parameters") or {}
    if set(parameters) - set(service.parameters):
        raise ApiError(400, f"Invalid analysis_parameters: {parameters}.")
    if obj_id not in state.sources:
        raise ApiError(404, f"Obj {obj_id} not found")
    now = state.stamp()
    shown = {name: bool(call.body.get(name, name != "show_corner")) for name in _SHOWN}
    analysis = Analysis(
        id=state.next_id("analyses"),
        service_id=service.id,
        obj_id=obj_id,
        author_id=call.user.id,
        group_ids=body_groups(call, set(call.user.group_ids)),
        status=status,
        parameters=parameters,
        shown=shown,
        created_at=now,
        modified=now,
        last_activity=now,
        invalid_after=None,
    )
    state.analyses[analysis.id] = analysis
    return analysis


_SHOWN: Final = ("show_parameters", "show_plots", "show_corner")


def _call(state: State, service: Service, analysis: Analysis, body: Json) -> None:
    """Ask the service; what it says is noted, whatever was noted meanwhile is not overwritten."""
    headers = service.authinfo["header_token"] if service.authentication_type == "header_token" else {}
    try:
        with httpx.Client(timeout=_PATIENCE_S, trust_env=False) as client:
            said = client.post(service.url, json=body, headers={**headers, "User-Agent": "python-requests/2.33.0"})
        status, message = ("pending" if said.status_code == 200 else "failure"), said.text
    except httpx.HTTPError as error:
        status, message = "failure", f"Request to {service.url} had exception {error}."
    with state.lock:
        if analysis.status == "queued":
            analysis.status, analysis.status_message = status, message[:1024]
            analysis.last_activity = analysis.modified = state.stamp()


def _annotate(state: State, analysis: Analysis, note: Json) -> None:
    """One annotation per source and origin, in the name of whoever asked; whose the row was is not looked at."""
    data, origin, now = note.get("data"), str(note.get("origin") or "analysis"), state.stamp()
    if not isinstance(data, dict) or has_nan(data):
        raise ApiError(500, "(psycopg.errors.InvalidTextRepresentation) invalid input syntax for type json")
    same = [a for a in state.annotations if (a.obj_id, a.spectrum_id, a.origin) == (analysis.obj_id, None, origin)]
    if same:
        same[0].data, same[0].modified = data, now
        return
    state.annotations.append(
        Annotation(
            id=state.next_id("annotations"),
            obj_id=analysis.obj_id,
            spectrum_id=None,
            origin=origin,
            data=data,
            author_id=analysis.author_id,
            group_ids=set(analysis.group_ids),
            created_at=now,
            modified=now,
        )
    )


def _find(call: Call) -> Analysis:
    analysis = call.state.analyses.get(int(call.path["analysis_id"]))
    if analysis is None or not call.user.sees(analysis.group_ids):
        raise ApiError(403, _GONE)
    return analysis


def _row(call: Call, one: Analysis) -> Json:
    service = call.state.services[one.service_id]
    content = json.dumps(one.data, sort_keys=True).encode()
    return {
        **one.shown,
        "id": one.id,
        "created_at": one.created_at.isoformat(),
        "modified": one.modified.isoformat(),
        "last_activity": one.last_activity.isoformat(),
        "token": one.token,
        "analysis_service_id": one.service_id,
        "handled_by_url": "api/webhook/obj_analysis",
        "obj_id": one.obj_id,
        "status": one.status,
        "status_message": one.status_message,
        "analysis_parameters": one.parameters,
        "duration": one.duration,
        "input_filters": {},
        "invalid_after": None if one.invalid_after is None else one.invalid_after.isoformat(),
        "author_id": one.author_id,
        "hash": hashlib.md5(content, usedforsecurity=False).hexdigest() if one.data else None,
        "analysis_service_name": service.columns["display_name"],
        "analysis_service_description": service.columns["description"],
    }

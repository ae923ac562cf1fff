"""Analysis services: who may be asked for an analysis, and how."""

import json
from typing import Any, Final
from urllib.parse import urlsplit

from plugin.sandbox.skyportal.analysis_rows import Service
from plugin.sandbox.skyportal.api import ApiError, Call
from plugin.sandbox.skyportal.rows import Json
from plugin.sandbox.skyportal.views import groups_json

AUTHENTICATION: Final = ("none", "header_token", "api_key", "HTTPBasicAuth", "HTTPDigestAuth", "OAuth1")
TYPES: Final = ("lightcurve_fitting", "spectrum_fitting", "meta_analysis")
INPUTS: Final = ("photometry", "spectra", "redshift", "annotations", "comments", "classifications")
_COLUMNS: Final[Json] = {
    "display_name": None,
    "description": None,
    "version": None,
    "contact_name": None,
    "contact_email": None,
    "analysis_type": None,
    "is_summary": False,
    "enabled": True,
    "display_on_resource_dropdown": True,
}
_OTHERS: Final = {
    "name",
    "url",
    "authentication_type",
    "_authinfo",
    "optional_analysis_parameters",
    "input_data_types",
    "timeout",
    "upload_only",
    "group_ids",
}


def read_all(call: Call) -> list[Json]:
    """GET /api/analysis_service: those of the caller's groups, with their parameters as an object."""
    found = [s for s in call.state.services.values() if call.user.sees(s.group_ids)]
    return [{**service_json(call, s), "optional_analysis_parameters": s.parameters} for s in found]


def read(call: Call) -> Json:
    """GET /api/analysis_service/<id>."""
    return service_json(call, find(call, f"Could not access Analysis Service ID: {call.path['service_id']}."))


def create(call: Call) -> Json:
    """POST /api/analysis_service."""
    body = call.body
    _check(body, set(body))
    for name in ("url", "authentication_type"):
        if not body.get(name):
            raise ApiError(400, f"`{name}` is required to add an Analysis Service.")
    if not body.get("name") or body.get("analysis_type") not in TYPES:
        raise ApiError(400, "Invalid/missing parameters: {'analysis_type': ['Not a valid enum member']}")
    if any(s.name == body["name"] for s in call.state.services.values()):
        about = 'duplicate key value violates unique constraint "ix_analysis_services_name"'
        raise ApiError(400, f"Analysis Service with that name already exists: (psycopg.errors.UniqueViolation) {about}")
    now = call.state.stamp()
    service = Service(
        id=call.state.next_id("services"),
        name=body["name"],
        url=body["url"],
        columns={name: body.get(name, default) for name, default in _COLUMNS.items()},
        authentication_type=body["authentication_type"],
        authinfo=json.loads(body.get("_authinfo") or "{}"),
        parameters=json.loads(body.get("optional_analysis_parameters") or "{}"),
        input_data_types=list(body.get("input_data_types") or ()),
        timeout=float(body.get("timeout", 3600.0)),
        upload_only=bool(body.get("upload_only", False)),
        group_ids=_groups(call) or set(call.user.group_ids),
        created_at=now,
        modified=now,
    )
    call.state.services[service.id] = service
    return {"id": service.id}


def update(call: Call) -> None:
    """PATCH /api/analysis_service/<id>: what is not given stays."""
    service, body = find(call, "Cannot access this Analysis Service."), call.body
    _check(body, set(body))
    service.columns |= {name: body[name] for name in _COLUMNS if name in body}
    for name in ("name", "url", "authentication_type", "input_data_types", "timeout", "upload_only"):
        if name in body:
            setattr(service, name, body[name])
    if "_authinfo" in body:
        service.authinfo = json.loads(body["_authinfo"])
    if "optional_analysis_parameters" in body:
        service.parameters = json.loads(body["optional_analysis_parameters"])
    service.group_ids = _groups(call) or service.group_ids
    service.modified = call.state.stamp()


def delete(call: Call) -> None:
    """DELETE /api/analysis_service/<id>: its analyses go with it."""
    service = find(call, "Cannot delete this Analysis Service.")
    del call.state.services[service.id]
    for one in [a for a in call.state.analyses.values() if a.service_id == service.id]:
        del call.state.analyses[one.id]


def find(call: Call, message: str) -> Service:
    """The service named in the path, for those who may see it."""
    service = call.state.services.get(int(call.path["service_id"]))
    if service is None or not call.user.sees(service.group_ids):
        raise ApiError(403, message)
    return service


def service_json(call: Call, service: Service) -> Json:
    """A service, without its secrets."""
    return {
        **service.columns,
        "id": service.id,
        "name": service.name,
        "url": service.url,
        "authentication_type": service.authentication_type,
        "optional_analysis_parameters": json.dumps(service.parameters),
        "input_data_types": service.input_data_types,
        "timeout": service.timeout,
        "upload_only": service.upload_only,
        "created_at": service.created_at.isoformat(),
        "modified": service.modified.isoformat(),
        "groups": groups_json(call.state, service.group_ids),
    }


def _check(body: Json, given: set[str]) -> None:
    """What is wrong with the fields that are given."""
    if unknown := given - set(_COLUMNS) - _OTHERS:
        told = {name: ["Unknown field."] for name in sorted(unknown)}
        raise ApiError(400, f"Invalid/missing parameters: {told}")
    if "url" in given and not all(urlsplit(str(body["url"]))[:2]):
        raise ApiError(400, "a valid `url` is required to add an Analysis Service.")
    for name in {"_authinfo", "optional_analysis_parameters"} & given:
        if not isinstance(_parsed(body[name]), dict):
            raise ApiError(400, f"`{name}` must be parseable to a valid JSON object.")
    kind = body.get("authentication_type")
    if kind is not None and kind not in AUTHENTICATION:
        raise ApiError(400, f"`authentication_type` must be one of: {', '.join(AUTHENTICATION)}.")
    if kind not in (None, "none") and kind not in (_parsed(body.get("_authinfo")) or {}):
        raise ApiError(400, f'`_authinfo` must contain a key for "{kind}".')
    if set(body.get("input_data_types") or ()) - set(INPUTS):
        raise ApiError(400, "Invalid/missing parameters: {'input_data_types': ['Not a valid choice.']}")


def _parsed(text: object) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _groups(call: Call) -> set[int]:
    wanted = set(call.body.get("group_ids") or ())
    mine = set(call.state.groups) if call.user.is_admin else set(call.user.group_ids)
    if wanted - mine:
        raise ApiError(403, f"Cannot find one or more groups with IDs: {sorted(wanted)}.")
    return wanted

"""The broker a marshal is connected to, as SkyPortal passes it on. There is one, with ZTF and LSST."""

import base64
from typing import Any

from plugin.sandbox.brokers.alerts import STAMPS
from plugin.sandbox.skyportal.api import ApiError, Call
from plugin.sandbox.skyportal.rows import Json

BROKER_ID = 1
NAME = "BOOM-sandbox"
_CAN = ("query_alerts", "get_alert", "get_cutouts", "cone_search", "test_connection", "save_as_source")


def brokers(call: Call) -> list[Json]:
    """GET /api/brokers."""
    return [_broker()]


def broker(call: Call) -> Json:
    """GET /api/brokers/<id>."""
    _check(call)
    return _broker()


def alerts(call: Call) -> list[Json]:
    """GET /api/brokers/<id>/alerts: those of one object, without stamps; none for an account without a stream."""
    _check(call)
    name = call.query.get("objectId")
    if not name:
        raise ApiError(400, f"Error querying broker {NAME}: Provide objectId, or ra+dec+radius.")
    return call.state.alerts.of(name) if call.user.stream_ids else []


def alert(call: Call) -> Json | list[Json]:
    """GET /api/brokers/<id>/alerts/<object>: the brightest alert with the object's history.

    An empty list, with code 200, when the broker does not know the object.
    """
    _check(call)
    found = call.state.alerts.brightest(str(call.path["alert_id"])) if call.user.stream_ids else None
    return [] if found is None else found


def cutouts(call: Call) -> Json:
    """GET /api/brokers/<id>/alerts/<candid>/cutouts."""
    _check(call)
    text = str(call.path["alert_id"])
    found = cutouts_json(call.state.alerts.stamps, text) if call.user.stream_ids else None
    if found is None:
        raise ApiError(400, f"Error fetching cutouts from {NAME}: No accessible alert with candid {text}")
    return found


def cutouts_json(stamps: dict[int, dict[str, bytes | None]], text: str) -> Json | None:
    """The three stamps of an alert as base64; None when there is no such alert."""
    candid = int(text) if text.lstrip("-").isdigit() else None
    if candid is None or candid not in stamps:
        return None
    return {"candid": candid, **{key: _encoded(stamps[candid][key]) for key in STAMPS}}


def _encoded(data: bytes | None) -> Any:
    return None if data is None else base64.b64encode(data).decode()


def _broker() -> Json:
    return {
        "id": BROKER_ID,
        "name": NAME,
        "broker_classname": "BOOMBROKER",
        "active": True,
        "default_alert_search": False,
        "default_crossmatch": False,
        "capabilities": {**dict.fromkeys(_CAN, True), "filter_pipeline": "mongo"},
        "surveys": ["ZTF", "LSST"],
        "filter_kind": "pipeline",
    }


def _check(call: Call) -> None:
    if call.path["broker_id"] != BROKER_ID:
        raise ApiError(400, f"No broker with id {call.path['broker_id']}")

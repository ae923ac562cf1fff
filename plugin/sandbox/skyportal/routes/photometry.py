"""Photometry: read in three formats, posted column by column."""

import math
import uuid
from typing import Any

from plugin.sandbox.skyportal.api import ApiError, Call, body_groups
from plugin.sandbox.skyportal.rows import Json, Photometry
from plugin.sandbox.skyportal.views import photometry_row

ZERO_POINT = 23.9
_POGSON = 2.5 / math.log(10)
_DETECTION_SIGMA = 3.0


def of_source(call: Call) -> list[Json]:
    """GET /api/sources/<id>/photometry."""
    obj_id = str(call.path["obj_id"])
    if obj_id not in call.state.sources:
        # The real server prints the caller's own token here; the annotator has to keep it out of its logs.
        raise ApiError(403, f"Insufficient permissions for User {call.user.token} to read Obj {obj_id}")
    return [_shown(call, point) for point in call.state.photometry_of(obj_id, call.user)]


def of_broker(call: Call) -> list[Json]:
    """GET /api/brokers/photometry/<id>: the same, without the time of creation; the broker adds nothing here."""
    return [{key: value for key, value in row.items() if key != "created_at"} for row in of_source(call)]


def read(call: Call) -> Json:
    """GET /api/photometry/<id>."""
    point = call.state.photometry.get(call.path["photometry_id"])
    if point is None or not call.user.sees(point.group_ids):
        raise ApiError(403, f"Cannot find photometry point with ID: {call.path['photometry_id']}.")
    return {**photometry_row(point, call.state), "annotations": [], **magnitudes(point)}


def create(call: Call) -> Json:
    """POST /api/photometry: a point that is there already makes the whole upload fail."""
    points = [_point(call, i) for i in range(len(_column(call, "mjd")))]
    known = {_key(p) for p in call.state.photometry.values()}
    if double := [_key(p) for p in points if _key(p) in known]:
        about = "marshmallow.exceptions.ValidationError: The following photometry already exists in the database"
        raise ApiError(400, f"Traceback (most recent call last):\n{about}: {double}\n")
    call.state.photometry |= {p.id: p for p in points}
    return {"ids": [p.id for p in points], "upload_id": str(uuid.uuid4())}


def flux_of(mag: float | None, magerr: float | None, limiting_mag: float | None) -> tuple[float | None, float]:
    """Microjansky and its error from magnitudes; without a magnitude the error comes from the limit."""
    if mag is None:
        return None, 10 ** (-0.4 * ((20.5 if limiting_mag is None else limiting_mag) - ZERO_POINT)) / _DETECTION_SIGMA
    flux = 10 ** (-0.4 * (mag - ZERO_POINT))
    return flux, (magerr or 0.05) / _POGSON * flux


def _shown(call: Call, point: Photometry) -> Json:
    form = call.query.get("format", "mag")
    row = photometry_row(point, call.state)
    if form == "plot":
        found = magnitudes(point)
        kept = {key: row[key] for key in ("id", "obj_id", "filter", "mjd", "origin")}
        return kept | {key: found[key] for key in ("mag", "magerr", "limiting_mag")}
    if form not in ("mag", "flux", "both"):
        about = f"Could not serialize phot_id: {point.id} on obj {point.obj_id} with filter: {point.filter},  "
        allowed = "['flux', 'mag', 'both']"
        raise ApiError(
            500, f"{about}due to error: Invalid output format specified. Must be one of {allowed}, got '{form}'."
        )
    row |= _requested(call, point)
    if form != "flux":
        row |= magnitudes(point)
    if form != "mag":
        row |= {"flux": point.flux, "magsys": "ab", "zp": ZERO_POINT, "fluxerr": point.fluxerr}
    return row | (_extinction(row) if call.flag("includeExtinction") else {})


def _requested(call: Call, point: Photometry) -> Json:
    extra: Json = {}
    if call.flag("includeAnnotationInfo"):
        extra["annotations"] = []
    if call.flag("includeOwnerInfo"):
        owner = call.state.users[point.owner_id]
        first, _, last = owner.username.partition("-")
        extra["owner"] = {"id": owner.id, "username": owner.username, "first_name": first, "last_name": last}
    if call.flag("includeStreamInfo"):
        extra["streams"] = []
    if call.flag("includeValidationInfo"):
        extra["validations"] = []
    return extra


def magnitudes(point: Photometry) -> Json:
    """A point in AB magnitudes."""
    detected = point.flux is not None and point.flux > 0
    flux = point.flux or 1.0
    return {
        "mag": -2.5 * math.log10(flux) + ZERO_POINT if detected else None,
        "magerr": _POGSON * point.fluxerr / flux if detected else None,
        "magsys": "ab",
        "limiting_mag": point.limiting_mag,
    }


def _extinction(row: Json) -> Json:
    """A stand-in of 0.18 mag for every filter; the sandbox has no dust map."""
    mag, flux = row.get("mag"), row.get("flux")
    return {
        "extinction": 0.18,
        "mag_corr": None if mag is None else mag - 0.18,
        "flux_corr": None if flux is None else flux * 10 ** (0.4 * 0.18),
    }


def _column(call: Call, name: str) -> list[Any]:
    value = call.body.get(name)
    return value if isinstance(value, list) else [value]


def _cell(call: Call, name: str, i: int) -> Any:
    column = _column(call, name)
    return column[i] if len(column) > 1 else column[0]


def _point(call: Call, i: int) -> Photometry:
    if call.body.get("obj_id") not in call.state.sources:
        raise ApiError(400, f"Invalid obj_id: {call.body.get('obj_id')}")
    limit = _cell(call, "limiting_mag", i)
    flux, error = flux_of(_cell(call, "mag", i), _cell(call, "magerr", i), limit)
    return Photometry(
        id=call.state.next_id("photometry"),
        obj_id=call.body["obj_id"],
        filter=str(_cell(call, "filter", i)),
        mjd=float(_cell(call, "mjd", i)),
        flux=flux,
        fluxerr=error,
        limiting_mag=limit,
        instrument_id=int(call.body.get("instrument_id", 1)),
        origin=str(call.body.get("origin")),
        owner_id=call.user.id,
        group_ids=body_groups(call, set()) | {call.user.own_group},
        created_at=call.state.stamp(),
    )


def _key(p: Photometry) -> tuple[object, ...]:
    return (p.obj_id, p.instrument_id, p.origin, p.mjd, p.fluxerr, p.flux)

"""Spectra: listed by time of observation, never paged, hardly validated, changed by their owner only."""

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

from plugin.sandbox.skyportal.accounts import PUBLIC_GROUP
from plugin.sandbox.skyportal.api import ApiError, Call, body_groups, find_source, find_spectrum, has_nan, parse_date
from plugin.sandbox.skyportal.rows import Json, Spectrum
from plugin.sandbox.skyportal.views import INSTRUMENTS, minimal_spectrum, spectrum_json, spectrum_row

TYPES = ("source", "host", "host_center")
UNITS = ("Jy", "AB", "erg/s/cm/cm/AA")
_MJD_EPOCH = datetime(1858, 11, 17)


def query(call: Call) -> list[Json]:
    """GET /api/spectra. Limits of time are inclusive; unknown parameters, `numPerPage` among them, are ignored."""
    wanted = _filter(call)
    rows = [s for s in call.state.visible_spectra(call.user) if wanted(s)]
    if call.flag("minimalPayload"):
        return [minimal_spectrum(s) for s in rows]
    with_file = call.flag("includeOriginalFile")
    return [spectrum_json(s, call.state, call.user, with_file=with_file) for s in rows]


def read(call: Call) -> Json:
    """GET /api/spectra/<id>."""
    with_file = call.flag("includeOriginalFile")
    return spectrum_json(find_spectrum(call), call.state, call.user, with_file=with_file)


def of_source(call: Call) -> Json:
    """GET /api/sources/<id>/spectra: with `observed_at_mjd`, and normalised on request."""
    source = find_source(call, 400, "Invalid object ID.")
    rows = call.state.spectra_of(source.id, call.user)
    if call.query.get("sortBy") == "created_at":
        rows = sorted(rows, key=lambda s: s.created_at)
    if call.query.get("sortOrder", "asc") == "desc":
        rows = rows[::-1]
    shown = [{**spectrum_json(s, call.state, call.user), "observed_at_mjd": _mjd(s.observed_at)} for s in rows]
    if call.query.get("normalization") == "median":
        for item in shown:
            item["fluxes"] = _by_median(item["fluxes"])
    return {"obj_id": source.id, "spectra": shown}


def observed_between(call: Call) -> list[Json]:
    """GET /api/spectra/range: raw rows by time of observation."""
    instruments, low, high = call.numbers("instrument_ids"), call.date("min_date"), call.date("max_date")
    rows = [s for s in call.state.visible_spectra(call.user) if not instruments or s.instrument_id in instruments]
    rows = [s for s in rows if (low is None or s.observed_at >= low) and (high is None or s.observed_at <= high)]
    return [spectrum_row(s, with_file=True) for s in rows]


def bulk(call: Call) -> Json:
    """POST /api/spectra/bulk: slim arrays of several sources, without ids, errors and units."""
    limit, group = int(call.body.get("maxSources", 1000)), call.body.get("group_id")
    named = call.body.get("obj_ids")
    chosen = [
        s for s in call.state.sources.values() if (named is None or s.id in named) and (not group or group in s.saves)
    ]
    kept = {s.id for s in chosen[:limit]}
    unknown = {"first_detected_mjd": None, "peak_mjd": None, "tns_discovery_date": None}
    keys = ("obj_id", "observed_at", "wavelengths", "fluxes")
    spectra = [spectrum_row(s) for s in call.state.visible_spectra(call.user) if s.obj_id in kept]
    return {
        "sources": [{"id": s.id, "redshift": s.redshift, **unknown} for s in chosen[:limit]],
        "spectra": [{key: row[key] for key in keys} for row in spectra],
        "truncated": len(chosen) > limit,
    }


def create(call: Call) -> Json:
    """POST /api/spectra."""
    _check_arrays(call.body)
    return {"id": _store(call, call.body).id}


def create_ascii(call: Call) -> Json:
    """POST /api/spectra/ascii: comment lines become `altdata`; NaN gets in this way."""
    parsed = _parse_ascii(call.body)
    body = {**call.body, **parsed, "altdata": parsed["altdata"] or None}
    spectrum = _store(call, body)
    spectrum.original_file_string = call.body["ascii"]
    spectrum.original_file_filename = call.body.get("filename")
    return {"id": spectrum.id}


def parse_ascii(call: Call) -> Json:
    """POST /api/spectra/parse/ascii: a preview; nothing is stored."""
    parsed = _parse_ascii(call.body)
    unset = dict.fromkeys(("obj_id", "instrument_id", "type", "label", "observed_at"))
    return {**unset, **parsed, "original_file_string": call.body["ascii"], "owner_id": call.user.id}


def update(call: Call) -> None:
    """PUT /api/spectra/<id>: bumps `modified`."""
    spectrum = _own(call, "update")
    for key in ("label", "origin", "type", "units", "wavelengths", "fluxes", "errors", "altdata"):
        if key in call.body:
            setattr(spectrum, key, call.body[key])
    if "observed_at" in call.body:
        spectrum.observed_at = parse_date(str(call.body["observed_at"]))
    spectrum.modified = call.state.stamp()


def delete(call: Call) -> None:
    """DELETE /api/spectra/<id>: its annotations and comments go with it."""
    call.state.remove_spectrum(_own(call, "delete").id)


def share(call: Call) -> None:
    """POST /api/sharing: more groups for spectra and photometry. `modified` stays as it was."""
    groups = {int(g) for g in call.body.get("groupIDs") or ()}
    if not groups or groups - set(call.state.groups):
        raise ApiError(400, "Please specify valid groupIDs.")
    for number in call.body.get("spectrumIDs") or ():
        find_spectrum(_at(call, spectrum_id=number)).group_ids |= groups
    for number in call.body.get("photometryIDs") or ():
        call.state.photometry[number].group_ids |= groups


def _at(call: Call, **path: Any) -> Call:
    return Call(state=call.state, user=call.user, path=path, query=call.query, body=call.body)


def _filter(call: Call) -> Callable[[Spectrum], bool]:
    """What the query asks for. A group the caller is not in is no error here: it only finds nothing more."""
    after, before = call.date("modifiedAfter"), call.date("modifiedBefore")
    seen_after, seen_before = call.date("observedAfter"), call.date("observedBefore")
    groups, instruments = call.numbers("groupIDs"), call.numbers("instrumentIDs")

    def wanted(s: Spectrum) -> bool:
        return (
            (after is None or s.modified >= after)
            and (before is None or s.modified <= before)
            and (seen_after is None or s.observed_at >= seen_after)
            and (seen_before is None or s.observed_at <= seen_before)
            and (groups is None or bool(s.group_ids & set(groups)))
            and (instruments is None or s.instrument_id in instruments)
            and call.query.get("objID", "") in s.obj_id
            and call.query.get("origin", "") in (s.origin or "")
            and call.query.get("label", "") in (s.label or "")
            and ("type" not in call.query or s.type in call.query["type"].split(","))
            and not call.query.get("followupRequestIDs")
            and not call.query.get("assignmentIDs")
        )

    return wanted


def _check_arrays(body: Json) -> None:
    problems: Json = {}
    for name in ("wavelengths", "fluxes", "errors"):
        values = body.get(name)
        if values is None and name == "errors":
            continue
        if not isinstance(values, list):
            problems[name] = ["Missing data for required field." if values is None else "Not a valid list."]
        elif bad := {i: [_value_problem(v)] for i, v in enumerate(values) if _value_problem(v)}:
            problems[name] = bad
    if body.get("type", "source") not in TYPES:
        problems["type"] = [f"Must be one of: {', '.join(TYPES)}."]
    if problems:
        raise ApiError(400, f"Invalid / missing parameters; {problems}")


def _value_problem(value: object) -> str | None:
    if value is None:
        return "Field may not be null."
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "Not a valid number."
    return "Special numeric values (nan or infinity) are not permitted." if has_nan(value) else None


def _store(call: Call, body: Json) -> Spectrum:
    if body.get("units") not in (None, *UNITS):
        raise ApiError(400, "Failed to post spectrum: units must be Jy, AB, or erg/s/cm/cm/AA")
    if body.get("obj_id") not in call.state.sources:
        raise ApiError(400, f"Failed to post spectrum: Cannot find object with ID: {body.get('obj_id')}")
    if not 1 <= int(body.get("instrument_id") or 0) <= len(INSTRUMENTS):
        raise ApiError(400, f"Failed to post spectrum: Cannot find instrument with ID: {body.get('instrument_id')}")
    now = call.state.stamp()
    spectrum = Spectrum(
        id=call.state.next_id("spectra"),
        obj_id=body["obj_id"],
        observed_at=parse_date(str(body["observed_at"])),
        wavelengths=body["wavelengths"],
        fluxes=body["fluxes"],
        errors=body.get("errors"),
        units=body.get("units"),
        origin=body.get("origin"),
        type=body.get("type") or "source",
        label=body.get("label"),
        instrument_id=int(body["instrument_id"]),
        altdata=body.get("altdata"),
        owner_id=call.user.id,
        group_ids=_groups(call) | {call.user.own_group},
        created_at=now,
        modified=now,
    )
    call.state.spectra[spectrum.id] = spectrum
    return spectrum


def _groups(call: Call) -> set[int]:
    return {PUBLIC_GROUP} if call.body.get("group_ids") == "all" else body_groups(call, set())


def _own(call: Call, action: str) -> Spectrum:
    spectrum = find_spectrum(call)
    if spectrum.owner_id != call.user.id and not call.user.is_admin:
        # The real server prints the caller's own token here; the annotator has to keep it out of its logs.
        who = f"Token {call.user.token} {action} Spectrum {{{spectrum.id}}}"
        raise ApiError(400, f'Insufficient permissions for operation "{who}".')
    return spectrum


def _parse_ascii(body: Json) -> Json:
    header: Json = {}
    rows: list[list[float]] = []
    for line in str(body.get("ascii", "")).splitlines():
        key, found, value = line.lstrip("#").partition(":")
        if line.startswith("#") and found:
            header[key.strip()] = _number_or_text(value.strip())
        elif line.strip() and not line.startswith("#"):
            rows.append([float(part) for part in line.replace(",", " ").split()])
    wave, flux = int(body.get("wave_column", 0)), int(body.get("flux_column", 1))
    error = body.get("fluxerr_column")
    return {
        "wavelengths": [row[wave] for row in rows],
        "fluxes": [row[flux] for row in rows],
        "errors": None if error is None else [row[int(error)] for row in rows],
        "altdata": header or None,
    }


def _number_or_text(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _mjd(when: datetime) -> float:
    return (when - _MJD_EPOCH).total_seconds() / 86400.0


def _by_median(values: list[Any]) -> list[Any]:
    numbers = sorted(abs(v) for v in values if isinstance(v, int | float) and math.isfinite(v) and v != 0)
    scale = numbers[len(numbers) // 2] if numbers else 1.0
    return [v / scale if isinstance(v, int | float) else v for v in values]

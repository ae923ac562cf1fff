"""Rows as the JSON the real server sends, key by key."""

from typing import Any

from plugin.sandbox.skyportal.rows import Annotation, Classification, Comment, Group, Json, Photometry, Spectrum, User
from plugin.sandbox.skyportal.state import State

TELESCOPES: tuple[Json, ...] = (
    {"id": 1, "name": "Palomar 48 inch Samuel Oschin", "nickname": "P48", "diameter": 1.2},
    {"id": 2, "name": "Palomar 60 inch", "nickname": "P60", "diameter": 1.5},
)
INSTRUMENTS: tuple[Json, ...] = (
    {"id": 1, "name": "ZTF", "type": "imager", "telescope_id": 1, "filters": ["ztfg", "ztfr", "ztfi"]},
    {
        "id": 2,
        "name": "SEDM",
        "type": "imaging spectrograph",
        "telescope_id": 2,
        "filters": ["sdssu", "sdssg", "sdssr", "sdssi"],
    },
)
MINIMAL_KEYS = [
    "id",
    "owner_id",
    "obj_id",
    "observed_at",
    "origin",
    "type",
    "label",
    "instrument_id",
    "followup_request_id",
    "assignment_id",
    "altdata",
    "original_file_filename",
    "modified",
    "created_at",
]


def user_json(user: User) -> Json:
    """An account, without its token."""
    return {
        "username": user.username,
        "first_name": user.username.split("-")[0],
        "last_name": user.username.split("-")[-1],
        "bio": "Account of the sandbox." if user.is_bot else None,
        "affiliations": [],
        "contact_email": None,
        "contact_phone": None,
        "oauth_uid": None,
        "is_bot": user.is_bot,
        "expiration_date": None,
        "id": user.id,
        "modified": user.modified.isoformat(),
        "created_at": user.created_at.isoformat(),
    }


def group_json(group: Group) -> Json:
    """A group."""
    return {
        "name": group.name,
        "nickname": group.nickname,
        "description": group.description,
        "private": False,
        "auto_accept_requests": False,
        "single_user_group": group.single_user_group,
        "id": group.id,
        "modified": group.modified.isoformat(),
        "created_at": group.created_at.isoformat(),
    }


def groups_json(state: State, group_ids: set[int]) -> list[Json]:
    """Several groups, by id."""
    return [group_json(state.groups[i]) for i in sorted(group_ids)]


def telescope_json(telescope_id: int, state: State) -> Json:
    """A telescope."""
    born = state.users[1].created_at.isoformat()
    place = {"lon": -116.8361345, "lat": 33.3633675, "elevation": 1870.0, "robotic": True, "fixed_location": True}
    links = {"mpc_obscode": None, "skycam_link": None, "weather_link": None}
    return {**TELESCOPES[telescope_id - 1], **place, **links, "modified": born, "created_at": born}


def instrument_json(instrument_id: int, state: State) -> Json:
    """An instrument with its telescope."""
    row = INSTRUMENTS[instrument_id - 1]
    born = state.users[1].created_at.isoformat()
    unset = [
        "api_classname",
        "api_classname_obsplan",
        "listener_classname",
        "treasuremap_id",
        "sensitivity_data",
        "tns_id",
        "configuration_data",
        "across_id",
        "last_status_update",
    ]
    return {
        **row,
        **dict.fromkeys(unset),
        "band": "optical",
        "has_fields": False,
        "has_region": False,
        "modified": born,
        "created_at": born,
        "telescope": telescope_json(row["telescope_id"], state),
    }


def spectrum_row(spectrum: Spectrum, *, with_file: bool = False) -> Json:
    """A spectrum's own columns, arrays included."""
    row: Json = {
        "observed_at": spectrum.observed_at.isoformat(),
        "label": spectrum.label,
        "units": spectrum.units,
        "instrument_id": spectrum.instrument_id,
        "altdata": spectrum.altdata,
        "obj_id": spectrum.obj_id,
        "assignment_id": None,
        "wavelengths": spectrum.wavelengths,
        "followup_request_id": None,
        "modified": spectrum.modified.isoformat(),
        "origin": spectrum.origin,
        "created_at": spectrum.created_at.isoformat(),
        "errors": spectrum.errors,
        "type": spectrum.type,
        "original_file_filename": spectrum.original_file_filename,
        "fluxes": spectrum.fluxes,
        "owner_id": spectrum.owner_id,
        "id": spectrum.id,
    }
    return {**row, "original_file_string": spectrum.original_file_string} if with_file else row


def minimal_spectrum(spectrum: Spectrum) -> Json:
    """What `minimalPayload=true` leaves: everything but arrays, units and relations."""
    row = spectrum_row(spectrum)
    return {key: row[key] for key in MINIMAL_KEYS}


def spectrum_json(spectrum: Spectrum, state: State, user: User, *, with_file: bool = False) -> Json:
    """A spectrum with everything that hangs on it."""
    instrument = instrument_json(spectrum.instrument_id, state)
    notes = state.annotations_on(spectrum.obj_id, spectrum.id, user)
    comments = state.comments_on(spectrum.obj_id, spectrum.id, user)
    return {
        **spectrum_row(spectrum, with_file=with_file),
        "instrument": instrument,
        "owner": user_json(state.users[spectrum.owner_id]),
        "groups": groups_json(state, spectrum.group_ids),
        "pis": [],
        "reducers": [],
        "observers": [],
        "instrument_name": instrument["name"],
        "telescope_id": instrument["telescope_id"],
        "telescope_name": instrument["telescope"]["name"],
        "comments": [comment_json(c, state, with_author=True) for c in comments],
        "annotations": [{**annotation_row(a), **_authored(a, state, "spectrum")} for a in notes],
    }


def annotation_row(note: Annotation) -> Json:
    """An annotation's own columns."""
    row: Json = {
        "modified": note.modified.isoformat(),
        "data": note.data,
        "origin": note.origin,
        "obj_id": note.obj_id,
        "id": note.id,
        "created_at": note.created_at.isoformat(),
        "author_id": note.author_id,
    }
    return row if note.spectrum_id is None else {**row, "spectrum_id": note.spectrum_id}


def annotation_json(note: Annotation, state: State) -> Json:
    """An annotation as its own endpoints show it: with groups."""
    return {**annotation_row(note), "groups": groups_json(state, note.group_ids)}


def annotation_in_source(note: Annotation, state: State) -> Json:
    """An annotation as the source page shows it: with author and type instead of groups."""
    return {**annotation_row(note), **_authored(note, state, "source")}


def _authored(note: Annotation, state: State, kind: str) -> Json:
    return {"author": user_json(state.users[note.author_id]), "type": kind}


def comment_json(comment: Comment, state: State, *, with_author: bool) -> Json:
    """A comment; those on spectra have no channel."""
    author = state.users[comment.author_id]
    row: Json = {
        "obj_id": comment.obj_id,
        "id": comment.id,
        "created_at": comment.created_at.isoformat(),
        "attachment_name": comment.attachment_name,
        "bot": True,
        "author_id": comment.author_id,
        "modified": comment.modified.isoformat(),
        "text": comment.text,
        "origin": None,
        "resourceType": "sources" if comment.spectrum_id is None else "spectra",
    }
    if comment.spectrum_id is None:
        row |= {"channel": comment.channel, "system": False}
    else:
        row["spectrum_id"] = comment.spectrum_id
    if with_author:
        brief = {key: user_json(author)[key] for key in ("username", "first_name", "last_name", "is_bot")}
        row["author"] = {**brief, "gravatar_url": ""}
    return row


def classification_json(row: Classification, state: State, **extra: Any) -> Json:
    """A classification; `extra` is what the endpoint at hand adds."""
    return {
        "taxonomy_id": row.taxonomy_id,
        "author_id": row.author_id,
        "author_name": state.users[row.author_id].username,
        "obj_id": row.obj_id,
        "modified": row.modified.isoformat(),
        "classification": row.classification,
        "origin": row.origin,
        "probability": row.probability,
        "ml": row.ml,
        "id": row.id,
        "created_at": row.created_at.isoformat(),
        **extra,
    }


def photometry_row(point: Photometry, state: State) -> Json:
    """The columns of a photometric point that do not depend on the format."""
    groups = [
        {key: group_json(state.groups[i])[key] for key in ("id", "name", "nickname", "single_user_group")}
        for i in sorted(point.group_ids)
    ]
    return {
        "obj_id": point.obj_id,
        "ra": None,
        "dec": None,
        "filter": point.filter,
        "mjd": point.mjd,
        "snr": None if point.flux is None else point.flux / point.fluxerr,
        "instrument_id": point.instrument_id,
        "instrument_name": INSTRUMENTS[point.instrument_id - 1]["name"],
        "ra_unc": None,
        "dec_unc": None,
        "origin": point.origin,
        "id": point.id,
        "altdata": None,
        "created_at": point.created_at.isoformat(),
        "groups": groups,
    }

"""A source as the real server sends it, alone or in a list."""

import zlib
from datetime import datetime, timedelta

from plugin.sandbox.skyportal.api import Call
from plugin.sandbox.skyportal.rows import Json, Source, User
from plugin.sandbox.skyportal.sky import distances, galactic
from plugin.sandbox.skyportal.state import State
from plugin.sandbox.skyportal.views import (
    annotation_in_source,
    annotation_row,
    classification_json,
    comment_json,
    group_json,
    groups_json,
    user_json,
)

_UNSET = [
    "summary_history",
    "mpc_name",
    "t0",
    "detect_photometry_count",
    "dist_nearest_source",
    "tns_info",
    "summary",
    "mag_nearest_source",
    "score",
    "ra_dis",
    "e_mag_nearest_source",
    "dec_dis",
    "alias",
    "ra_err",
    "host_id",
    "dec_err",
]


def listed(call: Call, source: Source) -> Json:
    """One entry of GET /api/sources."""
    row = _row(source) | {"tags": tags_json(call.state, source.id, call.user)}
    if call.flag("includeSpectrumExists"):
        row["spectrum_exists"] = bool(call.state.spectra_of(source.id, call.user))
    if call.flag("includePhotometryExists"):
        row["photometry_exists"] = bool(call.state.photometry_of(source.id, call.user))
    if call.flag("includeCommentExists"):
        row["comment_exists"] = bool(call.state.comments_on(source.id, None, call.user))
    if call.flag("removeNested"):
        return row
    if call.flag("includeThumbnails"):
        row["thumbnails"] = []
    if call.flag("includeComments"):
        row["comments"] = _comments(call, source)
    notes = call.state.annotations_on(source.id, None, call.user)
    classes = call.state.classifications_of(source.id, call.user)
    return row | {
        "groups": saved_groups(call, source),
        "classifications": [classification_json(c, call.state, groups=[], votes=c.votes) for c in classes],
        "annotations": [annotation_row(a) for a in notes],
    }


def single(call: Call, source: Source) -> Json:
    """GET /api/sources/<id>."""
    notes = call.state.annotations_on(source.id, None, call.user)
    classes = call.state.classifications_of(source.id, call.user)
    row = _row(source) | {
        "followup_requests": [],
        "galaxies": None,
        "duplicates": [],
        "assignments": [],
        "annotations": [annotation_in_source(a, call.state) for a in notes],
        "classifications": [
            classification_json(c, call.state, groups=groups_json(call.state, c.group_ids), votes=c.votes)
            for c in classes
        ],
        "ebv": 0.05,
        "tags": tags_json(call.state, source.id, call.user),
        "groups": saved_groups(call, source),
        "associated_objs": [],
    }
    return row | _extras(call, source) | ({} if source.host is None else {"host": source.host, "host_id": 1})


def candidate(call: Call, source: Source, passing: list[int]) -> Json:
    """One entry of GET /api/candidates."""
    notes = call.state.annotations_on(source.id, None, call.user)
    classes = call.state.classifications_of(source.id, call.user)
    return _row(source) | {
        "photstats": [],
        "thumbnails": [],
        "is_source": bool(saved_groups(call, source)),
        "saved_groups": [group_json(call.state.groups[g]) for g in sorted(source.saves) if call.user.sees({g})],
        "classifications": [classification_json(c, call.state, groups=[], votes=c.votes) for c in classes],
        "passing_group_ids": passing,
        "associated_objs": [],
        "annotations": [annotation_row(a) for a in notes],
        "last_detected_at": _detections(call, source)["last_detected"],
        "tags": tags_json(call.state, source.id, call.user),
    }


def saved_groups(call: Call, source: Source) -> list[Json]:
    """The caller's groups that the source is saved to, with time and person."""
    shown = []
    for group_id, save in sorted(source.saves.items()):
        if call.user.sees({group_id}):
            saved = {"saved_at": save.saved_at.isoformat(), "saved_by": user_json(call.state.users[save.saved_by])}
            shown.append({**group_json(call.state.groups[group_id]), "active": True, "requested": False, **saved})
    return shown


def tags_json(state: State, obj_id: str, user: User) -> list[Json]:
    """The tags of a source."""
    found = [t for t in state.tags.values() if t.obj_id == obj_id and user.sees(t.group_ids)]
    return [
        {
            "objtagoption_id": t.option_id,
            "modified": t.modified.isoformat(),
            "author_id": t.author_id,
            "obj_id": t.obj_id,
            "id": t.id,
            "created_at": t.created_at.isoformat(),
        }
        for t in found
    ]


def _row(source: Source) -> Json:
    longitude, latitude = galactic(source.ra, source.dec)
    return {
        **dict.fromkeys(_UNSET),
        "id": source.id,
        "ra": source.ra,
        "dec": source.dec,
        "offset": 0.0,
        "altdata": source.altdata,
        "tns_name": source.tns_name,
        "redshift": source.redshift,
        "redshift_error": source.redshift_error,
        "redshift_origin": source.redshift_origin,
        "redshift_history": source.redshift_history,
        "origin": source.origin,
        "transient": False,
        "varstar": False,
        "is_roid": False,
        "healpix": zlib.crc32(source.id.encode()),
        "created_at": source.created_at.isoformat(),
        "modified": source.modified.isoformat(),
        "internal_key": source.internal_key,
        "gal_lon": longitude,
        "gal_lat": latitude,
        **distances(source.redshift),
    }


def _extras(call: Call, source: Source) -> Json:
    row: Json = {}
    if call.flag("includeThumbnails"):
        row["thumbnails"] = []
    if call.flag("includeComments"):
        row["comments"] = _comments(call, source)
    if call.flag("includeSpectrumExists"):
        row["spectrum_exists"] = bool(call.state.spectra_of(source.id, call.user))
    if call.flag("includePhotometryExists"):
        row["photometry_exists"] = bool(call.state.photometry_of(source.id, call.user))
    if call.flag("includeLabellers"):
        row["labellers"] = [user_json(call.state.users[u]) for s, _, u in call.state.labels if s == source.id]
    if call.flag("includeDetectionStats"):
        row |= {"photstats": [], **_detections(call, source)}
    return row


def _comments(call: Call, source: Source) -> list[Json]:
    rows = call.state.comments_on(source.id, None, call.user)
    return [comment_json(c, call.state, with_author=True) for c in rows]


def _detections(call: Call, source: Source) -> Json:
    days = [p.mjd for p in call.state.photometry_of(source.id, call.user) if p.flux is not None]
    if not days:
        return {"first_detected": None, "last_detected": None}
    first, last = (datetime(1858, 11, 17) + timedelta(days=d) for d in (min(days), max(days)))
    return {"first_detected": first.isoformat(), "last_detected": last.isoformat()}

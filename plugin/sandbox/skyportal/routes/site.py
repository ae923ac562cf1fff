"""What the server says about itself: health, settings, accounts, groups, instruments, tags."""

import re

from plugin.sandbox.skyportal.accounts import PUBLIC_GROUP
from plugin.sandbox.skyportal.api import ApiError, Call
from plugin.sandbox.skyportal.routes.spectra import TYPES
from plugin.sandbox.skyportal.rows import Json, Tag
from plugin.sandbox.skyportal.source_views import tags_json
from plugin.sandbox.skyportal.views import (
    INSTRUMENTS,
    TELESCOPES,
    group_json,
    groups_json,
    instrument_json,
    telescope_json,
)
from plugin.sandbox.skyportal.views import user_json as account_json

_EMPTY_LISTS = [
    "cosmologyParams",
    "allowedAllocationTypes",
    "gcnNoticeTypes",
    "gcnSummaryAcknowledgements",
    "allowedRecurringAPIMethods",
    "summary_sourcesClasses",
    "tnsAllowedInstruments",
    "allowedInstrumentsForSharing",
    "colorPalette",
    "authBackends",
]
_EMPTY_DICTS = [
    "openai_summary_parameters",
    "classificationsClasses",
    "gcnTagsClasses",
    "bandpassesColors",
    "bandpassesWavelengths",
]


def sysinfo(call: Call) -> Json:
    """GET /api/sysinfo: needs no token; the health check."""
    return {"gitlog": []}


def config(call: Call) -> Json:
    """GET /api/config. Lists that concern no spectrum are empty here."""
    return {
        **{name: [] for name in _EMPTY_LISTS},
        **{name: {} for name in _EMPTY_DICTS},
        "slackPreamble": "https://hooks.slack.com/",
        "invitationsEnabled": False,
        "photometryDisplayEndpoint": None,
        "cosmology": "Planck18",
        "cosmoref": "Planck18",
        "openai_summary_apikey_set": False,
        "allowedSpectrumTypes": list(TYPES),
        "defaultSpectrumType": "source",
        "maxNumDaysUsingLocalization": 3720,
        "usePinecone": False,
        "usePhotometryValidation": True,
        "publicGroupName": call.state.groups[PUBLIC_GROUP].name,
        "shareDataWithPublicGroupByDefault": False,
    }


def profile(call: Call) -> Json:
    """GET /api/internal/profile: the account, its rights, and (as on the real server) its token in clear."""
    user = call.user
    acls = sorted(user.acls)
    token = {"id": user.token, "name": user.username, "acls": acls, "created_at": user.created_at.isoformat()}
    return {
        **account_json(user),
        "roles": ["Super admin" if user.is_admin else "Full user"],
        "permissions": acls,
        "acls": [],
        "tokens": [token],
        "gravatar_url": "",
        "preferences": call.state.preferences[user.id],
        "groupAdmissionRequests": [],
        "streams": streams(call),
        "is_anonymous": False,
    }


def change_profile(call: Call) -> None:
    """PATCH /api/internal/profile."""
    call.state.preferences[call.user.id] |= call.body.get("preferences") or {}


def groups(call: Call) -> Json:
    """GET /api/groups. Every group is listed to everybody; those of the caller are `user_groups`."""
    mine = [g for g in call.state.groups.values() if call.user.sees({g.id})]
    shared = [g for g in call.state.groups.values() if not g.single_user_group]
    return {
        "user_groups": [group_json(g) | ({} if g.single_user_group else {"streams": []}) for g in mine],
        "user_accessible_groups": [group_json(g) | {"streams": []} for g in mine if not g.single_user_group],
        "all_groups": [group_json(g) | {"streams": []} for g in shared],
    }


def streams(call: Call) -> list[Json]:
    """GET /api/streams: those of the account."""
    born = call.state.users[1].created_at.isoformat()
    altdata = {"selector": [1], "collection": "ZTF_alerts"}
    public = {"name": "ZTF Public", "auto_join": False, "modified": born, "altdata": altdata, "id": 1}
    return [{**row, "created_at": born} for row in (public,) if row["id"] in call.user.stream_ids]


def instruments(call: Call) -> list[Json]:
    """GET /api/instrument."""
    more = {"region": None, "number_of_fields": 0, "region_summary": "", "log_exists": False}
    return [instrument_json(i["id"], call.state) | more for i in INSTRUMENTS]


def telescopes(call: Call) -> list[Json]:
    """GET /api/telescope."""
    rows = []
    for telescope in TELESCOPES:
        there = [instrument_json(i["id"], call.state) for i in INSTRUMENTS if i["telescope_id"] == telescope["id"]]
        for instrument in there:
            del instrument["telescope"]
        slim = [{**i, "allocations": []} for i in there]
        night = {"is_night_astronomical": False, "morning": None, "evening": None}
        row = telescope_json(telescope["id"], call.state)
        rows.append({**row, "instruments": slim, **night, "allocations": []})
    return rows


def tag_options(call: Call) -> list[Json]:
    """GET /api/objtagoption."""
    return list(call.state.tag_options.values())


def create_tag_option(call: Call) -> Json:
    """POST /api/objtagoption."""
    name = str(call.body.get("name"))
    if not re.fullmatch(r"[A-Za-z0-9]+", name):
        text = "`name` must contain only letters and numbers (no spaces, underscores, or special characters)"
        raise ApiError(400, text)
    number, now = call.state.next_id("tag options"), call.state.stamp().isoformat()
    option = {"name": name, "color": call.body.get("color"), "id": number, "modified": now, "created_at": now}
    call.state.tag_options[number] = option
    return option


def tags(call: Call) -> list[Json]:
    """GET /api/objtag."""
    return tags_json(call.state, call.query.get("obj_id", ""), call.user)


def create_tag(call: Call) -> Json:
    """POST /api/objtag: the same once more is a harmless success."""
    obj_id, option = str(call.body.get("obj_id")), int(call.body.get("objtagoption_id", 0))
    if obj_id not in call.state.sources or option not in call.state.tag_options:
        raise ApiError(400, "Invalid obj_id or objtagoption_id")
    if any((t.obj_id, t.option_id) == (obj_id, option) for t in call.state.tags.values()):
        return {}
    groups_ = {int(g) for g in call.body.get("group_ids") or (PUBLIC_GROUP,)}
    now = call.state.stamp()
    number = call.state.next_id("tags")
    call.state.tags[number] = Tag(
        id=number,
        obj_id=obj_id,
        option_id=option,
        author_id=call.user.id,
        group_ids=groups_,
        created_at=now,
        modified=now,
    )
    row = {"objtagoption_id": option, "obj_id": obj_id, "author_id": call.user.id, "id": number}
    return {
        **row,
        "groups": groups_json(call.state, groups_),
        "modified": now.isoformat(),
        "created_at": now.isoformat(),
    }


def delete_tag(call: Call) -> None:
    """DELETE /api/objtag/<id>: fails for a plain token (a fault of the real server, kept)."""
    if not call.user.may("Manage sources"):
        about = "(psycopg.errors.UndefinedFunction) operator does not exist: integer = character varying\nLINE 8: WHERE"
        raise ApiError(500, f"{about} obj_tags_2.author_id = '{call.user.token}'::VARCHAR")
    call.state.tags.pop(call.path["tag_id"], None)

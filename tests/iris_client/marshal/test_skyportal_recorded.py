"""The client against what a real SkyPortal answered: every recorded exchange, and every call it makes."""

import json
import os
import traceback
from pathlib import Path

import httpx
import numpy as np
import pytest

from iris_client.errors import NotFound, Refused, Unavailable, Uncertain, UpstreamError
from iris_client.http.responses import Reply, judge
from iris_client.protocols import Marshal, Place, Upserted
from iris_client.quality.control import examine
from tests.fakes.recorded import BOT, Recording, answer, client, load

DATA = os.environ.get("ASTRANET_DATA_DIR")
FOLDER = Path(DATA or "nowhere") / "skyportal" / "responses"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
pytestmark = pytest.mark.skipif(not NAMES, reason="ASTRANET_DATA_DIR is not set: no recorded exchanges")

GROUPS = [6]
SOURCE = Place(kind="source", id="ZTF26aaapple")
SPECTRUM = Place(kind="spectrum", id="1")

BLAMED_ON_US = {"annotation_nan", "non_json_body", "photometry_bad_format", "comment_attachment_json", "tag_delete"}
GONE = {
    "annotation_delete_again",
    "annotation_delete_other_user",
    "annotation_get_own_but_foreign_group",
    "annotation_put_other_user",
    "annotation_unknown_obj",
    "classification_put_other_user",
    "obj_spectra_unknown_obj",
    "photometry_unknown_obj",
    "source_not_found",
    "spectrum_not_found",
}


def outcome(name: str) -> type[UpstreamError] | None:
    """Which error an exchange stands for, from its status and the reference's table alone."""
    exchange = load(FOLDER, name)
    status = exchange["status_code"]
    if "json" not in exchange["content_type"]:
        return Unavailable
    if status < 300:
        return None
    assert status in {400, 401, 403, 404, 405, 500}
    return NotFound if name in GONE else Refused


@pytest.mark.parametrize("name", [n for n in NAMES if "status_code" in json.loads((FOLDER / f"{n}.json").read_text())])
def test_every_recorded_exchange_is_understood(name: str) -> None:
    exchange = load(FOLDER, name)
    got = answer(exchange)
    asked = exchange["request"]
    reply = Reply(
        method=asked["method"],
        path=asked["path"],
        status=got.status_code,
        headers={"content-type": exchange["content_type"] or ""},
        body=got.content,
    )
    expected = outcome(name)
    if expected is None:
        assert judge(reply, (BOT,)) == exchange["response"]["data"]
        return
    with pytest.raises(UpstreamError) as caught:
        judge(reply, (BOT,))
    assert type(caught.value) is expected
    assert BOT not in "".join(traceback.format_exception(caught.value))
    assert f"HTTP {got.status_code}" in str(caught.value)
    assert (name in BLAMED_ON_US) == (got.status_code == 500)


def test_it_is_a_marshal() -> None:
    assert isinstance(client(Recording(FOLDER)), Marshal)


def test_polling_for_new_spectra() -> None:
    server = Recording(FOLDER, "spectra_modifiedAfter_minimal")
    stubs = client(server).spectra_modified_since("2026-11-20T00:00:00", group_ids=[6, 2])
    assert [s.spectrum_id for s in stubs] == ["1", "2", "3"]
    assert [s.modified for s in stubs] == sorted(s.modified for s in stubs)
    assert (stubs[0].target_id, stubs[0].kind) == ("ZTF26aaapple", "source")
    assert dict(server.requests[0].url.params) == {
        "minimalPayload": "true",
        "groupIDs": "2,6",
        "modifiedAfter": "2026-11-20T00:00:00",
    }


def test_the_cursor_is_the_servers_own_and_inclusive() -> None:
    cursor = load(FOLDER, "spectra_modifiedAfter_exact")["request"]["params"]["modifiedAfter"]
    (stub,) = client(Recording(FOLDER, "spectra_modifiedAfter_exact")).spectra_modified_since(cursor, group_ids=GROUPS)
    assert stub.modified == cursor


def test_a_bad_cursor_is_refused() -> None:
    with pytest.raises(Refused):
        client(Recording(FOLDER, "spectra_bad_date")).spectra_modified_since("yesterday-ish", group_ids=GROUPS)


def test_the_arrays_of_a_spectrum() -> None:
    raw = client(Recording(FOLDER, "spectrum_single")).spectrum("1")
    assert (raw.spectrum_id, raw.target_id, raw.instrument) == ("1", "ZTF26aaapple", "SEDM")
    assert (raw.units, raw.kind, raw.group_ids) == ("erg/s/cm/cm/AA", "source", (1, 6))
    found = examine(raw)
    assert found.spectrum is not None, found.reason
    assert found.spectrum.flux_error is not None


def test_a_null_inside_the_flux_is_a_gap() -> None:
    raw = client(Recording(FOLDER, "spectrum_with_nan_flux")).spectrum("10")
    assert None in list(raw.fluxes)  # type: ignore[call-overload]
    assert examine(raw).spectrum is None or np.isnan(examine(raw).spectrum.flux).any()  # type: ignore[union-attr]


def test_an_unknown_spectrum_is_not_found_though_the_server_says_403() -> None:
    with pytest.raises(NotFound):
        client(Recording(FOLDER, "spectrum_not_found")).spectrum("999999")


def test_the_sweep_asks_in_windows_of_the_time_of_observation() -> None:
    everything = load(FOLDER, "spectra_modifiedAfter_minimal")

    def server(request: httpx.Request) -> httpx.Response:
        limits = dict(request.url.params)
        assert (limits.pop("minimalPayload"), limits.pop("groupIDs")) == ("true", "6")
        begin, end = limits.pop("observedAfter", ""), limits.pop("observedBefore", "9999")
        assert not limits
        asked.append((begin, end))
        rows = [row for row in everything["response"]["data"] if begin <= row["observed_at"] <= end]
        return answer({**everything, "response": {**everything["response"], "data": rows}})

    asked: list[tuple[str, str]] = []
    stubs = list(client(server).spectra_shared_with(group_ids=GROUPS))
    assert sorted((s.spectrum_id, s.group_ids) for s in stubs) == [("1", (6,)), ("2", (6,)), ("3", (6,))]
    assert asked[0][1] == "9999", "what is dated in the future comes first"
    assert asked[-1][0] == "", "whatever is older than all others comes last"
    assert [begin for begin, _ in asked[:-1]] == [end for _, end in asked[1:]], "no gap between the windows"
    assert len(asked) < 40


def test_a_spectrum_in_the_recorded_window() -> None:
    (row,) = load(FOLDER, "spectra_observed_range")["response"]["data"]
    assert load(FOLDER, "spectra_observed_range")["request"]["params"]["observedAfter"] <= row["observed_at"]


def test_sources_whose_rows_changed() -> None:
    server = Recording(FOLDER, "sources_createdOrModifiedAfter")
    found = list(client(server).sources_modified_since("2026-11-20T00:00:00", group_ids=GROUPS))
    assert {s.target_id: s.redshift for s in found}["ZTF26aaapple"] == 0.0312
    assert all(s.modified > "2026-11-20" for s in found)
    params = dict(server.requests[0].url.params)
    assert (params["createdOrModifiedAfter"], params["hasSpectrum"]) == ("2026-11-20T00:00:00", "true")


def test_a_group_that_is_not_ours_is_refused() -> None:
    with pytest.raises(Refused, match="not all accessible"):
        list(client(Recording(FOLDER, "sources_list_inaccessible_group")).sources_modified_since("x", group_ids=[7]))


def test_a_source() -> None:
    target = client(Recording(FOLDER, "source_single")).target("ZTF26aaapple")
    assert (target.ra_deg, target.dec_deg, target.redshift, target.redshift_origin) == (150.1, 22.3, 0.0312, "host")
    assert target.ebv_mag == pytest.approx(0.05)
    assert target.tns_name is None
    assert 6 in target.group_ids


def test_a_candidate_nobody_saved_is_a_source_too() -> None:
    assert client(Recording(FOLDER, "candidate_not_saved_source_get")).target("ZTF26aacandi").group_ids == ()


def test_an_unknown_source_is_not_found() -> None:
    with pytest.raises(NotFound):
        client(Recording(FOLDER, "source_not_found")).target("ZTF99zzzzzzz")


def test_photometry_is_sorted_with_short_bands() -> None:
    curve = client(Recording(FOLDER, "photometry_default")).light_curve("ZTF26aaapple")
    assert curve is not None
    assert curve.mjd.size == 26
    assert set(curve.band) == {"g", "r"}
    assert int(curve.is_limit.sum()) == int(np.isnan(curve.mag).sum())


def test_non_detections_are_limits() -> None:
    curve = client(Recording(FOLDER, "photometry_nondetection")).light_curve("ZTF26aapost")
    assert curve is not None
    assert curve.is_limit.tolist() == [0.0, 1.0]
    assert curve.limit_mag.tolist() == [20.5, 20.6]
    assert np.isnan(curve.mag[1])


def test_photometry_of_an_unknown_object_is_not_found_and_leaks_no_token() -> None:
    with pytest.raises(NotFound) as caught:
        client(Recording(FOLDER, "photometry_unknown_obj")).light_curve("ZTF99zzzzzzz")
    assert BOT in json.dumps(load(FOLDER, "photometry_unknown_obj")["response"])
    assert BOT not in "".join(traceback.format_exception(caught.value))


def test_who_we_are() -> None:
    account = client(Recording(FOLDER, "profile", "groups")).account()
    assert (account.user_id, account.username) == (2, "applecider-bot")
    assert account.acls == {"Annotate", "Classify", "Comment", "Run Analyses", "Upload data"}, (
        "the token's, not the user's"
    )
    assert account.group_ids == {2, 3, 6}


def test_the_servers_facts() -> None:
    assert client(Recording(FOLDER, "sysinfo")).sysinfo() == {"gitlog": []}
    assert client(Recording(FOLDER, "sysinfo")).server_time() is None


@pytest.mark.parametrize("name", ["auth_bad_token", "auth_no_header", "auth_bearer_scheme"])
def test_a_token_that_is_not_valid_is_said_to_be(name: str) -> None:
    exchange = load(FOLDER, name)
    server = Recording(FOLDER)
    server.exchanges.append({**exchange, "request": {**exchange["request"], "path": "/api/internal/profile"}})
    with pytest.raises(Refused, match="token not valid"):
        client(server).account()


def test_annotations_are_listed_with_their_owner() -> None:
    marshal = client(Recording(FOLDER, "profile", "annotations_list", "annotation_on_spectrum_list"))
    (on_source,), (on_spectrum,) = marshal.annotations(SOURCE), marshal.annotations(SPECTRUM)
    assert (on_source.annotation_id, on_source.origin, on_source.mine) == ("1", "applecider", True)
    assert (on_spectrum.annotation_id, on_spectrum.data["p_SN_Ia"]) == ("1", 0.93)


def recorded_data() -> dict[str, object]:
    data = load(FOLDER, "annotations_list")["response"]["data"][0]["data"]
    return {key: value for key, value in data.items() if not isinstance(value, dict)}


def test_a_first_annotation_is_posted() -> None:
    server = Recording(FOLDER, "profile", "annotations_list_other_user", "annotation_post")
    data = {"class": "SN Ia", "p_SN_Ia": 0.93}
    made = client(server).upsert_annotation(SOURCE, origin="applecider", data=data, group_ids=GROUPS)
    assert made == Upserted("1", changed=True)
    assert len(server.requests) == 1
    body = {"origin": "applecider", "data": data, "group_ids": [6]}
    assert server.writes == [("POST", "/api/sources/ZTF26aaapple/annotations", body)]


def test_an_annotation_on_a_spectrum_is_posted_there() -> None:
    none = load(FOLDER, "annotations_list_other_user")
    none["request"]["path"] = "/api/spectra/1/annotations"
    server = Recording(FOLDER, "profile", "annotation_on_spectrum_post")
    server.exchanges.append(none)
    made = client(server).upsert_annotation(SPECTRUM, origin="applecider", data={"a": 1}, group_ids=GROUPS)
    assert made == Upserted("1", changed=True)
    assert [w[:2] for w in server.writes] == [("POST", "/api/spectra/1/annotations")]


def test_a_changed_annotation_is_put() -> None:
    names = ["annotation_post_duplicate_origin", "annotations_list", "annotation_put_data_replaced"]
    server = Recording(FOLDER, "profile", *names)
    marshal = client(server)
    body = {"class": "SN Ib"}
    assert marshal.upsert_annotation(SOURCE, origin="applecider", data=body, group_ids=GROUPS) == Upserted("1")
    (refused, (method, path, body)) = server.writes
    assert refused[0] == "POST"
    assert (method, path, body["data"]) == ("PUT", "/api/sources/ZTF26aaapple/annotations/1", {"class": "SN Ib"})


def test_an_unchanged_annotation_is_not_sent() -> None:
    there = load(FOLDER, "annotations_list")
    there["response"]["data"][0]["data"] = recorded_data()
    server = Recording(FOLDER, "profile", "annotation_post_duplicate_origin")
    server.exchanges.append(there)
    marshal = client(server)
    same = {"origin": "applecider", "data": recorded_data(), "group_ids": GROUPS}
    assert marshal.upsert_annotation(SOURCE, **same) == Upserted("1", changed=False)  # type: ignore[arg-type]
    assert [write[0] for write in server.writes] == ["POST"], "which the server refused"


def test_one_for_fewer_groups_is_changed() -> None:
    there = load(FOLDER, "annotations_list")
    there["response"]["data"][0]["data"] = recorded_data()
    server = Recording(FOLDER, "profile", "annotation_post_duplicate_origin", "annotation_put_data_replaced")
    server.exchanges.append(there)
    made = client(server).upsert_annotation(SOURCE, origin="applecider", data=recorded_data(), group_ids=[6, 2])
    assert made == Upserted("1", changed=True)
    assert server.writes[-1][2]["group_ids"] == [2, 6]


def test_an_origin_of_another_user_is_refused_with_a_clear_sentence() -> None:
    names = ["annotations_list_other_user", "annotation_post_duplicate_other_user"] * 2
    server = Recording(FOLDER, "profile", *names)
    with pytest.raises(Refused, match="another user owns the annotation 'applecider' on source ZTF26aaapple"):
        client(server).upsert_annotation(SOURCE, origin="applecider", data={"a": 1}, group_ids=GROUPS)
    assert [w[0] for w in server.writes] == ["POST", "POST"]


def test_one_of_ours_that_we_cannot_read_is_found_by_the_id_we_kept() -> None:
    names = ["annotations_list_other_user", "annotation_post_duplicate_other_user"] * 2
    server = Recording(FOLDER, "profile", *names, "annotation_put_own_but_foreign_group")
    made = client(server).upsert_annotation(SOURCE, origin="applecider", data={"a": 1}, group_ids=GROUPS, known_id="7")
    assert made == Upserted("7")
    assert server.writes[-1][:2] == ("PUT", "/api/sources/ZTF26aaapple/annotations/7")


def test_an_id_we_kept_that_is_not_ours_any_more_does_not_help() -> None:
    names = ["annotations_list_other_user", "annotation_post_duplicate_other_user"] * 2
    server = Recording(FOLDER, "profile", *names, "annotation_put_other_user")
    with pytest.raises(Refused, match="another user owns"):
        client(server).upsert_annotation(SOURCE, origin="applecider", data={}, group_ids=GROUPS, known_id="1")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("annotation_missing_data", Refused),
        ("auth_missing_acl", Refused),
        ("annotation_nan", Refused),
        ("non_json_body", Refused),
        ("annotation_bad_origin", Refused),
        ("annotation_data_list", Refused),
    ],
)
def test_what_the_server_refuses_stays_refused(name: str, kind: type[UpstreamError]) -> None:
    server = Recording(FOLDER, "profile", "annotations_list_other_user", name)
    with pytest.raises(kind) as caught:
        client(server).upsert_annotation(SOURCE, origin="a", data={"a": 1}, group_ids=GROUPS)
    assert not isinstance(caught.value, Uncertain)
    assert len(server.writes) == 1
    assert ("without the right Annotate" in str(caught.value)) == (name == "auth_missing_acl")


def test_an_annotation_for_an_unknown_object_is_not_found() -> None:
    unknown = load(FOLDER, "annotations_list_other_user")
    unknown["request"]["path"] = "/api/sources/ZTF99zzzzzzz/annotations"
    server = Recording(FOLDER, "profile", "annotation_unknown_obj")
    server.exchanges.insert(0, unknown)
    with pytest.raises(NotFound):
        client(server).upsert_annotation(Place(kind="source", id="ZTF99zzzzzzz"), origin="a", data={}, group_ids=GROUPS)


def test_an_annotation_is_taken_away_once() -> None:
    there = load(FOLDER, "annotations_list")
    there["response"]["data"][0]["id"] = 7
    for name, expected in (("annotation_delete", True), ("annotation_delete_again", True)):
        server = Recording(FOLDER, "profile", name)
        server.exchanges.append(there)
        assert client(server).delete_annotation(SOURCE, origin="applecider") is expected
        assert [w[:2] for w in server.writes] == [("DELETE", "/api/sources/ZTF26aaapple/annotations/7")]
    server = Recording(FOLDER, "profile", "annotations_list")
    assert client(server).delete_annotation(SOURCE, origin="somebody_elses") is False
    assert server.writes == []


@pytest.mark.parametrize("name", ["comment_post", "comment_post_same_again", "comment_post_same_name_new_bytes"])
def test_comments(name: str) -> None:
    server = Recording(FOLDER, name)
    made = client(server).post_comment(SOURCE, text="ASTRANet: SN Ia", group_ids=GROUPS)
    assert made == str(load(FOLDER, name)["response"]["data"]["comment_id"])


def test_a_comment_on_a_spectrum_with_a_file() -> None:
    server = Recording(FOLDER, "profile", "comments_on_spectrum_list", "comment_on_spectrum_post")
    made = client(server).post_comment(SPECTRUM, text="x", group_ids=GROUPS, attachment=("a/plot.png", b"\x89PNG"))
    assert made == "1"
    ((_, path, body),) = server.writes
    assert path == "/api/spectra/1/comments"
    assert body["attachment"]["body"] == "iVBORw=="
    assert body["attachment"]["name"].startswith("plot_spectrum1_")


def test_a_comment_with_another_file_takes_the_place_of_the_old_one() -> None:
    """The recorded deletion answers for the one that the list has."""
    server = Recording(FOLDER, "profile", "comment_on_spectrum_post")
    listed, deleted = load(FOLDER, "comments_on_spectrum_list"), load(FOLDER, "comment_delete")
    listed["response"]["data"][0]["attachment_name"] = "plot_spectrum1_0123456789.png"
    deleted["request"]["path"] = "/api/spectra/1/comments/1"
    server.exchanges += [listed, deleted]
    client(server).post_comment(SPECTRUM, text="x", group_ids=GROUPS, attachment=("plot.png", b"\x89PNG"))
    assert [(method, path) for method, path, _ in server.writes] == [
        ("DELETE", "/api/spectra/1/comments/1"),
        ("POST", "/api/spectra/1/comments"),
    ]


def test_a_comment_on_an_unknown_object_is_refused() -> None:
    server = Recording(FOLDER, "comment_unknown_obj")
    with pytest.raises(Refused):
        client(server).post_comment(Place(kind="source", id="ZTF99zzzzzzz"), text="x", group_ids=GROUPS)


def no_classifications() -> dict[str, object]:
    none = load(FOLDER, "source_classifications")
    none["response"]["data"] = []
    return none


def test_a_first_classification_is_posted_as_a_machines() -> None:
    server = Recording(FOLDER, "profile", "taxonomy_list", "classification_post_ml")
    server.exchanges.append(no_classifications())
    made = client(server).classify("ZTF26aaapple", label="SN Ia", probability=0.93, origin="ASTRANet", group_ids=[6])
    assert made == "1"
    ((method, path, body),) = server.writes
    assert (method, path) == ("POST", "/api/classification")
    assert (body["classification"], body["taxonomy_id"], body["probability"]) == ("Ia", 1, 0.93)
    assert (body["ml"], body["vote"], body["label"], body["group_ids"]) == (True, False, False, [6])


def test_the_same_classification_is_not_sent_again_and_another_is_put() -> None:
    server = Recording(FOLDER, "profile", "taxonomy_list", "source_classifications", "classification_put_without_ml")
    marshal = client(server)
    again = {"origin": "applecider", "group_ids": [6]}
    assert marshal.classify("ZTF26aaapple", label="SN Ia", probability=0.93, **again) == "1"  # type: ignore[arg-type]
    assert server.writes == []
    assert marshal.classify("ZTF26aaapple", label="SN Ibc", probability=0.5, **again) == "1"  # type: ignore[arg-type]
    ((method, path, body),) = server.writes
    assert (method, path) == ("PUT", "/api/classification/1")
    assert body["ml"] is True
    assert body["classification"] == "Ib/c"
    assert not {"vote", "label"} & set(body)


def test_a_classification_is_taken_back_by_its_number_and_without_a_label() -> None:
    listed = load(FOLDER, "source_classifications")
    listed["response"]["data"] = listed["response"]["data"][:1]
    server = Recording(FOLDER, "profile", "classification_delete")
    server.exchanges.append(listed)
    assert client(server).declassify("ZTF26aaapple", origin="applecider") is True
    assert server.writes == [("DELETE", "/api/classification/1", {"label": False})]


def test_what_is_of_another_origin_or_author_is_not_taken_back() -> None:
    server = Recording(FOLDER, "profile", "source_classifications")
    assert client(server).declassify("ZTF26aaapple", origin="ASTRANet") is False
    others = load(FOLDER, "source_classifications")
    for row in others["response"]["data"]:
        row["author_id"] = 99
    server = Recording(FOLDER, "profile")
    server.exchanges.append(others)
    assert client(server).declassify("ZTF26aaapple", origin="applecider") is False
    assert server.writes == []


@pytest.mark.parametrize("what", ["bad_class", "unknown_obj", "bad_taxonomy"])
def test_classifications_the_server_refuses(what: str) -> None:
    server = Recording(FOLDER, "profile", "taxonomy_list", f"classification_{what}")
    server.exchanges.append(no_classifications())
    with pytest.raises(Refused):
        client(server).classify("ZTF26aaapple", label="TDE", probability=0.9, origin="a", group_ids=[6])


@pytest.mark.parametrize("label", ["SN Zz", "SN Ia-CSM", ""])
def test_a_class_the_taxonomy_does_not_have_is_not_even_sent(label: str) -> None:
    server = Recording(FOLDER, "taxonomy_list")
    with pytest.raises(Refused, match="is not in the marshal's 'Sitewide Taxonomy'"):
        client(server).classify("ZTF26aaapple", label=label, probability=0.9, origin="a", group_ids=[6])
    assert server.writes == []


def test_human_classifications_are_read_and_machines_are_not() -> None:
    source = load(FOLDER, "source_single")
    human = load(FOLDER, "source_classifications_default_flags")["response"]["data"]
    machine = load(FOLDER, "source_classifications")["response"]["data"]
    source["response"]["data"]["classifications"] = machine + human
    server = Recording(FOLDER)
    server.exchanges.append(source)
    assert [one.name for one in client(server).target("ZTF26aaapple").classifications] == ["AGN"]


def test_the_rate_limit_of_the_real_nginx() -> None:
    server = Recording(FOLDER, "rate_limit_429", "sysinfo")
    assert client(server).sysinfo() == {"gitlog": []}
    assert len(server.requests) == 2


def test_candidates_as_recorded() -> None:
    (found,) = client(Recording(FOLDER, "candidates_list")).candidates(group_ids=GROUPS)
    assert found.target_id == "ZTF26aaapple"
    assert found.ra_deg is not None


def test_saves_as_recorded() -> None:
    saves = list(client(Recording(FOLDER, "sources_savedAfter")).saves(group_ids=GROUPS, since="2026-11-20T00:00:00"))
    assert {s.target_id for s in saves} >= {"ZTF26aaapple", "ZTF26aacider"}
    assert all(s.saved_at.startswith("2026-11-2") for s in saves)


def test_a_source_without_a_host_has_none() -> None:
    assert client(Recording(FOLDER, "source_single")).host("ZTF26aaapple") is None

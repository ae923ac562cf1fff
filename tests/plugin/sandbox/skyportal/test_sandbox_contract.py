"""The sandbox against what a real SkyPortal answered: status, content type, and the keys and types of every answer.

The recorded exchanges are replayed in the order in which they were recorded, on equivalent data, so that ids agree.
"""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from plugin.sandbox import Fault, FaultKind, Sandbox

DATA = os.environ.get("ASTRANET_DATA_DIR")
pytestmark = pytest.mark.skipif(not DATA, reason="needs ASTRANET_DATA_DIR with the recorded exchanges of SkyPortal")


def names(text: str) -> list[str]:
    """The words of a list that would fill pages with one name per line."""
    return text.split()


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256))).decode()

ORDER = names(
    """
    sysinfo config groups streams instruments telescopes taxonomy_list profile auth_no_header auth_bad_token
    auth_bearer_scheme auth_missing_acl invalid_endpoint kowalski_alerts_absent tnsrobot_absent graphql_absent
    graphql_absent_root sources_list sources_list_page2 sources_list_inaccessible_group sources_page0
    sources_pageBeyond sources_numPerPage_clipped sources_savedAfter sources_createdOrModifiedAfter
    sources_startDate sources_useCache sources_useCache_page2 sources_hasSpectrum
    sources_hasSpectrumAfter_observed_time sources_hasSpectrumAfter_upload_time source_single source_not_found
    source_exists source_groups_of_obj obj_tns spectra_modifiedAfter spectra_modifiedAfter_minimal
    spectra_numPerPage_ignored spectra_observed_range spectra_origin_partial spectra_filters spectra_bad_date
    spectrum_single spectrum_not_found spectrum_range obj_spectra obj_spectra_median obj_spectra_none
    obj_spectra_other_user obj_spectra_unknown_obj photometry_default photometry_flux_ab photometry_both
    photometry_plot photometry_bad_format photometry_unknown_obj photometry_single broker_photometry_survey
    candidates_list annotation_post annotations_list
    annotations_list_other_user annotation_get annotation_post_duplicate_origin annotation_post_duplicate_other_user
    annotation_put_data_replaced annotation_get_after_put annotation_put_other_user annotation_delete_other_user
    annotation_put_wrong_obj annotation_origin_space_colon annotation_bad_origin annotation_missing_data
    annotation_data_list annotation_data_empty annotation_nan non_json_body annotation_unknown_obj
    annotation_inaccessible_group annotation_get_own_but_foreign_group annotation_put_own_but_foreign_group
    annotation_delete annotation_delete_again annotation_default_groups annotation_on_spectrum_post
    annotation_on_spectrum_list annotation_on_spectrum_duplicate annotation_on_spectrum_unknown
    source_with_annotations source_other_user obj_spectra_with_annotations annotations_info
    sources_annotationsFilter_exists sources_annotationsFilter_numeric sources_annotationsFilterOrigin_only
    sources_annotationsFilter_nested sources_annotationsFilter_string_value sources_annotationsFilter_text_column
    sources_sortBy_annotation comment_post comment_post_same_again comment_post_attachment
    comment_post_attachment_again comment_get comment_attachment_download comment_attachment_preview
    comment_attachment_json comment_post_attachment_dataurl comment_post_same_name_new_bytes
    comment_post_bad_attachment comment_post_not_base64 comment_post_channel comments_list comments_list_channel
    comment_default_group comment_post_no_text comment_unknown_obj comments_all comment_put comment_delete
    comment_on_spectrum_post comments_on_spectrum_list classification_post_ml source_classifications
    classification_post_duplicate classification_post_bulk classification_post_default
    source_classifications_default_flags classification_bad_class classification_bad_probability
    classification_bad_taxonomy classification_missing_taxonomy classification_unknown_obj
    classification_put_without_ml classification_get_after_put classification_put_other_user classification_delete
    classification_query_all sources_classifications_filter labels_post sources_hasNotBeenLabelled labels_delete
    tag_option_post tag_option_post_denied tag_option_bad_name tag_options tag_post tag_post_duplicate tags_list
    tag_delete spectrum_post spectrum_post_again_duplicate spectrum_post_no_groups spectrum_post_length_mismatch
    spectrum_post_bad_type spectrum_post_bad_units spectrum_post_nan spectrum_post_null spectrum_post_tz
    spectrum_put spectra_modifiedAfter_exact sharing_spectrum spectra_other_user spectra_objID_partial spectra_bulk
    spectrum_delete_not_owner spectrum_ascii_parse spectrum_delete source_post source_patch_redshift
    source_groups_post photometry_post_mag photometry_post_duplicate photometry_nondetection trailing_slash
    unknown_query_param candidate_not_saved_source_get profile_patch_spectra_notifications spectrum_post_ascii
    spectrum_with_nan_flux
    """
)

FREE = {"altdata", "hierarchy", "preferences", "openai_summary_parameters", "gcnTagsClasses", "classificationsClasses"}
FREE |= {"bandpassesColors", "bandpassesWavelengths"}


@pytest.fixture(scope="module")
def exchanges() -> dict[str, dict[str, Any]]:
    folder = Path(DATA or "") / "skyportal" / "responses"
    return {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in sorted(folder.glob("*.json"))}


@pytest.fixture(scope="module")
def answers(exchanges: dict[str, dict[str, Any]]) -> Iterator[dict[str, httpx.Response]]:
    """Every exchange of `ORDER`, replayed once."""
    with Sandbox() as sandbox, httpx.Client(base_url=sandbox.url, timeout=5.0) as client:
        _fill(sandbox)
        known: dict[str, httpx.Response] = {}
        for name in ORDER:
            _before(sandbox, name)
            known[name] = client.send(_request(client, sandbox, exchanges[name]["request"], known))
        yield known


def _fill(sandbox: Sandbox) -> None:
    first = {"redshift": 0.0312, "redshift_error": 0.0002, "redshift_origin": "host"}
    sandbox.add_source("ZTF26aaapple", ra=150.1, dec=22.3, **first)
    sandbox.add_source("ZTF26aacider", ra=210.25, dec=-5.75)
    sandbox.add_source("ZTF26aanospc", ra=33.5, dec=41.2)
    wavelengths = [3800 + 24.66 * i for i in range(220)]
    shared = {"wavelengths": wavelengths, "fluxes": [1e-16] * 220, "errors": [2e-18] * 220, "units": "erg/s/cm/cm/AA"}
    note = {"QUALITY": 1}
    sandbox.add_spectrum("ZTF26aaapple", **shared, observed_at="2026-06-10T07:12:00", origin="SEDM", altdata=note)
    sandbox.add_spectrum("ZTF26aaapple", **shared, observed_at="2026-06-23T04:48:00", origin="")
    sandbox.add_spectrum("ZTF26aacider", **shared, observed_at="2026-07-22T09:36:00", origin="Fritz", kind="host")
    for source, day in (("ZTF26aaapple", 61191.0), ("ZTF26aacider", 61231.0), ("ZTF26aanospc", 61271.0)):
        for i in range(26):
            sandbox.add_photometry(source, mjd=day + i, band="ztf" + "gr"[i % 2], mag=18.3, magerr=0.05)


def _before(sandbox: Sandbox, name: str) -> None:
    """What happened between two recordings without being recorded."""
    if name == "sources_annotationsFilter_exists":  # the annotation was put back after the PUT
        note = next(a for a in sandbox.state.annotations if a.origin == "applecider" and a.spectrum_id is None)
        note.data = {"class": "SN Ia", "p_SN_Ia": 0.93, "prediction_set": ["SN Ia"], "probs": {"SN Ia": 0.93}}
    if name == "candidates_list":
        sandbox.add_candidate("ZTF26aaapple")
    if name == "candidate_not_saved_source_get":
        sandbox.add_source("ZTF26aacandi", ra=99.0, dec=9.0, group_ids=())
    if name == "spectrum_post_ascii":  # id 9 went to a spectrum that was not recorded
        sandbox.state.next_id("spectra")


def _request(
    client: httpx.Client, sandbox: Sandbox, recorded: dict[str, Any], known: dict[str, httpx.Response]
) -> httpx.Request:
    headers = dict(recorded.get("headers") or {})
    if recorded["as"] in sandbox.tokens:
        headers["Authorization"] = f"token {sandbox.tokens[recorded['as']]}"
    params = {k: str(v) for k, v in (recorded.get("params") or {}).items()}
    if "queryID" in params:
        params["queryID"] = known["sources_useCache"].json()["data"]["queryID"]
    if recorded["path"] == "/api/spectra" and params.get("modifiedAfter", "").endswith(".274687"):
        params["modifiedAfter"] = sandbox.state.spectra[4].modified.isoformat()
    body = recorded.get("json")
    if isinstance(body, dict) and "_raw_body" in body:
        return client.build_request(
            recorded["method"], recorded["path"], params=params, headers=headers, content=body["_raw_body"]
        )
    if isinstance(body, dict) and isinstance(body.get("attachment"), dict) and "chars" in body["attachment"]["body"]:
        prefix = "data:image/png;base64," if body["attachment"]["body"].startswith("data:") else ""
        body = {**body, "attachment": {**body["attachment"], "body": prefix + PNG}}
    return client.build_request(recorded["method"], recorded["path"], params=params, headers=headers, json=body)


def differences(recorded: Any, got: Any, where: str = "") -> list[str]:
    """Where two JSON values differ in keys or types; null fits everything, and so does an empty list."""
    if recorded is None or got is None:
        return []
    if isinstance(recorded, dict) and isinstance(got, dict):
        found = [f"{where}: {sorted(set(recorded) ^ set(got))}"] if set(recorded) != set(got) else []
        free = FREE | ({"data"} if "author_id" in recorded else set())
        shared = (set(recorded) & set(got)) - free
        return found + [d for key in sorted(shared) for d in differences(recorded[key], got[key], f"{where}.{key}")]
    if isinstance(recorded, list) and isinstance(got, list):
        return differences(recorded[0], got[0], f"{where}[]") if recorded and got else []
    kinds = [float if type(v) is int else type(v) for v in (recorded, got)]
    return [] if kinds[0] is kinds[1] else [f"{where}: {kinds[0].__name__} became {kinds[1].__name__}"]


@pytest.mark.parametrize("name", ORDER)
def test_replay(name: str, exchanges: dict[str, dict[str, Any]], answers: dict[str, httpx.Response]) -> None:
    recorded, got = exchanges[name], answers[name]
    assert got.status_code == recorded["status_code"], got.text[:300]
    assert got.headers["content-type"] == recorded["content_type"]
    expected = recorded["response"]
    if expected.get("_not_json"):
        assert got.headers.get("content-disposition") == expected.get("content_disposition")
        return
    if name == "annotations_info":  # its keys are data
        assert isinstance(got.json()["data"]["applecider"], list)
        return
    assert differences(expected, got.json()) == []


# Where the wording is what the client decides on, or what has to be redacted, the message itself is the contract.
WORDED = names(
    """
    auth_no_header auth_bad_token auth_missing_acl annotation_bad_origin annotation_missing_data
    annotation_data_list annotation_put_other_user annotation_put_wrong_obj annotation_unknown_obj
    annotation_on_spectrum_unknown classification_bad_class classification_bad_probability
    classification_bad_taxonomy classification_missing_taxonomy classification_put_other_user
    classification_unknown_obj comment_post_no_text comment_post_bad_attachment comments_all invalid_endpoint
    graphql_absent non_json_body source_not_found spectrum_not_found spectra_bad_date obj_spectra_unknown_obj
    sources_page0 sources_list_inaccessible_group sources_annotationsFilter_string_value source_groups_post
    spectrum_post_bad_type spectrum_post_bad_units spectrum_post_nan spectrum_post_null tag_option_bad_name
    photometry_unknown_obj spectrum_delete_not_owner photometry_bad_format
    """
)


@pytest.mark.parametrize("name", WORDED)
def test_error_messages(name: str, exchanges: dict[str, dict[str, Any]], answers: dict[str, httpx.Response]) -> None:
    token = answers[name].request.headers.get("authorization", "token -").removeprefix("token ")
    said = answers[name].json()["message"].replace(token, "<BOT_TOKEN>")
    assert said == exchanges[name]["response"]["message"]


@pytest.mark.parametrize("name", ["annotation_post_duplicate_origin", "annotation_on_spectrum_duplicate"])
def test_second_annotation_says_which_constraint(
    name: str, exchanges: dict[str, dict[str, Any]], answers: dict[str, httpx.Response]
) -> None:
    told = exchanges[name]["response"]["message"].split("\n")[:2]
    assert answers[name].json()["message"].split("\n")[:2] == told


COUNTED = names(
    """
    sources_list sources_pageBeyond sources_savedAfter sources_hasSpectrum sources_hasSpectrumAfter_observed_time
    sources_hasSpectrumAfter_upload_time sources_startDate sources_annotationsFilter_exists
    sources_annotationsFilter_numeric sources_annotationsFilter_nested sources_annotationsFilterOrigin_only
    sources_sortBy_annotation sources_classifications_filter sources_hasNotBeenLabelled classification_query_all
    """
)


@pytest.mark.parametrize("name", COUNTED)
def test_filters_find_as_many(
    name: str, exchanges: dict[str, dict[str, Any]], answers: dict[str, httpx.Response]
) -> None:
    assert answers[name].json()["data"]["totalMatches"] == exchanges[name]["response"]["data"]["totalMatches"]


LISTED = names(
    """
    spectra_modifiedAfter spectra_modifiedAfter_exact spectra_modifiedAfter_minimal spectra_numPerPage_ignored
    spectra_observed_range spectra_origin_partial spectra_other_user spectra_filters spectrum_range annotations_list
    annotations_list_other_user comments_list comments_list_channel
    """
)


@pytest.mark.parametrize("name", LISTED)
def test_lists_hold_the_same_ids(
    name: str, exchanges: dict[str, dict[str, Any]], answers: dict[str, httpx.Response]
) -> None:
    recorded, got = exchanges[name]["response"]["data"], answers[name].json()["data"]
    assert [row["id"] for row in got] == [row["id"] for row in recorded]


def test_identifiers_follow_the_recording(
    exchanges: dict[str, dict[str, Any]], answers: dict[str, httpx.Response]
) -> None:
    """A refused insert uses its id up; copies and bulk rows count on."""
    keys = ("annotation_id", "comment_id", "classification_id", "classification_ids", "id", "ids")
    for name in ORDER:
        recorded = exchanges[name]["response"]
        data = recorded.get("data") if recorded.get("status") == "success" else None
        if exchanges[name]["request"]["method"] == "POST" and isinstance(data, dict):
            for key in set(keys) & set(data):
                assert answers[name].json()["data"][key] == data[key], name


def test_rate_limit_answer(exchanges: dict[str, dict[str, Any]]) -> None:
    recorded = exchanges["rate_limit_429"]
    with Sandbox(faults=lambda seen: Fault(kind=FaultKind.RATE_LIMIT)) as sandbox:
        got = httpx.get(f"{sandbox.url}/api/sysinfo")
    assert got.status_code == recorded["status_code"]
    assert got.headers["content-type"] == recorded["content_type"]
    assert got.text == recorded["response"]["body"]
    assert "retry-after" not in got.headers


def test_most_recordings_are_covered(exchanges: dict[str, dict[str, Any]]) -> None:
    """What is left out concerns brokers, candidates, analysis services, thumbnails, sharing services, notifications."""
    assert len(ORDER) == len(set(ORDER))
    covered = {*ORDER, "rate_limit_429"}
    assert covered <= set(exchanges)
    outside = ("analysis", "broker", "candidate", "default_analysis", "thumbnail", "sharing_service", "message_bus")
    outside += ("newsfeed", "notifications", "filters", "enum_types", "tokens_create")
    left = [name for name in exchanges if name not in covered and not name.startswith(outside)]
    assert left == []

"""The client without recordings: odd and lost answers, two at the same time, the embedded marshal with faults."""

import json
import math
import random
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import numpy as np
import pytest

from iris_client.errors import BadPayload, NotFound, Refused, Unavailable, Uncertain
from iris_client.http.pacer import Pacer
from iris_client.marshal import parse
from iris_client.marshal.comments import file_name, quiet
from iris_client.marshal.places import source_path, spectrum_path
from iris_client.marshal.skyportal import SkyPortal
from iris_client.protocols import Marshal, Place, Upserted
from models.domain import HumanLabel
from plugin.sandbox import Fault, FaultKind, FaultPlan, Sandbox, Seen
from tests.fakes.recorded import BOT, client

WAVE = np.linspace(3800, 9200, 200).tolist()
FLUX = (2 + np.sin(np.array(WAVE) / 100)).tolist()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as marshal:
        for name in ("ZTF26aaaaaaa", "ZTF26aaaaaab"):
            marshal.add_source(name, redshift=0.1)
            marshal.add_spectrum(name, wavelengths=WAVE, fluxes=FLUX)
        yield marshal


def connect(marshal: Sandbox, account: str = "bot", **rest: Any) -> SkyPortal:
    pacer = Pacer(1e6, 1000, sleep=lambda _: None)
    return SkyPortal(marshal.url, marshal.tokens[account], pacer=pacer, sleep=lambda _: None, timeout_s=5.0, **rest)


def annotations(marshal: Sandbox, place: Place, origin: str = "ASTRANet") -> list[Any]:
    """What hangs there in the end, seen by an undisturbed client."""
    marshal.faults = None
    with connect(marshal) as witness:
        return [dict(a.data) for a in witness.annotations(place) if a.origin == origin]


PLACES = [Place(kind="spectrum", id="1"), Place(kind="source", id="ZTF26aaaaaaa")]


@pytest.mark.parametrize("place", PLACES, ids=["spectrum", "source"])
def test_the_life_of_an_annotation(sandbox: Sandbox, place: Place) -> None:
    with connect(sandbox) as marshal:
        assert isinstance(marshal, Marshal)
        keep = {"origin": "ASTRANet", "group_ids": [sandbox.group_id]}
        first = marshal.upsert_annotation(place, data={"class": "SN Ia", "p": 1.0, "gone": 1}, **keep)
        sandbox.forget_requests()
        same = marshal.upsert_annotation(place, data={"gone": 1, "p": 1, "class": "SN Ia"}, known_id=first.id, **keep)
        assert same == Upserted(first.id, changed=False)
        assert sandbox.writes() == [], "the same again is not sent"
        assert marshal.upsert_annotation(place, data={"class": "SN II", "set": ["SN II"]}, **keep) == first
        assert [(w.method, w.status) for w in sandbox.writes()] == [("POST", 400), ("PUT", 200)]
        assert annotations(sandbox, place) == [{"class": "SN II", "set": ["SN II"]}]
        assert marshal.delete_annotation(place, origin="ASTRANet") is True
        assert marshal.delete_annotation(place, origin="ASTRANet") is False
        assert annotations(sandbox, place) == []


def test_true_and_one_are_not_the_same(sandbox: Sandbox) -> None:
    with connect(sandbox) as marshal:
        for value in (1, True):
            marshal.upsert_annotation(PLACES[0], origin="ASTRANet", data={"x": value}, group_ids=[sandbox.group_id])
    (data,) = annotations(sandbox, PLACES[0])
    assert data["x"] is True


def test_an_origin_that_somebody_else_has_is_reported(sandbox: Sandbox) -> None:
    with connect(sandbox, "admin") as other, connect(sandbox) as marshal:
        other.upsert_annotation(PLACES[1], origin="ASTRANet", data={"x": 1}, group_ids=[sandbox.group_id])
        with pytest.raises(Refused, match="another user owns the annotation 'ASTRANet' on source ZTF26aaaaaaa"):
            marshal.upsert_annotation(PLACES[1], origin="ASTRANet", data={"x": 2}, group_ids=[sandbox.group_id])


@pytest.mark.parametrize(
    ("origin", "data", "group_ids"),
    [
        ("", {"a": 1}, [6]),
        (" x", {"a": 1}, [6]),
        ("a.b", {"a": 1}, [6]),
        ("x", {"a": float("nan")}, [6]),
        ("x", {"a": [1.0, float("inf")]}, [6]),
        ("x", {"a": {"b": 1}}, [6]),
        ("x", {"a": [[1]]}, [6]),
        ("x", {"": 1}, [6]),
        ("x", {7: 1}, [6]),
        ("x", {"a": np.float32(1)}, [6]),
        ("x", {"a": 1}, []),
    ],
)
def test_what_cannot_be_an_annotation_is_not_sent(origin: str, data: dict[str, Any], group_ids: list[int]) -> None:
    with pytest.raises(Refused):
        client(_never).upsert_annotation(PLACES[0], origin=origin, data=data, group_ids=group_ids)


def _never(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"{request.method} {request.url} should not have been sent")


AFTER = [kind for kind in FaultKind if kind is not FaultKind.TIMEOUT]


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    """One marshal for many cases, each of which brings its own source."""
    with Sandbox() as marshal:
        yield marshal


@pytest.mark.parametrize("kind", AFTER)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_write_whose_answer_is_spoiled_happens_once(
    shared: Sandbox, kind: FaultKind, after: bool, method: str
) -> None:
    name = shared.add_source(f"ZTF26{kind}{after}{method}".replace("_", "-"))
    place = Place(kind="source", id=name)
    struck: list[Seen] = []

    def once(seen: Seen) -> Fault | None:
        if seen.method == method and not struck:
            struck.append(seen)
            return Fault(kind=kind, after=after)
        return None

    keep = {"origin": "ASTRANet", "group_ids": [shared.group_id]}
    with connect(shared) as marshal:
        if method == "PUT":
            marshal.upsert_annotation(place, data={"x": 0}, **keep)
            marshal.classify(name, label="SN II", probability=0.5, **keep)  # type: ignore[arg-type]
        shared.faults = once
        marshal.upsert_annotation(place, data={"x": 1}, **keep)
        assert struck
        struck.clear()
        row = marshal.classify(name, label="SN Ia", probability=0.9, **keep)  # type: ignore[arg-type]
        assert struck
        assert row.isdigit()
        shared.faults = None
        assert [dict(a.data) for a in marshal.annotations(place)] == [{"x": 1}]
        rows = marshal._transport.get(f"/api/sources/{name}/classifications", expect=list)
        assert [(r["classification"], r["probability"], r["ml"]) for r in rows] == [("Ia", 0.9, True)]


def test_with_faults_everywhere_the_end_is_the_same(sandbox: Sandbox) -> None:
    rates = dict.fromkeys(AFTER, 0.03)
    plan = FaultPlan(rates=rates, seed=3)
    rng = random.Random(1)
    wanted: dict[str, int] = {}
    with connect(sandbox) as marshal:
        sandbox.faults = plan
        for step in range(40):
            place = Place(kind="spectrum", id=rng.choice(["1", "2"]))
            while wanted.get(place.id) != step:
                try:
                    marshal.upsert_annotation(
                        place, origin="ASTRANet", data={"step": step}, group_ids=[sandbox.group_id]
                    )
                    wanted[place.id] = step
                except (Unavailable, BadPayload):
                    continue  # the next cycle's turn
    assert len(wanted) == 2
    for spectrum_id, step in wanted.items():
        sandbox.faults = None
        assert annotations(sandbox, Place(kind="spectrum", id=spectrum_id)) == [{"step": step}]


def test_two_clients_at_once_leave_one_annotation(sandbox: Sandbox) -> None:
    ids: list[str] = []

    def work(number: int) -> None:
        with connect(sandbox) as marshal:
            ids.append(
                marshal.upsert_annotation(
                    PLACES[0], origin="ASTRANet", data={"number": number}, group_ids=[sandbox.group_id]
                ).id
            )

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 4
    assert len(set(ids)) == 1
    assert len(annotations(sandbox, PLACES[0])) == 1


def test_a_lost_answer_that_stays_lost_is_uncertain(sandbox: Sandbox) -> None:
    sandbox.faults = lambda seen: Fault(kind=FaultKind.RESET) if seen.method == "POST" else None
    with connect(sandbox) as marshal, pytest.raises(Uncertain):
        marshal.upsert_annotation(PLACES[0], origin="ASTRANet", data={"x": 1}, group_ids=[sandbox.group_id])


def test_polling_and_sweeping(sandbox: Sandbox) -> None:
    late = sandbox.add_spectrum("ZTF26aaaaaab", wavelengths=WAVE, fluxes=FLUX, group_ids=[])
    with connect(sandbox) as marshal:
        groups = [sandbox.group_id]
        stubs = marshal.spectra_modified_since(None, group_ids=groups)
        assert [s.spectrum_id for s in stubs] == ["1", "2"]
        cursor = stubs[-1].modified
        assert [s.spectrum_id for s in marshal.spectra_modified_since(cursor, group_ids=groups)] == ["2"]
        sandbox.share_spectrum(late, groups)
        assert {s.spectrum_id for s in marshal.spectra_shared_with(group_ids=groups)} == {"1", "2", str(late)}


def test_the_list_of_changed_sources_takes_every_page_once(sandbox: Sandbox) -> None:
    for i in range(230):
        name = f"ZTF26b{i:06d}"
        sandbox.add_source(name)
        if i % 2 == 0:
            sandbox.add_spectrum(name, wavelengths=[1.0], fluxes=[1.0])
    sandbox.forget_requests()
    with connect(sandbox) as marshal:
        found = marshal.sources_modified_since("2026-01-01T00:00:00", group_ids=[sandbox.group_id])
        names = [one.target_id for one in found]
    assert len(names) == len(set(names)) == 2 + 115
    assert len(sandbox.requests) == 2


def test_light_curves_and_targets(sandbox: Sandbox) -> None:
    sandbox.add_photometry("ZTF26aaaaaaa", mjd=61002.5, band="ztfr", mag=18.0, magerr=0.1)
    sandbox.add_photometry("ZTF26aaaaaaa", mjd=61001.5, band="ztfg")
    sandbox.add_photometry("ZTF26aaaaaaa", mjd=61000.5, band="atlaso", mag=19.0, magerr=0.2)
    with connect(sandbox) as marshal:
        curve = marshal.light_curve("ZTF26aaaaaaa")
        assert curve is not None
        assert curve.band == ("atlaso", "g", "r")
        assert curve.is_limit.tolist() == [0.0, 1.0, 0.0]
        assert marshal.light_curve("ZTF26aaaaaab") is None
        assert marshal.target("ZTF26aaaaaaa").redshift == 0.1
        with pytest.raises(NotFound):
            marshal.target("ZTF26nosuch")


def test_the_hosts_redshift_comes_with_its_error() -> None:
    row = {"ra": 150.0, "dec": 20.0, "host": {"ra": 150.0, "dec": 20.0, "redshift": 0.1, "redshift_error": 0.02}}
    found = parse.host(row)
    assert found is not None
    assert (found.redshift, found.redshift_error) == (0.1, 0.02)
    bare = parse.host(row | {"host": {"ra": 150.0, "dec": 20.0, "redshift": 0.1}})
    assert bare is not None
    assert (bare.redshift, bare.redshift_error) == (0.1, None)
    assert (bare.redshift_kind, bare.dlr) == (None, None)


@pytest.mark.parametrize(
    ("shape", "radii"),
    [
        ({"a": 6.0, "b2a": 0.5, "pa": 0.0}, 0.6),  # along the major axis, which points north
        ({"a": 6.0, "b2a": 0.5, "pa": 90.0}, 1.2),  # along the minor axis
        ({"a": 6.0, "b2a": 0.5, "pa": 45.0}, 3.6 / 6.0 * math.sqrt(0.5 + 0.5 * 4)),
        ({"a": 6.0, "b2a": 1.0}, 0.6),
        ({"a": 6.0}, 0.6),
        ({"a": 6.0, "b2a": 0.5}, None),  # nobody knows how it is turned
        ({"a": None, "b2a": 0.5, "pa": 0.0}, None),
        ({"a": 0.0}, None),
        ({"a": "6"}, None),
    ],
)
def test_the_offset_is_told_in_units_of_the_galaxys_radius_in_that_direction(shape, radii) -> None:
    found = parse.host({"ra": 150.0, "dec": 20.0, "host": {"ra": 150.0, "dec": 20.001, **shape}})
    assert found is not None
    assert found.dlr == (None if radii is None else pytest.approx(radii))


def test_account_and_clock(sandbox: Sandbox) -> None:
    with connect(sandbox) as marshal:
        account = marshal.account()
        assert sandbox.group_id in account.group_ids
        assert "Annotate" in account.acls
        now = marshal.server_time()
        assert now is not None
        assert now.utcoffset() == timedelta(0)
        assert BOT not in repr(marshal)
        assert sandbox.token not in repr(marshal) + repr(vars(marshal))
    with connect(sandbox, "readonly") as poor:
        assert "Annotate" not in poor.account().acls
        with pytest.raises(Refused, match="without the right Annotate"):
            poor.upsert_annotation(PLACES[1], origin="x", data={"a": 1}, group_ids=[sandbox.group_id])


def test_comments_are_quiet_and_named_by_their_content(sandbox: Sandbox) -> None:
    with connect(sandbox) as marshal:
        keep = {"text": "for @someone, see #SEDM", "group_ids": [sandbox.group_id]}
        place = PLACES[1]
        first = marshal.post_comment(place, attachment=("plot.png", b"1"), **keep)  # type: ignore[arg-type]
        again = marshal.post_comment(place, attachment=("plot.png", b"1"), **keep)  # type: ignore[arg-type]
        other = marshal.post_comment(place, attachment=("plot.png", b"2"), **keep)  # type: ignore[arg-type]
        assert first == again != other
        (left,) = sandbox.state.comments
        assert (str(left.id), left.attachment) == (other, b"2"), "a changed picture takes the place of the old one"
        moved = marshal.post_comment(
            place, attachment=("plot.png", b"2"), text=keep["text"], group_ids=[2, 6], known_id=other
        )
        (left,) = sandbox.state.comments
        assert (str(left.id), left.group_ids) == (moved, {2, 6})
        note = marshal.post_comment(place, **keep)  # type: ignore[arg-type]
        another = marshal.post_comment(place, attachment=("other.png", b"2"), **keep)  # type: ignore[arg-type]
        assert {str(c.id) for c in sandbox.state.comments} == {moved, note, another}
        with pytest.raises(Refused):
            marshal.post_comment(place, text=" ", group_ids=[sandbox.group_id])
        with pytest.raises(Refused):
            marshal.post_comment(place, text="x", group_ids=[])
    assert "@" not in quiet(keep["text"])  # type: ignore[arg-type]
    assert "#" not in quiet(keep["text"])  # type: ignore[arg-type]


def test_file_names_have_no_folders() -> None:
    assert "/" not in file_name(PLACES[0], "../../etc/plot.png", b"")
    assert file_name(PLACES[0], "plot.png", b"").endswith(".png")
    assert file_name(PLACES[0], "", b"").startswith("file_")


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_a_classification_without_a_probability_is_not_sent(probability: float) -> None:
    with pytest.raises(Refused):
        client(_never).classify("ZTF26", label="SN Ia", probability=probability, origin="x", group_ids=[6])
    with pytest.raises(Refused):
        client(_never).classify("ZTF26", label="SN Ia", probability=0.5, origin="x", group_ids=[])


@pytest.mark.parametrize("name", ["", "..", "a/b", "a?b", "a b", "a\nb", "%2e%2e", "x#y", "é"])
def test_odd_ids_never_get_into_a_path(name: str) -> None:
    with pytest.raises(NotFound):
        source_path(name)
    with pytest.raises(NotFound):
        spectrum_path(name)


def test_ids_with_a_plus_are_escaped() -> None:
    assert source_path("SDSS+J12:3.4_a-b") == "/api/sources/SDSS%2BJ12:3.4_a-b"
    assert spectrum_path("17") == "/api/spectra/17"


def reply(data: Any) -> SkyPortal:
    body = json.dumps({"status": "success", "data": data})
    return client(lambda _: httpx.Response(200, content=body, headers={"content-type": "application/json"}))


@pytest.mark.parametrize(
    "row", [{}, {"id": None}, {"id": True, "obj_id": "a", "modified": "x"}, {"id": 1, "obj_id": ""}]
)
def test_a_spectrum_without_its_ids_is_a_bad_payload(row: dict[str, Any]) -> None:
    with pytest.raises(BadPayload, match="without a usable"):
        reply([row]).spectra_modified_since(None, group_ids=[1])
    with pytest.raises(BadPayload):
        reply(row).spectrum("1")


def test_what_is_odd_in_a_source_is_left_out() -> None:
    row = {
        "id": "ZTF26a",
        "ra": "12",
        "dec": True,
        "redshift": float("inf"),
        "ebv": 0.1,
        "tns_name": "",
        "tns_info": {"object_type": {"name": "SN Ia"}},
        "classifications": [
            {"classification": "Ia", "ml": False},
            {"classification": "Ia", "ml": False},
            {"classification": "II", "ml": True},
            {"classification": None},
            "junk",
        ],
        "groups": [{"id": 7}, {"id": "x"}, 3],
    }
    target = parse.target(row)
    assert (target.ra_deg, target.dec_deg, target.redshift, target.tns_name) == (None, None, None, None)
    assert (target.ebv_mag, target.tns_type) == (0.1, "SN Ia")
    assert (target.classifications, target.group_ids) == ((HumanLabel("Ia"),), (7,))


def test_rows_of_photometry_without_time_or_light_are_left_out() -> None:
    rows = [
        {"mjd": None, "mag": 1.0},
        {"mjd": 5.0, "mag": None, "limiting_mag": None},
        {"mjd": 5.0, "mag": 18.0, "magsys": "vega"},
        {"mjd": 4.0, "mag": None, "limiting_mag": 20.0, "filter": None},
    ]
    curve = parse.light_curve(rows)
    assert curve is not None
    assert (curve.mjd.tolist(), curve.band) == ([4.0], ("None",))
    assert parse.light_curve(rows[:3]) is None


def test_a_profile_without_an_id_is_a_bad_payload() -> None:
    with pytest.raises(BadPayload):
        reply({"username": "x"}).annotations(PLACES[0])


def test_candidates_are_read_page_by_page_and_each_once() -> None:
    asked: list[dict[str, str]] = []

    def pages(request: httpx.Request) -> httpx.Response:
        asked.append(dict(request.url.params))
        first = int(request.url.params["pageNumber"]) == 1
        names = range(100) if first else range(99, 130)  # one slips to the next page meanwhile
        rows = [{"id": f"ZTF26a{n:03d}", "ra": 1.0, "dec": 2.0, "redshift": None} for n in names]
        data = {"totalMatches": 130, "candidates": rows, "queryID": "frozen"}
        return httpx.Response(200, json={"status": "success", "data": data})

    found = list(client(pages).candidates(group_ids=[6], detected_after="2026-06-01T00:00:00"))
    assert [target.target_id for target in found] == [f"ZTF26a{n:03d}" for n in range(130)]
    assert [(q.get("queryID"), q["groupIDs"], q["startDate"]) for q in asked] == [
        (None, "6", "2026-06-01T00:00:00"),
        ("frozen", "6", "2026-06-01T00:00:00"),
    ]


@pytest.mark.parametrize(
    ("row", "observers", "exposure"),
    [
        ({}, (), None),
        ({"observers": [{"first_name": "Ann", "last_name": "Bee", "username": "ab"}]}, ("Ann Bee",), None),
        ({"observers": [{"first_name": None, "last_name": None, "username": "sedm"}]}, ("sedm",), None),
        ({"observers": [{"username": "contact"}], "external_observer": "C. Guest"}, ("C. Guest",), None),
        ({"observers": [None, 3, {}], "altdata": {"EXPTIME": 2250}}, (), 2250.0),
        ({"altdata": {"exposure": {"value": "1800.5", "comment": "s"}}}, (), 1800.5),
        ({"altdata": {"EXPTIME": "1200 / seconds"}}, (), 1200.0),
        ({"altdata": {"EXPTIME": "nan"}, "observers": "x"}, (), None),
        ({"altdata": {"EXPTIME": -3}}, (), None),
        ({"altdata": [1]}, (), None),
    ],
)
def test_who_observed_and_for_how_long(row, observers, exposure):
    found = parse.spectrum({"id": 1, "obj_id": "ZTF26a", **row})
    assert (found.observers, found.exposure_s) == (observers, exposure)

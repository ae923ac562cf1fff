"""Lasair: what goes out, what its errors mean, how many calls there may be, and what a topic and a filter tell."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from iris_client.brokers.lasair.budget import HourlyBudget
from iris_client.brokers.lasair.calls import ENDPOINTS, LasairAnnotator, LasairCalls
from iris_client.brokers.lasair.client import Lasair
from iris_client.brokers.lasair.objects import LasairObject
from iris_client.brokers.lasair.topic import LasairTopic
from iris_client.brokers.streams import AlertStream, Annotator, KnowsSurroundings
from iris_client.errors import BadPayload, NotFound, Refused, Unavailable
from iris_client.protocols import AlertFeed, AlertSource, CrossMatches
from plugin.sandbox import Sandbox
from plugin.sandbox.brokers.alerts import invented
from plugin.sandbox.brokers.lasair import ANNOTATOR, STRANGER, TOKEN, TOPIC
from tests.fakes.kafka import MockCluster

SECRET = "s3cr3t-token-of-lasair"


def calls_to(answer: Callable[[httpx.Request], httpx.Response], **more: Any) -> LasairCalls:
    options = {"budget": HourlyBudget(10**9), "sleep": lambda _: None}
    return LasairCalls(ENDPOINTS["ZTF"], SECRET, **{**options, **more}, http=httpx.MockTransport(answer))


def saying(body: Any, status: int = 200, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(status, json=body, headers=headers)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def open_lasair(sandbox: Sandbox, **options: Any) -> Lasair:
    calls = LasairCalls(f"{sandbox.url}/lasair/api", TOKEN, budget=HourlyBudget(10**9))
    return Lasair(calls, **options)


def test_it_is_everything_that_the_service_asks_for(sandbox):
    with open_lasair(sandbox) as lasair:
        for protocol in (AlertSource, AlertFeed, AlertStream, CrossMatches, KnowsSurroundings):
            assert isinstance(lasair, protocol)
        assert isinstance(LasairAnnotator(lasair.calls, "t"), Annotator)


def test_a_call_is_a_form_with_the_token_in_a_header_and_a_slash_at_the_end():
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=[])

    with calls_to(answer) as calls:
        calls.query("objectId", "objects", "gmag < 12", most=10)
    (request,) = seen
    assert str(request.url) == "https://lasair-ztf.lsst.ac.uk/api/query/"
    assert request.headers["Authorization"] == f"Token {SECRET}"
    form = {key: values[0] for key, values in parse_qs(request.content.decode()).items()}
    assert form == {
        "selected": "objectId", "tables": "objects", "conditions": "gmag < 12", "limit": "10", "offset": "0"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (saying({"error": "Cannot open digest file /streams/x"}), NotFound),
        (saying({"error": "Annotator error: topic x does not exist"}), NotFound),
        (saying({"error": f"Your query:<br/><b>SELECT {SECRET}</b> returned the error"}), Refused),
        (saying({"error": "Cannot connect to master database 2003"}), Unavailable),
        (saying({"detail": "Invalid token."}, 401), Refused),
        (saying({"objectIds": ["This field is required."]}, 400), Refused),
        (saying({"message": "Request limit exceeded."}, 429, **{"Retry-After": "1800"}), Unavailable),
        (saying("text"), BadPayload),
        (saying({"candidates": []}), BadPayload),
        (lambda _: httpx.Response(502, html="<html>Bad Gateway</html>"), Unavailable),
    ],
)
def test_what_an_answer_means_and_no_message_shows_the_token(answer, kind):
    with calls_to(answer) as calls, pytest.raises(kind) as caught:
        calls.digest("x", 10)
    assert type(caught.value) is kind
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(calls)


def test_after_a_429_nothing_is_sent_for_as_long_as_lasair_asks():
    now, sent = [0.0], []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(now[0])
        return httpx.Response(429, json={"message": "Request limit exceeded."}, headers={"Retry-After": "1800"})

    with calls_to(answer, budget=HourlyBudget(100, clock=lambda: now[0])) as calls:
        for seconds in (0.0, 10.0, 1790.0):
            now[0] = seconds
            with pytest.raises(Unavailable) as caught:
                calls.digest("x", 10)
        assert sent == [0.0]
        assert caught.value.retry_after == pytest.approx(10.0)
        now[0] = 1801.0
        with pytest.raises(Unavailable):
            calls.digest("x", 10)
        assert sent == [0.0, 1801.0]


def test_reading_leaves_calls_for_annotations_and_no_hour_has_more_than_allowed():
    now = [0.0]
    budget = HourlyBudget(100, clock=lambda: now[0])
    for n in range(75):
        now[0] = float(n)
        budget.wait()
    with pytest.raises(Unavailable) as caught:
        budget.wait()
    assert caught.value.retry_after == pytest.approx(3600.0 - 74.0)
    assert budget.left() == 0
    for _ in range(25):
        budget.writing.wait()
    with pytest.raises(Unavailable):
        budget.writing.wait()
    now[0] = 3600.0
    budget.writing.wait()
    with pytest.raises(ValueError):
        HourlyBudget(1)


def test_a_topic_is_told_once_and_again_until_it_is_remembered(sandbox):
    sandbox.lasair.clock = lambda: datetime(2026, 11, 1, 4)
    sandbox.add_alert(invented("ZTF26aaaaaaa", 1))
    with open_lasair(sandbox, topic=TOPIC) as lasair:
        assert TOPIC in lasair.probe()
        found, end = lasair.passed(None, since_mjd=61000.0)
        assert [(one.target_id, end) for one in found] == [("ZTF26aaaaaaa", "2026-11-01 04:00:00")]
        assert found == lasair.passed(None, since_mjd=61000.0)[0]  # nobody has said that it is remembered
        lasair.seen()
        sandbox.add_alert(invented("ZTF26aaaaaab", 2))  # in the same second
        found, end = lasair.passed(end, since_mjd=61000.0)
        assert [one.target_id for one in found] == ["ZTF26aaaaaab"]
        lasair.seen()
        assert lasair.passed(end, since_mjd=61000.0) == ([], end)
        assert lasair.passed(None, since_mjd=61400.0)[0] == []  # begins later
    with open_lasair(sandbox, topic="lasair_2Nothing") as lasair, pytest.raises(NotFound):
        lasair.probe()


def test_a_filter_of_ones_own_tells_what_was_detected_since(sandbox):
    for n in range(3):
        sandbox.add_alert(invented(f"ZTF26aaaaaa{n}", n, jd=2461000.5 + n))
    sandbox.lasair.sherlock["ZTF26aaaaaa1"] = {"classification": "SN"}
    tables = "objects, sherlock_classifications"
    mine = "objects.objectId = sherlock_classifications.objectId AND sherlock_classifications.classification = 'SN'"
    with open_lasair(sandbox, conditions=mine, tables=tables) as lasair:
        found, end = lasair.passed(None, since_mjd=61000.5)
        assert [(one.target_id, one.mjd) for one in found] == [("ZTF26aaaaaa1", 61001.0)]
        assert end == "61001.00000"
        assert lasair.passed("61002.50000", since_mjd=0.0)[0] == []
    with open_lasair(sandbox, conditions="objects.unheard > 1") as lasair, pytest.raises(Refused) as caught:
        lasair.passed(None, since_mjd=0.0)
    assert "no such column" in str(caught.value)


def test_looking_takes_no_more_than_its_share_of_the_calls():
    now, sent = [0.0], []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(now[0])
        return httpx.Response(200, json=[])

    calls = calls_to(answer, budget=HourlyBudget(100, clock=lambda: now[0]))
    with Lasair(calls, topic="t", clock=lambda: now[0]) as lasair:
        for seconds in range(0, 3600, 12):
            now[0] = float(seconds)
            assert lasair.passed("2026-11-01 04:00:00", since_mjd=0.0) == ([], "2026-11-01 04:00:00")
    assert len(sent) == 25


def test_ten_objects_that_passed_come_with_one_call(sandbox):
    for n in range(20):
        sandbox.add_alert(invented(f"ZTF26aaaaa{n:02d}", n))
    with open_lasair(sandbox, conditions="objects.ncand >= 1") as lasair:
        found, _ = lasair.passed(None, since_mjd=0.0)
        sandbox.forget_requests()
        for one in found:
            assert lasair.light_curve(one.target_id) is not None
        assert len(sandbox.requests) == 2


def test_over_kafka_a_topic_is_committed_when_it_is_remembered(sandbox):
    cluster = MockCluster()
    rows = [{"objectId": "ZTF26aaaaaaa", "UTC": "2026-11-01 04:00:00"}, {"nothing": 1}, ["x"]]
    cluster.send("lasair_2T", *(json.dumps(row).encode() for row in rows), b"no json")
    for again in (True, False):
        stream = LasairTopic.connect(cluster.servers, "lasair_2T", group="g")
        with open_lasair(sandbox, stream=stream) as lasair:
            found = next(f for _ in range(10) if (f := lasair.passed(None, since_mjd=0.0)[0]))  # joining takes time
            assert [(one.target_id, one.mjd) for one in found] == [("ZTF26aaaaaaa", pytest.approx(61345.16667))]
            assert len(stream.rejected) == 3
            if not again:
                lasair.seen()
    stream = LasairTopic.connect(cluster.servers, "lasair_2T", group="g")
    with open_lasair(sandbox, stream=stream) as lasair:
        assert lasair.passed(None, since_mjd=0.0)[0] == []


def test_an_annotation_replaces_the_one_before_and_survives_quotation_marks(sandbox):
    with open_lasair(sandbox) as lasair:
        annotator = LasairAnnotator(lasair.calls, ANNOTATOR)
        for p in (0.8, 0.9):
            body = {"classification": "SLSN-I", "version": "needle-2@1234567890", "classdict": {"SLSN-I": p}}
            annotator.annotate("ZTF26aaaaaaa", {**body, "explanation": "It's p\\q", "url": "https://x.example/a"})
    assert sandbox.lasair.annotations == {
        (ANNOTATOR, "ZTF26aaaaaaa"): {
            "classification": "SLSN-I",
            "version": "needle-2@1234567",
            "explanation": "It\u2019s p/q",
            "classdict": {"SLSN-I": 0.9},
            "url": "https://x.example/a",
        }
    }


def test_who_may_not_annotate_is_told(sandbox):
    with LasairCalls(f"{sandbox.url}/lasair/api", STRANGER) as calls, pytest.raises(Refused, match="not allowed"):
        calls.annotate(ANNOTATOR, "ZTF26aaaaaaa", {"classification": "TDE"})
    with LasairCalls(f"{sandbox.url}/lasair/api", TOKEN) as calls:
        with pytest.raises(NotFound, match="does not exist"):
            calls.annotate("nobody", "ZTF26aaaaaaa", {"classification": "TDE"})
        with pytest.raises(Refused, match="needs a classification"):
            calls.annotate(ANNOTATOR, "ZTF26aaaaaaa", {})
        sandbox.lasair.active = False
        with pytest.raises(Refused, match="not active"):
            calls.annotate(ANNOTATOR, "ZTF26aaaaaaa", {"classification": "TDE"})
    assert sandbox.lasair.written == []


def test_stamps_are_read_from_lasairs_own_servers_only(sandbox):
    sandbox.add_alert(invented("ZTF26aaaaaaa", 1))
    elsewhere: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert "Authorization" not in request.headers
        elsewhere.append(str(request.url))
        return httpx.Response(200, content=b"")

    urls = {"Science": "https://evil.example/a", "Template": "https://cutouts.lsst.ac.uk/b", "Difference": "/fits/c"}
    row = {"candid": 1, "jd": 2461000.5, "fid": 1, "magpsf": 19.0, "isdiffpos": "t", "image_urls": urls}
    body = [{"objectId": "ZTF26aaaaaaa", "objectData": {}, "candidates": [row]}]
    with Lasair(calls_to(saying(body)), http=httpx.MockTransport(answer), sleep=lambda _: None) as lasair:
        found = lasair.alert("ZTF26aaaaaaa", "1")
    assert found.cutouts.science is None
    assert elsewhere == ["https://cutouts.lsst.ac.uk/b", "https://lasair-ztf.lsst.ac.uk/fits/c"]


def test_limits_are_no_detections_and_forced_photometry_counts():
    rows = [
        {"candid": 5, "jd": 2461005.5, "fid": 2, "magpsf": 19.0, "sigmapsf": 0.1, "isdiffpos": "1"},
        {"candid": 4, "jd": 2461004.5, "fid": 1, "magpsf": 19.5, "sigmapsf": 0.1, "isdiffpos": "f"},
        {"jd": 2461000.5, "fid": 1, "magpsf": 20.4, "diffmaglim": 20.4},
    ]
    forced = [{"mjd": 61003.0, "fid": 1, "forcediffimflux": 400.0, "forcediffimfluxunc": 20.0, "magzpsci": 26.0}]
    sherlock = {
        "classification": "VS",
        "description": "synonymous with <em><a href='x'>Gaia 1</a></em>; a star.",
        "separationArcsec": 0.3,
    }
    tns = {"tns_name": "2026abc", "tns_prefix": "SN", "type": "SN Ia", "z": "0.05", "ra": 1.0, "decl": 2.0}
    body = {"objectId": "ZTF26a", "candidates": rows, "forcedphot": forced, "sherlock": sherlock, "TNS": tns}
    found = LasairObject.read(body, survey="ZTF")
    assert [(one.candid, one.positive) for one in found.stubs()] == [("4", False), ("5", True)]
    curve = found.light_curve()
    assert curve.mjd.tolist() == [61000.0, 61003.0, 61005.0]  # the negative one has neither magnitude nor limit here
    assert curve.is_limit.tolist() == [1.0, 0.0, 0.0]
    assert curve.mag[1] == pytest.approx(26.0 - 2.5 * 2.60206, abs=1e-4)
    around = found.surroundings()
    assert (around.sherlock, around.host, around.tns_type) == ("VS", None, "SN Ia")
    assert around.description == "synonymous with Gaia 1; a star."
    assert found.tns_rows() == [
        {"name": "2026abc", "name_prefix": "SN", "ra": 1.0, "dec": 2.0, "type": "SN Ia", "redshift": 0.05}
    ]
    for bad in ({}, {"objectId": "x", "candidates": ["y"]}, {"diaSourcesList": 1}):
        with pytest.raises(BadPayload):
            LasairObject.read(bad, survey="ZTF")


@pytest.mark.parametrize(
    ("said", "redshift"),
    [
        ({"z": 0.031, "photoZ": 0.1, "photoZErr": 0.02}, (0.031, None, "spectroscopic")),
        ({"photoZ": 0.1, "photoZErr": 0.02}, (0.1, 0.02, "photometric")),
        ({"photoZ": 0.1}, (0.1, 0.05, "photometric")),  # never as if it were measured in a spectrum
        ({"photoZ": 0.1, "photoZErr": 0.0}, (0.1, 0.05, "photometric")),
        ({}, (None, None, None)),
    ],
)
def test_sherlocks_redshift_comes_with_its_kind_and_its_catalogue(said, redshift):
    sherlock = {"classification": "SN", "separationArcsec": 2.0, "catalogue_table_name": "NED", **said}
    found = LasairObject(name="Z", survey="ZTF", ra_deg=1.0, dec_deg=2.0, alerts={}, sherlock=sherlock)
    host = found.surroundings().host
    assert (host.redshift, host.redshift_error, host.redshift_kind) == redshift
    assert host.source == "Sherlock, NED"


def test_rubins_objects_are_read_too():
    source = {"diaSourceId": 77, "midpointMjdTai": 61000.0, "psfFlux": 3631.0, "psfFluxErr": 100.0, "band": "r"}
    body = {
        "diaObjectId": 313853517821902930,
        "diaObject": {"ra": 60.0, "decl": -45.0},
        "diaSourcesList": [source, {**source, "diaSourceId": 78, "midpointMjdTai": 61002.0, "band": "g"}],
        "diaForcedSourcesList": [{"midpointMjdTai": 60990.0, "psfFlux": 1.0, "psfFluxErr": 100.0, "band": "r"}],
        "lasairData": {
            "sherlock": {"classification": "NT", "separationArcsec": 0.2, "photoZ": 0.1, "photoZErr": 0.02},
            "imageUrls": [{"diaSourceId": 77, "Science": "https://lasair.lsst.ac.uk/s"}],
        },
    }
    found = LasairObject.read(body, survey="LSST")
    assert (found.name, found.ra_deg, found.dec_deg) == ("313853517821902930", 60.0, -45.0)
    assert [(one.candid, one.band) for one in found.stubs()] == [("77", "r"), ("78", "g")]
    curve = found.light_curve()
    assert curve.is_limit.tolist() == [1.0, 0.0, 0.0]
    assert curve.mag[1:].tolist() == pytest.approx([22.5, 22.5], abs=1e-3)  # 3631 nJy
    assert found.urls["77"] == {"cutoutScience": "https://lasair.lsst.ac.uk/s"}
    host = found.surroundings().host
    assert (host.redshift, host.redshift_error, host.redshift_kind) == (0.1, 0.02, "photometric")
    seen: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.content)
        return httpx.Response(200, json=body if request.url.path.endswith("/object/") else [])

    with Lasair(calls_to(answer, survey="LSST"), conditions="nDiaSources > 1") as lasair:
        assert [one.candid for one in lasair.alerts("313853517821902930")] == ["77", "78"]
        assert lasair.alerts("ZTF26aaaaaaa") == []  # not of this Lasair, and not asked for
        lasair.passed(None, since_mjd=61000.0)
    assert len(seen) == 2
    assert b"lastDiaSourceMjdTai" in seen[1]


def test_names_that_could_be_sql_are_not_asked_about(sandbox):
    with open_lasair(sandbox) as lasair:
        sandbox.forget_requests()
        assert lasair.news(["x' OR 1=1 --"], since_mjd=0.0) == []
        assert lasair.alerts("x' OR 1=1 --") == []
        assert sandbox.requests == []


def test_how_often_one_looks_follows_from_the_calls():
    assert HourlyBudget(100).between_looks(1) == pytest.approx(144.0)
    assert timedelta(seconds=HourlyBudget(10_000).between_looks(4)) < timedelta(seconds=10)

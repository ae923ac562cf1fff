"""Brokers over HTTP: who may, what is missing, and whose fault it is."""

from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

from iris_client.brokers.http import Boom, SkyPortalBroker
from iris_client.errors import BadPayload, NotFound, Refused, Unavailable
from iris_client.http.pacer import Pacer
from plugin.sandbox import Sandbox
from plugin.sandbox.brokers.alerts import invented, stamp_bytes
from plugin.sandbox.brokers.boom import PASSWORD, USERNAME

NAME, LSST = "ZTF26aaaaaaa", "313761043604045880"
TOKEN = "5ec9e7aa-0000-4000-8000-00000000feed"


@pytest.fixture(scope="module")
def marshal():
    with Sandbox() as sandbox:
        sandbox.add_alert(invented(NAME, 5))
        pixels = np.arange(51.0 * 51).reshape(51, 51)
        stamps = dict.fromkeys(("cutoutScience", "cutoutTemplate"), stamp_bytes(pixels, zipped=False))
        sandbox.add_alert({**invented(LSST, 77), **stamps, "cutoutDifference": None})
        sandbox.add_alert(invented(NAME, 6, jd=2461001.5))
        del sandbox.state.alerts.stamps[6]
        yield sandbox


def boom(marshal: Sandbox, password: str = PASSWORD) -> Boom:
    return Boom(f"{marshal.url}/boom", USERNAME, password, pacer=Pacer(1e6, 1000), sleep=lambda _s: None)


def broker(marshal: Sandbox, **options: Any) -> SkyPortalBroker:
    return SkyPortalBroker(marshal.url, marshal.token, pacer=Pacer(1e6, 1000), sleep=lambda _s: None, **options)


@pytest.mark.parametrize("made", [boom, broker])
def test_stamps_of_lsst_are_plain_fits_and_not_turned(marshal, made):
    with made(marshal) as source:
        found = source.alert(LSST, "77")
    assert np.array_equal(found.cutouts.science, np.arange(51.0 * 51).reshape(51, 51))
    assert found.cutouts.pixel_arcsec == 0.2
    assert [c.text for c in found.caveats] == ["difference stamp: the stamp is empty"]


@pytest.mark.parametrize("made", [boom, broker])
def test_an_alert_whose_stamps_are_gone_is_still_an_alert(marshal, made):
    with made(marshal) as source:
        found = source.alert(NAME, "6")
    assert found.cutouts.science is None
    assert len([c for c in found.caveats if "empty" in c.text]) == 3
    assert found.light_curve is not None


@pytest.mark.parametrize("made", [boom, broker])
def test_an_object_that_the_broker_does_not_know_is_an_answer_and_asked_for_once(marshal, made):
    marshal.forget_requests()
    with made(marshal) as source:
        assert source.alerts("ZTF99zzzzzzz") == []
        assert source.light_curve("ZTF99zzzzzzz") is None
        assert source.tns_matches("ZTF99zzzzzzz") == []
        with pytest.raises(NotFound):
            source.alert("ZTF99zzzzzzz", "5")
    assert {r.status for r in marshal.requests} == {200}
    assert len(marshal.requests) <= 7


@pytest.mark.parametrize("nothing", [[], {}, None])
def test_nothing_is_nothing_in_every_form(nothing):
    http = httpx.MockTransport(answering(200, "", nothing))
    source = SkyPortalBroker("http://marshal.test", TOKEN, pacer=Pacer(1e6, 1000), http=http)
    assert source.alerts(NAME) == []
    assert source.light_curve(NAME) is None
    assert source.tns_matches(NAME) == []


def test_what_is_neither_an_alert_nor_nothing_is_no_answer():
    http = httpx.MockTransport(answering(200, "", "no alerts"))
    source = SkyPortalBroker("http://marshal.test", TOKEN, pacer=Pacer(1e6, 1000), http=http)
    for ask in (source.alerts, source.light_curve, source.tns_matches):
        with pytest.raises(BadPayload, match="str instead of"):
            ask(NAME)


def test_an_account_without_a_stream_sees_no_alert(marshal):
    bot = marshal.state.user_named("bot")
    bot.stream_ids = frozenset()
    try:
        with broker(marshal) as source:
            assert (source.alerts(NAME), source.light_curve(NAME)) == ([], None)
    finally:
        bot.stream_ids = frozenset({1})


def test_an_expired_token_is_renewed(marshal):
    with boom(marshal) as source:
        assert len(source.alerts(NAME)) == 2
        marshal.boom.expire()
        assert len(source.alerts(NAME)) == 2
        assert "password" not in repr(source)


def test_a_wrong_password_is_refused_and_not_shown(marshal):
    with boom(marshal, password="not-the-password") as source, pytest.raises(Refused) as caught:
        source.alerts(NAME)
    assert caught.value.status == 401
    assert "not-the-password" not in str(caught.value)


def test_a_broker_that_is_not_there_is_not_found(marshal):
    with broker(marshal, broker="ANOTHER") as source, pytest.raises(NotFound, match="no active broker"):
        source.alerts(NAME)


def answering(status: int, message: str, data: Any = ()) -> Callable[[httpx.Request], httpx.Response]:
    can = dict.fromkeys(("query_alerts", "get_alert", "get_cutouts"), True)
    row = {"id": 1, "name": "BOOM", "active": True, "surveys": ["ZTF"], "capabilities": can}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/brokers":
            return httpx.Response(200, json={"status": "success", "data": [row]})
        said = {"status": "success", "data": data} if status == 200 else {"status": "error", "data": {}}
        return httpx.Response(status, json={**said, "message": message})

    return answer


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Error querying broker BOOM: HTTPSConnectionPool: Read timed out.", Unavailable),
        ("Error querying broker BOOM: 502 Server Error: Bad Gateway for url", Unavailable),
        ("Error querying broker BOOM: 404 Client Error: Not Found for url", NotFound),
        ("Broker BOOM is not active", Refused),
    ],
)
def test_what_goes_wrong_behind_the_marshal_comes_as_400(message, kind):
    http = httpx.MockTransport(answering(400, message))
    source = SkyPortalBroker("http://marshal.test", TOKEN, pacer=Pacer(1e6, 1000), http=http)
    with pytest.raises(kind) as caught:
        source.alerts(NAME)
    assert type(caught.value) is kind

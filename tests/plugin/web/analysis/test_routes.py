"""Who may ask for an analysis, what is read of a request, and what is said to it."""

import gzip
import json
from typing import Any

import pytest

from iris_client.errors import redact
from plugin.store import ANALYSIS
from plugin.web.analysis import routes
from tests.fakes.marshal import good
from tests.fakes.requests import FIRST, HOOKS, table

SECRET = "shared-secret-of-the-button"
BEARER = {"Authorization": f"Bearer {SECRET}"}


def body(**values: Any) -> dict[str, Any]:
    given = {
        "callback_url": FIRST,
        "inputs": {"analysis_parameters": {}, "spectra": table([good("1", "ZTF26a")])},
        "callback_method": "POST",
        "invalid_after": "2026-06-10 13:00:00.5",
        "analysis_resource_type": "obj",
        "resource_id": "ZTF26a",
        "analysis_parameters": {},
    }
    return {**given, **values}


@pytest.fixture
def asking(visit):
    return visit(analysis_secret=SECRET, dry_run=False)


def post(client, *, service="astranet", headers=BEARER, **values):
    return client.post(f"/analysis/{service}", json=body(**values), headers=headers)


def test_a_request_becomes_work(asking, store, clock):
    answer = post(asking)
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "pending", "message": "ASTRANet: analysis started"},
    )
    assert (
        post(asking, service="needle", callback_url=FIRST.replace("1111", "7777")).json()["message"].startswith("NEE")
    )
    with store.begin() as unit:
        one, other = unit.queue.of("ZTF26a")
        assert {one.subject.kind, other.subject.kind} == {ANALYSIS}
        request = unit.analyses.of(one.subject.id)
        assert (request.service, request.target_id) == ("astranet", "ZTF26a")
        assert str(request.invalid_after) == "2026-06-10 13:00:00.500000"
        assert unit.queue.claim(ANALYSIS, 9, clock()) == []  # not before SkyPortal has noted our 200
    assert post(asking).status_code == 200
    with store.begin() as unit:
        assert len(unit.queue.of("ZTF26a")) == 2


@pytest.mark.parametrize("service", ["astranet", "needle", "other"])
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": SECRET}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {SECRET}x"}]
)
def test_without_the_secret_nothing_is_read(asking, store, headers, service):
    answer = asking.post(f"/analysis/{service}", content=b"{", headers=headers)
    assert answer.status_code == 401
    assert asking.get(f"/analysis/{service}", headers=headers).status_code == 401


def test_another_service_is_not_there(asking):
    assert post(asking, service="other").status_code == 404


def test_without_a_secret_there_is_no_route(visit):
    assert visit(dry_run=False).get("/analysis/astranet", headers=BEARER).status_code == 404


def test_ready(asking):
    assert asking.get("/analysis/needle", headers=BEARER).json() == {"status": "ready", "service": "needle"}


def test_a_dry_run_says_so(visit):
    answer = post(visit(analysis_secret=SECRET, dry_run=True))
    assert answer.status_code == 503
    assert "runs dry" in answer.json()["message"]


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"callback_url": FIRST.replace("marshal.test", "evil.test")}, 403),
        ({"callback_url": FIRST.replace("http:", "https:")}, 403),
        ({"callback_url": "http://169.254.169.254/latest/meta-data"}, 403),
        ({"callback_url": f"{HOOKS}../../../sources"}, 403),
        ({"callback_url": None}, 400),
        ({"callback_url": [FIRST]}, 400),
        ({"callback_method": "PUT"}, 400),
        ({"analysis_resource_type": "gcn"}, 400),
        ({"resource_id": None}, 400),
        ({"resource_id": "../x"}, 400),
        ({"resource_id": "x" * 300}, 400),
        ({"resource_id": "a\x00b"}, 400),
        ({"inputs": None}, 400),
        ({"inputs": {"spectra": "observed_at,fluxes\n2026,\"[__import__('os')]\"\n"}}, 400),
    ],
)
def test_what_is_not_as_agreed_is_refused_in_words(asking, store, values, status):
    answer = post(asking, **values)
    assert answer.status_code == status
    said = answer.json()["message"]
    assert said
    assert redact(said) == said
    with store.begin() as unit:
        assert unit.analyses.waiting() == 0


def test_an_internal_address_of_the_marshal_is_allowed_where_it_is_set(visit):
    inside = FIRST.replace("marshal.test", "app.inside:5000")
    assert post(visit(analysis_secret=SECRET, dry_run=False), callback_url=inside).status_code == 403
    client = visit(analysis_secret=SECRET, dry_run=False, marshal_callback_url="http://app.inside:5000")
    assert post(client, callback_url=inside).status_code == 200


@pytest.mark.parametrize("content", [b"", b"[]", b"nope", b"\xff\xfe", b"[" * 200_000, b'{"a": ' + b"9" * 5000 + b"}"])
def test_what_is_no_json_object(asking, content):
    answer = asking.post("/analysis/astranet", content=content, headers={**BEARER, "Content-Type": "application/json"})
    assert answer.status_code == 400


def test_packed_requests_are_not_unpacked(asking):
    packed = gzip.compress(json.dumps(body()).encode())
    headers = {**BEARER, "Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert asking.post("/analysis/astranet", content=packed, headers=headers).status_code == 415


def test_a_form_is_not_read(asking):
    headers = {**BEARER, "Content-Type": "application/x-www-form-urlencoded"}
    assert asking.post("/analysis/astranet", content=b"a=b", headers=headers).status_code == 415


def test_a_long_request_is_not_read_to_its_end(asking, monkeypatch):
    monkeypatch.setattr(routes, "MOST_BYTES", 1000)
    read = []

    def endless():
        for number in range(1_000):
            read.append(number)
            yield b" " * 500

    headers = {**BEARER, "Content-Type": "application/json"}
    assert asking.post("/analysis/astranet", content=b"x" * 1001, headers=headers).status_code == 413
    assert asking.post("/analysis/astranet", content=endless(), headers=headers).status_code == 413


def test_not_more_than_can_be_answered(asking, monkeypatch):
    monkeypatch.setattr(routes, "MOST_WAITING", 1)
    assert post(asking).status_code == 200
    answer = post(asking, callback_url=FIRST.replace("1111", "7777"))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "300")


def test_the_marshal_asks_under_the_address_it_was_told(visit):
    client = visit(
        analysis_secret=SECRET,
        dry_run=False,
        analysis_url="http://astranet.inside:8765",
        base_url="http://astranet.inside",
    )
    assert post(client).status_code == 200
    client = visit(analysis_secret=SECRET, dry_run=False, base_url="http://astranet.inside")
    assert post(client).status_code == 421

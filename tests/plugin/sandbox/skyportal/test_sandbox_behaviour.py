"""What the recordings cannot show: faults, the rate limit, visibility, stamps, the token, several clients at once."""

import concurrent.futures
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from plugin.sandbox import Fault, FaultKind, FaultPlan, Sandbox, Seen
from plugin.sandbox.ratelimit import LeakyBucket

SOURCE = "ZTF26aaaaaaa"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        running.add_source(SOURCE, redshift=0.03)
        running.add_spectrum(SOURCE, wavelengths=[4000.0, 5000.0], fluxes=[1.0, 2.0], truth="SN Ia")
        yield running


def client(sandbox: Sandbox, who: str = "bot", **options: float) -> httpx.Client:
    headers = {"Authorization": f"token {sandbox.tokens[who]}"}
    return httpx.Client(base_url=sandbox.url, headers=headers, **{"timeout": 5.0, **options})  # type: ignore[arg-type]


def post_note(http: httpx.Client, origin: str = "ASTRANet") -> httpx.Response:
    return http.post("/api/spectra/1/annotations", json={"origin": origin, "data": {"a": 1}, "group_ids": [6]})


def test_tokens_are_new_every_time() -> None:
    first, second = Sandbox().tokens, Sandbox().tokens
    assert set(first) == {"admin", "bot", "other", "readonly"}
    assert not set(first.values()) & set(second.values())
    assert all(str(uuid.UUID(token)) == token for token in first.values())


def test_url_needs_a_running_sandbox() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        _ = Sandbox().url


def test_records_and_writes(sandbox: Sandbox) -> None:
    with client(sandbox) as http:
        http.get("/api/sources")
        post_note(http)
        post_note(http)
    assert sandbox.requests[0] == ("GET", "/api/sources", 200)
    assert [r.status for r in sandbox.writes()] == [200, 400]
    sandbox.forget_requests()
    assert sandbox.requests == []


def test_annotations_snapshot(sandbox: Sandbox) -> None:
    with client(sandbox) as http:
        post_note(http)
    (note,) = sandbox.annotations()
    assert (note["kind"], note["place"], note["origin"], note["data"]) == ("spectrum", "1", "ASTRANet", {"a": 1})
    note["data"]["a"] = 2
    assert sandbox.annotations()[0]["data"] == {"a": 1}


def test_a_filter_by_origin_wants_it_in_lower_case(sandbox: Sandbox) -> None:
    """The real server compares `lower(origin)` with the text as it was typed."""
    with client(sandbox) as http:
        body = {"origin": "ASTRANet", "data": {"an_p": 0.9}, "group_ids": [6]}
        assert http.post(f"/api/sources/{SOURCE}/annotations", json=body).status_code == 200
        found = {}
        for origin in ("astranet", "ASTRANet", "needle, astranet", "needle", ""):
            answer = http.get("/api/sources", params={"annotationsFilterOrigin": origin, "annotationsFilter": "an_p"})
            found[origin] = answer.json()["data"]["totalMatches"]
    assert found == {"astranet": 1, "ASTRANet": 0, "needle, astranet": 1, "needle": 0, "": 1}


def test_four_at_once_leave_one_annotation(sandbox: Sandbox) -> None:
    with client(sandbox) as http, concurrent.futures.ThreadPoolExecutor(4) as pool:
        codes = sorted(f.result().status_code for f in [pool.submit(post_note, http) for _ in range(4)])
    assert codes == [200, 400, 400, 400]


def test_sharing_shows_a_spectrum_without_moving_its_stamp(sandbox: Sandbox) -> None:
    hidden = sandbox.add_spectrum(SOURCE, wavelengths=[1.0], fluxes=[1.0], group_ids=[7])
    with client(sandbox) as http:
        assert http.get(f"/api/spectra/{hidden}").status_code == 403
        stamp = sandbox.state.spectra[hidden].modified
        sandbox.share_spectrum(hidden, [6])
        assert http.get(f"/api/spectra/{hidden}").json()["data"]["modified"] == stamp.isoformat()
        sandbox.edit_spectrum(hidden, label="again")
        assert http.get(f"/api/spectra/{hidden}").json()["data"]["modified"] > stamp.isoformat()
        sandbox.delete_spectrum(hidden)
        assert http.get(f"/api/spectra/{hidden}").status_code == 403


def test_modified_after_is_inclusive_and_stamps_differ(sandbox: Sandbox) -> None:
    numbers = [sandbox.add_spectrum(SOURCE, wavelengths=[1.0], fluxes=[1.0]) for _ in range(5)]
    stamps = [sandbox.state.spectra[n].modified.isoformat() for n in numbers]
    assert len(set(stamps)) == 5
    with client(sandbox) as http:
        found = http.get("/api/spectra", params={"modifiedAfter": stamps[2], "minimalPayload": "true"}).json()["data"]
    assert [row["id"] for row in found] == numbers[2:]


def test_bad_spectra_travel_unchanged_but_for_nan(sandbox: Sandbox) -> None:
    number = sandbox.add_spectrum(
        SOURCE, wavelengths=["4000", None, 3.0], fluxes=[float("nan"), float("inf"), -1.0, 5], errors=[], kind="host"
    )
    with client(sandbox) as http:
        row = http.get(f"/api/spectra/{number}").json()["data"]
    assert row["wavelengths"] == ["4000", None, 3.0]
    assert row["fluxes"] == [None, None, -1.0, 5]
    assert (row["errors"], row["type"]) == ([], "host")


def test_head_tells_saved_from_known(sandbox: Sandbox) -> None:
    sandbox.add_source("ZTF26candidate", group_ids=())
    with client(sandbox) as http:
        assert http.head(f"/api/sources/{SOURCE}").status_code == 200
        assert http.head("/api/sources/ZTF26candidate").status_code == 404
        assert http.get("/api/sources/ZTF26candidate").status_code == 200


def test_group_ids_that_are_no_numbers_are_a_server_error(sandbox: Sandbox) -> None:
    with client(sandbox) as http:
        assert http.get("/api/sources", params={"group_ids": "[6]"}).status_code == 500
        repeated = http.get("/api/sources", params=[("group_ids", "7"), ("group_ids", "6")])
    assert repeated.json()["data"]["group_id"] == 6


def test_token_is_echoed_where_the_real_server_does(sandbox: Sandbox) -> None:
    with client(sandbox) as http:
        told = [http.get("/api/sources/nothing/photometry"), http.delete("/api/spectra/1")]
    assert all(sandbox.token in r.json()["message"] for r in told)


def test_dump_holds_no_token(sandbox: Sandbox, tmp_path: Path) -> None:
    with client(sandbox) as http:
        post_note(http)
        http.post(f"/api/sources/{SOURCE}/comments", json={"text": "hello", "group_ids": [6]})
    sandbox.add_classification(SOURCE, "Ia")
    sandbox.dump(tmp_path / "dump.json")
    text = (tmp_path / "dump.json").read_text(encoding="utf-8")
    assert sandbox.token not in text
    assert [len(v) for v in json.loads(text).values()] == [1, 1, 1]


def always(kind: FaultKind, *, after: bool = False, delay_s: float = 0.4) -> FaultPlan:
    return FaultPlan(rates={kind: 1.0}, after=1.0 if after else 0.0, delay_s=delay_s)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.TIMEOUT, httpx.ReadTimeout),
        (FaultKind.RESET, httpx.RemoteProtocolError | httpx.ReadError),
        (FaultKind.SHORT_BODY, httpx.RemoteProtocolError | httpx.ReadError),
    ],
)
def test_faults_without_an_answer(sandbox: Sandbox, kind: FaultKind, error: type[Exception]) -> None:
    sandbox.faults = always(kind)
    with client(sandbox, timeout=0.2) as http, pytest.raises(httpx.TransportError) as caught:
        http.get("/api/sources")
    assert isinstance(caught.value, error)
    assert sandbox.requests == [("GET", "/api/sources", 0)]


@pytest.mark.parametrize(
    ("kind", "status", "is_json"),
    [
        (FaultKind.RATE_LIMIT, 429, False),
        (FaultKind.BAD_GATEWAY, 502, False),
        (FaultKind.SERVER_ERROR, 500, True),
        (FaultKind.HTML, 200, False),
        (FaultKind.TRUNCATED, 200, False),
        (FaultKind.WRONG_TYPES, 200, True),
    ],
)
def test_faults_with_an_answer(sandbox: Sandbox, kind: FaultKind, status: int, is_json: bool) -> None:
    sandbox.faults = always(kind)
    with client(sandbox) as http:
        got = http.get("/api/sources")
    assert got.status_code == status
    if is_json:
        assert got.json()["status"] == ("success" if status == 200 else "error")
    else:
        with pytest.raises(json.JSONDecodeError):
            got.json()


def test_nan_fault_leaves_bare_nan(sandbox: Sandbox) -> None:
    sandbox.faults = always(FaultKind.NAN)
    with client(sandbox) as http:
        assert "NaN" in http.get("/api/spectra/1").text


@pytest.mark.parametrize("after", [True, False])
def test_a_lost_answer_may_have_been_a_done_write(sandbox: Sandbox, after: bool) -> None:
    sandbox.faults = always(FaultKind.RESET, after=after)
    with client(sandbox) as http, pytest.raises(httpx.TransportError):
        post_note(http)
    assert len(sandbox.annotations()) == after
    assert sandbox.writes() == [("POST", "/api/spectra/1/annotations", 0)]


def test_hook_sees_every_call(sandbox: Sandbox) -> None:
    seen: list[Seen] = []

    def second_only(call: Seen) -> Fault | None:
        seen.append(call)
        return Fault(kind=FaultKind.SERVER_ERROR) if call.number == 1 else None

    sandbox.faults = second_only
    with client(sandbox) as http:
        codes = [http.get("/api/groups").status_code for _ in range(3)]
    assert codes == [200, 500, 200]
    assert [(s.number, s.method, s.path) for s in seen] == [(i, "GET", "/api/groups") for i in range(3)]


def test_plan_is_reproducible_and_keeps_its_rates() -> None:
    rates = {FaultKind.RESET: 0.1, FaultKind.HTML: 0.2}
    calls = [Seen(number=i, method="GET", path="/") for i in range(4000)]
    first, second = (
        [plan(c) for c in calls] for plan in (FaultPlan(rates=rates, seed=5), FaultPlan(rates=rates, seed=5))
    )
    assert first == second
    kinds = [f.kind for f in first if f is not None]
    assert abs(kinds.count(FaultKind.RESET) / 4000 - 0.1) < 0.02
    assert abs(kinds.count(FaultKind.HTML) / 4000 - 0.2) < 0.03
    with pytest.raises(ValueError, match="fault rates"):
        FaultPlan(rates={FaultKind.RESET: 0.7, FaultKind.HTML: 0.7})


def test_bucket_lets_a_burst_pass_then_five_per_second() -> None:
    now = [0.0]
    bucket = LeakyBucket(now=lambda: now[0])
    assert [bucket.admits("a") for _ in range(12)] == [True] * 11 + [False]
    assert bucket.admits("b")
    now[0] = 1.0
    assert [bucket.admits("a") for _ in range(6)] == [True] * 5 + [False]
    assert all(bucket.admits(None) for _ in range(50))


def test_rate_limit_over_http() -> None:
    with Sandbox(rate_limit=True) as limited, client(limited) as http:
        answers = [http.get("/api/groups") for _ in range(40)]
    refused = [r for r in answers if r.status_code == 429]
    assert refused
    assert answers[0].status_code == 200
    assert all(r.headers["content-type"] == "text/html" and "retry-after" not in r.headers for r in refused)
    assert [r.status for r in limited.requests].count(429) == len(refused)

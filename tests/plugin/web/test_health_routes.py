"""`/healthz` and `/metrics`: who may read what, and what stands there."""

import re
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from iris_client.errors import Refused, Unavailable
from iris_client.http.pacer import Pacer
from iris_client.protocols import TransientName
from models.domain import FINE_CLASSES
from plugin.activity import Activity
from plugin.web.parts import WebParts
from plugin.web.server import make_web_app
from tests.fakes.marshal import bad, good
from tests.fakes.web import TestClient
from tests.plugin.conftest import TOKEN, make_settings
from tests.plugin.web.conftest import BIND, LOCAL, WEB_TOKEN

BEARER = {"authorization": f"Bearer {WEB_TOKEN}"}
ELSEWHERE = {"web_bind": "0.0.0.0:8765", "web_token": WEB_TOKEN}


@pytest.fixture
def beside(make_app, tmp_path, clock):
    """A client of the pages beside a running service, and the service."""

    def make(**values):
        app = make_app(**values)
        settings = make_settings(tmp_path, web_bind=BIND, **values)
        parts = WebParts(
            settings=settings, store=app.store, clock=clock, activity=app.activity, pacer=app.clients.pacer
        )
        return TestClient(make_web_app(parts), base_url=LOCAL, client=("127.0.0.1", 50000)), app

    return make


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Name and sorted label values to value."""
    return {
        (s.name, *(v for _, v in sorted(s.labels.items()))): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def test_a_service_that_is_well(beside) -> None:
    client, app = beside()
    before = client.get("/healthz")
    assert (before.status_code, before.json()["live"]) == (503, False)
    app.cycle()
    after = client.get("/healthz")
    assert (after.status_code, after.json()) == (200, {"live": True, "ready": True, "reasons": []})


def test_trouble_is_no_reason_to_restart(beside, marshal) -> None:
    client, app = beside()
    marshal.trouble = lambda method, _place: Unavailable("GET /api/spectra: HTTP 502") if method == "poll" else None
    app.cycle()
    found = client.get("/healthz")
    assert (found.status_code, found.json()["ready"]) == (503, False)
    assert found.json()["reasons"] == ["the last cycle met trouble: GET /api/spectra: HTTP 502"]
    assert client.get("/healthz?live").status_code == 200


def test_pages_alone_ask_the_database(visit, store, clock) -> None:
    client = visit()
    assert client.get("/healthz").json()["reasons"] == ["no cycle has ever begun with this database"]
    activity = Activity(clock=clock)
    activity.loaded("fake-1")
    activity.begin()
    activity.finish()
    with store.begin() as unit:
        unit.status.tell(activity.pulse.to_dict(), clock.now)
    assert client.get("/healthz").status_code == 200
    assert "astranet_ready 1.0" in client.get("/metrics").text


def test_strangers_learn_only_whether(visit) -> None:
    client = visit(base_url="http://pages.test", client=("10.1.2.3", 40000), **ELSEWHERE)
    assert client.get("/healthz").json() == {"live": False, "ready": False}
    assert client.get("/healthz", headers=BEARER).json()["reasons"]
    refused = client.get("/metrics")
    assert (refused.status_code, "astranet_" in refused.text) == (401, False)
    assert client.get("/metrics", headers={"authorization": "Bearer wrong-wrong-wrong-wrong"}).status_code == 401
    assert "astranet_live 0.0" in client.get("/metrics", headers=BEARER).text


def test_through_a_proxy_on_this_machine_is_elsewhere(visit) -> None:
    assert visit().get("/metrics", headers={"x-forwarded-for": "10.1.2.3"}).status_code == 401


def test_figures_of_a_service_at_work(beside, marshal, clock) -> None:
    client, app = beside()
    marshal.add(good("1", "ZTF26a", modified="2026-06-10T11:59:00.000001"), good("2", "ZTF26b"), bad("3", "ZTF26c"))

    def trouble(method: str, place: str):
        if (method, place) == ("upsert", "2"):
            return Refused("POST: HTTP 400")
        return Unavailable("POST: HTTP 502") if (method, place) == ("upsert", "ZTF26b") else None

    marshal.trouble = trouble
    app.cycle()
    hooks = app.activity.hooks("marshal")
    for status in (200, 404, 429, 500, 502, None, 401, 400):
        hooks.on_request("POST" if status == 400 else "GET", "/api/spectra", status, 0.1)
    clock.forward(seconds=90)
    found = samples(client.get("/metrics").text)
    assert found["astranet_answers", "SN Ia", "none", "ASTRANet"] == 1
    assert found["astranet_answers", "SN Ibc", "none", "ASTRANet"] == 1
    assert found["astranet_refusals", "ASTRANet", "low_coverage"] == 1
    assert found["astranet_parked", "annotation"] == 1
    assert found["astranet_outbox_posts", "annotation", "pending"] == 1
    assert found["astranet_outbox_oldest_age_seconds", "annotation"] == 90
    assert found["astranet_cycle_last_finished_age_seconds",] == 90
    assert found["astranet_model_info", "fake-1@00000000", "ASTRANet"] == 1
    assert found["astranet_dry_run",] == 0
    assert found["astranet_ready",] == 0
    assert found["astranet_marshal_requests_available",] == 1  # never a burst
    assert found["astranet_upstream_requests_total", "marshal"] == 8
    errors = {key[1]: value for key, value in found.items() if key[0] == "astranet_upstream_errors_total"}
    assert errors == {"rate_limited": 1, "server_error": 2, "no_answer": 1, "unauthorised": 1, "refused": 1}
    assert found["astranet_cycle_duration_seconds_count",] == 1
    assert found["astranet_upload_to_annotation_seconds_count",] == 1
    assert found["astranet_upload_to_annotation_seconds_sum",] == pytest.approx(60, abs=1e-3)
    assert found["process_resident_memory_bytes",] > 1e6


def test_sets_are_compared_with_what_the_tns_says(beside, marshal, clock) -> None:
    client, app = beside()
    marshal.add(*(good(str(n), f"ZTF26{c}") for n, c in enumerate("abcdef", 1)))
    app.cycle()
    with app.store.begin() as unit:
        sets = {f.target_id: f.report.confidence.prediction_sets["0.05"] for f in unit.reports.every("ASTRANet")}
        held, missed, vague, renamed = list(sets)[:4]
        outside = next(label for label in FINE_CLASSES if label not in sets[missed])
        said = {held: sets[held][0], missed: outside, vague: "Other", renamed: sets[renamed][0]}
        for name, kind in said.items():
            known = TransientName(name="SN 2026abc", type=kind, source="mirror")
            unit.names.put(name, known, clock())
        unit.names.put(renamed, TransientName(name="SN 2026abc", type=None, source="mirror"), clock() + timedelta(1))
    found = samples(client.get("/metrics").text)
    assert (found["astranet_typed_answers", "yes"], found["astranet_typed_answers", "no"]) == (1, 1)


def test_a_renewed_answer_is_no_first_one(beside, marshal, clock) -> None:
    client, app = beside()
    marshal.add(good("1", "ZTF26a"))
    app.cycle()
    marshal.add(good("1", "ZTF26a", modified="2026-06-10T11:59:30.000001", group_ids=(6, 7)))
    app.cycle()
    assert samples(client.get("/metrics").text)["astranet_upload_to_annotation_seconds_count",] == 1


def test_labels_come_from_closed_lists(beside, marshal) -> None:
    client, app = beside()
    marshal.add(*(good(str(n), f"ZTF26name{n}") for n in range(1, 9)), bad("9", "ZTF26name9"))
    app.cycle()
    text = client.get("/metrics").text
    assert "ZTF26name" not in text
    assert TOKEN not in text
    values = {v for label in re.findall(r"\{([^}]*)\}", text) for v in re.findall(r'"([^"]*)"', label)}
    assert not {v for v in values if re.search(r"25\.7|coverage 2", v)}  # the code of a refusal, not its sentence


def test_without_a_database_it_says_so(beside, tmp_path) -> None:
    client, app = beside()
    app.cycle()
    app.store.engine.dispose()
    for file in tmp_path.glob("astranet.sqlite*"):
        if file.suffix != ".lock":
            file.write_bytes(b"no database at all" * 100)
    found = client.get("/healthz")
    assert found.status_code == 503
    assert found.json() == {"live": True, "ready": False, "reasons": ["the database cannot be used (DatabaseError)"]}
    assert client.get("/metrics").status_code == 503


def test_the_pacer_tells_what_is_left() -> None:
    now = 0.0
    pacer = Pacer(2.0, 4, clock=lambda: now, sleep=lambda _s: None)
    assert pacer.left() == 4
    for left in (3, 2, 1, 0, 0):
        pacer.wait()
        assert pacer.left() == left
    now = 2.0
    assert pacer.left() == 3
    now = 60.0
    assert pacer.left() == 4

"""The Analysis button from end to end: registered, pressed on the embedded marshal, answered at its web hook."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import text

from plugin.app import App
from plugin.ops import register
from plugin.sandbox import Fault, FaultKind, Sandbox
from plugin.sandbox.skyportal.analysis_rows import Analysis
from plugin.sources.marshal import make_marshal
from plugin.web.parts import WebParts
from plugin.web.server import serve
from tests.fakes.marshal import WAVES, good
from tests.system.test_cycle import Later, open_app, settings

SECRET = "shared-secret-of-the-button"
HOOK = "/api/webhook/obj_analysis/"
PNG = b"\x89PNG\r\n\x1a\n"


class Button:
    """A marshal, the service beside it, and somebody who presses the button."""

    def __init__(self, sandbox: Sandbox, app: App, clock: Later) -> None:
        self.sandbox, self.app, self.clock = sandbox, app, clock

    def press(self, source: str, service: int = 1, role: str = "bot") -> Analysis:
        headers = {"Authorization": f"token {self.sandbox.tokens[role]}"}
        body = {"group_ids": [6], "show_plots": True}
        with httpx.Client(base_url=self.sandbox.url, trust_env=False, headers=headers) as client:
            answer = client.post(f"/api/obj/{source}/analysis/{service}", json=body)
        assert answer.status_code == 200, answer.text
        asked = self.sandbox.state.analyses[answer.json()["data"]["id"]]
        end = time.monotonic() + 10
        while asked.status == "queued" and time.monotonic() < end:
            time.sleep(0.01)
        return asked

    def cycle(self, ahead: float = 60.0) -> Any:
        self.clock.ahead += timedelta(seconds=ahead)
        return self.app.once()

    def read(self, path: str) -> httpx.Response:
        headers = {"Authorization": f"token {self.sandbox.token}"}
        with httpx.Client(base_url=self.sandbox.url, trust_env=False, headers=headers) as client:
            return client.get(path)

    def hook_calls(self) -> list[int]:
        return [r.status for r in self.sandbox.requests if r.path.startswith(HOOK)]


@contextmanager
def button(folder: Path, **values: Any) -> Iterator[Button]:
    clock = Later()
    with Sandbox() as sandbox:
        sandbox.add_source("ZTF26a", redshift=0.03)
        fluxes = [f + 1e-18 * np.sin(i) for i, f in enumerate(good("1", "x").fluxes)]
        fluxes[7] = float("nan")
        sandbox.add_spectrum("ZTF26a", wavelengths=WAVES, fluxes=fluxes, observed_at="2020-06-01T05:00:00")
        sandbox.add_source("ZTF26b")
        sandbox.add_spectrum("ZTF26b", wavelengths=WAVES[:50], fluxes=fluxes[:50])
        for day in range(12):
            sandbox.add_photometry("ZTF26a", mjd=61000.0 + day, band="ztf" + "gr"[day % 2], mag=18.0, magerr=0.05)
        values = {"web_bind": "127.0.0.1:0", "analysis_secret": SECRET, **values}
        with (
            open_app(sandbox, folder, clock, **values) as app,
            serve(WebParts(settings=app.settings, store=app.store, clock=clock)) as url,
        ):
            put(sandbox, folder, url)
            yield Button(sandbox, app, clock)


def put(sandbox: Sandbox, folder: Path, url: str, role: str = "admin") -> list[register.Outcome]:
    chosen = settings(sandbox.url, sandbox.tokens[role], folder, analysis_secret=SECRET, analysis_url=url)
    with make_marshal(chosen) as marshal:
        return list(register.register(marshal.services, register.wanted(chosen)))


@pytest.fixture
def pressed(tmp_path) -> Iterator[Button]:
    with button(tmp_path) as made:
        yield made


def test_an_answer_with_picture_results_and_annotation(pressed):
    asked = pressed.press("ZTF26a")
    assert asked.status == "pending", asked.status_message
    assert json.loads(asked.status_message) == {"status": "pending", "message": "ASTRANet: analysis started"}
    cycle = pressed.cycle()
    assert (cycle.requests["ok"], cycle.delivered["sent"], cycle.complete) == (1, 3, True)
    assert asked.status == "completed"
    assert asked.status_message.startswith("ASTRANet: SN Ia (p = ")
    assert "from spectrum 1 of 2020-06-01" in asked.status_message
    found = pressed.read(f"/api/obj/analysis/{asked.id}/results").json()["data"]
    assert (found["an_class"], found["an_spectrum_id"], found["spectra"][0]["from"]) == ("SN Ia", "1", "marshal")
    picture = pressed.read(f"/api/obj/analysis/{asked.id}/plots/0")
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(PNG)
    notes = {a["origin"]: a for a in pressed.sandbox.annotations() if a["place"] == "ZTF26a"}
    assert notes["ASTRANet-analysis"]["data"]["an_class"] == "SN Ia"
    # It is the queue's own answer: the same as on the source.
    queue = notes["ASTRANet"]["data"]
    assert {k: v for k, v in queue.items() if k in notes["ASTRANet-analysis"]["data"]} == (
        notes["ASTRANet-analysis"]["data"]
    )


def test_an_old_spectrum_becomes_work_and_a_second_press_is_answered_from_the_report(pressed):
    pressed.sandbox.state.spectra[1].modified -= timedelta(days=30)
    assert pressed.cycle().analysed == {"refused": 1}  # what is older than the first look reaches back is no news
    pressed.press("ZTF26a")
    assert pressed.cycle().analysed == {"ok": 1}
    again = pressed.press("ZTF26a")
    assert pressed.cycle().analysed == {}
    assert again.status == "completed"
    assert pressed.hook_calls() == [200, 200]


def test_a_refused_spectrum_is_a_failure_with_the_reason(pressed):
    asked = pressed.press("ZTF26b")
    pressed.cycle()
    assert asked.status == "failure"
    assert asked.status_message.startswith("ASTRANet: no class. spectrum 2 of ")
    assert "coverage" in asked.status_message
    assert not [a for a in pressed.sandbox.annotations() if a["origin"].endswith("-analysis")]


def test_a_spectrum_that_our_account_cannot_read_is_answered_from_what_was_sent(pressed):
    fluxes = good("1", "x").fluxes
    hidden = pressed.sandbox.add_source("ZTF26h", group_ids=(7,))
    pressed.sandbox.add_spectrum(hidden, wavelengths=WAVES, fluxes=fluxes, group_ids=(7,))
    asked = pressed.press(hidden, role="admin")
    pressed.cycle()
    assert asked.status == "completed", asked.status_message
    assert "our account cannot read it" in asked.status_message
    assert asked.data["results"]["data"]["spectra"][0]["from"] == "request"


def test_needle_without_alerts_answers_from_the_photometry_that_was_sent(pressed):
    asked = pressed.press("ZTF26a", service=2)
    pressed.cycle()
    assert "what was sent" in asked.status_message or "that was sent" in asked.status_message, asked.status_message
    assert asked.status in ("completed", "failure")
    if asked.status == "completed":
        assert asked.data["plots"][0]["format"] == "png"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.SERVER_ERROR),
        Fault(kind=FaultKind.SERVER_ERROR, after=True),
        Fault(kind=FaultKind.BAD_GATEWAY, after=True),
        Fault(kind=FaultKind.RESET),
        Fault(kind=FaultKind.RESET, after=True),
        Fault(kind=FaultKind.HTML, after=True),
        Fault(kind=FaultKind.TRUNCATED, after=True),
    ],
    ids=lambda fault: f"{fault.kind}-{'after' if fault.after else 'before'}",
)
def test_a_lost_answer_is_sent_again_and_counts_once(pressed, fault):
    pressed.sandbox.faults = lambda seen: fault if seen.path.startswith(HOOK) else None
    asked = pressed.press("ZTF26a")
    assert not pressed.cycle().complete
    pressed.sandbox.faults = None
    assert pressed.cycle(600).complete
    assert asked.status == "completed"
    assert len([a for a in pressed.sandbox.annotations() if a["origin"] == "ASTRANet-analysis"]) == 1
    calls = len(pressed.hook_calls())
    assert pressed.cycle(600).complete
    assert len(pressed.hook_calls()) == calls


def test_the_same_request_twice_is_one(pressed):
    asked = pressed.press("ZTF26a")
    payload = {
        "callback_url": f"{pressed.sandbox.url}{HOOK}{asked.token}",
        "analysis_resource_type": "obj",
        "resource_id": "ZTF26a",
        "inputs": {},
    }
    url = pressed.sandbox.state.services[1].url
    with httpx.Client(trust_env=False, headers={"Authorization": f"Bearer {SECRET}"}) as client:
        assert client.post(url, json=payload).status_code == 200
        pressed.cycle()
        assert client.post(url, json=payload).status_code == 200
    assert pressed.cycle().complete
    assert asked.status == "completed"
    assert pressed.hook_calls() == [200]


def test_an_answer_too_late_is_parked_with_the_reason_and_the_hook_is_let_go(pressed):
    asked = pressed.press("ZTF26a")
    asked.invalid_after -= timedelta(hours=2)
    assert pressed.cycle().delivered["parked"] == 1
    assert asked.status == "timed_out"
    with pressed.app.store.begin() as unit:
        (parcel,) = unit.outbox.parked()
    assert "Token has expired" in str(parcel.reason)
    assert asked.token not in dump(pressed.app)


def test_a_deleted_analysis_is_parked_after_three_tries(pressed):
    asked = pressed.press("ZTF26a")
    del pressed.sandbox.state.analyses[asked.id]
    outcomes = [pressed.cycle(4000).delivered for _ in range(4)]
    assert [o["later"] for o in outcomes] == [1, 1, 0, 0]
    assert outcomes[2]["parked"] == 1


def test_the_hook_is_only_in_its_column_until_it_is_answered(pressed, capfd):
    asked = pressed.press("ZTF26a")
    assert dump(pressed.app).count(asked.token) == 1
    pressed.cycle()
    assert asked.token not in dump(pressed.app)
    out, err = capfd.readouterr()
    assert asked.token not in out + err
    assert SECRET not in out + err


def test_a_dry_run_takes_no_request(tmp_path):
    with button(tmp_path, dry_run=True) as made:
        asked = made.press("ZTF26a")
        assert asked.status == "failure"
        assert "runs dry" in asked.status_message


def test_registering_again_keeps_what_is_there(pressed, tmp_path):
    url = pressed.sandbox.state.services[1].url.removesuffix("/analysis/astranet")
    assert [o.said.split(" (")[0] for o in put(pressed.sandbox, tmp_path, url)] == ["kept as it was"] * 2
    assert [o.said.split(" (")[0] for o in put(pressed.sandbox, tmp_path, "http://else.test")] == ["updated: url"] * 2
    denied = put(pressed.sandbox, tmp_path, url, role="bot")
    assert all(o.lacks_right and register.RIGHT in o.said for o in denied)
    assert len(pressed.sandbox.state.services) == 2


def test_the_services_are_removed(pressed, tmp_path):
    chosen = settings(
        pressed.sandbox.url, pressed.sandbox.tokens["admin"], tmp_path, analysis_secret=SECRET, analysis_url="http://x"
    )
    with make_marshal(chosen) as marshal:
        for expected in ("removed", "was not there"):
            said = [o.said for o in register.remove(marshal.services, register.wanted(chosen))]
            assert [one.split(" (")[0] for one in said] == [expected] * 2
    assert pressed.sandbox.state.services == {}


def dump(app: App) -> str:
    """Everything in the database, as text."""
    with app.store.engine.connect() as connection:
        tables = [row[0] for row in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))]
        return "\n".join(str(row) for t in tables for row in connection.execute(text(f"SELECT * FROM {t}")))


def test_needle_where_alerts_are_followed_is_the_queues_answer(tmp_path):
    host = {"id": 1, "name": "a galaxy", "ra": 150.0, "dec": 20.0003, "redshift": 0.05, "redshift_error": 1e-4}
    with button(tmp_path, alert_source="marshal") as made:
        name = made.sandbox.add_source("ZTF26aaaaaa1", host=host, group_ids=())
        for n in range(60):
            for band in ("ztfg", "ztfr"):
                mag = 18.5 + ((n - 20) / 9.0) ** 2 if n < 20 else 18.5 + (n - 20) / 30.0
                made.sandbox.add_photometry(name, mjd=61000.0 + n, band=band, mag=mag, magerr=0.05)
        asked = made.press(name, service=2)
        cycle = made.cycle()
        assert (cycle.objects["ok"], cycle.requests["ok"]) == (2, 1)  # one that is saved, and the one asked for
        assert asked.status == "completed"
        assert "sent with the request" not in asked.status_message
        notes = {a["origin"]: a["data"] for a in made.sandbox.annotations() if a["place"] == name}
        assert notes["NEEDLE-analysis"] == notes["NEEDLE"]
        again = made.press(name, service=2)
        assert made.cycle().objects["ok"] == 0
        assert again.status == "completed"

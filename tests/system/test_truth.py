"""The loop closes: people classify, retract and disagree on the marshal, and the card tells how right we were."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from plugin.app import App, build
from plugin.sandbox import Sandbox
from plugin.store import ASTRANET
from plugin.truth.card.files import read_card
from plugin.truth.card.share import LEAST
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import WAVES, good
from tests.system.test_cycle import Later, settings

NAMES = [f"ZTF26aaaaa{c}{d}" for c in "abc" for d in "abcdefgh"]
GOOD = good("1", "x").fluxes


class People:
    """Who classifies by the marshal's API, as the pages of SkyPortal do."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def say(self, target_id: str, name: str, *, by: str = "admin", **more: Any) -> int:
        body = {"obj_id": target_id, "classification": name, "taxonomy_id": 1, "group_ids": [6], **more}
        return int(self._call("POST", "/api/classification", by, body)["classification_id"])

    def change(self, number: int, name: str, *, by: str = "admin") -> None:
        self._call("PUT", f"/api/classification/{number}", by, {"classification": name})

    def retract(self, number: int, *, by: str = "admin") -> None:
        self._call("DELETE", f"/api/classification/{number}", by, {})

    def _call(self, method: str, path: str, by: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"token {self.sandbox.tokens[by]}"}
        answer = httpx.request(method, self.sandbox.url + path, json=body, headers=headers, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.json().get("data") or {}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        for name in NAMES:
            running.add_source(name)
            running.add_spectrum(name, wavelengths=WAVES, fluxes=GOOD)
        yield running


@pytest.fixture
def people(sandbox: Sandbox) -> People:
    return People(sandbox)


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
def app(sandbox: Sandbox, tmp_path: Path, later: Later) -> Iterator[App]:
    wanted = {"post_classification": True, "min_classification_probability": 0.5, "post_cards": False}
    chosen = settings(sandbox.url, sandbox.token, tmp_path, **wanted)
    with build(chosen, analyst=FakeAnalyst(policy="COMMIT"), clock=later) as made:
        yield made


def outcomes(app: App) -> dict[str, Any]:
    with app.store.begin(to_read=True) as unit:
        return unit.truth.settled(NAMES, app.settings.trust)


def test_people_classify_retract_and_disagree(app: App, sandbox: Sandbox, people: People, later: Later) -> None:
    before, after, changed, retracted, disputed, unsure = NAMES[:6]
    people.say(before, "Ia")
    kept = people.say(changed, "Ib")
    gone = people.say(retracted, "Ia")
    people.say(disputed, "Ia")
    people.say(disputed, "Ic", by="bot", origin="a person at the bot's account")  # our account is nobody
    people.say(unsure, "Ia", probability=0.3)
    assert app.once().complete
    assert len([c for c in sandbox.state.classifications.values() if c.ml]) == len(NAMES)  # ours, never a label
    found = outcomes(app)
    assert (found[before].label, found[before].after_ours) == ("SN Ia", False)
    assert (found[changed].label, found[retracted].label, found[disputed].label) == ("SN Ibc", "SN Ia", "SN Ia")
    assert found[unsure] == "doubtful"
    assert after not in found

    people.say(after, "Ia")
    people.change(kept, "Ic-BL")
    people.retract(gone)
    people.say(disputed, "Ib")
    sandbox.forget_requests()
    later.ahead += timedelta(hours=21)
    assert app.truth is not None
    assert app.truth.ask() == {"asked": len(NAMES), "given": 3, "withdrawn": 2}
    reads = [r.path for r in sandbox.requests if r.path.startswith("/api/sources/")]
    assert sorted(reads) == sorted(f"/api/sources/{name}" for name in NAMES)  # one request each
    assert app.truth.ask() == {}
    found = outcomes(app)
    assert (found[after].label, found[after].after_ours) == ("SN Ia", True)
    assert (found[changed].label, found[changed].subtype, found[changed].after_ours) == ("SN Ibc", "Ic-BL", True)
    assert (found[retracted], found[disputed]) == ("withdrawn", "disagreement")
    with app.store.begin(to_read=True) as unit:
        told = unit.truth.given(changed)
    assert [(one.name, one.after_ours, one.withdrawn_at is None) for one in told] == [
        ("Ib", False, False),
        ("Ic-BL", True, True),
    ]


def test_the_card_counts_what_people_said(app: App, people: People, later: Later) -> None:
    for i, name in enumerate(NAMES[:LEAST]):
        people.say(name, "Ia" if i < LEAST - 2 else "Ib")
    app.once()
    for name in NAMES[LEAST : LEAST + 3]:
        people.say(name, "Ia")
    later.ahead += timedelta(hours=21)
    assert app.truth is not None
    assert app.truth.ask()["given"] == 3
    folder = app.truth.report()
    assert folder == app.settings.output_dir / "report-card"
    card = read_card(app.settings.output_dir)
    assert card is not None
    first, second = card["before"]["right"], card["after"]["right"]
    with app.store.begin(to_read=True) as unit:
        ours = {filed.target_id: filed.report.verdict.label for filed in unit.reports.every(ASTRANET)}
    right = sum(
        ours[name] == theirs for name, theirs in zip(NAMES, ["SN Ia"] * (LEAST - 2) + ["SN Ibc"] * 2, strict=False)
    )
    assert 0 < right < LEAST
    assert (first["value"], first["objects"]) == (pytest.approx(right / LEAST), LEAST)
    assert (second["value"], second["objects"]) == (None, 3)  # too few for a figure
    assert card["selection"]["undecided"]["nobody"] == len(NAMES) - LEAST - 3
    assert card["before"]["by"]["snr"].keys().isdisjoint({"unknown"})  # kept beside each answer

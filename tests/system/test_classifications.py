"""Machine classifications in the whole service: which are made, and what takes them back."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from iris_client.http.pacer import Pacer
from iris_client.marshal.skyportal import SkyPortal
from iris_client.protocols import Place
from plugin.app import App, build
from plugin.clock import utc_now
from plugin.ops.show import on_file
from plugin.sandbox import Sandbox
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import WAVES, good
from tests.plugin.cycle.spectra.test_layers_shown import alert
from tests.system.test_cycle import Later, settings

NAME = "ZTF26aaaaaaa"
GOOD = good("1", "x").fluxes


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """One source with one spectrum; a person and somebody else's machine have classified it too."""
    with Sandbox() as running:
        running.add_source(NAME)
        running.add_spectrum(NAME, wavelengths=WAVES, fluxes=GOOD)
        running.add_classification(NAME, "Ib")
        running.add_classification(NAME, "Ic", ml=True, user="other")
        yield running


def opened(
    sandbox: Sandbox, folder: Path, analyst: FakeAnalyst | None = None, clock: Callable[[], Any] = utc_now, **more: Any
) -> App:
    token = more.get("marshal_token", sandbox.token)
    client = SkyPortal(sandbox.url, token, pacer=Pacer(1e4, 1000), sleep=lambda _seconds: None)
    wanted = {"post_classification": True, "min_classification_probability": 0.6, "post_cards": False, **more}
    chosen = settings(sandbox.url, sandbox.token, folder, **wanted)
    return build(chosen, marshal=client, analyst=analyst or FakeAnalyst(policy="COMMIT"), clock=clock)


def said(sandbox: Sandbox) -> list[str]:
    """The classes that the service's account has given."""
    bot = sandbox.state.user_named("bot").id
    return [c.classification for c in sandbox.state.classifications.values() if c.author_id == bot]


def untouched(sandbox: Sandbox) -> bool:
    """Whether what others said is there, and nobody has voted or labelled."""
    others = [c.classification for c in sandbox.state.classifications.values() if c.classification in ("Ib", "Ic")]
    votes = [vote for c in sandbox.state.classifications.values() for vote in c.votes]
    return others == ["Ib", "Ic"] and not votes and not sandbox.state.labels


def test_a_commit_is_classified_once_and_never_again(sandbox, tmp_path):
    with opened(sandbox, tmp_path) as app:
        assert app.once().complete
        assert said(sandbox) == ["Ia"]
        sandbox.forget_requests()
        app.once()
    assert sandbox.writes() == []
    with opened(sandbox, tmp_path, database_url=f"sqlite:///{tmp_path / 'new.sqlite'}") as app:
        app.once()
    assert [one for one in sandbox.writes() if one.status < 400] == []  # what is there is found out by trying
    assert untouched(sandbox)


@pytest.mark.parametrize("policy", ["ABSTAIN", "ALERT", None])
def test_what_is_no_commit_is_not_classified(sandbox, tmp_path, policy):
    with opened(sandbox, tmp_path, FakeAnalyst(policy=policy)) as app:
        assert app.once().analysed == {"ok": 1}
    assert said(sandbox) == []


def test_what_is_not_sure_enough_is_not_classified(sandbox, tmp_path):
    with opened(sandbox, tmp_path, min_classification_probability=0.9) as app:
        app.once()
    assert said(sandbox) == []


def test_a_spectrum_re_typed_as_its_hosts_takes_the_classification_back(sandbox, tmp_path):
    with opened(sandbox, tmp_path) as app:
        app.once()
        sandbox.edit_spectrum(1, type="host")
        app.once()
    assert said(sandbox) == []
    assert sandbox.annotations() == []
    assert untouched(sandbox)


def test_a_policy_that_changes_takes_it_back_and_brings_it_again(sandbox, tmp_path):
    analyst = FakeAnalyst(policy="COMMIT")
    with opened(sandbox, tmp_path, analyst) as app:
        app.once()
        for policy, left in (("ALERT", []), ("COMMIT", ["Ia"]), ("ABSTAIN", [])):
            analyst.policy = policy
            sandbox.edit_spectrum(1, label=policy)
            app.once()
            assert said(sandbox) == left
    assert untouched(sandbox)


def test_a_deleted_spectrum_takes_it_back(sandbox, tmp_path):
    later = Later()
    with opened(sandbox, tmp_path, clock=later, sweep_hours=6) as app:
        app.once()
        sandbox.delete_spectrum(1)
        later.ahead = timedelta(hours=7)
        app.once()
    assert said(sandbox) == []
    assert untouched(sandbox)


def test_switched_off_it_is_taken_back_with_the_next_answer(sandbox, tmp_path):
    with opened(sandbox, tmp_path) as app:
        app.once()
    with opened(sandbox, tmp_path, post_classification=False) as app:
        sandbox.edit_spectrum(1, label="again")
        app.once()
    assert said(sandbox) == []
    assert untouched(sandbox)


def test_a_deleted_source_is_no_trouble(sandbox, tmp_path):
    with opened(sandbox, tmp_path) as app:
        app.once()
        del sandbox.state.sources[NAME]
        sandbox.edit_spectrum(1, type="host")
        assert app.once().complete


def test_a_superluminous_supernova_is_one_by_the_taxonomys_name(sandbox, tmp_path):
    for n in range(2):
        sandbox.add_spectrum(NAME, wavelengths=WAVES, fluxes=GOOD, observed_at=f"2026-11-2{n + 1}T05:00:00")
    with opened(sandbox, tmp_path) as app:  # the third spectrum: SLSN to the fake
        app.once()
    assert said(sandbox) == ["Ic-SLSN"]


class Alerting(FakeAnalyst):
    """Says ALERT of everything, with all that a card shows."""

    def run_many(self, items: Any) -> Any:
        odd = alert()
        return [replace(r, anomaly=odd.anomaly, confidence=odd.confidence) for r in super().run_many(items)]


@pytest.fixture
def picture(monkeypatch: Any) -> None:
    draw = "plugin.cycle.spectra.card.vetting_card"
    monkeypatch.setattr(
        draw, lambda report, spectrum, drawn=None, alpha=0.05: b"\x89PNG" + spectrum.flux.tobytes()[:40]
    )


def states(app: App) -> dict[tuple[str, str], str]:
    """What became of each post, by kind of place and of post."""
    places = [Place(kind="spectrum", id="1"), Place(kind="source", id=NAME)]
    with app.store.begin(to_read=True) as unit:
        return {(p.place.kind, p.kind): p.state for p in unit.outbox.at(places)}


@pytest.mark.usefixtures("picture")
def test_where_another_account_has_the_annotation_nothing_is_put_beside_it(sandbox, tmp_path):
    """Two accounts that run the service leave one card on a spectrum and one classification on its source."""
    bots = {name: tmp_path / name for name in ("admin", "bot")}
    for name, folder in bots.items():
        folder.mkdir()
        token = sandbox.tokens[name]
        for analyst in (FakeAnalyst(policy="COMMIT"), Alerting()):
            with opened(sandbox, folder, analyst, post_cards=True, marshal_token=token) as app:
                app.once()
                sandbox.edit_spectrum(1, label=f"{name} {analyst.policy}")
                app.once()
                after = states(app)
    assert len(sandbox.state.comments) == 1
    assert sandbox.state.comments[0].author_id == sandbox.state.user_named("admin").id
    assert said(sandbox) == []
    assert after["spectrum", "annotation"] == after["source", "annotation"] == "parked"
    assert after["spectrum", "comment"] == "pending"


@pytest.mark.usefixtures("picture")
def test_what_waited_for_its_annotation_goes_after_it(sandbox, tmp_path):
    with SkyPortal(sandbox.url, sandbox.tokens["admin"], pacer=Pacer(1e4, 1000)) as other:
        place = Place(kind="spectrum", id="1")
        other.upsert_annotation(place, origin="ASTRANet", data={"p": 1}, group_ids=[6])
        with opened(sandbox, tmp_path, Alerting(), post_cards=True) as app:
            assert app.once().delivered == {"sent": 1, "parked": 1}
            assert sandbox.state.comments == []
            with app.store.begin(to_read=True) as unit:
                assert set(unit.figures.waiting_since()) == set(), "it is parked with its annotation"
            console = Console(width=300, file=io.StringIO())
            console.print(*on_file(app.store, "1"))
            assert "waits for its annotation, which is parked" in console.file.getvalue()
            other.delete_annotation(place, origin="ASTRANet")
            assert app.once(retry_parked=True).delivered == {"sent": 2}
    assert len(sandbox.state.comments) == 1


@pytest.mark.usefixtures("picture")
def test_a_spectrum_that_is_answered_again_keeps_one_card(sandbox, tmp_path):
    with opened(sandbox, tmp_path, Alerting(), post_cards=True) as app:
        for n in range(3):
            app.once()
            sandbox.edit_spectrum(1, fluxes=[f * (1 + 0.1 * np.sin(i / (20 + n))) for i, f in enumerate(GOOD)])
        app.once()
    with opened(
        sandbox, tmp_path, Alerting(), post_cards=True, database_url=f"sqlite:///{tmp_path / 'n.sqlite'}"
    ) as app:
        app.once()
    assert len(sandbox.state.comments) == 1

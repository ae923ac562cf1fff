"""Machine classifications in the whole service: which are made, and what takes them back."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from iris_client.http.pacer import Pacer
from iris_client.marshal.skyportal import SkyPortal
from plugin.app import App, build
from plugin.clock import utc_now
from plugin.sandbox import Sandbox
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import WAVES, good
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
    client = SkyPortal(sandbox.url, sandbox.token, pacer=Pacer(1e4, 1000), sleep=lambda _seconds: None)
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
    with opened(sandbox, tmp_path, database_url=f"sqlite:///{tmp_path / 'new.sqlite'}") as app:
        app.once()
    assert sandbox.writes() == []
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

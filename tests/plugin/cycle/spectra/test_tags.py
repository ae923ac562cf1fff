"""Tags through the outbox: one name for each answer, renewed and withdrawn with it."""

import re

import pytest

from models.domain import FINE_CLASSES
from plugin.app import build
from plugin.cycle.spectra.tags import ALERT_TAG, CLASS_TAGS, VOCABULARY
from plugin.sandbox import Sandbox
from tests.fakes.marshal import WAVES, good
from tests.fakes.sure import PolicyAnalyst
from tests.plugin.conftest import make_settings


@pytest.fixture
def sandbox():
    with Sandbox() as running:
        running.add_source("ZTF26a")
        for name in VOCABULARY:
            number = running.state.next_id("tag options")
            running.state.tag_options[number] = {"id": number, "name": name}
        running.add_spectrum("ZTF26a", wavelengths=WAVES.tolist(), fluxes=list(good("1", "x").fluxes))
        yield running


@pytest.fixture
def run(sandbox, tmp_path):
    made = []

    def cycle(policy: str, *, who: str = "admin", **values):
        """A cycle that answers the one spectrum anew with this policy."""
        with sandbox.state.lock:
            sandbox.state.spectra[1].modified = sandbox.state.stamp()
        given = {"marshal_url": sandbox.url, "marshal_token": sandbox.tokens[who], "post_tags": True, **values}
        settings = make_settings(tmp_path, post_cards=False, requests_per_second=1e4, **given)
        from plugin.clock import utc_now

        with build(settings, analyst=PolicyAnalyst({"1": policy}), clock=utc_now) as app:
            made.append(app.once())
            with app.store.begin(to_read=True) as unit:
                return [p.reason for p in unit.outbox.parked()]

    return cycle


def tags(sandbox) -> list[str]:
    names = {number: option["name"] for number, option in sandbox.state.tag_options.items()}
    return sorted(names[t.option_id] for t in sandbox.state.tags.values())


def test_the_names_are_such_as_skyportal_allows() -> None:
    assert len(set(VOCABULARY)) == len(FINE_CLASSES) + 1
    assert all(re.fullmatch(r"[A-Za-z0-9]+", name) for name in VOCABULARY)


def test_a_tag_follows_the_answer(run, sandbox) -> None:
    for policy, expected in (
        ("ALERT", [ALERT_TAG]),
        ("COMMIT", [CLASS_TAGS["SN Ia"]]),
        ("ABSTAIN", []),
        ("ALERT", [ALERT_TAG]),
    ):
        assert run(policy) == []
        assert tags(sandbox) == expected


def test_off_by_default(run, sandbox) -> None:
    assert run("ALERT", post_tags=False) == []
    assert tags(sandbox) == []
    assert not [r for r in sandbox.requests if "objtag" in r.path]


def test_an_answer_that_is_renewed_unchanged_sends_nothing(run, sandbox) -> None:
    run("ALERT")
    sandbox.forget_requests()
    run("ALERT")
    assert not [r for r in sandbox.requests if "objtag" in r.path]


def test_what_the_token_may_not_take_away_is_parked_with_the_reason(run, sandbox) -> None:
    run("ALERT", who="bot")
    (reason,) = run("ABSTAIN", who="bot")
    assert "only a token with Manage sources" in reason
    assert tags(sandbox) == [ALERT_TAG]


def test_a_spectrum_that_is_gone_takes_its_tag_along(run, sandbox) -> None:
    run("ALERT")
    sandbox.state.spectra[1].type = "host"
    assert run("ALERT") == []
    assert tags(sandbox) == []

"""A bot account is replaced: what the old one wrote is taken away, and the new one writes it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from plugin.cli import app as astranet
from plugin.sandbox import Sandbox
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import WAVES, good
from tests.system.test_cycle import settings
from tests.system.test_needle_service import fill

NAMES = ("ZTF26bbbbbb0", "ZTF26bbbbbb1")
GOOD = good("1", "x").fluxes


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Two sources with spectra; `other` is the old account, `bot` the new one."""
    with Sandbox() as running:
        old = running.state.user_named("other")
        old.group_ids |= {running.group_id}
        for name in NAMES:
            running.add_source(name)
            running.add_spectrum(name, wavelengths=WAVES, fluxes=GOOD)
        yield running


@pytest.fixture
def command(sandbox: Sandbox, tmp_path: Path, monkeypatch: Any) -> Any:
    """The command line with the new account's token."""
    from tests.system.test_classifications import Alerting

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.delenv("ASTRANET_DATA_DIR", raising=False)
    for name, value in settings(sandbox.url, "x", tmp_path).model_dump(exclude_unset=True).items():
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        monkeypatch.setenv(f"ASTRANET_{name.upper()}", text)
    monkeypatch.setenv("ASTRANET_POST_CLASSIFICATION", "true")
    monkeypatch.setenv("ASTRANET_MIN_CLASSIFICATION_PROBABILITY", "0.6")
    monkeypatch.setattr("plugin.ops.schedule.stop_on_signals", lambda *_: None)
    monkeypatch.setattr("plugin.ops.logs.configure", lambda **_: None)
    draw = "plugin.cycle.spectra.card.vetting_card"
    monkeypatch.setattr(
        draw, lambda report, spectrum, drawn=None, alpha=0.05: b"\x89PNG" + spectrum.spectrum_id.encode()
    )
    (tmp_path / "old").write_text(sandbox.tokens["other"] + "\n")
    (tmp_path / "admin").write_text(sandbox.tokens["admin"])

    def invoke(*arguments: str, who: str = "bot", alert: bool = False) -> tuple[int, str]:
        monkeypatch.setenv("ASTRANET_MARSHAL_TOKEN", sandbox.tokens[who])
        analyst = Alerting() if alert else FakeAnalyst(policy="COMMIT")
        monkeypatch.setattr("plugin.app.make_analyst", lambda _settings: analyst)
        result = CliRunner().invoke(astranet, list(arguments))
        assert sandbox.tokens["other"] not in result.output
        return result.exit_code, result.output

    return invoke


def authors(sandbox: Sandbox) -> dict[str, int]:
    """Who wrote how much."""
    users = {user.id: name for name in ("other", "bot", "admin") if (user := sandbox.state.user_named(name))}
    rows = [*sandbox.state.annotations, *sandbox.state.comments, *sandbox.state.classifications.values()]
    return {name: sum(users.get(row.author_id) == name for row in rows) for name in users.values()}


def fresh(monkeypatch: Any, tmp_path: Path) -> None:
    """Go on with a new database."""
    monkeypatch.setenv("ASTRANET_DATABASE_URL", f"sqlite:///{tmp_path / 'new.sqlite'}")


@pytest.mark.parametrize("alert", [True, False])
@pytest.mark.parametrize("new_database", [True, False])
def test_the_new_account_writes_what_the_old_one_wrote(sandbox, command, tmp_path, monkeypatch, alert, new_database):
    command("once", who="other", alert=alert)
    before = authors(sandbox)["other"]
    assert before == 6  # an annotation on each spectrum and source, and two cards or two classifications
    sandbox.add_classification(NAMES[0], "Ib", user="other")
    if new_database:
        fresh(monkeypatch, tmp_path)
        assert command("once", alert=alert)[0] == 1
        assert "another user owns" in command("show", "--parked")[1]
        assert authors(sandbox)["bot"] == 0
    sandbox.forget_requests()
    code, text = command("marshal", "hand-over", "--token-file", "old")
    assert (code, sandbox.writes()) == (0, [])
    assert "2  annotation of origin ASTRANet on a source" in text
    assert "nothing was taken away" in text
    code, text = command("marshal", "hand-over", "--token-file", "old", "--yes")
    assert (code, "6 taken away" in text) == (0, True)
    assert authors(sandbox)["other"] == 1, "what a person said with the old account stays"
    assert command("once", alert=alert)[0] == 0
    assert authors(sandbox) == {"other": 1, "bot": 6, "admin": 0}
    assert "has written nothing" in command("marshal", "hand-over", "--token-file", "old", "--yes")[1]


def test_an_administrators_token_takes_away_what_a_lost_account_wrote(sandbox, command, tmp_path, monkeypatch):
    command("once", who="other")
    fresh(monkeypatch, tmp_path)
    command("once")
    author = str(sandbox.state.user_named("other").id)
    code, text = command("marshal", "hand-over", "--token-file", "admin", "--author", author, "--yes")
    assert (code, "6 taken away" in text) == (0, True)
    command("once")
    assert authors(sandbox) == {"other": 0, "bot": 6, "admin": 0}


def test_ones_own_account_is_not_handed_over(sandbox, command):
    command("once", who="other")
    sandbox.forget_requests()
    code, text = command("marshal", "hand-over", "--token-file", "old", "--yes", who="other")
    assert (code, "nothing to hand over" in text) == (2, True)
    assert sandbox.writes() == []


def test_a_token_that_may_not_takes_nothing_and_says_so(sandbox, command, tmp_path, monkeypatch):
    command("once", who="other")
    fresh(monkeypatch, tmp_path)
    command("once")
    sandbox.state.user_named("other").acls = frozenset()
    code, text = command("marshal", "hand-over", "--token-file", "old", "--yes")
    assert (code, "0 taken away" in text, "without the right Annotate" in text) == (1, True, True)
    assert authors(sandbox)["other"] == 6


def test_a_missing_or_empty_token_file_is_told(command, tmp_path):
    (tmp_path / "empty").write_text("")
    command("once")
    assert "cannot read" in command("marshal", "hand-over", "--token-file", "none")[1]
    assert "empty" in command("marshal", "hand-over", "--token-file", "empty")[1]


def test_answers_about_candidates_that_nobody_saved_are_found_by_our_own_records(sandbox, command, monkeypatch):
    """They are in no list of sources."""
    fill(sandbox)
    monkeypatch.setenv("ASTRANET_ALERT_SOURCE", "marshal")
    monkeypatch.setenv("ASTRANET_BACKFILL_DAYS", "10000")
    command("once", who="other")
    needle = [a for a in sandbox.annotations() if a["origin"] == "NEEDLE"]
    text = command("marshal", "hand-over", "--token-file", "old")[1]
    assert needle
    assert f"{len(needle)}  annotation of origin NEEDLE on a source" in text

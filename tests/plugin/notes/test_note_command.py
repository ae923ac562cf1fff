"""`astranet note` from the command line."""

import pytest
from typer.testing import CliRunner

from plugin.cli import app
from plugin.settings import Settings
from plugin.store import open_store

URL = "http://127.0.0.1:9"
TOKEN = "5ec9e7aa-0000-4000-8000-00000000feed"


@pytest.fixture
def astranet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in Settings.variables():
        monkeypatch.delenv(name, raising=False)
    values = {
        "MARSHAL_URL": URL,
        "MARSHAL_TOKEN": TOKEN,
        "GROUP_IDS": "6",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite'}",
        "OUTPUT_DIR": str(tmp_path / "output"),
    }
    for name, value in values.items():
        monkeypatch.setenv(f"ASTRANET_{name}", value)
    return lambda *words: CliRunner().invoke(app, list(words))


def test_a_wrong_date_is_named(astranet):
    result = astranet("note", "--night", "yesterday")
    assert result.exit_code == 2
    assert "yesterday" in result.output


def test_without_a_database_it_says_what_to_do(astranet):
    result = astranet("note", "--night", "2026-06-10")
    assert result.exit_code == 1
    assert "astranet once" in result.output


def test_a_missing_setting_is_named(astranet, monkeypatch):
    monkeypatch.delenv("ASTRANET_GROUP_IDS")
    result = astranet("note")
    assert result.exit_code == 2
    assert "ASTRANET_GROUP_IDS" in result.output


def test_an_empty_night_is_no_failure(astranet, tmp_path, monkeypatch):
    monkeypatch.setattr("plugin.notes.nightly.card_of", lambda settings: {})
    open_store(f"sqlite:///{tmp_path / 'db.sqlite'}", marshal=URL).close()
    result = astranet("note", "--night", "2026-06-10")
    assert result.exit_code == 0
    assert "night 2026-06-10: nothing to say" in result.output
    assert not (tmp_path / "output").exists()

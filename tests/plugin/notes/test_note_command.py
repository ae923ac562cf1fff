"""`astranet note` from the command line."""

from dataclasses import replace
from datetime import datetime

import pytest
from typer.testing import CliRunner

from iris_client.errors import NotFound
from plugin.cli import app
from plugin.settings import Settings
from plugin.store import open_store
from tests.fakes.notes import filed, report

URL = "http://127.0.0.1:9"
TOKEN = "5ec9e7aa-0000-4000-8000-00000000feed"


class Nowhere:
    """A marshal that knows nothing."""

    def target(self, target_id):
        raise NotFound(target_id)

    spectrum = target

    def close(self):
        """Nothing to close."""


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


def test_an_empty_night_is_no_failure(astranet, tmp_path):
    open_store(f"sqlite:///{tmp_path / 'db.sqlite'}", marshal=URL).close()
    result = astranet("note", "--night", "2026-06-10")
    assert result.exit_code == 0
    for kind in ("classes", "anomalies", "candidates"):
        assert f"night 2026-06-10 UT, {kind}: nothing to say" in result.output
    assert not (tmp_path / "output").exists()


def test_by_the_week_the_week_of_the_night_is_drafted(astranet, tmp_path, monkeypatch):
    monkeypatch.setenv("ASTRANET_NOTE_EVERY", "week")
    monkeypatch.setenv("ASTRANET_NOTES", "anomalies")
    open_store(f"sqlite:///{tmp_path / 'db.sqlite'}", marshal=URL).close()
    result = astranet("note", "--night", "2026-06-10")
    assert result.output.strip().endswith("nights 2026-06-08 to 2026-06-14 UT, anomalies: nothing to say, no draft")


def test_a_preview_announces_nothing(astranet, tmp_path, monkeypatch):
    monkeypatch.setattr("plugin.sources.marshal.make_source", lambda settings: Nowhere())
    report_of = filed(report("ZTF26a"))
    with open_store(f"sqlite:///{tmp_path / 'db.sqlite'}", marshal=URL) as store, store.begin() as unit:
        unit.reports.put(replace(report_of, filed_at=datetime(2026, 6, 10, 20)))
    for _ in range(2):
        result = astranet("note", "--night", "2026-06-10")
        assert "classes: draft in" in result.output.replace("\n", " ")
    assert (tmp_path / "output" / "notes" / "2026-06-10" / "classes" / "astronote.txt").is_file()
    with open_store(f"sqlite:///{tmp_path / 'db.sqlite'}", marshal=URL) as store, store.begin(to_read=True) as unit:
        assert unit.announced.before("classes", "x", "2026-06-12") == {}
        assert unit.watermarks.get("note") is None

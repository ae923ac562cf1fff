"""`astranet truth` and `astranet report-card`, as somebody types them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from plugin.cli import app
from plugin.clock import utc_now
from plugin.store import open_store
from tests.fakes.truth import file

MARSHAL = "http://m.test"


@pytest.fixture
def run(monkeypatch, tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'x.sqlite'}"
    given = {"DATABASE_URL": url, "MARSHAL_URL": MARSHAL, "MARSHAL_TOKEN": "t", "GROUP_IDS": "1"}
    given["OUTPUT_DIR"] = str(tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    for name, value in given.items():
        monkeypatch.setenv(f"ASTRANET_{name}", value)
    with open_store(url, marshal=MARSHAL) as store:
        file(store, "ZTF26a", "1", utc_now())

    def invoke(*arguments: str):
        return CliRunner().invoke(app, list(arguments))

    return invoke


def test_labels_come_from_a_file_are_shown_and_taken_back(run, tmp_path):
    (tmp_path / "mine.csv").write_text("\ufeffname,class\nZTF26a,SN Ia\nZTF26z,[red]SN Ia\n", encoding="utf-8")
    done = run("truth", "import", "mine.csv")
    assert done.exit_code == 1
    assert "line 3: '[red]SN Ia' is no type that we know" in done.output
    assert "labels new: 1, known: 0; lines refused: 1" in done.output
    (tmp_path / "mine.csv").write_text("name,class\nZTF26a,SN Ia\n")
    again = run("truth", "import", "mine.csv")
    assert (again.exit_code, "known: 1" in again.output) == (0, True)
    shown = run("truth", "show", "ZTF26a")
    assert shown.exit_code == 0
    assert "ZTF26a: SN Ia, by file" in shown.output
    assert "visible on the marshal: not yet" in shown.output
    assert run("truth", "withdraw", "ZTF26a", "--by", "bob").exit_code == 1
    assert run("truth", "withdraw", "ZTF26a", "--by", "mine").exit_code == 0
    assert "nothing counts: what was said has been withdrawn" in run("truth", "show", "ZTF26a").output
    assert run("truth", "show", "ZTF26b").exit_code == 1


def test_what_is_no_table_is_told(run, tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00")
    assert "no text in UTF-8" in run("truth", "import", "x.csv").output
    (tmp_path / "y.csv").write_text("a,b\n")
    wrong = run("truth", "import", "y.csv")
    assert (wrong.exit_code, "no column 'name'" in wrong.output) == (2, True)


def test_the_card_is_written(run, tmp_path):
    done = run("report-card")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "report-card" / "index.html").is_file()
    assert "report-card" in done.output

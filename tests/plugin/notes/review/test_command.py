"""The review of notes from the command line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from plugin.cli import app
from plugin.notes.review.changes import CannotBe
from plugin.notes.review.content import draft_of
from plugin.notes.review.texts import read_texts, written_texts
from plugin.settings import Settings
from plugin.store import Store, open_store
from tests.fakes.review import kept, make_draft
from tests.plugin.conftest import URL

NIGHT = "2026-06-10"


@pytest.fixture
def store(tmp_path: Path):
    with open_store(f"sqlite:///{tmp_path / 'db.sqlite'}", marshal=URL) as opened:
        kept(opened)
    with open_store(f"sqlite:///{tmp_path / 'db.sqlite'}", marshal=URL, beside=True) as opened:
        yield opened


@pytest.fixture
def note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store):
    monkeypatch.chdir(tmp_path)
    for name in Settings.variables():
        monkeypatch.delenv(name, raising=False)
    values = {"MARSHAL_URL": URL, "MARSHAL_TOKEN": "5ec9e7aa-0000", "GROUP_IDS": "6"}
    values["DATABASE_URL"] = f"sqlite:///{tmp_path / 'db.sqlite'}"
    for name, value in values.items():
        monkeypatch.setenv(f"ASTRANET_{name}", value)
    return lambda *words: CliRunner().invoke(app, ["note", *words])


def newest(store: Store):
    with store.begin(to_read=True) as unit:
        return unit.notes.of("classes", NIGHT)


def test_from_the_draft_to_the_files(note, store: Store, tmp_path: Path) -> None:
    assert "2026-06-10  classes  version 1  waits  ASTRANet: 1 TDE" in note("list").output
    abstract = tmp_path / "abstract.txt"
    abstract.write_text("x" * 1200)
    done = note("edit", NIGHT, "--abstract-file", str(abstract), "--take-out", "ZTF26ib", "--reviewer", "Ann")
    assert (done.exit_code, done.output.strip()) == (0, "saved as revision 2")
    refused = note("approve", NIGHT, "--reviewer", "Ann Example", "--yes")
    assert refused.exit_code == 1
    assert "1200 characters; the TNS takes 1000" in refused.output
    shown = note("show", NIGHT).output
    assert "not yet: The abstract has 1200 characters" in shown
    assert "changed: - 2026aib [ZTF26ib]" in shown
    assert "Ann: texts, took out ZTF26ib" in shown
    abstract.write_text(make_draft().abstract.replace("2 SN Ia candidates", "1 SN Ia candidate"))
    assert note("edit", NIGHT, "--abstract-file", str(abstract)).exit_code == 0
    done = note("approve", NIGHT, "--reviewer", "Ann Example", "--yes")
    assert (done.exit_code, done.output.strip()) == (0, "version 1 approved by Ann Example")
    assert note("edit", NIGHT, "--title", "late").exit_code == 1
    assert note("approve", NIGHT, "--reviewer", "Bob", "--yes").exit_code == 1
    done = note("export", NIGHT, "--to", str(tmp_path / "out"))
    assert "version 1, approved by Ann Example" in done.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "astronote.json",
        "astronote.txt",
        "body.html",
        "related_objects.csv",
    ]
    assert note("revise", NIGHT).output.strip() == "version 2 is a draft"
    assert note("revise", NIGHT).exit_code == 3
    assert newest(store).version == 2


def test_texts_in_an_editor(note, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "sed -i s/^ZTF$/ATLAS/")
    monkeypatch.delenv("VISUAL", raising=False)
    assert note("edit", NIGHT).exit_code == 0
    draft = draft_of(newest(store).content)
    assert (draft.source_group, draft.body) == ("ATLAS", make_draft().body)
    monkeypatch.setenv("EDITOR", "true")
    assert "nothing was changed" in note("edit", NIGHT).output
    monkeypatch.setenv("EDITOR", "false")
    assert "the editor false ended with 1" in note("edit", NIGHT).output
    monkeypatch.setenv("EDITOR", "sed -i 1s/title/nonsense/")
    assert "under a line with its name" in note("edit", NIGHT).output
    with pytest.raises(CannotBe, match="under a line with its name"):
        read_texts("# nonsense\nx")
    assert read_texts(written_texts(draft))["source_group"] == "ATLAS"


def test_somebody_else_was_faster(note, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(text: str) -> str:
        seen = newest(store)
        with store.begin() as unit:
            unit.notes.change(seen, {**seen.content, "source_group": "of Bob"}, seen.touched_at, by="Bob", said="x")
        return text.replace("ZTF\n", "of Ann\n")

    monkeypatch.setattr("plugin.commands.editor.edited", slow)
    done = note("edit", NIGHT)
    assert done.exit_code == 3
    assert "Bob has changed it meanwhile" in done.output
    assert "{+of Bob+}" in done.output
    assert newest(store).content["source_group"] == "of Bob"


def test_what_is_not_there(note) -> None:
    assert "no such note" in note("show", "2026-06-11").output
    assert note("edit", NIGHT, "--take-out", "ZTF26none").exit_code == 1
    assert note("--night", NIGHT, "list").exit_code == 2

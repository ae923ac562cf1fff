"""Programs side by side, with stand-ins: what is asked, how it is read, and what is said of those not there."""

import json
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from models.domain import FINE_CLASSES
from plugin.lab.peers.cases import Case, read_cases, write_ascii
from plugin.lab.peers.compare import compare
from plugin.lab.peers.page import write_peers
from plugin.lab.peers.peer import PeerAnswer, PeerError, Told
from plugin.lab.peers.snid_sage import MADE, SnidSage, template_arrays
from tests.fakes.marshal import WAVES, good
from tests.models.matching.synthetic import bank


@dataclass
class FakePeer:
    """Gives the answers it was made with."""

    answers: Sequence[PeerAnswer] = ()
    why: str | None = None
    breaks: bool = False
    name: str = "fake"

    def missing(self) -> str | None:
        return self.why

    def ask(self, cases: Sequence[Case], scratch: Path) -> Told:
        assert not list(scratch.iterdir())
        if self.breaks:
            raise PeerError("it fell over")
        return Told(answers=self.answers, seconds=2.0 * len(cases), notes=("a note",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four labelled spectra of three objects."""
    made = tmp_path / "spectra"
    made.mkdir()
    lines = [
        "file,class,redshift,subtype,object",
        "a.txt,SN Ia,0.05,Ia-norm,one",
        "b.txt,SN Ia,0.06,,one",
        "c.txt,SN II,0.02,IIn,two",
        "d.txt,CV,0.0,,three",
    ]
    (made / "labels.csv").write_text("\n".join(lines) + "\n")
    for n, name in enumerate("abcd", 1):
        fluxes = np.asarray(good(str(n), "x").fluxes, float)
        np.savetxt(made / f"{name}.txt", np.c_[WAVES, fluxes])
    return made


def test_a_folder_is_read_with_its_labels(folder: Path, tmp_path: Path) -> None:
    cases = read_cases(folder)
    assert [(c.name, c.label, c.redshift, c.subtype, c.group) for c in cases] == [
        ("a", "SN Ia", 0.05, "Ia-norm", "one"),
        ("b", "SN Ia", 0.06, None, "one"),
        ("c", "SN II", 0.02, "IIn", "two"),
        ("d", "CV", 0.0, None, "three"),
    ]
    write_ascii(tmp_path / "again.txt", cases[0].spectrum)
    again = np.loadtxt(tmp_path / "again.txt")
    np.testing.assert_allclose(again[:, 1], cases[0].spectrum.flux[np.isfinite(cases[0].spectrum.flux)], rtol=1e-5)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("e.txt,SN Ia,,,", "line 6: there is no file 'e.txt'"),
        ("a.txt,planet,,,", "line 6: the class is 'planet'"),
        ("a.txt,SN Ia,,,", "the same name"),
    ],
)
def test_a_wrong_label_is_named_by_its_line(folder: Path, line: str, said: str) -> None:
    with (folder / "labels.csv").open("a") as out:
        out.write(line + "\n")
    with pytest.raises(ValueError, match=said):
        read_cases(folder)


def test_a_folder_without_labels_says_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"labels\.csv.*must name the class"):
        read_cases(tmp_path)


def test_figures_are_counted_as_a_person_would(folder: Path, tmp_path: Path) -> None:
    cases = read_cases(folder)
    answers = [
        PeerAnswer("SN Ia", 0.055, "Ia-91T"),  # right, near, wrong subtype
        PeerAnswer("SN Ibc", 0.065),  # wrong, near
        PeerAnswer("SN II", 0.05, "IIn"),  # right, far, right subtype
        PeerAnswer(),  # no answer is a wrong one
    ]
    found = compare(cases, [FakePeer(answers)], tmp_path / "scratch")
    (row,) = found["programs"]
    assert row["accuracy"]["value"] == pytest.approx(0.5)
    assert row["macro_recall"]["value"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert row["recall"] == {"SN Ia": 0.5, "SN II": 1.0, "CV": 0.0}
    assert (row["redshift"]["value"], row["redshift_spectra"]) == (pytest.approx(0.5), 3)  # the CV does not count
    assert (row["subtype"]["value"], row["subtype_spectra"]) == (pytest.approx(0.5), 2)
    assert (row["answered"], row["seconds"]) == (0.75, 2.0)
    assert (found["spectra"], found["objects"]) == (4, 3)
    assert found["mix"] == {"SN Ia": 2, "SN II": 1, "CV": 1}


def test_one_that_is_not_there_and_one_that_breaks_stop_nobody(folder: Path, tmp_path: Path) -> None:
    cases, told = read_cases(folder), []
    peers = [FakePeer(why="it is skipped: not there."), FakePeer(breaks=True), FakePeer([PeerAnswer("SN Ia")] * 4)]
    found = compare(cases, peers, tmp_path / "scratch", said=told.append)
    assert len(found["programs"]) == 1
    assert found["skipped"] == ["it is skipped: not there.", "fake was asked and did not answer: it fell over"]
    assert told == ["it is skipped: not there.", "it fell over"]
    page = write_peers(tmp_path / "out", found, spectra="Spectra of a folder.", command="make peers SPECTRA=FOLDER")
    text = page.read_text()
    assert "| fake | 1.00 | 0.500 [" in text
    assert "it is skipped: not there." in text
    assert "fake: a note." in text
    assert json.loads((tmp_path / "out" / "peers.json").read_text()) == found


SAGE = """#!/usr/bin/env python3
import csv, glob, os, sys
from pathlib import Path
assert sys.argv[1] == "batch" and "PYTHONPATH" not in os.environ
assert Path(sys.argv[3], "template_index.json").is_file()
out = Path(sys.argv[sys.argv.index("--output-dir") + 1])
out.mkdir()
with (out / "batch_results.csv").open("w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["file", "type", "subtype", "z"])
    for path in sorted(glob.glob(sys.argv[2])):
        stem = Path(path).stem
        assert len(open(path).readline().split()) == 2
        rows.writerow({"a": [stem, "Ia", "Ia-91T", "0.0512"], "b": [stem, "nan", "nan", "nan"],
                       "c": [stem, "II", "IIP", "0.02"], "d": [stem, "GAL", "Sb", "0.001"]}[stem])
"""


MAKER = """#!/bin/sh
[ "$1" = -I ] && [ -s "$3" ] && mkdir "$4" && echo "{}" > "$4/template_index.json"
"""


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_snid_sage_is_run_in_its_own_environment_and_its_words_become_ours(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    script(tmp_path / "env" / "bin" / "sage", SAGE)
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "template_index.json").write_text("{}")
    peer = SnidSage(environment=tmp_path / "env", templates=templates)
    assert peer.missing() is None
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    told = peer.ask(read_cases(folder), scratch)
    assert list(told.answers) == [
        PeerAnswer("SN Ia", 0.0512, "Ia-91T"),
        PeerAnswer(),
        PeerAnswer("SN II", 0.02, "II"),
        PeerAnswer(None, 0.001, None),
    ]
    assert told.seconds > 0


def test_snid_sage_makes_its_templates_from_our_bank(folder: Path, tmp_path: Path) -> None:
    script(tmp_path / "env" / "bin" / "sage", SAGE)
    script(tmp_path / "env" / "bin" / "python", MAKER)
    peer = SnidSage(environment=tmp_path / "env", bank=bank(2))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    told = peer.ask(read_cases(folder), scratch)
    assert told.notes == (MADE.format(n=len(bank(2))),)
    assert told.answers[0].label == "SN Ia"


def test_a_bank_as_arrays_keeps_what_is_known_and_what_is_missing() -> None:
    one = bank(2)
    arrays = template_arrays(one)
    np.testing.assert_array_equal(np.isfinite(arrays["flux"]), one.masks())
    assert set(arrays["type"]) <= set(FINE_CLASSES)
    assert np.isfinite(arrays["age"]).all()
    assert not any(a.dtype == object for a in arrays.values())


def test_what_is_missing_is_said_in_a_sentence(tmp_path: Path) -> None:
    assert "not installed" in str(SnidSage(environment=tmp_path, bank=bank(2)).missing())
    script(tmp_path / "bin" / "sage", SAGE)
    assert "no folder of its templates" in str(SnidSage(environment=tmp_path).missing())
    assert "holds no template_index.json" in str(SnidSage(environment=tmp_path, templates=tmp_path).missing())


def test_a_program_that_ends_badly_gives_its_last_words(folder: Path, tmp_path: Path) -> None:
    script(tmp_path / "env" / "bin" / "sage", "#!/bin/sh\necho 'no grid' >&2\nexit 3\n")
    (tmp_path / "template_index.json").write_text("{}")
    peer = SnidSage(environment=tmp_path / "env", templates=tmp_path)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(PeerError, match="ended with 3: no grid"):
        peer.ask(read_cases(folder), scratch)

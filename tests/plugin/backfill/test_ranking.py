"""Answers in an order: the table, the likeness, and the page with its cards."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from models.sentinel.scores import FAMILIES
from plugin.backfill import ranking, tables
from plugin.backfill.cards import draw, page, write_table
from plugin.backfill.folder import RunFolder
from plugin.backfill.plan import of_files
from plugin.backfill.ranking import NotThere, Ranking, like, ranked
from plugin.backfill.work import Job, answer
from plugin.cli import app
from plugin.settings import Settings
from tests.plugin.backfill.conftest import WAVELENGTH_A, flux
from tests.plugin.web.browser import launched, visiting

COUNT = 24


def write_archive(path: Path) -> None:
    """Lines on a continuum; the last is a copy of the first with noise, of another object."""
    made = [flux(n) for n in range(COUNT - 1)]
    made.append(made[0] + 0.02 * np.random.default_rng(0).normal(size=WAVELENGTH_A.size))
    columns = {
        "spec_id": [f"s{n}" for n in range(COUNT)],
        "object_id": [f"<o{n}>" for n in range(COUNT)],
        "wavelength": [WAVELENGTH_A] * COUNT,
        "flux": made,
    }
    pq.write_table(pa.table(columns), path)


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, Any]:
    """A finished run by the shipped models."""
    from plugin.backfill.asked import Asked

    place = tmp_path_factory.mktemp("ranking")
    write_archive(place / "archive.parquet")
    (place / "page.txt").write_text("<html>")
    folder, asked = RunFolder(place / "out"), Asked.of(Settings())
    inputs = [place / "archive.parquet", place / "page.txt"]
    with folder.held():
        told = {"asked": asked.to_dict(), "input": {"files": [str(p) for p in inputs], "partition": 10}}
        folder.begin(told, of_files(inputs, spectra=10))
        for partition in folder.plan():
            output = str(folder.answer_of(partition.name))
            answer(Job(partition=partition, asked=asked, input=None, output=output))
    return folder, asked


def every(folder: RunFolder) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.answers.iterdir()) for row in tables.rows(path)]


def test_the_most_anomalous_come_first(answered):
    folder, _ = answered
    (found,) = ranked(folder, "anomaly", 100)
    expected = sorted((r for r in every(folder) if r["label"]), key=lambda r: (-r["anomaly"], r["p_mondrian"]))
    assert [row["anomaly"] for row in found.rows] == [row["anomaly"] for row in expected]
    assert [row["p_mondrian"] for row in found.rows] == [row["p_mondrian"] for row in expected]
    assert len(found.rows) == COUNT == ranking.total(folder)
    assert [row["spectrum_id"] for row in ranked(folder, "anomaly", 3)[0].rows] == [
        row["spectrum_id"] for row in found.rows[:3]
    ]


def test_each_family_and_each_resemblance_has_its_own_order(answered):
    folder, _ = answered
    found = ranked(folder, "family", 5)
    assert [one.title for one in found] == [f"family {name}" for name in FAMILIES]
    for one, name in zip(found, FAMILIES, strict=True):
        scores = [row[f"family_{name}"] for row in one.rows]
        assert scores == sorted((r[f"family_{name}"] for r in every(folder) if r["label"]), reverse=True)[:5]
    kinds = {row["resembles"] for row in every(folder)} - {None}
    resembling = ranked(folder, "resembles", 100)
    assert {one.title for one in resembling} == {f"resembles {kind}" for kind in kinds}
    assert sum(len(one.rows) for one in resembling) == sum(row["resembles"] is not None for row in every(folder))


def test_a_copy_is_the_most_like(answered):
    folder, _ = answered
    for name in ("s0", "<o0>"):
        found = like(folder, name, 3)
        assert found.rows[0]["spectrum_id"] == f"s{COUNT - 1}"
        assert found.rows[0]["shape"] > 0.98
        assert "s0" not in {row["spectrum_id"] for row in found.rows}
    with pytest.raises(NotThere, match="no answer with a class is of nobody"):
        like(folder, "nobody", 3)


def test_the_page_shows_cards_and_escapes_names(answered, tmp_path):
    folder, asked = answered
    (found,) = ranked(folder, "anomaly", 4)
    lost = {**found.rows[1], "file": "/nowhere/at/all.parquet"}
    *cards, missing = draw(folder, asked, [*found.rows[:2], lost])
    assert all(card.picture and not card.trouble for card in cards)
    assert (missing.picture, missing.trouble) == (None, "there is no such answer any more")
    html = page("<title> & more", asked.bundle_id, [found], [cards], COUNT)
    assert "&lt;title&gt; &amp; more" in html
    assert "&lt;o" in html
    assert "<o" not in html.replace("<ol", "")
    path = tmp_path / "ranking.html"
    path.write_text(html)
    with launched() as browser:
        for scheme, width in (("light", 1280), ("dark", 390)):
            with visiting(browser, path.as_uri(), scheme=scheme, width=width) as visitor:
                shown = visitor.goto("")
                shown.locator("img").first.scroll_into_view_if_needed()
                assert shown.locator("img").count() == 2
                widths = shown.evaluate(
                    "[...document.images].map(i => (i.loading = 'eager', i.decode(), i.naturalWidth))"
                )
                assert len(widths) == 2
                assert shown.locator("tbody tr").count() == 4
                assert visitor.overflow() <= 0
                assert visitor.grave() == []
                assert visitor.trouble == []


def test_the_table_has_every_ranking(tmp_path):
    rows = [{"spectrum_id": "1", "anomaly": 0.5, "file": None, "place": 3}, {"spectrum_id": "2", "shape": 0.9}]
    write_table(tmp_path / "t.csv", [Ranking(title="a", rows=rows), Ranking(title="b", rows=rows[:1])])
    with (tmp_path / "t.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [(r["order"], r["rank"], r["spectrum_id"]) for r in read] == [
        ("a", "1", "1"),
        ("a", "2", "2"),
        ("b", "1", "1"),
    ]
    assert read[0]["place"] == "3"
    assert read[1]["shape"] == "0.9"


@pytest.fixture
def called(monkeypatch, tmp_path):
    """The command line in an empty folder, without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASTRANET_DATA_DIR", raising=False)
    monkeypatch.setattr("plugin.ops.logs.configure", lambda **_: None)
    return lambda *arguments: CliRunner().invoke(app, ["backfill", *map(str, arguments)])


def test_the_command_writes_table_and_page(called, answered):
    folder, _ = answered
    told = called("rank", folder.path, "--like", "s0", "--cards", "1", "-n", "5")
    assert told.exit_code == 0, told.output
    html = (folder.path / "ranking.html").read_text()
    assert "like s0" in html
    assert html.count("data:image/png;base64,") == 1
    assert (folder.path / "ranking.csv").read_text().count("\n") == 6
    archive = json.loads((folder.path / "manifest.json").read_text())["input"]["files"][0]
    of_file = called("rank", folder.path, "--like", archive, "--cards", "0", "-n", "2")
    assert of_file.exit_code == 0, of_file.output
    assert "s0" in (folder.path / "ranking.csv").read_text()


def test_what_cannot_be_is_told(called, answered, tmp_path):
    folder, _ = answered
    wrong = called("rank", folder.path, "--by", "colour")
    assert (wrong.exit_code, "anomaly, family, resembles" in " ".join(wrong.output.replace("│", "").split())) == (
        2,
        True,
    )
    nothing = called("rank", tmp_path / "nothing")
    assert (nothing.exit_code, "holds no answers" in nothing.output) == (1, True)
    assert "no answer with a class is of nobody" in called("rank", folder.path, "--like", "nobody").output
    assert "give folders or files, or --marshal" in called("--out", tmp_path / "out").output
    posted = called(tmp_path, "--out", tmp_path / "out", "--post")
    assert "only answers about a marshal" in " ".join(posted.output.split())
    elsewhere = called(tmp_path, "--out", tmp_path / "out", "--scheduler", "tcp://127.0.0.1:9", "--workers", "2")
    assert "has its own workers" in " ".join(elsewhere.output.split())
    unset = called("--marshal", "--out", tmp_path / "out")
    assert (unset.exit_code, "ASTRANET_MARSHAL_URL" in unset.output) == (2, True)

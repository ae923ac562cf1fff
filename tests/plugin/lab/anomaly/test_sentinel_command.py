"""From a bundle without an anomaly layer to every page of it, by the commands an operator types."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from typer.testing import CliRunner

from models.analyst import Analyst
from models.bundle import load, verify
from models.conformal.domains import BLUE_MISSING, HIGH, RED_MISSING
from plugin.cli import app
from plugin.lab.anomaly import evaluation_sentinel, make_sentinel, relations
from plugin.lab.anomaly.evaluation_coverage import REFUSED, WINDOWS
from plugin.lab.commands import sentinel
from plugin.lab.spectra.make_bundle import _calibrated
from plugin.ops.progress import progress
from tests.models.bundles import tiny_bundle, tiny_labelled
from tests.models.training.data import ripples

CALIBRATING = {"device": "cpu", "today": date(2026, 1, 1), "advance": lambda _: None}
PICTURES = ("sentinel-map.png", "sentinel-scores.png", "p-values.png", "coverage.png", "quintiles.png", "cases.png")


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A tiny bundle that says it was trained with the tiny set, and few simulated spectra."""
    data, seen = ripples(80), ripples(4, seed=9)
    n = len(seen)
    kinds = tuple("Nova" if i % 4 < 2 else "LRN" for i in range(n))
    rare = replace(seen, label=np.full(n, -1), kinds=kinds, semi_real=np.arange(n) % 7 == 0)
    monkeypatch.setattr(sentinel, "_spectra", lambda _: (data, rare))
    monkeypatch.setattr(make_sentinel, "ODD_FIT", 12)
    monkeypatch.setattr(make_sentinel, "ODD_TEST", 10)
    monkeypatch.setattr(evaluation_sentinel, "RESAMPLES", 10)
    monkeypatch.setattr(relations, "RESAMPLES", 10)
    bundle = tiny_bundle(tmp_path / "bundle")
    card = json.loads((bundle / "card.json").read_text())
    card["training"]["data_hash"] = data.hash()
    (bundle / "card.json").write_text(json.dumps(card))
    return bundle


@pytest.mark.slow
def test_fit_tune_and_evaluate_from_the_command_line(small, tmp_path) -> None:
    out, kept = tmp_path / "out", tmp_path / "kept"
    common = ["--data", str(tmp_path), "--bundle", str(small), "--kept", str(kept)]

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, [*words, *common], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    run("bundle", "add-sentinel", "--preset", "tiny")
    layer = load(small).sentinel
    assert layer is not None
    assert all(d.adapter is not None for d in layer.detectors)
    answers = {p: p.stat().st_mtime_ns for p in kept.glob("believed-*")}
    run("train", "sentinel", "--preset", "tiny", "--threads", "1", "--out", str(out))
    assert {p: p.stat().st_mtime_ns for p in kept.glob("believed-*")} == answers, "nothing is asked twice"
    run("evaluate", "sentinel", "--out", str(out), "--write-card")
    run("evaluate", "conformal", "--out", str(out), "--write-card")
    tuned, again = ((out / f"{name}.json").read_text() for name in ("sentinel-tuned", "sentinel"))
    assert json.loads(tuned) == json.loads(again), "the same preset, the same folds, the same figures"
    figures = json.loads(again)
    assert [r["strategy"] for r in figures["strategies"]][:2] == ["no exposure", "seed 0"]
    assert {r["kind"] for r in figures["odd"] if not r["exposed"]} == set(make_sentinel.UNSEEN)
    assert all((out / name).stat().st_size > 5000 for name in PICTURES)
    assert {"sentinel_metrics", "conformal_metrics"} <= set(load(small).card)


@pytest.mark.slow
def test_partial_spectra_from_the_command_line(small, tmp_path, monkeypatch) -> None:
    data, _ = sentinel._spectra(tmp_path)
    labelled = replace(tiny_labelled(), data=data)
    monkeypatch.setattr(sentinel, "read_labelled", lambda _: labelled)
    card = verify(small)
    _calibrated(small, {k: v for k, v in card.items() if k != "files"}, labelled, **CALIBRATING)
    common = ["--data", str(tmp_path), "--bundle", str(small)]
    early = CliRunner().invoke(app, ["evaluate", "coverage", "--out", str(tmp_path / "out"), *common])
    assert early.exit_code == 2
    for words in (
        ["bundle", "add-sentinel", "--preset", "none"],
        ["bundle", "add-partial"],
        ["evaluate", "coverage", "--out", str(tmp_path / "out"), "--write-card"],
    ):
        result = CliRunner().invoke(app, [*words, *common], catch_exceptions=False)
        assert result.exit_code == 0, result.output
    found = load(small)
    assert set(Analyst(found).expected) == {HIGH, f"{HIGH}, {RED_MISSING}", f"{HIGH}, {BLUE_MISSING}"}
    assert set(found.card["sentinel"]["thresholds"]) == set(Analyst(found).expected)
    figures = found.card["coverage_metrics"]["domains"][f"{HIGH}, {RED_MISSING}"]
    assert figures["calibration"]["spectra"] == figures["calibration"]["cut"] > 50
    kinds = {k["kind"]: k for k in figures["kinds"]}
    assert set(kinds) >= {"cut", "cut, one end missing", "cut, both ends missing", *WINDOWS, REFUSED}
    assert kinds["cut"]["spectra"] == kinds["cut"]["whole"]["spectra"]
    for what in ("sets", "marginal", "mondrian"):
        # Where both ends are missing the more cautious of two thresholds counts, and nothing is certain but the side.
        assert all(c["enough"] for c in kinds["cut"][what]), kinds["cut"][what]
    for row in figures["sets"]:
        assert abs(row["coverage"]["mean"] - 1 + row["alpha"]) < 0.05
    page = (tmp_path / "out" / "coverage.md").read_text()
    assert "| cut, both ends missing |" in page
    assert " nan" not in page


@pytest.mark.slow
def test_a_layer_of_chosen_seeds(small, tmp_path) -> None:
    words = ["bundle", "add-sentinel", "--preset", "none", "--data", str(tmp_path), "--bundle", str(small)]
    out = tmp_path / "out"
    common = ["--data", str(tmp_path), "--bundle", str(small), "--kept", str(tmp_path / "kept")]
    assert CliRunner().invoke(app, [*words, "--seeds", "2"], catch_exceptions=False).exit_code == 0
    layer = load(small).sentinel
    assert layer is not None
    assert [d.seed for d in layer.detectors] == [2]
    CliRunner().invoke(app, ["evaluate", "sentinel", "--out", str(out), *common], catch_exceptions=False)
    figures = json.loads((out / "sentinel.json").read_text())
    assert {r["strategy"] for r in figures["strategies"] if r["strategy"].startswith("seed ")} == {"seed 0"}
    train = ["train", "sentinel", "--preset", "none", "--threads", "1", "--out", str(out), *common]
    for wrong in ("2,9", "two"):
        for command in (words, train):
            result = CliRunner().invoke(app, [*command, "--seeds", wrong])
            assert result.exit_code == 2
            assert "choose from 1, 2" in result.output
    again = CliRunner().invoke(app, [*train, "--seeds", "1,1"], catch_exceptions=False)
    assert again.exit_code == 0
    figures = json.loads((out / "sentinel-tuned.json").read_text())
    assert [r["strategy"] for r in figures["strategies"] if r["strategy"].startswith("seed ")] == ["seed 0"]
    with pytest.raises(ValueError, match=r"no members of seeds \[9\]"):
        make_sentinel.add_sentinel(
            small, *sentinel._spectra(tmp_path), today=date(2026, 1, 1), started=progress, seeds=[9]
        )


def test_a_preset_that_is_none_and_one_that_is_not_there(small, tmp_path) -> None:
    words = ["bundle", "add-sentinel", "--data", str(tmp_path), "--bundle", str(small)]
    wrong = CliRunner().invoke(app, [*words, "--preset", "huge"])
    assert wrong.exit_code == 2
    assert "choose from" in wrong.output
    with pytest.raises(ValueError, match="whole networks"):
        CliRunner().invoke(app, [*words, "--preset", "paper"], catch_exceptions=False)

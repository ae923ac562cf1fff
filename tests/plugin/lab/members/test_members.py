"""Agreement, spread, neighbours and kinds against answers that are known, and the command from end to end."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr
from typer.testing import CliRunner

from models.bundle import verify, write_card
from models.domain import FINE_CLASSES
from models.spectral.ensemble import EnsemblePrediction
from models.training.dataset import Dataset
from models.training.metrics import by_objects
from plugin.cli import app
from plugin.lab.members import agreement as agreeing
from plugin.lab.members.agreement import agreement, spearman, spread_on_errors
from plugin.lab.members.kinds import recalls_by_kind, ten_classes
from plugin.lab.members.neighbours import beside_the_head, in_folds
from tests.models.bundles import tiny_bundle, tiny_labelled
from tests.models.training.data import ripples

K = len(FINE_CLASSES)
IA, SE, II = (FINE_CLASSES.index(c) for c in ("SN Ia", "SN Ibc", "SN II"))


def predicted(member_fine: np.ndarray, embedding: np.ndarray | None = None) -> EnsemblePrediction:
    m, n, _ = member_fine.shape
    shown = np.zeros((n, 4)) if embedding is None else embedding
    return EnsemblePrediction(
        member_fine=member_fine,
        member_coarse=np.zeros((m, n, 3)),
        member_logits=np.log(member_fine),
        member_embedding=np.repeat(shown[None], m, axis=0),
        member_projection=np.zeros((m, n, 128)),
        member_texture=tuple(np.zeros((n, 1)) for _ in range(m)),
        seeds=tuple(range(m)),
    )


def saying(classes: np.ndarray, confidence: float | np.ndarray) -> np.ndarray:
    """Probabilities (n, 7) with so much for the named class."""
    sure = np.broadcast_to(confidence, classes.shape)
    p = np.repeat(((1 - sure) / (K - 1))[:, None], K, axis=1)
    p[np.arange(len(classes)), classes] = sure
    return p


@pytest.fixture
def few() -> Dataset:
    return ripples(5).part("train")


def test_rank_correlation_is_scipys_ties_included() -> None:
    rows = np.round(np.random.default_rng(0).normal(size=(4, 50)), 1)
    np.testing.assert_allclose(spearman(rows), spearmanr(rows, axis=1).statistic)


def test_members_that_say_the_same_agree_and_opposites_do_not(few, monkeypatch) -> None:
    monkeypatch.setattr(agreeing, "RESAMPLES", 20)
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(K), len(few))
    same = agreement(predicted(np.stack([p, p])), few)
    assert same["mean"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert same["same_class"]["value"] == 1.0
    assert same["all_err"]["value"] == 1.0
    other = rng.dirichlet(np.ones(K), len(few))
    apart = agreement(predicted(np.stack([p, other])), few)
    assert apart["mean"]["value"] == pytest.approx(spearmanr(p.ravel(), other.ravel()).statistic, abs=1e-4)
    assert apart["same_class"]["value"] == pytest.approx((p.argmax(1) == other.argmax(1)).mean(), abs=1e-4)
    assert apart["mean"]["low"] < apart["mean"]["value"] < apart["mean"]["high"]
    assert agreement(predicted(p[None]), few) == {}


def test_the_spread_is_of_the_predicted_class_and_of_errors_alone(few) -> None:
    wrong = np.arange(len(few)) % 4 == 0
    said = np.where(wrong, II, few.label)
    # Two members at 0.9 and 0.7 where it is right, at 0.6 and 0.5 where it is wrong.
    one, other = saying(said, np.where(wrong, 0.6, 0.9)), saying(said, np.where(wrong, 0.5, 0.7))
    rows = {r["class"]: r for r in spread_on_errors(predicted(np.stack([one, other])), few)}
    errors = wrong & (few.label != II)
    assert rows["SN II"]["wrong"]["spectra"] == errors.sum()
    assert rows["SN II"]["wrong"]["spread"]["value"] == pytest.approx(0.1 / np.sqrt(2), abs=1e-4)
    assert rows["SN Ia"]["wrong"] == {"spectra": 0, "objects": 0, "spread": None}
    right = rows["SN Ia"]["right"]
    assert right["spectra"] == ((said == IA) & (few.label == IA)).sum()
    assert right["spread"]["value"] == pytest.approx(0.2 / np.sqrt(2), abs=1e-4)


def test_objects_are_drawn_with_all_their_spectra() -> None:
    groups = ["a", "b", "b", "b"]
    values = np.array([0.0, 1.0, 1.0, 1.0])
    (found,) = by_objects(groups, lambda rows: np.array([values[rows].mean()]), resamples=400)
    assert found.value == 0.75
    assert (found.low, found.high) == (0.0, 1.0)


def test_an_object_is_no_neighbour_of_itself() -> None:
    """Every object lies by itself, near another class's: only its own twin would give the right answer."""
    data = ripples(20).part("train")
    rng = np.random.default_rng(0)
    centres = {g: rng.normal(size=8) for g in dict.fromkeys(data.groups)}
    embedding = np.array([centres[g] for g in data.groups]) + 1e-6 * rng.normal(size=(len(data), 8))
    told = (in_folds(embedding, data) == data.label).mean()
    assert told < 0.4, "chance is 1/7; with twins it would be 1"


def test_neighbours_stand_beside_the_head_on_the_same_spectra() -> None:
    data = ripples(20).part("train")
    embedding = np.eye(K)[data.label] + 0.05 * np.random.default_rng(0).normal(size=(len(data), K))
    answered = in_folds(embedding, data)
    head = data.label.copy()
    head[data.label == IA] = SE
    (row,) = beside_the_head(answered, predicted(saying(head, 0.9)[None], embedding), data)
    assert row["accuracy neighbours"]["value"] == 1.0
    assert row["accuracy head"]["value"] == pytest.approx(6 / 7, abs=1e-4)
    assert row["macro_recall difference"]["value"] == pytest.approx(1 / 7, abs=1e-4)
    assert row["macro_recall difference"]["low"] > 0
    assert row["spectra"] == len(data)


def test_what_a_kind_is_taken_for_adds_up(few) -> None:
    names = {IA: "SN Ia-91bg-like", II: "SN IIb", SE: "Ibn"}
    data = replace(few, kinds=tuple(names.get(k, "BTS:SLSN-I") for k in few.label))
    said = np.where(few.label == II, SE, few.label)
    assert ten_classes(data)[int(np.flatnonzero(data.label == II)[0])] == "SN IIb"
    found = recalls_by_kind(said, data)
    ten = {r["kind"]: r for r in found["ten"]}
    assert set(ten) == {"SN Ia", "SN IIb", "SN Ibn", "SLSN", "AGN", "CV", "TDE"}
    assert ten["SN IIb"]["recall"] == 0.0
    assert ten["SN IIb"]["said"]["SN Ibc"] == ten["SN IIb"]["spectra"] == (few.label == II).sum()
    assert ten["SN IIb"]["by_object"]["low"] == 0.0 < ten["SN IIb"]["by_object"]["high"] < 1.0
    assert ten["SN Ibn"]["recall"] == 1.0
    six = {r["kind"]: r for r in found["six"]}
    assert six["Non-SN"]["spectra"] == sum((few.label == FINE_CLASSES.index(c)).sum() for c in ("AGN", "CV", "TDE"))
    assert six["SN CC (H)"]["said"]["SN CC (SE)"] == six["SN CC (H)"]["spectra"]
    assert "Uncertain" not in six
    assert {r["kind"] for r in found["subtypes"]} == {"SN Ia: 91bg", "SN Ibc: Ibn", "SN II: IIb", "SLSN: SLSN-I"}


def test_the_command_writes_page_figures_and_pictures(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(agreeing, "RESAMPLES", 20)
    labelled = replace(tiny_labelled(), data=ripples(30))
    coarse = np.arange(len(labelled.data)) % 2 == 0
    labelled = replace(labelled, data=replace(labelled.data, spacing=np.where(coarse, 25, 2).astype(np.float32)))
    monkeypatch.setattr("plugin.lab.commands.common.read_labelled", lambda _: labelled)
    made = tiny_bundle(tmp_path / "bundle")
    card = verify(made)
    told = {**card, "training": {**card["training"], "data_hash": labelled.data.hash()}}
    write_card(made, {k: v for k, v in told.items() if k not in ("files", "format")})
    words = ["evaluate", "members", "--data", str(tmp_path), "--bundle", str(made), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*words, "--threads", "1"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    out = tmp_path / "out"
    figures = json.loads((out / "members.json").read_text())
    assert len(figures["domains"]) == 2
    assert {r["among"] for r in figures["neighbours"]} == {
        "five folds by object of `select` and `calibrate`",
        "five folds by object of `test`",
    }
    text = (out / "members.md").read_text()
    assert "Fig. 5" in text
    assert " nan" not in text
    assert all((out / f"members-{name}.png").stat().st_size > 5000 for name in ("spread", "kinds"))
    refused = CliRunner().invoke(app, [*words, "--split", "train"])
    assert refused.exit_code == 2

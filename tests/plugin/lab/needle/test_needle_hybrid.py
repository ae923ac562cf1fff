"""Training and evaluation of the hybrid model, end to end on made-up samples; which fields belong to which split."""

import json
import os
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from iris_client.brokers.avro import read_alert
from iris_client.errors import BadPayload
from models.domain import NEEDLE_CLASSES
from models.needle.hybrid.inputs import NAMES, Samples
from models.needle.hybrid.model import load
from models.needle.images.prepare import prepare
from models.needle.images.quality import load as load_checker
from models.needle.images.stamps import CENTER
from plugin.cli import app
from plugin.lab.needle import hybrid_evaluate as needle_hybrid_evaluate
from plugin.lab.needle import hybrid_report as needle_hybrid_report
from plugin.lab.needle.data import NeedleData
from plugin.lab.needle.fields import TEST, hashed_fold
from plugin.lab.needle.hybrid_data import FOLDS, Part, Parts, kept
from plugin.lab.needle.hybrid_evaluate import average_precision, evaluate
from plugin.lab.needle.hybrid_report import markdown, pictures, with_metrics
from plugin.lab.needle.hybrid_train import (
    CONFIGURATIONS,
    METRICS,
    Configuration,
    nearest_the_mean,
    one_epoch_each,
    run_of,
    settings,
    train,
    training_rows,
)
from tests.models.needle.hybrids import labelled, samples

OBJECTS = tuple(labelled(f"{name}{i}", k, host=i % 3 > 0) for k, name in enumerate(NEEDLE_CLASSES) for i in range(20))


def part(n=60, seed=0, offset=0.0):
    """Every class has its own value of one feature, with noise."""
    made = samples(n, seed=seed)
    rng = np.random.default_rng(seed)
    x = made.x.copy()
    x[:, NAMES.index("host_r")] = 3.0 * made.label + rng.normal(0, 0.5, n) + offset
    x[:, NAMES.index("m_peak_r")] = 3.0 * made.label + rng.normal(0, 0.5, n)
    return Part(samples=replace(made, x=x), plain=made.images + np.float16(1.0))


class MadeUp:
    """Stands in for the data folder."""

    def __init__(self, data=None, folder=None, rules=None, tell=None):
        self.data = NeedleData(develop=OBJECTS, test=OBJECTS, splits_hash="made-up")
        self.rules = rules or settings("tiny", epochs=None, up_samples=None, device="cpu").samples
        self.fields = ()
        self.images = "semi-real"
        self.drawn = 0

    def training(self, variant):
        self.drawn += 1
        return Parts(real=part(), up=part(30, 1), validation=part(60, 2))

    def test(self, variant):
        return part(60, 3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    run = settings("tiny", epochs=1, up_samples=None, device="cpu")
    told = []
    card = train(MadeUp(rules=run.samples), out, run, today=date(2026, 1, 1), tell=told.append)
    return SimpleNamespace(out=out, run=run, card=card, told=told)


def test_a_run_leaves_a_model_that_loads_with_every_fold_told(trained):
    model = load(trained.out / "needle-hybrid")
    assert set(model.nets) == {"TH.purity", "TH.completeness", "T.purity", "T.completeness"}
    assert len([t for t in trained.told if " fold " in t]) == FOLDS * (5 + 2)
    assert {len(v) for v in model.card["validation"].values()} == {FOLDS}
    for key, chosen in model.card["deployed"].items():
        by_fold = model.card["validation"][f"{key.split('.')[0]}.{chosen['configuration']}"]
        assert chosen["fold"] == nearest_the_mean(by_fold)
    assert run_of(model.card) == trained.run
    assert "semi-real" in json.dumps(model.card["notes"]).lower()


def test_a_second_call_goes_on_from_what_is_there(trained):
    before = {p: p.stat().st_mtime_ns for p in trained.out.glob("T*-*.safetensors")}
    source = MadeUp(rules=trained.run.samples)
    card = train(source, trained.out, trained.run, today=date(2026, 1, 1), tell=lambda _: None)
    assert source.drawn == 0
    assert {p: p.stat().st_mtime_ns for p in trained.out.glob("T*-*.safetensors")} == before
    assert card == trained.card


def test_samples_of_other_rules_are_not_taken_up(trained):
    source = MadeUp(rules=replace(trained.run.samples, seed=7))
    kept(source, "TH", trained.out)
    assert source.drawn == 1


def test_evaluation_measures_writes_and_draws(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(needle_hybrid_evaluate, "Source", MadeUp)
    monkeypatch.setattr(needle_hybrid_report, "SHOWN_OF_EACH", 1)
    model, folder = load(trained.out / "needle-hybrid"), trained.out / "needle-hybrid"
    data = MadeUp().data
    figures, parts = evaluate(model, data, tmp_path, run=trained.out, tell=lambda _: None)
    json.dumps(figures, allow_nan=False)
    assert figures["table5"]["TDE"] == {"hosted": 13, "hostless": 7}
    assert set(figures["ablation"]) == set(CONFIGURATIONS)
    row = figures["purity"]["all"]["TDE"]["0"]["found"]
    assert row["low"] <= row["value"] <= row["high"]
    text = markdown(figures, model)
    assert "semi-real" in text
    assert all(f"| {name} |" in text for name in NEEDLE_CLASSES)
    pictures(figures, parts, model, tmp_path, trained.out)
    assert {p.name for p in tmp_path.glob("*.png")} == {
        f"needle-hybrid-{n}.png" for n in ("purity", "completeness", "ablation", "samples", "heat")
    }
    with_metrics(model, figures, folder)
    assert load(folder).card["metrics"]["kind"] == "semi-real images"


def test_a_network_learns_from_nothing_of_its_fold():
    touched = np.array([[0, 1, 2], [3, 4, 4], [5, 5, 0], [6, 6, 6]] * 15)
    made = part()
    marked = Part(samples=replace(made.samples, folds=touched), plain=made.plain)
    parts = Parts(real=marked, up=marked, validation=made)
    for fold, left in ((0, 30), (4, 45), (6, 45), (9, 60)):
        rows = training_rows(parts, Configuration(up_sampled=False), fold)
        assert len(rows) == left
        assert not (rows.folds == fold).any()
    assert len(training_rows(parts, Configuration(), 9)) == 120


def test_without_masking_the_images_are_the_plain_ones():
    made = part()
    parts = Parts(real=made, up=made, validation=made)
    rows = training_rows(parts, Configuration(masking=False, up_sampled=False), 99)
    np.testing.assert_array_equal(rows.images, made.plain)
    assert rows.images[0, 0, CENTER, CENTER] != made.samples.images[0, 0, CENTER, CENTER]


def test_the_fold_nearest_the_mean_is_found_in_units_of_scatter():
    by_fold = [dict.fromkeys(METRICS, v) for v in (0.1, 0.5, 0.62, 0.9)]
    assert nearest_the_mean(by_fold) == 1
    by_fold[1] = {**by_fold[1], "b_entropy": float("nan")}
    assert nearest_the_mean(by_fold) == 2


def test_one_epoch_of_each_object():
    made = samples(60)
    index = np.repeat(np.arange(20), 3)
    rows = one_epoch_each(replace(made, object_index=index), 0)
    assert sorted(index[rows]) == list(range(20))
    assert len(set(rows % 3)) > 1


def test_average_precision_is_one_for_a_perfect_order_and_the_share_of_the_class_for_none():
    made = samples(300)
    perfect = np.eye(3)[made.label] * 0.8 + 0.1
    assert average_precision(perfect, made, 1) == pytest.approx(1.0)
    noise = np.random.default_rng(0).dirichlet(np.ones(3), 300)
    assert average_precision(noise, made, 1) < 0.2


def test_fields_have_one_place_on_every_machine_and_a_quarter_is_for_the_test():
    places = [hashed_fold(f"ZTF18a{i:06d}", FOLDS) for i in range(4000)]
    assert places[:5] == [hashed_fold(f"ZTF18a{i:06d}", FOLDS) for i in range(5)]
    assert np.mean([p == TEST for p in places]) == pytest.approx(0.25, abs=0.03)
    counts = np.bincount([p for p in places if p != TEST], minlength=FOLDS)
    assert counts.min() > 230


def test_wrong_options_are_told(tmp_path):
    runner = CliRunner()
    ask = ["train", "needle-hybrid", "--data", str(tmp_path), "--out", str(tmp_path / "o")]
    found = runner.invoke(app, [*ask, "--preset", "huge"])
    assert found.exit_code == 2
    assert "small" in found.output


@pytest.mark.slow
@pytest.mark.skipif("ASTRANET_DATA_DIR" not in os.environ, reason="no real data: ASTRANET_DATA_DIR is not set")
def test_every_real_packet_gets_an_answer_of_the_shipped_model_or_a_reason():
    model, checker, outcomes = load(), load_checker(), Counter()
    paths = sorted((Path(os.environ["ASTRANET_DATA_DIR"]) / "ztf" / "alerts").glob("*/*.avro"))
    assert len(paths) >= 367
    for path in paths:
        try:
            alert = read_alert(path)
        except BadPayload:
            outcomes["unreadable"] += 1
            continue
        images = prepare([alert.cutouts] if alert.cutouts else [], checker)
        place = (alert.target.ra_deg, alert.target.dec_deg)
        found = model.answer(alert.light_curve, alert.host, images, position_deg=place)
        outcomes["ok" if found.verdict else "refused"] += 1
        if found.verdict is None:
            assert found.reason
        else:
            assert sum(found.verdict.probabilities.values()) == pytest.approx(1.0)
    assert outcomes.total() == len(paths)
    assert outcomes["ok"] > 150


def test_samples_keep_every_column():
    assert set(Samples.__dataclass_fields__) == {"images", "x", "label", "object_index", "weight", "days", "folds"}

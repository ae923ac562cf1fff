"""Checks of NEEDLE's inputs against answers that are known, and the command from end to end."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from models.bundle import write_card, write_member
from models.needle.images.quality import WEIGHTS, Checker, load
from models.needle.images.quality_net import network
from models.training.needle.examples import fit_all
from models.training.needle.quality_training import QualityTraining, Stamps, folds
from plugin.cli import app
from plugin.lab.commands.checks import needle_checks
from plugin.lab.needle import data as needle_data
from plugin.lab.needle import quality
from plugin.lab.needle import stamps as needle_stamps
from plugin.lab.needle.checks import inputs, upsampled
from plugin.lab.needle.checks.inputs import SHOWN, input_correlations, one_epoch_each
from plugin.lab.needle.checks.stamps import area, curve, side_by_side
from plugin.lab.needle.checks.upsampled import compared, drawn, observed
from plugin.lab.needle.data import NeedleData
from plugin.lab.needle.quality import Labelled
from tests.models.needle.stamps import field
from tests.plugin.lab.needle.test_needle_figures import made


@pytest.fixture(scope="module")
def objects():
    return [made(i, label) for label, n in ((0, 20), (1, 16), (2, 16)) for i in range(n)]


@pytest.fixture(scope="module")
def stamps() -> Labelled:
    n = 48
    images = np.stack([field(seed) for seed in range(n)])
    bad = np.arange(n) % 3 == 0
    images[bad, :20] = np.nan
    names = [f"ZTF{i // 2}" for i in range(n)]
    return Labelled(
        stamps=Stamps(images=images, good=~bad, object_id=names),
        fact=bad,
        lost=bad,
        file=tuple(names),
        kind=("science",) * n,
    )


def kept(folder: Path, config: QualityTraining) -> Path:
    """An untrained network as the training writes it."""
    made = folder / f"needle-quality-{config.kind}-{config.width}"
    made.mkdir(parents=True)
    write_member(network(config.kind, config.width).state_dict(), made / WEIGHTS)
    write_card(made, quality._card(config, {}, date(2026, 1, 1)))
    return made


def test_inputs_that_say_the_same_are_told(objects, monkeypatch) -> None:
    monkeypatch.setattr(inputs, "RESAMPLES", 20)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(len(objects), len(SHOWN)))
    x[:, 3] = np.exp(x[:, 1])  # the same order
    x[:, 5] = -x[:, 1]
    x[:, 7] = np.nan
    x[: len(objects) - inputs.FEWEST + 1, 8] = np.nan  # one object too few
    found = input_correlations(objects, x)
    pairs = {tuple(sorted(p["inputs"])): p["rho"]["value"] for p in found["alike"]}
    a, b, c = SHOWN[1], SHOWN[3], SHOWN[5]
    assert pairs == {tuple(sorted((a, b))): 1.0, tuple(sorted((a, c))): -1.0, tuple(sorted((b, c))): -1.0}
    matrix = found["matrix"]
    assert matrix[0][2] == pytest.approx(spearmanr(x[:, 0], x[:, 2]).statistic, abs=1e-3)
    assert matrix[0][7] is None
    assert matrix[0][8] is None
    assert found["mix"] == {"SN": 20, "SLSN-I": 16, "TDE": 16}


def test_each_object_gives_one_epoch_with_its_host(objects) -> None:
    x = one_epoch_each(objects[:6])
    assert x.shape == (6, len(SHOWN))
    assert np.isfinite(x[:, SHOWN.index("m_peak_r")]).any()
    host = x[:, SHOWN.index("host_r")]
    assert np.isfinite(host).tolist() == [o.host is not None for o in objects[:6]]
    np.testing.assert_array_equal(x, one_epoch_each(objects[:6]))


def test_a_sample_beside_itself_is_no_distance_away_and_a_moved_one_is(monkeypatch) -> None:
    monkeypatch.setattr(upsampled, "RESAMPLES", 50)
    z = np.linspace(0.1, 0.5, 41)
    here = (np.column_stack([z, 18 + 4 * z]), [f"o{i}" for i in range(41)])
    same = compared(here, here)
    assert same["distance"]["redshift"] == 0.0 < same["by chance"]["redshift"] < 0.5
    assert same["observed median"]["redshift"]["value"] == pytest.approx(0.3)
    assert same["observed correlation"]["value"] == 1.0
    moved = compared(here, (here[0] + [1.0, 0.0], here[1]))
    assert moved["distance"]["redshift"] == 1.0 > moved["by chance"]["redshift"]
    assert moved["distance"]["magnitude"] == 0.0
    assert moved["drawn median"]["redshift"]["value"] == pytest.approx(1.3)
    assert compared(here, (np.zeros((0, 2)), [])) == {"observed": 41, "drawn": 0}


def test_drawn_curves_have_the_redshift_of_a_galaxy_of_the_class(objects) -> None:
    fits = dict(fit_all([o for o in objects if o.label == 1]))
    seen, names = observed(objects, 1)
    assert names == [o.object_id for o in objects if o.label == 1]
    np.testing.assert_allclose(seen[:, 0], 0.1)
    values, whose = drawn(objects, 1, fits, count=30)
    assert len(values) == len(whose) > 0
    assert set(whose) <= set(fits)
    np.testing.assert_allclose(values[:, 0], 0.1)
    assert (values[:, 1] <= 20.5).all()


def test_area_and_curve_are_those_of_sklearn() -> None:
    rng = np.random.default_rng(0)
    good = rng.random(200) < 0.8
    p = np.round(rng.random(200) + 0.4 * good, 2)
    assert area(p, good) == pytest.approx(roc_auc_score(good, p))
    points = np.array(curve(p, good))
    assert points[0].tolist() == [0.0, 0.0]
    assert points[-1].tolist() == [1.0, 1.0]
    assert (np.diff(points, axis=0) >= 0).all()
    assert np.isnan(area(p, np.ones(200, bool)))


def test_both_networks_are_measured_on_the_test_fold_alone(stamps) -> None:
    class Telling(Checker):
        def __init__(self, right: bool) -> None:
            super().__init__(network("resnet18", 4))
            self.right = right

        def p_good(self, images):
            gone = np.isnan(np.asarray(images)).any((1, 2))
            return np.where(gone, 0.1, 0.9) if self.right else np.full(len(gone), 0.8)

    found = side_by_side(stamps, {"blind": Telling(False), "seeing": Telling(True)})
    tested = folds(stamps.stamps.object_id, quality.FOLDS) == quality.TEST_FOLD
    blind, seeing = found["networks"].values()
    assert seeing["stamps"]["good"] == (tested & stamps.stamps.good).sum()
    assert seeing["area"]["value"] == 1.0
    assert blind["area"]["value"] == 0.5
    assert found["difference"]["value"] == 0.5
    assert seeing["at_threshold"]["network"]["recall_bad"]["share"] == 1.0
    assert blind["at_threshold"]["network"]["recall_bad"]["share"] == 0.0


def test_the_command_writes_page_figures_and_pictures(objects, stamps, tmp_path, monkeypatch) -> None:
    for module in (inputs, upsampled):
        monkeypatch.setattr(module, "RESAMPLES", 20)
    monkeypatch.setattr(upsampled, "DRAWN", 30)
    survey = NeedleData(develop=tuple(objects), test=(), splits_hash="made")
    monkeypatch.setattr(needle_data, "load_survey", lambda _: survey)
    monkeypatch.setattr(needle_stamps, "read_stamps", lambda _: [])
    monkeypatch.setattr(quality, "label", lambda _: stamps)
    baseline = kept(tmp_path, QualityTraining(kind="cnn", width=4))
    monkeypatch.setattr(needle_checks, "_baseline", lambda *_: baseline)
    out = tmp_path / "out"
    words = ["evaluate", "needle-checks", "--data", str(tmp_path), "--out", str(out), "--threads", "1"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    figures = json.loads((out / "needle-checks.json").read_text())
    assert list(figures["stamps"]["networks"]) == ["plain CNN", "ResNet-18"]
    assert set(figures["up-sampled"]) == {"SLSN-I", "TDE"}
    text = (out / "needle-checks.md").read_text()
    assert "(Fig. 15 and 16)" in text
    assert " nan" not in text
    pictures = ("needle-inputs.png", "needle-upsampled.png", "needle-stamps.png")
    assert all((out / name).stat().st_size > 5000 for name in pictures)


def test_the_baseline_is_trained_once(stamps, tmp_path, monkeypatch) -> None:
    told = []

    def trained(labelled, config, folder, today, report):
        told.append(config)
        kept(folder, config)

    monkeypatch.setattr(quality, "train_quality", trained)
    first = needle_checks._baseline(stamps, tmp_path / "run")
    assert needle_checks._baseline(stamps, tmp_path / "run") == first
    assert load(first).name.startswith("needle-quality-cnn")
    assert told == [QualityTraining(kind="cnn")]

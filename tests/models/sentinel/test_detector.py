"""Ranks, combiner, operating regimes, analogs, and the layer's way to disk and back."""

import numpy as np
import pytest

from models.domain import FINE_CLASSES
from models.sentinel.analogs import Analogs, object_name, sketches, unit_rows
from models.sentinel.combine import Combiner, families
from models.sentinel.detector import REGIMES, Calibration, Limits, SeedDetector, Sentinel, judge
from models.sentinel.ranks import fit_ranks
from models.sentinel.scores import compute, names
from models.sentinel.stored import files_of, load_sentinel, save_sentinel
from models.training.sentinel.bank import fit_bank
from models.training.sentinel.combine import fit_combiner, logistic, weighted_rank_average
from tests.models.sentinel.made import clouds, prediction_of


def archive(embedding: np.ndarray, labels: np.ndarray) -> Analogs:
    n = len(labels)
    flux = np.random.default_rng(0).random((n, 4096))
    mask = np.ones((n, 4096), bool)
    mask[:, :500] = False
    return Analogs(
        unit=unit_rows(embedding),
        sketch=sketches(flux, mask),
        phase_days=np.where(np.arange(n) % 2, 3.0, np.nan).astype(np.float32),
        redshift=np.full(n, 0.01, np.float32),
        names=tuple(f"SN{i // 2}" for i in range(n)),
        classes=tuple(FINE_CLASSES[k] for k in labels),
        spectra=tuple(f"SN{i // 2}__{i % 2}" for i in range(n)),
        sources=("made",) * n,
    )


@pytest.fixture(scope="module")
def layer() -> Sentinel:
    train, labels = clouds(420, 0)
    ordinary, odd = clouds(140, 1)[0], clouds(60, 2, shift=6)[0]
    detectors = []
    for seed in (1, 2):
        bank = fit_bank(train, labels, seed=seed, references=140)
        ranks = fit_ranks(compute(ordinary, bank))
        rows = np.concatenate([ranks(compute(x, bank)) for x in (ordinary, odd)])
        combiner = fit_combiner(rows, np.arange(len(rows)) >= len(ordinary), seed=seed)
        detectors.append(SeedDetector(seed=seed, bank=bank, ranks=ranks, combiner=combiner))
    calibration, truth = clouds(280, 3)
    prediction = prediction_of(calibration)
    judged = judge(detectors, prediction)
    kept = Calibration(
        seed_scores=judged.seed_scores,
        families=judged.families,
        fine=prediction.fine,
        epistemic=np.zeros(280),
        label=truth,
    )
    return Sentinel(tuple(detectors), kept, archive(train.embedding, labels))


def test_ranks_are_shares_of_the_pool() -> None:
    ranks = fit_ranks(np.array([[1.0], [2.0], [2.0], [4.0]]))
    np.testing.assert_allclose(ranks(np.array([[0.0], [2.0], [3.0], [9.0]]))[:, 0], [0, 0.5, 0.75, 1])
    with pytest.raises(ValueError, match="finite"):
        fit_ranks(np.array([[np.nan]]))


def test_the_combiner_is_the_papers_and_comes_back_from_its_text() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((300, 16))
    odd = x[:, 0] * x[:, 5] > 0.6
    combiner = fit_combiner(x, odd)
    assert combiner.text.count("Tree=") == 300
    assert combiner(x)[odd].min() > combiner(x)[~odd].max() - 0.5
    np.testing.assert_array_equal(Combiner(combiner.text)(x), combiner(x))
    assert set(combiner.importances) == set(names())
    assert combiner.text == fit_combiner(x, odd).text
    with pytest.raises(ValueError, match="LightGBM"):
        Combiner("nonsense")
    with pytest.raises(ValueError, match="anomalous"):
        fit_combiner(x, np.zeros(300, bool))


def test_families_are_mean_ranks() -> None:
    ranks = np.arange(16.0)[None] / 16
    np.testing.assert_allclose(families(ranks)[0] * 16, [1.5, 6.5, 11.5, 14.5])


def test_baselines_learn_what_is_linear() -> None:
    rng = np.random.default_rng(1)
    x = rng.random((400, 16))
    odd = x[:, names().index("lof")] > 0.8
    for (scores,) in (weighted_rank_average(x, odd, [x]), logistic(x, odd, [x]), logistic(x, odd, [x], ("lof", "msp"))):
        assert scores[odd].mean() > scores[~odd].mean() + 0.05


def test_outliers_are_flagged_and_ordinary_ones_are_not(layer: Sentinel) -> None:
    odd, fresh = layer.judge(prediction_of(clouds(70, 4, shift=6)[0])), layer.judge(prediction_of(clouds(140, 5)[0]))
    limits = Limits.of(layer.calibration)
    assert limits.flags(odd.seed_scores).mean() > 0.7
    assert limits.flags(fresh.seed_scores).mean() < 0.08
    assert odd.score.mean() > fresh.score.mean()
    assert odd.ranks.shape == (70, 16)


def test_regimes_have_their_false_alarm_rates(layer: Sentinel) -> None:
    limits = Limits.of(layer.calibration)
    rates = {r: limits.flags(layer.calibration.seed_scores, r).mean() for r in REGIMES}
    assert rates["anchor"] <= 0.01
    assert rates["seed_union"] >= max(rates["anchor"], 0)
    one_fires = np.array([[limits.seeds[0] + 1e-9, 0.0]])
    assert limits.flags(one_fires, "seed_union")[0]
    assert limits.flags(one_fires, "per_seed")[0]
    assert not limits.flags(np.zeros((1, 2)), "seed_union")[0]


def test_a_higher_false_alarm_rate_lowers_every_threshold(layer: Sentinel) -> None:
    strict, loose = (Limits.of(layer.calibration, rate) for rate in (0.01, 0.1))
    assert loose.anchor < strict.anchor
    assert (loose.seeds < strict.seeds).all()
    assert (loose.families <= strict.families).all()
    # Trees give many of so few spectra the same score: at most the rate, and more than the stricter one.
    assert strict.flags(layer.calibration.seed_scores).mean() < loose.flags(layer.calibration.seed_scores).mean() <= 0.1
    assert np.isinf(Limits.of(layer.calibration, 1e-4).anchor)


def test_a_judgement_does_not_depend_on_the_company(layer: Sentinel) -> None:
    prediction = prediction_of(clouds(35, 6)[0], seeds=(1, 2))
    together = layer.judge(prediction)
    for i in (0, 17, 34):
        alone = layer.judge(prediction.rows(np.arange(35) == i))
        np.testing.assert_allclose(alone.seed_scores[0], together.seed_scores[i], atol=1e-12)
        np.testing.assert_allclose(alone.ranks[0], together.ranks[i], atol=1e-12)


def test_nothing_to_judge(layer: Sentinel) -> None:
    nothing = prediction_of(clouds(7, 6)[0]).rows(np.zeros(7, bool))
    assert layer.judge(nothing).seed_scores.shape == (0, 2)


def test_the_layer_survives_the_disk(layer: Sentinel, tmp_path) -> None:
    section = save_sentinel(layer, tmp_path)
    again = load_sentinel(tmp_path, section)
    assert files_of(section) == {p.name for p in tmp_path.iterdir()}
    prediction = prediction_of(clouds(35, 7, shift=2)[0])
    np.testing.assert_allclose(again.judge(prediction).seed_scores, layer.judge(prediction).seed_scores, atol=1e-9)
    assert Limits.of(again.calibration).anchor == Limits.of(layer.calibration).anchor
    assert again.analogs.names == layer.analogs.names
    with pytest.raises(ValueError, match="of other scores than the card names"):
        load_sentinel(tmp_path, {**section, "scores": ["msp"]})


def test_analogs_are_the_nearest_objects_once_each(layer: Sentinel) -> None:
    train, labels = clouds(420, 0)
    found = layer.analogs.nearest(train.embedding[6], 4)
    assert found[0]["object"] == "SN3"
    assert found[0]["distance"] < 1e-3
    assert len({f["object"] for f in found}) == 4
    assert [f["distance"] for f in found] == sorted(f["distance"] for f in found)
    assert found[0]["class"] == FINE_CLASSES[labels[6]]
    drawn = layer.analogs.drawn("SN3__0")
    assert np.isnan(drawn[:20]).all()
    assert np.isfinite(drawn[30:]).all()
    assert object_name("SN2011fe__003") == "SN2011fe"

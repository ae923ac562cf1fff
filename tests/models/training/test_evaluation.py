"""Signals of doubt, ways to combine, and the controls, on made-up members whose answers are known."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import roc_auc_score

from models.domain import FINE_CLASSES
from models.spectral.ensemble import EnsemblePrediction
from models.spectral.prepare import GRID_A
from models.training.dataset import joined
from models.training.evaluate import breakdown, reliability, summary
from models.training.sentinel.signals import area, auroc, error_detection, merged, selective, signals
from models.training.spectral.controls import degraded, false_alarms_by_instrument, source_probe
from models.training.strategies import STRATEGIES
from tests.models.training.data import ripples

SEEDS = (1, 1, 2, 2)


def prediction(
    n: int, seed: int, skill: tuple[float, ...] = (2.0, 2.0, 2.0, 2.0)
) -> tuple[EnsemblePrediction, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 7, n)
    truth = np.eye(7)[labels]
    hardness = rng.uniform(0, 1, (n, 1))
    logits = np.stack([s * truth * (1 - hardness) * 2 + rng.normal(size=(n, 7)) for s in skill])
    p = softmax(logits, axis=-1)
    nothing = np.zeros((len(skill), n, 3))
    made = EnsemblePrediction(
        member_fine=p, member_coarse=nothing, member_logits=logits, member_embedding=nothing, member_projection=nothing,
        member_texture=tuple(nothing), seeds=SEEDS[: len(skill)],
    )  # fmt: skip
    return made, labels


def test_every_signal_rises_where_the_answer_is_wrong() -> None:
    made, labels = prediction(1500, 0)
    found = error_detection(made, labels, [str(i) for i in range(1500)])
    assert set(found) == set(signals(made))
    assert len(found) == 6
    del found["ensemble spread"]  # of these made-up members it is largest where they are sure
    for name, value in found.items():
        assert 0.55 < value["low"] < value["value"] < value["high"] < 1, name


def test_signals_by_hand() -> None:
    p = np.array([[[0.7, 0.2, 0.1, 0, 0, 0, 0]], [[0.3, 0.6, 0.1, 0, 0, 0, 0]]])
    zero = np.zeros((2, 1, 3))
    made = EnsemblePrediction(
        member_fine=p, member_coarse=zero, member_logits=p, member_embedding=zero, member_projection=zero,
        member_texture=tuple(zero), seeds=(1, 2),
    )  # fmt: skip
    s = {k: v[0] for k, v in signals(made).items()}
    assert s["top-1 confidence"] == pytest.approx(-0.5)
    assert s["top-1/top-2 margin"] == pytest.approx(-0.1)
    assert s["model disagreement"] == pytest.approx(0.5)
    assert s["ensemble spread"] == pytest.approx(np.std([0.7, 0.3], ddof=1))
    mean = np.array([0.5, 0.4, 0.1])
    parts = [-(q[q > 0] * np.log(q[q > 0])).sum() for q in p[:, 0]]
    assert s["mutual information"] == pytest.approx(-(mean * np.log(mean)).sum() - np.mean(parts), abs=1e-9)


def test_leaving_out_the_doubtful_helps() -> None:
    rows = selective(*prediction(1500, 1))
    accuracies = [r["accuracy"] for r in rows]
    assert accuracies == sorted(accuracies)
    assert rows[0]["gain"] == 0


def test_area_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    score, positive = np.round(rng.normal(size=300), 1), rng.random(300) < 0.2
    assert area(score, positive) == pytest.approx(roc_auc_score(positive, score))


def test_auroc_of_noise_is_a_half() -> None:
    rng = np.random.default_rng(0)
    found = auroc(rng.normal(size=600), rng.random(600) < 0.3, [str(i // 3) for i in range(600)])
    assert found.low < 0.5 < found.high


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_no_way_to_combine_is_worse_than_its_worst_member(name: str) -> None:
    tune, tune_labels = prediction(400, 2, (2.0, 0.5, 2.0, 1.0))
    test, labels = prediction(600, 3, (2.0, 0.5, 2.0, 1.0))
    p = STRATEGIES[name](tune, tune_labels, test)
    assert p.shape == (600, 7)
    np.testing.assert_allclose(p.sum(1), 1, atol=0.35 if name == "selective per class" else 1e-6)
    worst = min((q.argmax(1) == labels).mean() for q in test.member_fine)
    assert (p.argmax(1) == labels).mean() > worst


def test_single_best_and_cross_seed_pick_by_the_selection_split_only() -> None:
    tune, labels = prediction(500, 4, (0.2, 3.0, 2.5, 0.2))
    test, _ = prediction(50, 5)
    np.testing.assert_array_equal(STRATEGIES["single best"](tune, labels, test), test.member_fine[1])
    np.testing.assert_allclose(STRATEGIES["cross-seed"](tune, labels, test), test.member_fine[[1, 2]].mean(0))


def test_merging_classes_keeps_the_counts() -> None:
    matrix = np.arange(9).reshape(3, 3)
    two = merged(matrix, ("a", "b", "c"), {"a": "x", "b": "y", "c": "x"})
    np.testing.assert_array_equal(two, [[0 + 2 + 6 + 8, 1 + 7], [3 + 5, 4]])


def test_summary_and_breakdown_count_every_spectrum_once() -> None:
    data = ripples(4)
    p = np.full((len(data), 7), 0.05)
    p[np.arange(len(data)), data.label] = 0.7
    found = summary(p, data)
    assert found["accuracy"]["value"] == found["macro_recall"]["value"] == 1.0
    assert sum(map(sum, found["confusion"])) == len(data) == found["spectra"]
    rows = breakdown(p, data, data.instruments)
    assert sum(r["spectra"] for r in rows) == len(data)
    assert sum(b["spectra"] for b in reliability(p, data.label)) == len(data)


def test_a_much_observed_object_counts_once_by_object() -> None:
    data = ripples(4)
    (first, *_) = np.flatnonzero(data.label == 0)
    often = joined([data, *[data.rows(np.array([first]))] * 9])
    p = np.full((len(often), 7), 0.05)
    p[np.arange(len(often)), often.label] = 0.7
    wrong = np.array(often.groups) == data.groups[first]
    p[wrong] = np.eye(7)[1]
    found = summary(p, often)
    objects = len({g for g, k in zip(often.groups, often.label, strict=True) if k == 0})
    spectra, bad = int((often.label == 0).sum()), int(wrong.sum())
    assert objects > 1
    assert found["recall"]["SN Ia"]["value"] == round(1 - bad / spectra, 4)
    assert found["by_object"]["recall"]["SN Ia"]["value"] == round(1 - 1 / objects, 4)
    assert found["by_object"]["accuracy"]["value"] == round(1 - 1 / len(set(often.groups)), 4)


def test_degrading_brings_every_spectrum_to_one_noise_and_window() -> None:
    data = ripples(2)
    plain = degraded(data, window_A=(4100.0, 8200.0))
    inside = (GRID_A >= 4100) & (GRID_A <= 8200)
    assert not plain.masks()[:, ~inside].any()
    assert plain.masks()[:, inside].all()
    assert (plain.flux[:, ~inside] == 0).all()
    calm, noisy = (degraded(data, resolution=100.0, snr=s, seed=1).flux.astype(float) for s in (1000.0, 5.0))
    roughness = [np.abs(np.diff(x[:, ::40], n=2, axis=1)).mean() for x in (calm, noisy)]
    assert roughness[1] > 1.5 * roughness[0]
    np.testing.assert_array_equal(noisy, degraded(data, resolution=100.0, snr=5.0, seed=1).flux.astype(float))


def test_probe_finds_a_planted_archive_and_only_that() -> None:
    data = ripples(40)
    sources = tuple("A" if int(g.split("-")[1]) % 2 else "B" for g in data.groups)
    planted = type(data)(**{f: getattr(data, f) for f in data.__slots__ if f != "sources"}, sources=sources)
    tell = np.array([[s == "A", 0.0] for s in sources]) + np.random.default_rng(0).normal(size=(len(data), 2)) * 0.1
    noise = np.random.default_rng(1).normal(size=(len(data), 2))
    assert all(r["embedding"] > 0.95 for r in source_probe(planted, tell))
    assert np.mean([r["embedding"] for r in source_probe(planted, noise)]) < 0.65


def test_false_alarms_look_only_at_the_same_instruments() -> None:
    data = ripples(4)
    tde = FINE_CLASSES.index("TDE")
    found = false_alarms_by_instrument(data, np.full(len(data), tde), "TDE")
    assert found["instrument"]["rate"] == 1.0
    assert found["instrument"]["others"] == int((data.label != tde).sum())
    assert false_alarms_by_instrument(data, data.label, "TDE")["source"]["taken_for_it"] == 0

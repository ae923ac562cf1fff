"""Leakage: no rare spectrum meets its own detector; what fine-tuning does; oddities."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.sentinel.adapter import Adapter
from models.sentinel.detector import REGIMES
from models.sentinel.scores import names
from models.sentinel.stored import load_sentinel, save_sentinel
from models.spectral.ensemble import EnsemblePrediction, Member
from models.spectral.net import ASTRANet
from models.training.sentinel import protocol, tuned
from models.training.sentinel.exposure import (
    PRESETS,
    Shown,
    Whole,
    entropy_term,
    fine_tune,
    forward_outputs,
    learn_to_tell,
    margin_term,
)
from models.training.sentinel.fitting import Material, PredictedSpectra, fit_scores, fit_sentinel, sights, tuned_scores
from models.training.sentinel.protocol import flagged, folds_of, run_protocol
from models.training.sentinel.tuned import Tuning
from models.training.spectral.augmented_copies import augmented_copies
from models.training.spectral.oddities import ODDITIES, UNSEEN, odd_ones
from models.training.spectral.presets import PRESETS as TRAIN
from models.training.spectral.simulated import TEMPLATES, simulated
from tests.models.sentinel.made import clouds
from tests.models.training.data import ripples
from tests.models.training.layered import layered


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abc")), min_size=1, max_size=80))
def test_folds_keep_objects_together_and_spread_classes(rows) -> None:
    kind_of = dict(rows)
    groups = [f"o{g}" for g, _ in rows]
    kinds = [kind_of[g] for g, _ in rows]
    fold = folds_of(groups, kinds, folds=5)
    for g in set(groups):
        assert len({f for f, name in zip(fold, groups, strict=True) if name == g}) == 1
    for k in set(kinds):
        objects = {(g, f) for g, f, kind in zip(groups, fold, kinds, strict=True) if kind == k}
        counts = np.bincount([f for _, f in objects], minlength=5)
        assert counts.max() - counts.min() <= 1


@pytest.fixture(scope="module")
def material() -> Material:
    return layered()


def test_no_detector_is_trained_on_what_it_scores(material: Material, monkeypatch) -> None:
    seen: list[np.ndarray] = []
    real = protocol.with_combiner

    def spy(sights_, seed, bank, ranks, exposed):
        seen.append(exposed.copy())
        return real(sights_, seed, bank, ranks, exposed)

    monkeypatch.setattr(protocol, "with_combiner", spy)
    scorers = {1: fit_scores(sights(material, 1), material)}
    held = run_protocol(material, scorers, folds=2)
    assert len(seen) == 2
    groups = np.array(material.rare.data.groups)
    for f, exposed in enumerate(seen):
        assert not exposed[held.fold == f].any()
        assert not set(groups[exposed]) & set(groups[held.fold == f])
    assert np.isfinite(held.rare).all()
    assert held.detected("anchor").mean() > 0.5
    assert held.odd_rate("noise") > 0.5
    for regime in (*REGIMES, "seed 0"):
        assert held.false_alarms(regime).max() < 0.2
    assert held.rare_ranks.min() >= 0
    assert all(len(r) == 40 and len(t) == 140 for r, t in held.baselines.values())
    assert (held.baselines["logistic, all scores"][1] > 0).all()


def test_an_unknown_regime_is_an_error() -> None:
    with pytest.raises(ValueError, match="lottery"):
        flagged(np.zeros((2, 1)), np.arange(200.0)[:, None], "lottery")


def tiny_net(seed: int = 0) -> ASTRANet:
    torch.manual_seed(seed)
    return ASTRANet(TRAIN["tiny"].net).eval()


def test_the_terms_are_least_where_the_paper_wants_them() -> None:
    flat, sharp = torch.zeros(3, 7), torch.eye(3, 7) * 9
    assert entropy_term(flat) == pytest.approx(np.log(7), abs=1e-5)
    assert entropy_term(sharp) > entropy_term(flat)
    centres = torch.zeros(1, 4)
    assert margin_term(torch.full((2, 4), 5.0), centres, 3.0) == 0
    assert margin_term(torch.zeros(2, 4), centres, 3.0) == pytest.approx(1.0, abs=1e-5)


def shown(*inputs: torch.Tensor) -> Shown:
    return Shown(inputs=inputs, weights=torch.ones(len(inputs[0])))


def test_an_untrained_adapter_changes_nothing_and_a_trained_one_tells_anomalies() -> None:
    net = tiny_net()
    generator = torch.Generator().manual_seed(0)
    embedding = torch.randn(140, 192, generator=generator)
    texture = torch.randn(140, 20, generator=generator)
    labels = torch.arange(140) % 7
    strange = torch.randn(40, 192, generator=generator), torch.randn(40, 20, generator=generator) + 1.5
    model = Adapter.before(net, texture.double().numpy(), 16)
    torch.testing.assert_close(forward_outputs(model, strange).embedding, strange[0])
    before = float(entropy_term(forward_outputs(model, strange).fine_logits))
    curve = fine_tune(model, shown(embedding, texture), labels, shown(*strange), PRESETS["tiny"], seed=0)
    assert curve[-1] < curve[0]
    assert float(entropy_term(forward_outputs(model, strange).fine_logits)) < before + 0.05
    losses = learn_to_tell(model, shown(texture), shown(strange[1]), PRESETS["tiny"], seed=0)
    assert losses[-1] < losses[0]
    with torch.no_grad():
        assert model.log_odds(strange[1]).mean() > model.log_odds(texture).mean() + 0.5
    nothing = shown(*(x[:0] for x in strange))
    with pytest.raises(ValueError, match="needs anomalies"):
        fine_tune(model, shown(embedding, texture), labels, nothing, PRESETS["tiny"], seed=0)


def test_an_adapter_reads_texture_alone_and_comes_back_from_arrays() -> None:
    rng = np.random.default_rng(0)
    features, _ = clouds(20, 1)
    features = replace(features, embedding=rng.normal(size=(20, 192)))
    model = Adapter.before(tiny_net(), features.texture, 16).rounded().eval()
    made = model.adapted(features)
    other = model.adapted(replace(features, embedding=features.embedding + 1))
    np.testing.assert_array_equal(made.exposure[:, 0], other.exposure[:, 0])
    np.testing.assert_array_equal(made.embedding, features.embedding)
    again = Adapter.from_arrays(model.arrays()).adapted(features)
    np.testing.assert_array_equal(again.exposure, made.exposure)
    wild = model.adapted(replace(features, texture=1e9 * np.ones_like(features.texture)))
    assert np.isfinite(wild.exposure).all()
    with pytest.raises(KeyError):
        Adapter.from_arrays({k: v for k, v in model.arrays().items() if "inner" not in k and "outer" not in k})


def test_the_whole_network_can_be_tuned() -> None:
    net, data = tiny_net(), ripples(2)
    model = Whole(net)
    inputs = (torch.from_numpy(data.flux), torch.from_numpy(data.masks()))
    config = replace(PRESETS["paper"], epochs=1, steps=1, batch=14, exposed=4)
    curve = fine_tune(
        model, shown(*inputs), torch.from_numpy(data.label), shown(*(x[:5] for x in inputs)), config, seed=1
    )
    assert np.isfinite(curve).all()
    changed = [not torch.equal(a, b) for a, b in zip(model.net.parameters(), net.parameters(), strict=True)]
    assert any(changed)


def wide(spectra: PredictedSpectra) -> PredictedSpectra:
    """Embeddings of the network's real width."""
    b = spectra.prediction
    e = np.concatenate([b.member_embedding, np.zeros((*b.member_embedding.shape[:2], 192 - 40))], axis=2)
    e += 0.1 * np.random.default_rng(0).normal(size=e.shape)
    changed = {f: getattr(b, f) for f in EnsemblePrediction.__dataclass_fields__ if f != "member_embedding"}
    return PredictedSpectra(data=spectra.data, prediction=EnsemblePrediction(**changed, member_embedding=e))


def widened(material: Material) -> Material:
    parts = {
        k: wide(getattr(material, k)) for k in ("train", "train_views", "select", "calibrate", "test", "rare", "views")
    }
    odd = {k: {kind: wide(b) for kind, b in getattr(material, k).items()} for k in ("odd", "odd_test")}
    return Material(**parts, **odd)


def test_tuning_is_kept_and_taken_up_again(material: Material, tmp_path) -> None:
    members = [Member(net=tiny_net(s), seed=s, kind="best") for s in (1, 2)]
    told: list[int] = []
    make = lambda: Tuning(widened(material), members, PRESETS["tiny"], tmp_path, progress=told.append)  # noqa: E731
    exposed = np.arange(40) < 20
    now, adapter = make()(1, 0, exposed)
    assert adapter is not None
    assert [p.name for p in tmp_path.iterdir()] == ["adapter-1-0.safetensors"]
    assert now.scores[-3:] == ("exposure", "exposed_entropy", "exposed_margin")
    again, _ = make()(1, 0, exposed)
    np.testing.assert_array_equal(again.rare.exposure, now.rare.exposure)
    assert told == [1, 1]


def test_no_adapter_is_shown_what_it_scores(material: Material, tmp_path, monkeypatch) -> None:
    """Rare spectra and their augmented views of the held fold stay out of every fine-tuning."""
    seen: list[tuple[int, int]] = []
    real = tuned.fine_tune

    def spy(model, ordinary, labels, exposed, config, *, seed):
        seen.append((seed % 1000, len(exposed.inputs[0])))
        return real(model, ordinary, labels, exposed, replace(config, epochs=1, steps=1), seed=seed)

    monkeypatch.setattr(tuned, "fine_tune", spy)
    full = widened(material)
    members = [Member(net=tiny_net(s), seed=s, kind="swa") for s in (1, 2)]
    scorers = {1: fit_scores(sights(full, 1), full)}
    held = run_protocol(full, scorers, folds=2, tuned=Tuning(full, members, PRESETS["tiny"], tmp_path))
    made = sum(len(b.data) for b in full.odd.values())
    assert seen == [(f, 3 * int((held.fold != f).sum()) + made) for f in (0, 1)]
    assert held.scores == tuned_scores()
    layer = fit_sentinel(full, Tuning(full, members, PRESETS["tiny"], tmp_path))
    save_sentinel(layer, tmp_path)
    loaded = load_sentinel(tmp_path, {"seeds": [1, 2], "scores": list(names())})
    np.testing.assert_array_equal(
        loaded.judge(full.test.prediction).seed_scores, layer.judge(full.test.prediction).seed_scores
    )


@pytest.mark.parametrize("kind", list(TEMPLATES))
def test_simulated_objects_are_finite_spectra_and_differ(kind: str) -> None:
    data = ripples(2)
    made = simulated(data, kind, 6, seed=3)
    assert made.kinds == (kind,) * 6
    assert made.semi_real.all()
    assert np.isfinite(made.flux.astype(float)).all()
    assert made.flux.astype(float).std(axis=1).min() > 0.01
    assert len({row.tobytes() for row in made.flux}) == 6
    np.testing.assert_array_equal(simulated(data, kind, 6, seed=3).flux, made.flux)


def test_views_show_the_same_spectra_in_turn() -> None:
    data = ripples(2)
    made = augmented_copies(data, 3, seed=0)
    assert len(made) == 3 * len(data)
    assert made.ids == data.ids * 3
    assert np.isfinite(made.flux.astype(float)).all()
    assert not np.array_equal(made.flux[: len(data)], made.flux[len(data) : 2 * len(data)])


@pytest.mark.parametrize("kind", [*ODDITIES, *UNSEEN])
def test_oddities_are_spectra_on_the_grid_with_another_inside(kind: str) -> None:
    data = ripples(2)
    made = odd_ones(data, kind, 9, seed=3)
    assert made.kinds == (kind,) * 9
    assert (made.label == -1).all()
    assert made.semi_real.all()
    assert len(set(made.ids)) == 9
    assert np.isfinite(made.flux.astype(float)).all()
    inside = made.masks()
    for flux, mask in zip(made.flux.astype(float), inside, strict=True):
        low, high = np.percentile(flux[mask], (5, 95))
        assert (low, high) == pytest.approx((0, 1), abs=0.02)
    np.testing.assert_array_equal(odd_ones(data, kind, 9, seed=3).flux, made.flux)

"""Leakage: no rare spectrum meets its own detector; what fine-tuning does; oddities."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.sentinel.detector import REGIMES
from models.spectral.ensemble import Beliefs, Member
from models.spectral.net import ASTRANet
from models.training import protocol
from models.training.exposure import PRESETS, Top, Whole, answers, entropy_term, fine_tune, margin_term
from models.training.oddities import ODDITIES, odd_ones
from models.training.protocol import flagged, folds_of, run_protocol
from models.training.sentinel import Believed, Material, fit_scores
from models.training.train import PRESETS as TRAIN
from models.training.tuned import Tuning
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

    def spy(now, seed, bank, ranks, exposed):
        seen.append(exposed.copy())
        return real(now, seed, bank, ranks, exposed)

    monkeypatch.setattr(protocol, "with_combiner", spy)
    scorers = {1: fit_scores(material, 1)}
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


def test_an_untrained_adapter_changes_nothing_and_a_trained_one_pushes_anomalies_away() -> None:
    net = tiny_net()
    generator = torch.Generator().manual_seed(0)
    ordinary = torch.randn(140, 192, generator=generator)
    labels = torch.arange(140) % 7
    strange = torch.randn(40, 192, generator=generator) + 0.5
    model = Top(net, 32)
    torch.testing.assert_close(answers(model, (strange,)).embedding, strange)
    before = float(entropy_term(answers(model, (strange,)).fine_logits))
    curve = fine_tune(model, (ordinary,), labels, (strange,), PRESETS["tiny"], seed=0)
    assert curve[-1] < curve[0]
    assert float(entropy_term(answers(model, (strange,)).fine_logits)) < before + 0.05
    moved = (answers(model, (strange,)).embedding - strange).norm(dim=1)
    assert moved.min() > 0
    for mine, theirs in zip(model.heads[1].parameters(), net.fine_head.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)
    with pytest.raises(ValueError, match="needs anomalies"):
        fine_tune(model, (ordinary,), labels, (strange[:0],), PRESETS["tiny"], seed=0)


def test_the_whole_network_can_be_tuned() -> None:
    net, data = tiny_net(), ripples(2)
    model = Whole(net)
    inputs = (torch.from_numpy(data.flux), torch.from_numpy(data.masks()))
    config = PRESETS["paper"]
    from dataclasses import replace

    curve = fine_tune(
        model, inputs, torch.from_numpy(data.label), tuple(x[:5] for x in inputs),
        replace(config, epochs=1, batch=14, exposed=4), seed=1,
    )  # fmt: skip
    assert np.isfinite(curve).all()
    changed = [not torch.equal(a, b) for a, b in zip(model.net.parameters(), net.parameters(), strict=True)]
    assert any(changed)


def wide(believed: Believed) -> Believed:
    """Embeddings of the network's real width."""
    b = believed.beliefs
    e = np.concatenate([b.member_embedding, np.zeros((*b.member_embedding.shape[:2], 192 - 40))], axis=2)
    e += 0.1 * np.random.default_rng(0).normal(size=e.shape)
    changed = {f: getattr(b, f) for f in Beliefs.__dataclass_fields__ if f != "member_embedding"}
    return Believed(data=believed.data, beliefs=Beliefs(**changed, member_embedding=e))


def test_tuning_is_kept_and_taken_up_again(material: Material, tmp_path) -> None:
    parts = {k: wide(getattr(material, k)) for k in ("train", "select", "calibrate", "test", "rare")}
    odd = {k: {kind: wide(b) for kind, b in getattr(material, k).items()} for k in ("odd", "odd_test")}
    members = [Member(net=tiny_net(s), seed=s, kind="best") for s in (1, 2)]
    told: list[int] = []
    make = lambda: Tuning(Material(**parts, **odd), members, PRESETS["tiny"], tmp_path, progress=told.append)  # noqa: E731
    exposed = np.arange(40) < 20
    now, _ = make()(1, 0, exposed)
    assert [p.name for p in tmp_path.iterdir()] == ["tuned-1-best-0.safetensors"]
    assert now.rare.beliefs.seeds == (1,)
    again, _ = make()(1, 0, exposed)
    np.testing.assert_array_equal(again.rare.beliefs.member_embedding, now.rare.beliefs.member_embedding)
    assert told == [1, 1]


@pytest.mark.parametrize("kind", list(ODDITIES))
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

"""The hybrid network: loss, learning, resuming, attention, and the model as it is served."""

import json

import numpy as np
import pytest
import torch

from models.cards import BundleError
from models.domain import CaveatCode, Cutouts, Host
from models.needle.hybrid.inputs import FEATURES, NAMES, object_weights
from models.needle.hybrid.model import SHIPPED, load
from models.needle.hybrid.net import PRESETS, HybridConfig
from models.needle.images.prepare import prepare
from models.training.needle.attention import heat_maps, share_near
from models.training.needle.hybrid_training import (
    HybridTraining,
    answer_samples,
    class_balance,
    combined_loss,
    train_hybrid,
)
from models.training.needle.net import FOCAL_ALPHA, FOCAL_GAMMA
from tests.models.needle.hybrids import TINY, curve, net, samples, write_model
from tests.models.needle.images.test_needle_images import ByFacts, epoch, whole
from tests.models.needle.stamps import star

TH = FEATURES["TH"]


def test_the_loss_is_balanced_cross_entropy_plus_the_focal_loss_of_table_4():
    logits, label = torch.tensor([[2.0, 0.0, 1.0], [0.3, 0.1, 0.0], [1.0, 1.0, 3.0]]).double(), torch.tensor([0, 1, 2])
    weight, balance = torch.tensor([1.0, 0.5, 2.0]).double(), torch.tensor([1.0, 20.0, 10.0]).double()
    p = torch.softmax(logits, 1).numpy()[range(3), range(3)]
    ce_weight = np.array([1.0, 0.5 * 20, 2 * 10])
    ce = (ce_weight * -np.log(p)).sum() / ce_weight.sum()
    alpha, gamma, w = np.array(FOCAL_ALPHA), np.array(FOCAL_GAMMA), np.array([1.0, 0.5, 2.0])
    fl = (w * alpha * (1 - p) ** gamma * -np.log(p)).sum() / (w * alpha).sum()
    assert float(combined_loss(logits, label, weight, balance, focal=0.0)) == pytest.approx(ce)
    assert float(combined_loss(logits, label, weight, balance, focal=0.7)) == pytest.approx(ce + 0.7 * fl)


def test_the_focal_loss_spares_rare_objects_that_are_already_right_and_no_supernova():
    sure = torch.tensor([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]], requires_grad=True)
    ones, label = torch.ones(3), torch.arange(3)
    plain, focal = (
        torch.autograd.grad(combined_loss(sure, label, ones, ones, focal=f), sure)[0].abs().sum(1) for f in (0.0, 1.0)
    )
    gain = (focal - plain) / plain
    assert gain[1] < 0.2
    assert gain[2] < 0.2
    # Alpha is 0.02 of a sum of 1 for supernovae, gamma 0: their share of the focal term is whole.
    assert gain[0] == pytest.approx(0.06, abs=0.01)


def test_classes_weigh_alike_whatever_their_number():
    rows = samples(60)
    few = rows.rows((rows.label == 0) | (rows.object_index < 6))
    totals = np.bincount(few.label, few.weight * class_balance(few)[few.label])
    assert totals == pytest.approx([totals[0]] * 3)


def signal(seed=0, *, in_images):
    rows = samples(240, seed=seed)
    images, x = rows.images.copy(), np.full_like(rows.x, np.nan)
    if in_images:
        for i, k in enumerate(rows.label):
            images[i, 0] += star(30, 30, (0.0, 1.5, 4.0)[k], 2.0)
    else:
        x[:, NAMES.index("host_r")] = 18.0 + 3.0 * rows.label + np.random.default_rng(seed).normal(0, 0.3, 240)
    return samples(240, seed=seed, images=images, x=x)


@pytest.mark.parametrize("in_images", [True, False])
def test_it_learns_from_images_alone_and_from_features_alone(in_images, tmp_path):
    config = HybridTraining(net=HybridConfig(channels=(4, 8, 8), dense=32), epochs=12, batch=32, learning_rate=5e-3)
    trained = train_hybrid(signal(in_images=in_images), "TH", config, tmp_path / "a.safetensors")
    unseen = signal(1, in_images=in_images)
    assert (answer_samples(trained, unseen, "TH").argmax(1) == unseen.label).mean() > 0.9


def test_a_run_that_was_cut_off_ends_with_the_same_weights(tmp_path):
    rows = samples(90)
    whole_run = HybridTraining(net=TINY, epochs=4, batch=32)
    straight = train_hybrid(rows, "TH", whole_run, tmp_path / "a.safetensors")

    def cut(text):
        if "epoch 2" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_hybrid(rows, "TH", whole_run, tmp_path / "b.safetensors", cut)
    resumed = train_hybrid(rows, "TH", whole_run, tmp_path / "b.safetensors")
    for name, value in straight.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=0, atol=0, msg=name)


def test_the_weighting_layer_starts_at_the_ranking_and_is_trained(tmp_path):
    config = HybridTraining(net=TINY, epochs=1, batch=32)
    trained = train_hybrid(signal(in_images=False), "TH", config, tmp_path / "a.safetensors")
    weights = dict(zip(TH, trained.importance.detach().tolist(), strict=True))
    assert max(weights, key=weights.get) == "host_r"
    assert trained.importance.requires_grad


def test_missing_features_change_nothing_but_what_is_known_about_them():
    x = torch.full((1, len(TH)), float("nan"))
    image = torch.zeros(1, 2, 60, 60)
    assert torch.isfinite(net()(image, x)).all()
    far = x.clone()
    far[0, 0] = 1e9
    assert torch.isfinite(net()(image, far)).all()


def test_every_preset_can_be_built_and_described():
    for config in PRESETS.values():
        assert HybridConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_attention_is_drawn_to_what_speaks_for_the_class(tmp_path):
    config = HybridTraining(net=HybridConfig(channels=(4, 8, 8), dense=32), epochs=12, batch=32, learning_rate=5e-3)
    rows = signal(in_images=True)
    trained = train_hybrid(rows, "TH", config, tmp_path / "a.safetensors")
    bright = rows.rows(rows.label == 2)
    x = np.full((len(bright), len(TH)), np.nan)
    heat = heat_maps(trained, bright.images, x, bright.label)
    assert heat.shape == (len(bright), 60, 60)
    assert heat.min() >= 0
    assert heat.max() <= 1
    # A tenth of the area lies within ten pixels: an attention that looked everywhere would have 0.09.
    assert np.nanmean(share_near(heat, 10.0)) > 0.3
    assert np.isnan(share_near(np.zeros((1, 60, 60)), 10.0)[0])


@pytest.fixture
def model(tmp_path):
    write_model(tmp_path / "m")
    return load(tmp_path / "m")


HOST = Host(mags={"g": 20.0, "r": 19.5}, separation_arcsec=1.0)


GOOD = (epoch(19.0, whole(1), whole(2)),)
LIGHT = curve()


def ask(model, host=HOST, epochs=GOOD, light=LIGHT, **more):
    return model.answer(light, host, prepare(epochs, ByFacts()), ebv_mag=0.02, **more)


def test_an_answer_has_probabilities_sets_and_says_that_it_is_semi_real(model):
    found = ask(model)
    verdict = found.verdict
    assert sum(verdict.probabilities.values()) == pytest.approx(1.0)
    assert verdict.label == max(verdict.probabilities, key=verdict.probabilities.get)
    assert set(verdict.prediction_sets) == {"0.05", "0.1", "0.2"}
    assert set(verdict.prediction_sets["0.2"]) <= set(verdict.prediction_sets["0.05"])
    assert 0 < verdict.p_mondrian <= 1
    assert verdict.model.startswith("needle-hybrid-test@")
    assert verdict.model.endswith(" TH purity")
    assert (found.n_g, found.n_r) == (10, 10)
    assert verdict.details["restored"] is False
    assert any("semi-real" in c.text for c in found.caveats)


def test_without_a_host_the_hostless_network_answers(model):
    found = ask(model, host=None, prefer="completeness")
    assert found.verdict.model.endswith(" T completeness")
    assert CaveatCode.NO_HOST in {c.code for c in found.caveats}
    assert ask(model, host=Host(mags={"i": 19.0})).verdict.model.endswith(" T purity")


def test_what_cannot_be_answered_has_a_reason(model):
    assert "no light curve" in ask(model, light=None).reason
    assert "no usable detection" in ask(model, light=curve(22.0)).reason
    lost = epoch(19.0, np.full((63, 63), np.nan), whole(2))
    for epochs, text in (((), "no alert with stamps"), ((lost,), "own pixels")):
        found = ask(model, epochs=epochs)
        assert found.verdict is None
        assert text in found.reason
        assert found.n_g == 10
    with pytest.raises(ValueError, match="prefer"):
        ask(model, prefer="speed")


def test_reddening_that_nobody_gave_is_told(model):
    found = model.answer(curve(), HOST, prepare(GOOD, ByFacts()))
    assert any("E(B-V)" in c.text for c in found.caveats)


def test_the_same_stamps_give_the_same_answer_and_other_stamps_another(model):
    first, again = ask(model), ask(model)
    assert first == again
    brighter = Cutouts(
        candid="19", band="r", mjd=19.0, science=whole(1) + 40 * star(31, 31, 600, size=63), template=whole(2)
    )
    assert ask(model, epochs=(brighter,)).verdict.probabilities != first.verdict.probabilities


@pytest.mark.parametrize("name", ["TH.purity.safetensors", "calibration.safetensors"])
def test_a_file_that_is_not_the_cards_is_refused(tmp_path, name):
    write_model(tmp_path / "m")
    path = tmp_path / "m" / name
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(BundleError, match=name):
        load(tmp_path / "m")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"classes": ["SN", "TDE"]}, "classes"),
        ({"features": {"TH": ["host_w"], "T": []}}, "other features"),
        ({"net": {"channels": [1, 2]}}, "do not fit"),
    ],
)
def test_a_card_for_something_else_is_refused(tmp_path, change, text):
    write_model(tmp_path / "m", **change)
    with pytest.raises(BundleError, match=text):
        load(tmp_path / "m")


def test_a_card_without_a_network_is_refused(tmp_path):
    write_model(tmp_path / "m")
    (tmp_path / "m" / "T.purity.safetensors").unlink()
    with pytest.raises(BundleError, match=r"T\.purity"):
        load(tmp_path / "m")
    with pytest.raises(BundleError, match="no readable"):
        load(tmp_path / "nothing")


def test_weights_of_a_sample_are_those_of_its_object():
    assert object_weights(np.array([3, 3, 5])).tolist() == [0.5, 0.5, 1.0]


@pytest.mark.skipif(not (SHIPPED / "card.json").exists(), reason="no hybrid model is shipped")
def test_the_shipped_model_answers_and_calls_itself_semi_real():
    shipped = load()
    found = ask(shipped)
    assert found.verdict is not None
    assert "semi-real" in json.dumps(shipped.card["notes"]).lower()
    assert sum(p.stat().st_size for p in SHIPPED.iterdir()) < 3_000_000

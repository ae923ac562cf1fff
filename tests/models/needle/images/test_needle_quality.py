"""The networks for stamps, their training and the shipped weights."""

import json
import shutil

import numpy as np
import pytest
import torch

from models.cards import BundleError
from models.needle.images.quality import SHIPPED, THRESHOLD, WEIGHTS, Quality, load
from models.needle.images.quality_net import PlainCNN, ResNet18, network
from models.training.needle.corrupt import corrupt
from models.training.needle.quality_training import QualityTraining, Stamps, at_real_odds, epoch_samples, folds, train
from tests.models.needle.stamps import field

SMALL = QualityTraining(width=4, epochs=3, batch=16)


@pytest.fixture(scope="module")
def stamps():
    images = np.stack([field(seed) for seed in range(24)])
    images[18:, :20] = np.nan
    return Stamps(images=images, good=np.arange(24) < 18, object_id=[f"ZTF{i // 2}" for i in range(24)])


def test_the_standard_resnet18_has_its_eleven_million_weights():
    weights = sum(p.numel() for p in ResNet18(64).parameters())
    # 11,689,512 of the one for ImageNet, less the head of 1000 classes and two of three colours of the stem.
    assert weights == 11_689_512 - 513_000 + 513 - 2 * 64 * 49


@pytest.mark.parametrize("kind", ["resnet18", "cnn"])
def test_networks_give_one_number_per_stamp(kind):
    net = network(kind, 8).eval()
    assert net(torch.zeros(3, 60, 60)).shape == (3,)


def test_the_baseline_has_the_channels_of_the_paper():
    layers = PlainCNN().layers
    assert [layer.out_channels for layer in layers if isinstance(layer, torch.nn.Conv2d)] == [128, 256]
    with pytest.raises(ValueError, match="resnet18 or cnn"):
        network("vit", 8)


def test_an_epoch_has_good_spoiled_and_bad_ones_in_equal_measure(stamps):
    images, labels = epoch_samples(stamps, SMALL, np.random.default_rng(0))
    assert images.shape == (18 + 18 + 12, 60, 60)
    assert labels.sum() == 18
    assert np.isfinite(images).all()


def test_training_goes_on_from_its_checkpoint_to_the_same_weights(stamps, tmp_path):
    at_once = train(stamps, SMALL, tmp_path / "a.safetensors")
    # As if it had been stopped after two epochs of three: the schedule is that of the whole.
    told = []
    halted = tmp_path / "b.safetensors"

    def stop(text):
        told.append(text)
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(stamps, SMALL, halted, stop)
    resumed = train(stamps, SMALL, halted, told.append)
    assert len(told) == 3
    for name, tensor in at_once.items():
        torch.testing.assert_close(resumed[name], tensor)


def test_folds_keep_objects_together(stamps):
    fold = folds(stamps.object_id, 3)
    for name in set(stamps.object_id):
        assert len({int(f) for f, o in zip(fold, stamps.object_id, strict=True) if o == name}) == 1
    assert set(folds([str(i) for i in range(50)], 3)) == {0, 1, 2}


def test_the_prior_is_corrected_to_the_real_odds():
    good = np.arange(100) < 80
    shifted = at_real_odds({"a.bias": torch.zeros(2), "head.weight": torch.zeros(1), "head.bias": torch.zeros(1)}, good)
    # 80 good among 200 in an epoch (odds 2/3), 80 among 100 in reality (odds 4): six times.
    assert shifted["head.bias"].exp().item() == pytest.approx(6.0)
    assert not shifted["a.bias"].any()


def test_the_shipped_network_tells_good_from_bad():
    checker = load()
    good = [field(seed, transient=300.0) for seed in range(6)]
    rng = np.random.default_rng(0)
    bad = [corrupt(image, rng, kind) for image in good for kind in ("bad lines", "hole", "edge")]
    assert np.median(checker.p_good(good)) > THRESHOLD
    assert np.median(checker.p_good(bad)) < 0.25
    torn = field()
    torn[0, 0] = np.nan
    assert not checker.judge([torn])[0].good


def test_facts_decide_before_the_network():
    assert Quality(p_good=0.8).good
    assert not Quality(p_good=0.99, facts=("1 of 3600 pixels missing",)).good
    assert Quality(p_good=0.5).reason == "P(good) 0.50, 0.75 needed"
    assert Quality(p_good=0.75).reason == ""
    assert load().p_good([]).shape == (0,)


def test_the_shipped_folder_is_small_and_its_card_has_figures():
    card = json.loads((SHIPPED / "card.json").read_text())
    assert sum(p.stat().st_size for p in SHIPPED.iterdir()) < 3_000_000
    # What is served: facts or network at the threshold of the paper. Without the fact that a stamp is dark, which part
    # of the labels follow from, 66 of 70 are found at the same rate of false alarms.
    figures = card["figures"]["at_threshold"]["facts_or_network"]
    assert figures["recall_bad"]["share"] >= 0.95
    assert figures["false_alarms"]["share"] <= 0.02
    assert figures["recall_bad"]["low"] < figures["recall_bad"]["share"] <= figures["recall_bad"]["high"]


def test_changed_or_missing_weights_are_refused(tmp_path):
    folder = tmp_path / "quality"
    shutil.copytree(SHIPPED, folder)
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (folder / WEIGHTS).write_bytes(content)
    with pytest.raises(BundleError, match="SHA-256"):
        load(folder)
    with pytest.raises(BundleError, match="no readable"):
        load(tmp_path)

"""Trees, blending, focal loss, figures at the paper's mix, and the shipped model's own word for itself."""

import json
import math
import shutil

import numpy as np
import pytest
import torch

from models.bundle import BundleError
from models.domain import NEEDLE_CLASSES, Host, LightCurve
from models.needle.examples import ExampleRules, HostLender, Labelled, history, offset_laws, training, until
from models.needle.features import NAMES
from models.needle.figures import at_threshold, choose_shift, class_weights, first_detection, with_intervals
from models.needle.metadata import PAPER_MIX, balance, blend, shifted, train_member
from models.needle.model import SHIPPED, load, verify, write_card
from models.needle.net import cross_entropy, focal_loss, importances, predict, train_net


def bump(peak: float = 18.0, width: float = 20.0, seed: int = 0) -> LightCurve:
    rng = np.random.default_rng(seed)
    mjd = np.sort(rng.uniform(0, 80, 60)) + 59000
    mag = peak + 1.0857 * ((mjd - 59040) / width) ** 2 / 2
    return LightCurve(
        mjd=mjd,
        band=tuple(rng.choice(["g", "r"], 60)),
        mag=mag + rng.normal(0, 0.03, 60),
        mag_error=np.full(60, 0.05),
        limit_mag=np.full(60, np.nan),
        is_limit=np.zeros(60),
    )


def labelled(name: str, label: int, host: Host | None, seed: int = 0, redshift: float = 0.1) -> Labelled:
    return Labelled(
        object_id=name, label=label, kind=NEEDLE_CLASSES[label], curve=bump(seed=seed), ebv_mag=0.02, ra_deg=150.0,
        dec_deg=20.0, redshift=redshift, host=host,
    )  # fmt: skip


GALAXY = Host(mags={"g": 20.0, "r": 19.5}, separation_arcsec=1.0)


def test_history_never_sees_the_future_nor_later_than_ten_days_after_the_peak():
    one = labelled("a", 0, GALAXY)
    x, days = history(one)
    assert (np.diff(days) > 0).all()
    assert days[-1] <= 59040 + 12 + 10 - one.curve.mjd[0]
    cut = history(
        Labelled(**{f: getattr(one, f) for f in Labelled.__dataclass_fields__} | {"curve": until(one.curve, 59020)})
    )[0]
    n = len(cut) - 1  # a half day's detections were cut in two at the very end
    np.testing.assert_allclose(x[:n], cut[:n])


def test_examples_weigh_one_per_object_and_are_the_same_for_the_same_seed():
    objects = [labelled(f"o{i}", i % 3, GALAXY if i % 2 else None, seed=i) for i in range(9)]
    one, two = (training(objects, ExampleRules(), np.random.default_rng(1), offsets=offset_laws(objects)) for _ in "ab")
    np.testing.assert_array_equal(one.x, two.x)
    assert np.bincount(one.object_index, one.weight) == pytest.approx(np.ones(9))


def test_hosts_are_lent_within_the_class_only():
    objects = [labelled("a", 1, Host(mags={"r": 22.0})), labelled("b", 2, GALAXY), labelled("c", 1, None)]
    lender = HostLender(objects, {2: (0.1, 0.1)})
    rng = np.random.default_rng(0)
    lent = [lender.own_or_near(objects[2], rng) for _ in range(20)]
    assert all(host is not None and host.mags == {"r": 22.0} for host in lent)
    assert HostLender([objects[2]], {}).own_or_near(objects[2], rng) is None


def test_balance_gives_core_collapse_its_share():
    label = np.array([0] * 8 + [1, 2])
    collapse = np.array([True] * 2 + [False] * 8)
    w = balance(label, np.ones(10), collapse, 0.28)
    assert w[label == 0].sum() == pytest.approx(w[label == 1].sum()) == pytest.approx(w[label == 2].sum())
    assert w[collapse].sum() / w[label == 0].sum() == pytest.approx(0.28)


def test_blend_is_a_geometric_mean():
    p, q = np.array([[0.7, 0.2, 0.1]]), np.array([[0.2, 0.2, 0.6]])
    expected = p**0.4 * q**0.6
    np.testing.assert_allclose(blend({"TH": p, "T": q}, "TH"), expected / expected.sum())
    np.testing.assert_allclose(blend({"T": q}, "T"), q)


def test_shift_by_the_log_mix_is_bayes():
    p = np.array([[0.2, 0.5, 0.3]])
    np.testing.assert_allclose(shifted(p, np.log(PAPER_MIX)), p * PAPER_MIX / (p * PAPER_MIX).sum())


def test_purity_counts_classes_by_the_paper_mix():
    """Half the SLSNe are found, and one of a thousand SN is mistaken for one."""
    label = np.array([0] * 1000 + [1] * 10)
    p = np.tile([0.98, 0.01, 0.01], (1010, 1))
    p[[0, 1000, 1001, 1002, 1003, 1004]] = [0.05, 0.9, 0.05]
    purity, completeness, _, coverage, found = at_threshold(p, label, np.ones(1010), 1, 0.8)
    assert purity == pytest.approx(14 * 0.5 / (14 * 0.5 + 2.559))
    assert (completeness, coverage, found) == pytest.approx((0.5, 1.0, 0.5))
    interval = with_intervals(p, label, np.arange(1010), np.ones(1010), 1, 0.8, resamples=100)["found"]
    assert interval.low < 0.5 < interval.high


def test_found_counts_undecided_objects_and_completeness_does_not():
    label = np.array([1, 1, 0])
    p = np.array([[0.05, 0.9, 0.05], [0.4, 0.35, 0.25], [1.0, 0, 0]])
    _, completeness, _, coverage, found = at_threshold(p, label, np.ones(3), 1, 0.8)
    assert (completeness, coverage, found) == (1.0, 0.5, 0.5)


def test_the_chosen_shift_gives_the_purity_asked_for():
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1, 2], [5000, 200, 200])
    logits = rng.normal(0, 1, (5400, 3)) + 4.5 * np.eye(3)[label]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    w = np.ones(5400)
    shift = choose_shift(p, label, w, (0.6, 0.6))
    purity = at_threshold(shifted(p, shift), label, w, 1, 0.8)[0]
    assert purity >= 0.55
    assert class_weights(label, w)[label == 2].sum() == pytest.approx(PAPER_MIX[2])


def test_first_detection_is_the_earliest_epoch_with_the_right_name():
    p = np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.1, 0.9, 0.0], [0.9, 0.1, 0.0]])
    got = first_detection(p, np.ones(4, int), np.array([0, 0, 0, 1]), np.array([0.0, 3.0, 6.0, 1.0]), 1, 0.8)
    assert got == {"objects": 2, "ever": 1, "median_days": 3.0}


def test_focal_loss_by_hand_and_no_loss_of_what_is_certain():
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]))
    weight = torch.ones(2)
    by_hand = (0.49 * 0.7**2 * -math.log(0.3) + 0.49 * 0.2**2.5 * -math.log(0.8)) / 2
    assert float(focal_loss(logits, torch.tensor([1, 2]), weight)) == pytest.approx(by_hand, rel=1e-5)
    assert float(cross_entropy(logits, torch.tensor([1, 2]), weight)) == pytest.approx(
        -(math.log(0.3) + math.log(0.8)) / 2, rel=1e-5
    )


def test_the_network_learns_and_bears_missing_features():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 300)
    x = np.column_stack([label + rng.normal(0, 0.2, 300), rng.normal(size=300)])
    x[rng.random(300) < 0.3, 1] = np.nan
    net = train_net(x, label, np.ones(300), importances([9.0, 1.0]), epochs=30, batch=64)
    assert (predict(net, x).argmax(1) == label).mean() > 0.9


def test_trees_learn_and_use_the_features_of_their_kind_alone():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 400)
    x = rng.normal(size=(400, len(NAMES)))
    x[:, NAMES.index("colour_mean")] += label * 2.0
    member = train_member(x, label, np.ones(400), "T", seed=0, rounds=15)
    assert "host_r" not in member.feature_name()
    assert member.feature_name()[int(member.feature_importance("gain").argmax())] == "colour_mean"


@pytest.fixture(scope="module")
def shipped():
    return load()


def test_the_shipped_model_answers_with_and_without_a_host(shipped):
    with_host = shipped.answer(bump(), GALAXY, ebv_mag=0.02)
    without = shipped.answer(bump(), None, position_deg=(150.0, 20.0))
    for got in (with_host, without):
        assert got.verdict is not None
        assert sum(got.verdict.probabilities.values()) == pytest.approx(1.0)
        assert list(got.verdict.probabilities) == list(NEEDLE_CLASSES)
        assert got.verdict.p_mondrian is not None
        assert 0 < got.verdict.p_mondrian <= 1
    assert " TH " in with_host.verdict.model
    assert {str(c.code) for c in without.caveats} >= {"no_host"}


def test_sets_grow_as_alpha_falls_and_completeness_never_lowers_the_rare(shipped):
    strict, open_ = (shipped.answer(bump(), GALAXY, ebv_mag=0.0, prefer=p).verdict for p in ("purity", "completeness"))
    assert set(strict.prediction_sets["0.2"]) <= set(strict.prediction_sets["0.05"])
    assert strict.prediction_sets == open_.prediction_sets
    assert open_.probabilities["SN"] <= strict.probabilities["SN"]


def test_nothing_to_go_by_is_a_reason(shipped):
    faint = bump(peak=21.5)
    got = shipped.answer(faint, GALAXY, ebv_mag=0.0)
    assert got.verdict is None
    assert "no detection" in got.reason
    assert shipped.answer(None, None).reason == "no light curve"
    with pytest.raises(ValueError, match="prefer"):
        shipped.answer(bump(), None, prefer="both")


def test_a_damaged_model_is_refused(tmp_path, shipped):
    folder = tmp_path / "needle"
    shutil.copytree(SHIPPED, folder)
    file = folder / "T-0.txt.gz"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(BundleError, match="SHA-256 differs"):
        load(folder)
    card = json.loads((folder / "card.json").read_text())
    write_card(folder, card)  # the hash fits again, the file does not
    with pytest.raises(BundleError, match="do not fit together"):
        load(folder)
    with pytest.raises(BundleError, match=r"no readable card\.json"):
        verify(tmp_path)


def test_the_shipped_model_is_small_and_says_how_well_it_does(shipped):
    assert sum(p.stat().st_size for p in SHIPPED.iterdir()) < 3_000_000
    for prefer in ("purity", "completeness"):
        for name in ("SLSN-I", "TDE"):
            assert 0 <= shipped.card["metrics"][prefer]["all"][name]["found"]["value"] <= 1

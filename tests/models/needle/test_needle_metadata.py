"""Examples, trees, hosts, focal loss, figures at the paper's mix, and the shipped model's own word for itself."""

import json
import math
import shutil

import numpy as np
import pytest
import torch

from models.cards import BundleError
from models.domain import NEEDLE_CLASSES, Host, LightCurve
from models.needle.inputs import NAMES, light_curve_inputs
from models.needle.lightcurves import shape, templates
from models.needle.lightcurves.lightcurve import Photometry, clean
from models.needle.metadata import (
    PAPER_MIX,
    TRAINING_MIX,
    mean_of,
    posterior,
    shifted,
)
from models.needle.model import SHIPPED, load, verify, write_card
from models.training.needle.examples import ExampleRules, Labelled, concatenate, histories, training, until
from models.training.needle.figures import (
    at_threshold,
    choose_shift,
    class_weights,
    coverage_band,
    first_detection,
    operating_shift,
    with_intervals,
)
from models.training.needle.metadata import balance, train_member
from models.training.needle.mix import COUNTED, KINDS, kind_index
from models.training.needle.net import cross_entropy, focal_loss, importances, predict, train_net


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


def made_bank() -> templates.Bank:
    """A quick, red supernova, a slow one, a slow blue one, and a slow blue one that stays blue."""
    rows = [
        [18.0, 2.1, 2.6, 1.7, 0.0, 0.0, 0.05],
        [18.5, 3.2, 3.4, 1.7, 0.3, 0.0, 0.02],
        [19.0, 3.3, 3.3, 1.7, -0.1, 0.0, 0.01],
        [18.7, 2.8, 3.4, 1.7, -0.25, 0.0, 0.0],
    ]
    return templates.Bank(parameters=np.array(rows), group=np.arange(4), owner=np.arange(4))


BANK = made_bank()


def test_history_never_sees_the_future_nor_later_than_ten_days_after_the_peak():
    one = labelled("a", 0, GALAXY)
    found = histories([one], ExampleRules(), BANK)
    assert (np.diff(found.days) > 0).all()
    assert found.days[-1] <= 59040 + 12 + 10 - one.curve.mjd[0]
    assert found.as_it_was.all()
    cut = Labelled(**{f: getattr(one, f) for f in Labelled.__dataclass_fields__} | {"curve": until(one.curve, 59020)})
    before = histories([cut], ExampleRules(), BANK)
    n = len(before.x) - 1  # a half day's detections were cut in two at the very end
    assert n > 5
    np.testing.assert_allclose(found.x[:n], before.x[:n])


def test_examples_weigh_one_per_object_and_are_the_same_for_the_same_seed():
    objects = [labelled(f"o{i}", i % 3, GALAXY if i % 2 else None, seed=i) for i in range(6)]
    rules = ExampleRules(rare_epochs=4, per_object=2)
    one, two = (training(objects, rules, BANK, seed=1) for _ in "ab")
    np.testing.assert_array_equal(one.x, two.x)
    assert np.bincount(one.object_index, one.weight) == pytest.approx(np.ones(6))
    assert np.bincount(concatenate([one, two]).object_index, concatenate([one, two]).weight) == pytest.approx(
        np.ones(6)
    )
    rough = np.bincount(one.object_index, ~one.as_it_was)
    assert (rough > 0).all() or rough.sum() >= 6
    assert np.isnan(one.galaxies[one.object_index % 2 == 0]).all()


def test_no_object_meets_its_own_draws():
    points = clean(labelled("a", 0, None).curve, 0.0)
    free, own = (templates.evidence(points, BANK, own=owner) for owner in (-2, 0))
    changed = [n for n, a, b in zip(templates.NAMES, free, own, strict=True) if np.isfinite(a) and not np.isfinite(b)]
    assert "misfit_Ia" in changed


def drawn(p: np.ndarray, n: int, seed: int = 0, last: float = 8.0) -> Photometry:
    rng = np.random.default_rng(seed)
    mjd = np.sort(rng.uniform(-25, last, n))
    band = rng.choice(["g", "r"], n)
    mag = p[0] + templates.relative(mjd, band == "g", p[1:]) + rng.normal(0, 0.05, n)
    return Photometry(mjd=mjd + 59000, band=band, mag=mag, mag_error=np.full(n, 0.05))


def test_the_evidence_is_for_the_class_a_light_curve_was_drawn_from_and_grows_with_it():
    for group in range(1, 4):
        for names in ("evidence", "shape_evidence"):
            index = [templates.NAMES.index(f"{names}_{g}") for g in templates.GROUPS[1:]]
            many = templates.evidence(drawn(BANK.parameters[group], 25), BANK)[index]
            assert many.argmax() == group - 1
            assert many.max() > 3
    quick = templates.evidence(drawn(BANK.parameters[0], 25), BANK)
    assert max(quick[:3]) < -3
    one = templates.evidence(drawn(BANK.parameters[3], 1), BANK)
    assert np.abs(one[3:6]).max() < 1.0


def test_the_fit_finds_what_was_drawn_and_the_peak():
    truth = BANK.parameters[2]
    found = templates.fit(drawn(truth, 60, last=19.0))
    assert found is not None
    assert found[0] == pytest.approx(truth[0], abs=0.1)
    assert found[1] == pytest.approx(truth[1], abs=0.3)
    assert found[4] == pytest.approx(truth[4], abs=0.06)
    assert templates.fit(drawn(truth, 2)) is None
    points = drawn(truth, 40, last=3.0)
    to_peak = templates.evidence(points, BANK)[templates.NAMES.index("to_peak_SLSN")]
    assert to_peak == pytest.approx(59000 - points.mjd[-1], abs=3)


def test_draws_are_scattered_within_bounds_and_named_after_their_objects():
    fits = [(i, i % 4, BANK.parameters[i % 4] + 0.01 * i) for i in range(40)]
    bank = templates.scattered(fits, np.random.default_rng(0), most=(5, 250))
    assert np.bincount(bank.group).tolist() == [5, 10, 10, 20]
    assert (bank.group == bank.owner % 4).all()
    assert (bank.parameters >= templates.LOWEST).all()
    exact = [np.abs(bank.parameters - p).max(1).min() for _, _, p in fits]
    assert min(exact) > 1e-6


def test_a_lone_early_detection_is_no_discovery():
    real = drawn(BANK.parameters[2], 20)
    lone = Photometry(
        mjd=np.append(real.mjd[0] - 40, real.mjd), band=np.append("r", real.band), mag=np.append(20.0, real.mag),
        mag_error=np.append(0.2, real.mag_error),
    )  # fmt: skip
    np.testing.assert_array_equal(shape.trusted(lone).mjd, real.mjd)
    assert len(shape.trusted(lone.where(np.arange(21) == 0))) == 1
    np.testing.assert_allclose(shape.shape(shape.trusted(lone)), shape.shape(real))


def test_the_shape_is_what_was_drawn():
    days = np.repeat(np.arange(0.0, 21.0, 2.0), 2)
    band = np.tile(["g", "r"], 11)
    mag = 19.0 - 0.05 * days + np.where(band == "g", -0.2, 0.0)
    points = Photometry(mjd=59000 + days, band=band, mag=mag, mag_error=np.full(22, 0.03))
    found = dict(zip(shape.NAMES, shape.shape(points), strict=True))
    assert found["fit_slope"] == pytest.approx(-0.5, abs=0.05)
    assert found["fit_colour"] == pytest.approx(-0.2, abs=0.03)
    assert found["slope_20"] == pytest.approx(-0.5, abs=0.05)
    assert found["fit_mag"] == pytest.approx(18.0, abs=0.05)
    assert (found["run_days"], found["within_one"]) == pytest.approx((20.0, 20.0), abs=2.1)
    assert found["within_half"] == pytest.approx(12.0, abs=3.0)


def test_the_band_of_coverage_holds_what_draws_give():
    rng = np.random.default_rng(1)
    shares = []
    for _ in range(1500):
        known, new = rng.random(100), rng.random(40)
        shares.append(np.mean([(np.sum(known >= s) + 1) / 101 > 0.1 for s in new]))
    low, high = coverage_band([(100, 40)], 0.1)
    assert 0.93 < np.mean((np.array(shares) >= low) & (np.array(shares) <= high)) < 0.99
    assert coverage_band([(5, 10)], 0.1) == (1.0, 1.0)  # five objects give no p-value below a sixth
    wide, narrow = (np.ptp(coverage_band([(n, n), (n, n)], 0.1)) for n in (50, 5000))
    assert narrow < 0.2 * wide


def test_balance_gives_the_kinds_their_shares():
    label = np.array([0] * 8 + [1, 2])
    kind = kind_index(["SN II"] * 2 + ["SN Ia"] * 5 + ["SN IIn/Ibn"] + ["SLSN-I", "TDE"])
    w = balance(label, np.ones(10), kind)
    assert w[label == 0].sum() == pytest.approx(w[label == 1].sum()) == pytest.approx(w[label == 2].sum())
    shares = [w[kind == KINDS.index(k)].sum() / w[label == 0].sum() for k in ("SN Ia", "SN II", "SN IIn")]
    known = [COUNTED[k] / sum(COUNTED[k] for k in ("SN Ia", "SN II", "SN IIn")) for k in ("SN Ia", "SN II", "SN IIn")]
    assert shares == pytest.approx(known)


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


def test_the_operating_shift_holds_a_purity_or_finds_a_share_though_classes_compete():
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1, 2], [5000, 200, 200])
    logits = rng.normal(0, 1.2, (5400, 3)) + 4.0 * np.eye(3)[label]
    logits[label == 2, 1] += 2.0
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    w = np.ones(5400)
    pure = posterior(p, operating_shift(p, label, w, purities=(0.7, 0.5)))
    for target, wanted in ((1, 0.7), (2, 0.5)):
        assert at_threshold(pure, label, w, target, 0.8)[0] >= wanted - 0.03
    open_ = posterior(p, operating_shift(p, label, w, found=(0.5, 0.5)))
    for target in (1, 2):
        assert 0.5 <= at_threshold(open_, label, w, target, 0.8)[4] < 0.57


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


def test_trees_learn_from_rare_classes_and_answer_for_equal_shares():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 600)
    x = rng.normal(size=(600, len(NAMES)))
    x[:, NAMES.index("fit_colour")] += label * 3.0
    member = train_member(x, label, np.ones(600), seed=0, rounds=400)
    assert member.feature_name()[int(member.feature_importance("gain").argmax())] == "fit_colour"
    assert (mean_of([member], x).argmax(1) == label).mean() > 0.8
    assert (member.predict(x).argmax(1) == 0).mean() > 0.5  # as rare as they were taught to be
    np.testing.assert_allclose(
        mean_of([member], x), shifted(np.asarray(member.predict(x)), -np.log(TRAINING_MIX)), rtol=1e-6
    )


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


def test_a_host_far_away_makes_a_slsn_and_a_near_one_does_not(shipped):
    def answer(z: float | None):
        host = Host(mags={"g": 20.0, "r": 19.5}, separation_arcsec=1.0, redshift=z)
        return shipped.answer(bump(), host, ebv_mag=0.02).verdict

    near, unknown, far = (answer(z).probabilities["SLSN-I"] for z in (0.06, None, 0.35))
    assert near < unknown < far
    alone = shipped.answer(bump(), Host(redshift=0.06), ebv_mag=0.02)
    assert " TH " in alone.verdict.model
    assert not alone.caveats or "no_host" not in {str(c.code) for c in alone.caveats}


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
    file = folder / "0.txt.gz"
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


def test_the_history_ends_with_the_answer_and_knows_no_future(shipped):
    curve = bump()
    history = shipped.history(curve, GALAXY, ebv_mag=0.02)
    assert (np.diff(history.mjd) > 0).all()
    assert history.probabilities.sum(1) == pytest.approx(1.0)
    answer = shipped.answer(curve, GALAXY, ebv_mag=0.02)
    assert (history.n_g[-1], history.n_r[-1]) == (answer.n_g, answer.n_r)
    np.testing.assert_allclose(history.probabilities[-1], list(answer.verdict.probabilities.values()))
    early = shipped.history(until(curve, 59030), GALAXY, ebv_mag=0.02)
    n = len(early.mjd) - 1
    np.testing.assert_allclose(history.probabilities[:n], early.probabilities[:n])
    assert len(shipped.history(bump(peak=22.0), None).mjd) == 0


def test_inputs_are_all_there_for_one_detection(shipped):
    one = drawn(BANK.parameters[1], 1)
    x = light_curve_inputs(one, shipped.bank)
    assert x.shape == (len(NAMES),)
    assert np.isfinite(x[[NAMES.index(n) for n in (*shape.NAMES, *templates.NAMES)]]).all()

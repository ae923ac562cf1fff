"""Restoration, masking, augmentation, and the whole way of one object's stamps."""

import numpy as np
import pytest
from skimage.metrics import structural_similarity as scikit_image
from sklearn.cluster import DBSCAN

from models.domain import CaveatCode, Cutouts
from models.needle.images.mask import MIN_NEIGHBOURS, cluster, mask_pair, match_intensity, object_mask
from models.needle.images.noise import noise_pixels
from models.needle.images.prepare import EARLIER, prepare
from models.needle.images.quality import Checker, facts
from models.needle.images.restore import difference_mask, restore, similarity, structural_similarity
from models.needle.images.stamps import CENTER, PADDING, missing, stretch
from models.training.needle.augment import augment, turned
from tests.models.needle.stamps import LEVEL, SIGMA, field, sky, star


class ByFacts(Checker):
    """A checker whose network calls everything good, so that facts decide."""

    def __init__(self, p: float = 0.9) -> None:
        self.threshold, self._p = 0.75, p

    def p_good(self, images):
        return np.full(len(images), self._p)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_equation_2_gives_the_other_image_its_mean_and_deviation():
    values, like = sky(1) * 3 + 70, field()
    matched = match_intensity(values, like=like)
    assert matched.mean() == pytest.approx(like.mean())
    assert matched.std() == pytest.approx(like.std())
    by_hand = (values - values.mean()) * (like.std() / values.std()) + like.mean()
    np.testing.assert_allclose(matched, by_hand)


def test_similarity_is_that_of_scikit_image_on_stretched_images():
    bad, good = field(1), field(2)
    bad[:8] = np.nan
    first, second = stretch(bad).astype(float), stretch(good).astype(float)
    span = max(first.max(), second.max()) + 10
    _, expected = scikit_image(first, second, win_size=7, data_range=span, full=True)
    np.testing.assert_allclose(similarity(bad, good), expected)
    assert similarity(bad, good)[:8].mean() < 0.2 < 0.6 < similarity(bad, good)[12:].mean()


@pytest.mark.parametrize("seed", range(5))
def test_structural_similarity_of_random_images(seed):
    first, second = np.random.default_rng(seed).normal(0, 10.0**seed, (2, 31, 44))
    second = 0.2 * seed * first + second
    _, expected = scikit_image(first, second, win_size=7, data_range=3.0 * 10.0**seed, full=True)
    np.testing.assert_allclose(structural_similarity(first, second, 3.0 * 10.0**seed), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("value", [np.nan, PADDING, -3.4e38, 55_000.0])
def test_a_bad_strip_is_replaced_by_the_scaled_good_one(value):
    truth = field(1)
    bad, good = truth.copy(), field(2) * 2.0 + 40
    bad[40:55] = value
    found = restore(bad, good, rng())
    assert found.image is not None
    assert facts(found.image) == ()
    assert found.replaced[40:55].all()
    assert found.replaced.sum() < 15 * 60 + 40
    np.testing.assert_array_equal(found.image[~found.replaced], bad[~found.replaced])
    # The star there comes back with its brightness, the sky with its level.
    assert found.image[46:51, 48:53].sum() == pytest.approx(truth[46:51, 48:53].sum(), rel=0.1)
    assert np.median(found.image[40:55, :40]) == pytest.approx(LEVEL, abs=SIGMA)


def test_a_dark_spot_and_a_bright_column_are_found_and_a_transient_is_not():
    bad, good = field(1), field(2, transient=0.0)
    bad[20:23, 40:43] -= 400
    bad[:, 55] += 2000
    mask = difference_mask(bad, good)
    assert mask[20:23, 40:43].all()
    assert mask[:, 55].mean() > 0.9
    assert not mask[26:35, 26:35].any()


def test_seeing_is_no_damage():
    bad = sky(1) + star(30, 30, 600) + star(10, 12, 3000, 1.3)
    good = sky(2) + star(30, 30, 400, 1.6) + star(10, 12, 2000, 1.6)
    assert difference_mask(bad, good).sum() <= 4


def test_what_both_lack_is_filled_with_noise_if_far_from_the_transient():
    bad, good = field(1), field(2)
    bad[:6] = good[:9] = np.nan
    found = restore(bad, good, rng())
    assert found.noise[:6].all()
    assert not missing(found.image).any()
    assert found.image[:6].mean() == pytest.approx(LEVEL, abs=SIGMA)
    assert found.image[:6].max() < LEVEL + 5 * SIGMA


def test_restoration_is_given_up_with_a_reason():
    lost, half = field(1), field(1)
    lost[CENTER, CENTER] = np.nan
    half[:27] = np.nan
    assert "own pixels" in restore(lost, field(2), rng()).reason
    assert "beside the transient" in restore(half, half, rng()).reason
    mostly = field(1)
    mostly[:, :24] = mostly[:, 36:] = np.nan
    assert "% of the pixels bad in both" in restore(mostly, mostly, rng()).reason


def test_masking_keeps_the_transient_with_its_host_and_removes_the_stars():
    pair = mask_pair(field(1), field(2) * 3, rng())
    assert pair.kept[29:32, 29:32].all()
    assert pair.kept[33, 34]
    assert not pair.kept[5:16, 7:18].any()
    assert pair.science[10, 12] < LEVEL + 4 * SIGMA
    np.testing.assert_array_equal(pair.science[pair.kept], field(1)[pair.kept])
    assert pair.reference.mean() == pytest.approx(pair.science.mean())
    assert pair.reference.std() == pytest.approx(pair.science.std())
    assert pair.host_whole


def test_a_host_apart_from_the_transient_is_kept_when_its_place_is_known():
    image = sky() + star(30, 30, 500) + star(30, 45, 900, 2.5)
    assert not object_mask(image)[30, 45]
    assert object_mask(image, (30.5, 44.0))[30, 45]
    assert not object_mask(image, (90.0, 45.0))[30, 45]


def test_empty_sky_leaves_the_fixed_centre_only():
    pair = mask_pair(sky(3), sky(4), rng())
    assert pair.kept.sum() == 9
    assert (cluster(sky(3)) >= 0).mean() < 0.03


@pytest.mark.parametrize("seed", range(6))
def test_clusters_are_those_of_dbscan_in_scikit_learn(seed):
    image = field(seed) + star(20, 23, 900, 2.0) + star(24, 25, 500, 1.0)
    image[5:9, 40:44] = np.nan
    there = ~missing(image)
    bright = np.argwhere(there & (np.where(there, image, -np.inf) > image[noise_pixels(image)].max()))
    expected = np.full(image.shape, -1)
    expected[tuple(bright.T)] = DBSCAN(eps=1.5, min_samples=MIN_NEIGHBOURS).fit_predict(bright)
    assert expected.max() >= 2
    np.testing.assert_array_equal(cluster(image), expected)


def test_a_blank_image_breaks_nothing():
    pair = mask_pair(np.zeros((60, 60)), np.full((60, 60), np.nan), rng())
    assert np.isfinite(pair.science).all()
    assert np.isfinite(pair.reference).all()


def test_any_angle_keeps_the_transient_central_and_what_is_kept_whole():
    pair = mask_pair(field(1), field(2), rng())
    for degrees in (0.0, 37.0, 90.0, 211.5):
        moved = turned(pair, degrees, rng())
        assert moved.kept[CENTER, CENTER]
        assert moved.kept.sum() == pytest.approx(pair.kept.sum(), rel=0.15)
        peak = np.unravel_index(np.where(moved.kept, moved.science, 0).argmax(), (60, 60))
        assert max(abs(peak[0] - CENTER), abs(peak[1] - CENTER)) <= 1
        assert np.isin(moved.science[~moved.kept], pair.noise_science).all()


def test_a_host_cut_by_the_edge_is_only_turned_by_quarters():
    galaxy = star(30, 10, 900, 9.0)
    pair = mask_pair(sky(1) + galaxy + star(30, 30, 500), sky(2) + galaxy, rng(), host_yx=(30, 10))
    assert not pair.host_whole
    for seed in range(8):
        moved = augment(pair, rng(seed))
        assert np.sort(moved.science.ravel()) == pytest.approx(np.sort(pair.science.ravel()))
        assert moved.kept.sum() == pair.kept.sum()


def epoch(mjd, science=None, template=None, center=None):
    return Cutouts(candid=str(int(mjd)), band="r", mjd=mjd, science=science, template=template, center_yx=center)


def whole(seed):
    out = sky(seed, 63)
    return out + star(31, 31, 600, size=63) + star(12, 50, 2000, size=63)


def damaged(seed):
    out = whole(seed)
    out[:10] = np.nan
    return out


def test_a_good_pair_needs_nothing():
    found = prepare([epoch(1.0, whole(1), whole(2)), epoch(2.0, whole(3), whole(4))], ByFacts())
    assert found.pair is not None
    assert found.caveats == ()
    assert found.science.candid == found.reference.candid == "2"
    assert not found.restored
    assert found.quality == 0.9


def test_a_good_earlier_epoch_stands_in_before_anything_is_restored():
    found = prepare([epoch(1.0, whole(1), whole(2)), epoch(2.0, damaged(3), whole(4))], ByFacts())
    assert (found.science.candid, found.reference.candid) == ("1", "2")
    assert [c.code for c in found.caveats] == [CaveatCode.BAD_IMAGE]
    assert not found.restored


def test_epochs_long_past_do_not_stand_in():
    bad = [epoch(10.0 + i, damaged(i), whole(i)) for i in range(EARLIER + 1)]
    found = prepare([epoch(1.0, whole(1), whole(2)), *bad], ByFacts())
    assert found.restored
    assert found.science.candid == "15"


@pytest.mark.parametrize("side", ["science", "template"])
def test_restoration_goes_both_ways(side):
    stamps = {"science": whole(1), "template": whole(2), side: damaged(3)}
    found = prepare([epoch(1.0, **stamps)], ByFacts())
    assert found.restored
    assert [c.code for c in found.caveats] == [CaveatCode.IMAGE_RESTORED]
    assert "600 pixels replaced" in found.caveats[0].text or "540 pixels replaced" in found.caveats[0].text


def test_stamps_cut_by_the_detector_edge_are_padded_and_filled():
    found = prepare([epoch(1.0, whole(1)[12:], whole(2)[12:], (19.0, 31.0))], ByFacts())
    assert found.pair is not None
    assert "filled with noise" in found.caveats[0].text


@pytest.mark.parametrize(
    ("epochs", "code", "text"),
    [
        ([], CaveatCode.NO_CUTOUTS, "no alert"),
        ([epoch(1.0)], CaveatCode.NO_CUTOUTS, "unreadable"),
        ([epoch(1.0, whole(1)[:, :40], whole(2)[:, :40])], CaveatCode.NO_CUTOUTS, "not known where"),
        ([epoch(1.0, np.full((63, 63), np.nan), whole(2))], CaveatCode.BAD_IMAGE, "own pixels"),
        ([epoch(1.0, np.full((63, 63), 1.0), np.full((63, 63), 1.0))], CaveatCode.BAD_IMAGE, "same value"),
    ],
)
def test_no_answer_has_a_reason(epochs, code, text):
    found = prepare(epochs, ByFacts())
    assert found.pair is None
    assert [c.code for c in found.caveats] == [code]
    assert text in found.caveats[0].text


def test_noise_filled_into_one_image_is_not_copied_into_the_other():
    # The reference has ten times the counts and a sky of its own; both lack the same rows.
    found = prepare([epoch(1.0, damaged(1), damaged(2) * 10 - 1200)], ByFacts())
    assert found.pair is not None
    filled, rest = found.reference.image[:6], found.reference.image[20:26]
    assert np.median(filled) == pytest.approx(np.median(rest), abs=2 * SIGMA * 10)
    assert found.caveats[0].text.count(" 0 pixels replaced") == 2


def test_a_network_that_still_says_bad_is_obeyed():
    found = prepare([epoch(1.0, whole(1), whole(2))], ByFacts(0.3))
    assert found.pair is None
    assert "P(good) 0.30" in found.caveats[0].text


def test_the_same_alert_gives_the_same_images():
    first, second = (prepare([epoch(1.0, damaged(1), whole(2))], ByFacts()) for _ in range(2))
    np.testing.assert_array_equal(first.pair.science, second.pair.science)
    np.testing.assert_array_equal(first.pair.reference, second.pair.reference)

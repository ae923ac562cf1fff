"""Cutting, background, facts, noise, corruption."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain import Host, Target
from models.needle.images.noise import fill, noise_pixels, noise_set
from models.needle.images.quality import facts
from models.needle.images.stamps import (
    CENTER,
    FLOOR,
    PADDING,
    ImageError,
    background,
    central,
    missing,
    sky_offset,
    stretch,
)
from models.training.needle.corrupt import KINDS, SILENT, add_galaxy, corrupt
from tests.models.needle.stamps import LEVEL, SIGMA, field, sky, star


def test_a_whole_stamp_keeps_its_transient_in_the_centre():
    stamp = sky(size=63) + star(31, 31, 500, size=63)
    image = central(stamp)
    assert image.shape == (60, 60)
    assert np.unravel_index(image.argmax(), image.shape) == (CENTER, CENTER)


@settings(deadline=None, max_examples=25)
@given(top=st.integers(0, 30), bottom=st.integers(0, 30), left=st.integers(0, 30), right=st.integers(0, 30))
def test_what_was_cut_off_is_padded_and_the_rest_is_where_it_was(top, bottom, left, right):
    whole = np.arange(63.0 * 63).reshape(63, 63) + 1
    cut = whole[top : 63 - bottom, left : 63 - right]
    image = central(cut, (31.0 - top, 31.0 - left))
    expected = whole[1:61, 1:61].copy()
    inside = np.zeros((63, 63), dtype=bool)
    inside[top : 63 - bottom, left : 63 - right] = True
    expected[~inside[1:61, 1:61]] = PADDING
    np.testing.assert_array_equal(image, expected)


def test_an_incomplete_stamp_of_unknown_position_is_refused():
    with pytest.raises(ImageError, match="not known"):
        central(sky(size=63)[:, :55])
    with pytest.raises(ImageError, match="not in a stamp"):
        central(sky(size=63)[:20], (31.0, 31.0))


def test_missing_pixels_are_every_kind_of_nothing():
    image = sky()
    image[0, :5] = [np.nan, np.inf, -np.inf, PADDING, -3.4e38]
    assert missing(image).sum() == 5
    stretched = stretch(image)
    assert (stretched[0, :5] == FLOOR).all()
    assert np.isfinite(stretched).all()


def test_background_is_that_of_the_sky_and_not_of_the_stars():
    found = background(field())
    assert found.level == pytest.approx(LEVEL, abs=3)
    assert found.sigma == pytest.approx(SIGMA, rel=0.25)
    assert background(np.full((60, 60), np.nan)).sigma == 1.0
    assert background(np.full((60, 60), 5.0)).sigma > 0


@settings(deadline=None, max_examples=25)
@given(st.floats(0.1, 100), st.floats(-1000, 1000))
def test_the_stretch_does_not_depend_on_scale_and_level(scale, shift):
    image = field()
    np.testing.assert_allclose(stretch(image * scale + shift), stretch(image), atol=1e-4)


def test_facts_name_what_is_wrong():
    assert facts(field()) == ()
    holes, burnt = field(), field()
    holes[3, 4:7] = np.nan
    burnt[10, 12] = 50_000
    assert facts(holes) == ("3 of 3600 pixels missing",)
    assert facts(burnt) == ("1 pixels above 30000 counts",)
    assert facts(np.full((60, 60), 7.0)) == ("all pixels have the same value",)


def test_noise_follows_equation_3():
    image = field()
    image[0, 0], image[0, 1] = np.nan, 0.0
    there = image[np.isfinite(image) & (image != 0)]
    dim = there[there <= there.mean() + 3 * there.std()]
    expected = dim[dim < dim.mean() + dim.std()]
    np.testing.assert_array_equal(np.sort(image[noise_pixels(image)]), np.sort(expected))
    noise = noise_set(image)
    assert set(noise) <= set(expected)
    assert noise.max() < LEVEL + 4 * SIGMA


def test_filling_touches_nothing_else_and_is_repeatable():
    image, where = field(), np.zeros((60, 60), dtype=bool)
    where[:5] = True
    first = fill(image, where, noise_set(image), np.random.default_rng(1))
    np.testing.assert_array_equal(first, fill(image, where, noise_set(image), np.random.default_rng(1)))
    np.testing.assert_array_equal(first[5:], image[5:])
    assert np.isin(first[:5], noise_set(image)).all()


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_corruption_changes_a_copy_and_only_silent_ones_leave_no_fact(kind):
    image = field()
    before = image.copy()
    spoiled = [corrupt(image, np.random.default_rng(seed), kind) for seed in range(8)]
    np.testing.assert_array_equal(image, before)
    assert all(not np.array_equal(s, image, equal_nan=True) for s in spoiled)
    if kind not in SILENT and kind != "extremes":
        assert all(facts(s) for s in spoiled)


def test_a_galaxy_adds_light_and_no_fact():
    image = add_galaxy(sky(), np.random.default_rng(0))
    assert image.sum() > sky().sum()
    assert facts(image) == ()


def test_the_offset_has_east_to_the_left():
    target, host = Target(target_id="a", ra_deg=0.0, dec_deg=60.0), Host(ra_deg=359.999, dec_deg=60.001)
    rows, columns = sky_offset(target, host, 1.0)
    assert rows == pytest.approx(3.6)
    assert columns == pytest.approx(1.8)
    assert sky_offset(target, Host(), 1.0) is None

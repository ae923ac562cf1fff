"""Semi-real images: light goes where it should, in the right amount, and nothing of a fold leaks."""

import numpy as np
import pytest

from models.needle.hybrid.inputs import concatenate, masked_input, plain_input
from models.needle.images.mask import mask_pair
from models.needle.images.stamps import CENTER, background
from models.training.needle.examples import fit_all
from models.training.needle.gp import fit
from models.training.needle.hybrid_examples import Galaxies, HybridRules, as_it_was, drawn, real, up_sampled
from models.training.needle.resample import ResampleRules, cross_match
from models.training.needle.semireal import (
    MIN_RADIUS_PIXELS,
    Galaxy,
    draw_galaxy,
    empty_field,
    point_source,
    render,
    sersic,
    zero_difference,
)
from tests.models.needle.hybrids import labelled, real_field
from tests.models.needle.lightcurves.test_needle_lightcurve import supernova
from tests.models.needle.stamps import LEVEL, SIGMA, sky, star


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def galaxy(**changed):
    return Galaxy(**{"mag": 17.0, "radius_pixels": 2.0, "offset_yx": (0.0, 0.0), **changed})


def test_the_transient_has_its_counts_and_is_in_the_science_image_alone():
    field = real_field()
    science, reference = render(field, 18.0, None, rng())
    added = science - field.science
    assert added.sum() == pytest.approx(10 ** (-0.4 * (18.0 - 26.2)), rel=0.02)
    assert np.unravel_index(added.argmax(), added.shape) == (CENTER, CENTER)
    np.testing.assert_array_equal(reference, field.reference)


@pytest.mark.parametrize("index", [0.7, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("radius", [1.0, 3.0])
def test_a_galaxy_has_its_light_and_half_of_it_within_its_radius(index, radius):
    light = sersic(galaxy(index=index, radius_pixels=radius))
    assert light.sum() == pytest.approx(1.0, abs=0.1)
    fine = (np.arange(180) + 0.5) / 3 - 0.5 - CENTER
    inside = np.hypot(*np.meshgrid(fine, fine)) <= radius
    assert light[inside].sum() == pytest.approx(0.5, abs=0.1)


def test_a_galaxy_is_where_its_offset_says_in_both_images():
    field = real_field()
    science, reference = render(field, 30.0, galaxy(mag=16.0, offset_yx=(6.0, -9.0), flattening=0.5), rng())
    for before, after in ((field.science, science), (field.reference, reference)):
        light = after - before
        y, x = np.indices(light.shape)
        assert (light * y).sum() / light.sum() == pytest.approx(CENTER + 6, abs=0.4)
        assert (light * x).sum() / light.sum() == pytest.approx(CENTER - 9, abs=0.4)
        assert light.sum() == pytest.approx(10 ** (-0.4 * (16.0 - 26.2)), rel=0.05)


def test_an_offset_in_arcsec_keeps_its_length_in_any_direction():
    drawn_ones = [draw_galaxy(18.0, 0.1, 5.05, rng(seed)) for seed in range(20)]
    assert [np.hypot(*g.offset_yx) for g in drawn_ones] == pytest.approx([5.0] * 20)
    assert len({round(g.offset_yx[0], 2) for g in drawn_ones}) == 20
    assert all(g.radius_pixels == MIN_RADIUS_PIXELS for g in drawn_ones)


def test_the_central_source_is_taken_out_and_the_others_stay():
    field = real_field()
    with_star = type(field)(
        **{name: getattr(field, name) for name in field.__dataclass_fields__}
        | {"science": field.science + star(30, 30, 5000), "reference": field.reference + star(30, 30, 4000)}
    )
    empty = empty_field(with_star, rng())
    assert abs(empty.science[28:33, 28:33].mean() - LEVEL) < 2 * SIGMA
    assert empty.science[28:33, 28:33].std() == pytest.approx(SIGMA, rel=0.5)
    assert empty.science[10, 12] == field.science[10, 12] > LEVEL + 1000


def test_a_field_full_of_one_source_is_not_used():
    field = real_field()
    whole = star(30, 30, 8000, 12.0)
    values = {name: getattr(field, name) for name in field.__dataclass_fields__}
    assert empty_field(type(field)(**values | {"science": field.science + whole}), rng()) is None


def test_the_zero_point_is_measured_on_the_stars():
    science, reference = sky(1) + star(20, 20, 4000) * 2.0, sky(2) + star(20, 20, 4000)
    assert zero_difference(science, reference) == pytest.approx(-2.5 * np.log10(2.0), abs=0.05)
    assert zero_difference(sky(1), sky(2)) is None


def test_a_point_source_sums_to_one_at_any_place_in_a_pixel():
    assert point_source(2.0, (0.3, -0.4)).sum() == pytest.approx(1.0)
    assert point_source(2.0)[CENTER, CENTER] > point_source(3.0)[CENTER, CENTER]


def test_both_images_come_on_the_science_images_scale():
    science, reference = sky(1) + star(30, 30, 900), (sky(2) + star(30, 30, 900)) * 7 + 300
    image = plain_input(science, reference).astype(float)
    assert background(image[0]).sigma == pytest.approx(0.2, abs=0.03)
    assert image[0].max() == pytest.approx(image[1].max(), rel=0.1)
    pair = mask_pair(science, reference, rng())
    assert masked_input(pair).shape == (2, 60, 60)


OBJECTS = [
    *(labelled(f"sn{i}", 0, redshift=0.05) for i in range(3)),
    labelled("slsn0", 1, redshift=0.30),
    labelled("slsn1", 1, redshift=0.32, host=False),
    labelled("slsn2", 1, redshift=0.9),
    labelled("tde0", 2, redshift=0.1),
]
FOLDS = [0, 1, 2, 3, 4, 5, 6]
RADII = {"sn0": 2.0, "slsn0": 0.8, "slsn2": 1.5, "tde0": 1.0}


def test_a_host_without_size_gets_one_of_its_class_and_a_hostless_object_one_lent():
    galaxies = Galaxies(OBJECTS, FOLDS, RADII)
    assert galaxies.own(OBJECTS[1], rng()).radius_arcsec == 2.0
    lent = galaxies.own_or_near(OBJECTS[4], rng())
    assert lent.fold == 3  # slsn0 is the only one within 20 % of the redshift
    assert lent.host.mags == OBJECTS[3].host.mags
    assert galaxies.own(OBJECTS[4], rng()) is None


def test_samples_remember_the_folds_of_all_that_went_into_them():
    galaxies, rules = Galaxies(OBJECTS, FOLDS, RADII), HybridRules(per_object=(2, 2))
    seen = real(OBJECTS, range(len(OBJECTS)), rules, galaxies, rng())
    fields = {"g": [real_field(1, fold=8, band="g")], "r": [real_field(2, fold=9)]}
    samples, plain = drawn(seen, FOLDS, fields, rng(), turn=True)
    assert samples.images.shape == plain.shape == (len(seen), 2, 60, 60)
    mine = samples.object_index == 4
    assert set(samples.folds[mine, 0]) == {4}
    assert set(samples.folds[mine, 1]) == {3}
    assert set(samples.folds[:, 2]) <= {8, 9}
    for i in range(len(OBJECTS)):
        assert samples.weight[samples.object_index == i].sum() == pytest.approx(1.0)
    twice = concatenate([samples, samples])
    assert twice.weight[twice.object_index == 4].sum() == pytest.approx(1.0)


def test_evaluation_samples_are_never_lent_a_galaxy_and_never_look_ahead():
    galaxies, rules = Galaxies(OBJECTS, FOLDS, RADII), HybridRules()
    seen = as_it_was(OBJECTS, range(len(OBJECTS)), 3, rules, galaxies, rng())
    assert {s.index for s in seen} == {0, 1, 2, 3, 5, 6}
    assert all(s.host == OBJECTS[s.index].host for s in seen)
    assert all(s.points.mjd[-1] <= 10.0 + 10.0 for s in seen)  # the peak is at day 10
    hostless = as_it_was(OBJECTS, [4], 3, rules, None, rng())
    assert len(hostless) == 3
    assert all(s.host is None and s.galaxy is None for s in hostless)


def test_up_sampling_draws_at_the_redshift_of_the_galaxy_it_is_lent():
    rules = HybridRules()
    fits = dict(fit_all([OBJECTS[3]], rules.early))
    assert "slsn0" in fits
    made = up_sampled(OBJECTS, range(7), 1, 20, rules, Galaxies(OBJECTS, FOLDS, RADII), rng(), fits=fits)
    assert made
    assert {s.galaxy.fold for s in made} == {3}
    assert {s.label for s in made} == {1}


def test_cross_matching_takes_galaxies_within_a_fifth_of_the_redshift_alone():
    curve = fit(supernova())
    redshifts = np.array([0.05, 0.09, 0.1, 0.119, 0.2, np.nan])
    picked = {cross_match(curve, 0.1, redshifts, rng(s))[1] for s in range(40)}
    assert picked == {1, 2, 3}
    assert cross_match(curve, 0.1, np.array([0.3, np.nan]), rng()) is None
    strict = ResampleRules(limit_mag=10.0)
    assert cross_match(curve, 0.1, redshifts, rng(), strict) is None

"""Copies among spectra are found, all of them; spectra that are merely alike are not taken for copies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.lab.dataset.identity.dedup import Arrays, correlation, find_duplicates, identical
from plugin.lab.dataset.identity.sketch import BINS, EDGES_A, features, sketch
from plugin.lab.dataset.identity.unions import Unions


def made(rng: np.random.Generator, pixels: int = 400, noise: float = 0.08) -> Arrays:
    """A continuum with a dozen random broad lines and noise, somewhere about the window."""
    wave = np.linspace(rng.uniform(3500, 3950), rng.uniform(8500, 9500), pixels)
    lines = sum(
        rng.normal(0, 0.15) * np.exp(-(((wave - rng.uniform(3800, 9000)) / rng.uniform(30, 200)) ** 2))
        for _ in range(12)
    )
    return wave, 1.0 + 0.3 * (wave - 6000) / 3000 + lines + rng.normal(0, noise, pixels)


def many(n: int, seed: int = 0) -> list[Arrays]:
    rng = np.random.default_rng(seed)
    return [made(rng) for _ in range(n)]


def near_copy(one: Arrays, rng: np.random.Generator) -> Arrays:
    """Another reduction: recalibrated, resampled to other pixels, a little noise added."""
    wave, flux = one
    other = np.linspace(wave[0] + 3, wave[-1] - 3, wave.size * 2)
    bend = np.polyval([0.1, -0.2, 1.0], (other - 6000) / 3000)
    return other, np.interp(other, wave, flux) * bend * 1e-16 * (1 + rng.normal(0, 0.003, other.size))


def test_every_planted_copy_is_found_and_nothing_else():
    spectra, rng = many(700), np.random.default_rng(5)
    planted = {}
    for k in range(0, 150, 3):
        wave, flux = spectra[k]
        scale = 10.0 ** rng.uniform(-17, 3)
        planted[len(spectra)] = k
        spectra.append((wave, (flux * scale).astype(np.float32).astype(float)))  # scaled and rounded
        planted[len(spectra)] = k + 1
        spectra.append((spectra[k + 1][0][40:360], spectra[k + 1][1][40:360] * scale))  # trimmed at both ends
        planted[len(spectra)] = k + 2
        wave, flux = spectra[k + 2]
        spectra.append((wave, np.where(np.arange(400) % 97 == 5, np.nan, flux)))  # masked here and there
    found = find_duplicates(spectra)
    assert found.identical == tuple((original, copy) for copy, original in sorted(planted.items(), key=lambda x: x[1]))
    assert found.near == ()


def test_every_planted_near_copy_is_flagged_and_nothing_else():
    spectra, rng = many(700), np.random.default_rng(6)
    planted = set()
    for k in range(0, 600, 3):
        planted.add((k, len(spectra)))
        spectra.append(near_copy(spectra[k], rng))
    found = find_duplicates(spectra)
    assert found.identical == ()
    assert {(pair.first, pair.second) for pair in found.near} == planted
    assert min(pair.correlation for pair in found.near) >= 0.99


def test_copies_far_below_and_above_one_do_not_run_under_or_over():
    wave, flux = many(1)[0]
    found = find_duplicates([(wave, flux * 1e-30), (wave, flux * 1e25)])
    assert found.identical == ((0, 1),)


def test_a_change_of_a_thousandth_in_one_pixel_is_not_identical():
    wave, flux = many(1)[0]
    changed = flux.copy()
    changed[200] *= 1.001
    assert identical((wave, flux), (wave, flux * 7))
    assert not identical((wave, flux), (wave, changed))
    assert not identical((wave, flux), (wave, -flux))
    assert not identical((wave, flux), (wave + 0.5, flux))


def test_many_copies_of_one_are_one_cluster():
    wave, flux = many(1)[0]
    found = find_duplicates([(wave, flux * scale) for scale in np.geomspace(1e-3, 1e3, 400)])
    assert found.identical == (tuple(range(400)),)


def test_one_object_and_night_is_held_to_a_lower_correlation():
    rng = np.random.default_rng(2)
    wave, flux = made(rng, noise=0.02)
    pair = [(wave, flux), (wave, flux + rng.normal(0, 0.012, wave.size))]
    alike = correlation(*features(np.array([sketch(*one) for one in pair])))
    assert 0.97 < alike < 0.99
    assert find_duplicates(pair).near == ()
    assert len(find_duplicates(pair, objects=["a", "a"], mjd=[5.0, 5.3]).near) == 1
    assert find_duplicates(pair, objects=["a", "b"], mjd=[5.0, 5.3]).near == ()
    assert find_duplicates(pair, objects=["a", "a"], mjd=[5.0, 9.3]).near == ()


@pytest.mark.parametrize("spectra", [[], [(np.array([4000.0, 4001.0]), np.array([np.nan, np.nan]))] * 2])
def test_nothing_and_next_to_nothing(spectra):
    assert find_duplicates(spectra).identical == ()


def test_a_sketch_is_the_mean_over_each_bin_and_missing_where_not_covered():
    wave = np.arange(5000.0, 7001.0, 0.5)
    means = sketch(wave, wave * 2.0)
    middle = (EDGES_A[1:] + EDGES_A[:-1]) / 2
    inside = (EDGES_A[:-1] >= 5000) & (EDGES_A[1:] <= 7000)
    np.testing.assert_allclose(means[inside], 2 * middle[inside])
    assert np.isnan(means[~inside]).all()
    assert means.size == BINS


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), max_size=60))
def test_unions_are_what_can_be_reached(pairs):
    unions = Unions(40)
    reach = np.eye(40, dtype=int)
    for i, j in pairs:
        unions.join(i, j)
        reach[i, j] = reach[j, i] = 1
    for _ in range(6):
        reach = ((reach @ reach) > 0).astype(int)
    assert all(unions.joined(i, j) == bool(reach[i, j]) for i in range(40) for j in range(40))
    assert all(unions.root(i) == int(np.argmax(reach[i])) for i in range(40))

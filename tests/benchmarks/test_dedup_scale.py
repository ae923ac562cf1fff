"""Copies among a hundred thousand spectra: how long it takes, and whether all that were planted are found."""

import time

import numpy as np
import pytest

from plugin.lab.dataset.identity.dedup import NEAR_CORRELATION, Arrays, correlation, find_duplicates
from plugin.lab.dataset.identity.sketch import features, sketch

COUNT, PLANTED = 100_000, 1_000
TEMPLATES = 4_000


def templates(rng: np.random.Generator) -> np.ndarray:
    """Continua with broad lines on one grid, invented."""
    wave = np.linspace(3700.0, 9300.0, 500)
    found = np.ones((TEMPLATES, wave.size)) + 0.3 * rng.normal(size=(TEMPLATES, 1)) * (wave - 6000) / 3000
    for _ in range(12):
        at, width = rng.uniform(3800, 9000, (TEMPLATES, 1)), rng.uniform(30, 200, (TEMPLATES, 1))
        found += rng.normal(0, 0.15, (TEMPLATES, 1)) * np.exp(-(((wave - at) / width) ** 2))
    return found


def invented(count: int, seed: int = 1) -> list[Arrays]:
    """Mixtures of two templates with noise of their own, each on its own pixels."""
    rng = np.random.default_rng(seed)
    grid, known = np.linspace(3700.0, 9300.0, 500), templates(rng)
    made = []
    for _ in range(count):
        wave = np.linspace(rng.uniform(3750, 3950), rng.uniform(8600, 9250), int(rng.integers(250, 900)))
        one, other = rng.integers(TEMPLATES, size=2)
        flux = np.interp(wave, grid, known[one] + rng.uniform(0.2, 0.8) * known[other])
        made.append((wave, flux + rng.normal(0, rng.uniform(0.03, 0.15), wave.size)))
    return made


def near_copy(one: Arrays, rng: np.random.Generator) -> Arrays:
    """Another reduction: recalibrated, on other pixels, a little noise added."""
    wave, flux = one
    other = np.linspace(wave[0] + 3, wave[-1] - 3, wave.size * 2)
    bend = np.polyval([0.1, -0.2, 1.0], (other - 6000) / 3000)
    return other, np.interp(other, wave, flux) * bend * 1e-16 * (1 + rng.normal(0, 0.003, other.size))


def likeness(one: Arrays, other: Arrays) -> float:
    first, second = features(np.array([sketch(*one), sketch(*other)]))
    return correlation(first, second)


@pytest.mark.benchmark
def test_a_hundred_thousand_spectra_take_minutes_and_lose_no_copy(capsys):
    spectra, rng = invented(COUNT - 2 * PLANTED), np.random.default_rng(2)
    chosen = rng.choice(len(spectra), 2 * PLANTED, replace=False)
    exact, near = {}, {}
    for k in chosen[:PLANTED]:
        exact[len(spectra)] = int(k)
        spectra.append((spectra[k][0], spectra[k][1] * 10.0 ** rng.uniform(-17, 3)))
    for k in chosen[PLANTED:]:
        near[len(spectra)] = int(k)
        spectra.append(near_copy(spectra[k], rng))
    begun = time.process_time()
    found = find_duplicates(spectra)
    minutes = (time.process_time() - begun) / 60
    pairs = {tuple(cluster) for cluster in found.identical}
    flagged = {(pair.first, pair.second) for pair in found.near}
    # On coarse pixels interpolation alone makes a few of them less alike than what counts as near.
    alike = {(one, copy) for copy, one in near.items() if likeness(spectra[one], spectra[copy]) >= NEAR_CORRELATION}
    with capsys.disabled():
        print(f"\n{COUNT} spectra: {minutes:.1f} minutes of one core; of {PLANTED} exact copies {len(pairs)} found,")
        print(f"of {PLANTED} near ones {len(alike)} are near, and {len(alike & flagged)} of these were found")
    assert {(original, copy) for copy, original in exact.items()} == pairs
    assert len(alike) > 0.95 * PLANTED
    assert alike <= flagged

"""What matching adds to an answer, against the time of as many floating-point operations in one matrix product.

Processor time: machines differ, and the same machine from minute to minute; the ratio is of one run.
"""

import time
from dataclasses import replace

import numpy as np
import pytest

from models.analyst import Analyst
from models.bundle import load
from models.domain import FINE_CLASSES, Spectrum
from models.matching.grid import LENGTH, RECIPES, REDSHIFTS
from models.matching.matcher import Asked
from models.spectral.prepare import prepare
from tests.benchmarks.test_inference import seconds_per_operation

pytestmark = pytest.mark.benchmark
COUNT = 64
MOST_MS = 60.0
WIDEST = 12
"""Spectra that are asked about with every class in question."""


def operations(spectra: float) -> float:
    """What must be done: an inverse transform for every recipe, and four sums that need none."""
    each = 2.5 * LENGTH * np.log2(LENGTH) + 4 * len(REDSHIFTS)
    return spectra * len(RECIPES) * each


def as_observed(matcher, row: int, rng: np.random.Generator) -> Spectrum:
    """A spectrum of the bank at another redshift, with noise."""
    wave, flux = matcher.drawn(matcher.bank.ids[row])
    known = np.isfinite(flux)
    noisy = flux[known] * (1 + 0.05 * rng.normal(size=int(known.sum())))
    shift = (1 + float(matcher.bank.redshift[row])) * (1 + rng.uniform(0, 0.01))
    return Spectrum(spectrum_id=str(row), wavelength_A=wave[known] * shift, flux=noisy)


def processor_seconds(matcher, questions: list[Asked]) -> float:
    """Median over some questions."""
    spent = []
    for question in questions:
        begun = time.process_time()
        assert matcher.run(question, 0.05) is not None
        spent.append(time.process_time() - begun)
    return float(np.median(spent))


def test_matching_takes_little_beside_the_networks(capsys) -> None:
    bundle = load()
    if bundle.matching is None:
        pytest.skip("the shipped bundle has no bank of matches")
    matcher, analyst, rng = bundle.matching.matcher, Analyst(bundle), np.random.default_rng(0)
    rows = rng.choice(len(matcher.bank), 4 * COUNT, replace=False)
    spectra = [as_observed(matcher, int(r), rng) for r in rows]
    usable = [s for s in spectra if prepare(s).coverage >= 0.8][:COUNT]
    prepared = [prepare(s) for s in usable]
    begun = time.process_time()
    prediction = bundle.ensemble.predict(prepared)
    networks = (time.process_time() - begun) / len(usable)
    questions = [
        Asked(
            wavelength_A=s.wavelength_A,
            flux=s.flux,
            spacing_A=5.0,
            probabilities=prediction.fine[i],
            embedding=prediction.embedding[i],
            classes=analyst.in_question(prediction.fine[i], 5.0),
            label=int(prediction.fine[i].argmax()),
        )
        for i, s in enumerate(usable)
    ]
    every = [replace(q, classes=list(range(len(FINE_CLASSES)))) for q in questions[:WIDEST]]
    matcher.run(every[0], 0.05)  # the bank is transformed once
    spent, widest = (processor_seconds(matcher, each) for each in (questions, every))
    asked = np.mean([np.isin(matcher.bank.label, [*q.classes, q.label]).sum() for q in questions])
    floor = seconds_per_operation()
    with capsys.disabled():
        for what, seconds, count in (("the set's classes", spent, asked), ("every class", widest, len(matcher.bank))):
            print(
                f"\nmatching, {what} in question: {1e3 * seconds:.1f} ms of processor a spectrum ({count:.0f} of the "
                f"bank asked), {seconds / (operations(count) * floor):.0f} times the floor",
                end="",
            )
        print(f"; the networks {1e3 * networks:.1f} ms")
    assert 1e3 * spent < MOST_MS
    assert 1e3 * widest < MOST_MS

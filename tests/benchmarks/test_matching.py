"""What matching adds to an answer, against the time of as many floating-point operations in one matrix product.

Processor time: machines differ, and the same machine from minute to minute; the ratio is of one run.
"""

import time
from dataclasses import replace

import numpy as np
import pytest

from models.analyst import Analyst
from models.bundle import load
from models.domain import Spectrum
from models.matching.grid import LENGTH, RECIPES
from models.matching.matcher import Asked
from models.spectral.prepare import prepare
from tests.benchmarks.test_inference import seconds_per_operation

pytestmark = pytest.mark.benchmark
COUNT = 64
MOST_MS = 60.0
TRANSFORMS = 1 + 3 * len(RECIPES)
"""Inverse transforms for each spectrum of the bank."""


def as_observed(matcher, row: int, rng: np.random.Generator) -> Spectrum:
    """A spectrum of the bank at another redshift, with noise."""
    wave, flux = matcher.drawn(matcher.bank.ids[row])
    known = np.isfinite(flux)
    noisy = flux[known] * (1 + 0.05 * rng.normal(size=int(known.sum())))
    shift = (1 + float(matcher.bank.redshift[row])) * (1 + rng.uniform(0, 0.01))
    return Spectrum(spectrum_id=str(row), wavelength_A=wave[known] * shift, flux=noisy)


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
    matcher.run(questions[0], 0.05)  # the bank is transformed once
    begun = time.process_time()
    for question in questions:
        assert matcher.run(question, 0.05) is not None
    spent = (time.process_time() - begun) / len(questions)
    asked = np.mean([np.isin(matcher.bank.label, [*q.classes, q.label]).sum() for q in questions])
    work = asked * TRANSFORMS * 2.5 * LENGTH * np.log2(LENGTH)
    whole = replace(questions[0], classes=list(range(7)))
    begun = time.process_time()
    matcher.run(whole, 0.05)
    widest = time.process_time() - begun
    with capsys.disabled():
        print(
            f"\nmatching: {1e3 * spent:.1f} ms of processor a spectrum ({asked:.0f} of {len(matcher.bank)} spectra of"
        )
        print(f"the bank asked), {spent / (work * seconds_per_operation()):.0f} times the floor; ", end="")
        print(f"the networks {1e3 * networks:.1f} ms; every class in question: {1e3 * widest:.1f} ms")
    assert 1e3 * spent < MOST_MS

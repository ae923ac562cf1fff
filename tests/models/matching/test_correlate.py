"""The correlation is what its definition says, however it is summed up; spectra that hardly overlap have none."""

import numpy as np
import pytest

from models.bundle import load
from models.matching.bank import MatchBank
from models.matching.blocks import TOGETHER, blocks
from models.matching.correlate import LEAST_SHARE, Question, correlated
from models.matching.grid import (
    BINS,
    CENTRES_A,
    FEWEST,
    FIRST_BIN,
    FIRST_LAG,
    LAST_BIN,
    RECIPES,
    REDSHIFTS,
    binned,
    flattened,
    runs,
)
from tests.models.matching.synthetic import OBSERVED, bank, matcher, observed


def scores_of(one: MatchBank, values: np.ndarray, mask: np.ndarray) -> list[np.ndarray]:
    found = [np.full((len(one), len(REDSHIFTS)), np.nan, np.float32) for _ in RECIPES]
    correlated(blocks(one, np.arange(len(one))), Question.of(values, mask), found)
    return found


def by_definition(one: MatchBank, rows: np.ndarray, values: np.ndarray, mask: np.ndarray) -> list[np.ndarray]:
    """In double precision, redshift by redshift."""
    known, stored = one.masks()[rows], one.values[rows].astype(np.float32)
    found = []
    for recipe in RECIPES:
        query = flattened(values, mask, recipe).astype(float)
        template = flattened(stored, known, recipe).astype(float)
        scores = np.zeros((len(rows), len(REDSHIFTS)))
        for i in range(len(REDSHIFTS)):
            lag = FIRST_LAG + i
            here, there = slice(max(lag, 0), BINS + min(lag, 0)), slice(max(-lag, 0), BINS - max(lag, 0))
            both = known[:, there] & mask[here]
            shared = both.sum(axis=1)
            product = (template[:, there] * query[here]).sum(axis=1)
            norm = (template[:, there] ** 2 * both).sum(axis=1) * (query[here] ** 2 * both).sum(axis=1)
            score = product / np.sqrt(np.maximum(norm, 1e-9)) * np.sqrt(shared / mask.sum())
            scores[:, i] = np.where(shared > max(LEAST_SHARE * mask.sum(), FEWEST) - 0.5, score, 0.0)
        found.append(scores)
    return found


def test_real_spectra_correlate_as_the_definition_says() -> None:
    """The spectra of the shipped bank, as they were observed, against a part of it."""
    bundle = load()
    if bundle.matching is None:
        pytest.skip("the shipped bundle has no bank of matches")
    whole, rng = bundle.matching.matcher.bank, np.random.default_rng(3)
    drawn = bundle.matching.matcher.drawn
    for row in rng.choice(len(whole), 6, replace=False):
        wave, flux = drawn(whole.ids[row])
        values, mask = binned(wave * (1 + whole.redshift[row]), flux)
        rows = np.sort(rng.choice(len(whole), TOGETHER + 30, replace=False))
        found = [np.empty((len(rows), len(REDSHIFTS)), np.float32) for _ in RECIPES]
        correlated(blocks(whole, rows), Question.of(values, mask), found)
        for score, right in zip(found, by_definition(whole, rows, values, mask), strict=True):
            assert np.abs(right).max() > 0.3
            assert np.abs(score - right).max() < 1e-5


def test_gaps_at_any_place_do_not_count() -> None:
    one, rng = bank(2), np.random.default_rng(0)
    flux = observed(0, 5, 0.06)
    for _ in range(5):
        low = rng.uniform(3700, 9000)
        gapped = np.where(np.abs(OBSERVED - low) < 125, np.nan, flux)
        values, mask = binned(OBSERVED, gapped)
        assert len(runs(mask)) >= 3
        found = scores_of(one, values, mask)
        for score, right in zip(found, by_definition(one, np.arange(len(one)), values, mask), strict=True):
            assert np.abs(score - right).max() < 1e-5


def test_spectra_that_hardly_overlap_do_not_match() -> None:
    """At a redshift at which fewer bins are shared than must be, a score is zero, however well those few fit."""
    wave = np.linspace(8000.0, 9450.0, 400)
    values, mask = binned(wave, 1 + 0.1 * np.sin(wave / 30))
    one = matcher().bank
    scores = scores_of(one, values, mask)
    assert FEWEST <= mask.sum() < 1.5 * FEWEST
    assert all(np.isfinite(s).all() for s in scores)
    at_rest = int(np.argmin(np.abs(REDSHIFTS + 0.01)))
    overlap = (one.masks()[:, 5:] & mask[:-5]).sum(axis=1)
    assert (overlap < FEWEST).any()
    assert all((s[overlap < FEWEST, at_rest] == 0).all() for s in scores)


def test_a_spectrum_stands_on_the_bins_that_running_sums_are_kept_for() -> None:
    _, mask = binned(np.arange(3000.0, 11000.0, 2.0), np.ones(4000))
    inside = runs(mask)
    assert FIRST_BIN <= inside[0][0] < inside[-1][1] <= LAST_BIN
    assert CENTRES_A[inside[0][0]] == pytest.approx(3500.0, abs=30)
    assert sum(end - begin for begin, end in inside) == mask.sum()


def test_without_rows_the_others_keep_their_scores() -> None:
    one = matcher()
    values, mask = binned(OBSERVED, observed(0, 5, 0.06))
    own = np.array(one.bank.objects) == "SN Ia-1"
    every, left = one.correlations(values, mask, [0, 3]), one.correlations(values, mask, [0, 3], own)
    assert len(left.rows) == len(every.rows) - own.sum()
    assert {k: part.stop - part.start for k, part in left.parts.items()} == {0: 5, 3: 6}
    for label in (0, 3):
        assert (one.bank.label[left.rows[left.parts[label]]] == label).all()
    for one_score, other in zip(every.scores, left.scores, strict=True):
        assert np.array_equal(one_score[~own[every.rows]], other)

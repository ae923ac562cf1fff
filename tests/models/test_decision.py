"""A strategy changes the class that is named and nothing else."""

import numpy as np
import pytest

from models.decision import PLAIN, POWER, STRATEGIES, TDE_FACTOR, Decision
from models.domain import FINE_CLASSES, CaveatCode

SHARES = {c: 0.5 if c == "SN Ia" else 0.5 / 6 for c in FINE_CLASSES}


def row(**shares: float) -> np.ndarray:
    given = {name.replace("_", " "): p for name, p in shares.items()}
    return np.array([given.get(c, 0.0) for c in FINE_CLASSES])


def test_the_plain_decision_is_the_most_probable_class() -> None:
    rng = np.random.default_rng(1)
    fine = rng.dirichlet(np.ones(7), 500)
    assert np.array_equal(PLAIN.named(fine), fine.argmax(1))
    assert int(PLAIN.named(fine[0])) == int(fine[0].argmax())


def test_a_tde_counts_for_as_many_mistakes_as_it_says() -> None:
    tde = Decision.of("tde_priority")
    for p, label in ((0.9 / (TDE_FACTOR + 1), "SN Ia"), (1.1 / (TDE_FACTOR + 1), "TDE")):
        assert FINE_CLASSES[int(tde.named(row(SN_Ia=1 - p, TDE=p)))] == label


def test_rare_classes_count_for_more_by_the_mix() -> None:
    decision = Decision.of("cost_sensitive", SHARES)
    even = (SHARES["SN Ia"] / SHARES["AGN"]) ** POWER  # the odds at which an AGN is named
    for p, label in ((1 / (1 + 1.05 * even), "SN Ia"), (1 / (1 + 0.95 * even), "AGN")):
        assert FINE_CLASSES[int(decision.named(row(SN_Ia=1 - p, AGN=p)))] == label
    with pytest.raises(ValueError, match="names no mix"):
        Decision.of("cost_sensitive")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_is_named_against_a_more_probable_class_says_so(strategy) -> None:
    decision = Decision.of(strategy, SHARES)
    rng = np.random.default_rng(2)
    told = 0
    for fine in rng.dirichlet(np.full(7, 0.6), 300):
        label = FINE_CLASSES[int(decision.named(fine))]
        caveat = decision.caveat(label, dict(zip(FINE_CLASSES, fine.tolist(), strict=True)))
        top = FINE_CLASSES[int(fine.argmax())]
        assert (caveat is None) == (label == top)
        if caveat is not None:
            told += 1
            assert caveat.code is CaveatCode.BY_STRATEGY
            assert label in caveat.text
            assert top in caveat.text
            assert strategy in caveat.text
    assert (told > 0) == (strategy != "within_seed")

"""Calibration on one's own answers: what is mixed, what is checked, what is refused, what never leaks."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.conformal.domains import HIGH, LOW
from models.domain import FINE_CLASSES
from models.recalibration.checks import ALPHAS, examine, passed
from models.recalibration.combine import SMALLEST, combined, own_domains
from models.recalibration.propose import in_first_half, propose
from models.recalibration.rows import Rows
from models.recalibration.sets import held, members

K = len(FINE_CLASSES)
MIX = np.array([0.5, 0.1, 0.05, 0.2, 0.05, 0.05, 0.05])


def rows(n: int, *, seed: int = 0, sharpness: float = 6.0, spacing: float = 2.0, prefix: str = "own", each: int = 1):
    """Answers that are right about as often as they say; less sharp ones are wrong more often."""
    rng = np.random.default_rng(seed)
    label = rng.choice(K, n, p=MIX)
    logits = rng.normal(size=(n, K))
    logits[np.arange(n), label] += sharpness * rng.uniform(0.3, 1, n)
    fine = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return Rows(
        label=label,
        fine=fine,
        seed_scores=rng.uniform(size=(n, 4)),
        families=rng.uniform(size=(n, 4)),
        epistemic=rng.uniform(0, 0.2, n),
        spacing=np.full(n, spacing),
        coverage=np.ones(n),
        blue_end=np.zeros(n),
        red_end=np.zeros(n),
        objects=np.array([f"{prefix}{i // each}" if prefix else "" for i in range(n)]),
        answered_at=np.arange(n, dtype=float),
        cut=np.zeros(n, bool),
    )


SHIPPED = rows(600, seed=99, prefix="", sharpness=9.0)


@settings(max_examples=20, deadline=None)
@given(n=st.integers(0, 30), seed=st.integers(0, 99))
def test_rows_come_back_from_bytes(n: int, seed: int) -> None:
    one = rows(n, seed=seed, prefix="ZTF 26é")
    back = Rows.from_bytes(one.to_bytes())
    assert back.to_bytes() == one.to_bytes()
    assert back.objects.tolist() == one.objects.tolist()
    assert len(back) == n


def test_another_content_is_another_name_and_damaged_bytes_are_refused() -> None:
    one = rows(50)
    other = replace(one, label=(one.label + 1) % K)
    assert one.fingerprint != other.fingerprint
    for bad in (b"", b"not safetensors", one.to_bytes()[:-30]):
        with pytest.raises(ValueError, match="no calibration spectra"):
            Rows.from_bytes(bad)
    with pytest.raises(ValueError, match="same length"):
        replace(one, label=one.label[:3])


def test_a_domain_with_enough_own_spectra_is_calibrated_on_them_and_others_stay_as_shipped() -> None:
    shipped = Rows.joined([SHIPPED, rows(150, seed=3, spacing=25.0, prefix="")])
    own = Rows.joined([rows(120, spacing=25.0), rows(SMALLEST - 1, seed=1, prefix="few")])
    assert own_domains(own) == [LOW]
    found = combined(shipped, own)
    high, low = (found.rows(found.domain_names == name) for name in (HIGH, LOW))
    assert len(high) == 600
    assert set(high.objects) == {""}
    assert (low.objects != "").sum() == 120


def test_a_class_that_is_hardly_there_keeps_shipped_spectra_in_the_share_that_it_had() -> None:
    own = rows(300)
    own = own.rows((own.label != FINE_CLASSES.index("TDE")) & (own.label != FINE_CLASSES.index("SLSN")))
    found = combined(SHIPPED, own)
    assert set(found.label.tolist()) == set(range(K))
    shipped = found.rows(found.objects == "")
    assert {FINE_CLASSES[k] for k in shipped.label} == {"TDE", "SLSN"}
    share = (SHIPPED.label == FINE_CLASSES.index("TDE")).mean()
    assert (shipped.label == FINE_CLASSES.index("TDE")).sum() == int(np.ceil(share * len(own)))


def test_a_domain_that_was_never_shipped_gets_cells_of_its_own() -> None:
    own = rows(400, seed=5, spacing=25.0, sharpness=5.0)
    new = rows(2000, seed=6, spacing=25.0, sharpness=5.0, prefix="new")
    assert held(SHIPPED, new, 0.05).mean() < 0.9
    found = propose(SHIPPED, own, alpha=0.05)
    assert found.domains == (LOW,)
    assert found.ok, [c for c in found.checks if not c.ok]
    for alpha in ALPHAS:
        spread = 3.5 * np.sqrt(alpha * (1 - alpha) * (1 / 400 + 1 / 2000))
        assert abs(held(found.rows, new, alpha).mean() - (1 - alpha)) < spread + 2 / 400


def test_shuffled_labels_are_refused() -> None:
    for seed in range(5):
        own = rows(300, seed=seed)
        label = np.random.default_rng(seed).permutation(own.label)
        found = propose(SHIPPED, replace(own, label=label), alpha=0.05)
        failed = {check.name for check in found.checks if not check.ok}
        assert not found.ok
        assert {"labels", "labels against sure answers"} <= failed
        unshuffled = propose(SHIPPED, own, alpha=0.05)
        assert all(check.ok for check in unshuffled.checks if check.name.startswith("labels"))


def test_one_class_that_is_poisoned_is_refused() -> None:
    own = rows(600)
    label = np.where(own.label == 3, 0, own.label)  # somebody calls every SN II an SN Ia, and some SNe Ia SN II
    swapped = np.flatnonzero(own.label == 0)[:40]
    label[swapped] = 3
    found = propose(SHIPPED, replace(own, label=label), alpha=0.05)
    assert "labels by class" in {check.name for check in found.checks if not check.ok}


def test_sets_that_would_be_inflated_are_refused() -> None:
    own = rows(600, seed=2, sharpness=3.0)
    found = propose(SHIPPED, own, alpha=0.05)
    assert "size of sets" in {check.name for check in found.checks if not check.ok}


def test_too_few_answers_are_no_calibration() -> None:
    assert not propose(SHIPPED, rows(60), alpha=0.05).ok
    none = rows(0)
    found = propose(SHIPPED, none, alpha=0.05)
    assert (found.ok, found.domains, found.spectra) == (False, (), 0)
    assert len(found.rows) == len(SHIPPED)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), each=st.integers(1, 6))
def test_no_object_is_in_both_halves(seed: int, each: int) -> None:
    own = rows(240, seed=seed, each=each)
    first = np.array([in_first_half(name) for name in own.objects])
    assert not set(own.objects[first]) & set(own.objects[~first])
    checks = examine(SHIPPED, combined(SHIPPED, own), own, own, alpha=0.05)
    assert not passed(checks)  # calibrated and checked on the same objects


def test_only_the_window_counts_and_rare_types_do_not() -> None:
    own = rows(500)
    own = replace(own, label=np.where(np.arange(500) % 10 == 0, -1, own.label))
    found = propose(SHIPPED, own, alpha=0.05, window=300)
    kept = set(found.rows.objects.tolist()) - {""}
    assert kept == {f"own{i}" for i in range(200, 500) if i % 10}
    assert found.spectra == 270


def test_sets_are_those_of_the_analyst_rule() -> None:
    own = rows(50, seed=8)
    limit = np.sort(SHIPPED.nonconformity)[int(np.ceil(601 * 0.9)) - 1]
    np.testing.assert_array_equal(members(SHIPPED, own, 0.1), 1 - own.fine <= limit)
    assert not held(SHIPPED, replace(own, label=np.full(50, -1)), 0.1).any()


def test_each_object_counts_once_with_its_first_answer() -> None:
    own = rows(30, each=3)
    once = replace(own, answered_at=own.answered_at[::-1].copy()).first_of_each_object()
    assert once.answered_at.tolist() == [float(i) for i in range(0, 30, 3)]
    assert len(once) == len(set(own.objects.tolist())) == own.count_objects()


def test_the_time_is_kept() -> None:
    at = datetime(2026, 6, 10).timestamp()
    own = replace(rows(2), answered_at=np.full(2, at))
    assert Rows.from_bytes(own.to_bytes()).answered_at.tolist() == [at, at]

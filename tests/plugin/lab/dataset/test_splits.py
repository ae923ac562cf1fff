from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.lab.dataset.identity.splits import DEFAULT_FRACTIONS, assign_splits, splits_hash

GROUPS = [f"obj{i:04d}" for i in range(1000)]
CLASSES = ["SN Ia"] * 700 + ["SN II"] * 280 + ["TDE"] * 20


def test_every_class_is_dealt_out_in_the_shares_asked_for():
    assignment = assign_splits(GROUPS, CLASSES)
    for name, size in Counter(CLASSES).items():
        counts = Counter(assignment[g] for g, c in zip(GROUPS, CLASSES, strict=True) if c == name)
        for split, share in DEFAULT_FRACTIONS.items():
            assert abs(counts[split] - share * size) <= 1, (name, split)


def test_the_order_of_the_rows_does_not_matter():
    backwards = assign_splits(GROUPS[::-1], CLASSES[::-1])
    assert backwards == assign_splits(GROUPS, CLASSES)
    assert splits_hash(backwards) == splits_hash(dict(reversed(backwards.items())))


def test_another_seed_deals_differently():
    first, second = assign_splits(GROUPS, CLASSES), assign_splits(GROUPS, CLASSES, seed=7)
    assert first != second
    assert splits_hash(first) != splits_hash(second)


def test_all_spectra_of_an_object_stay_together_and_count_once():
    assignment = assign_splits(["a"] * 500 + ["b", "c", "d"], ["SN Ia"] * 503)
    assert sorted(assignment) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(("classes", "expected"), [(["TDE", "AGN", "TDE"], "TDE"), (["TDE", "AGN"], "AGN")])
def test_an_object_with_two_classes_counts_under_the_commoner(classes, expected):
    fractions = {"a": 0.5, "b": 0.5}
    mixed = assign_splits(["x"] * len(classes) + ["z"], [*classes, expected], fractions=fractions)
    assert mixed["x"] != mixed["z"], "two objects of one class are dealt alternately"


def test_an_object_never_moves_when_the_data_grow():
    first = assign_splits(GROUPS[:600], CLASSES[:600])
    grown = assign_splits(GROUPS, CLASSES, existing=first)
    assert {group: grown[group] for group in first} == first
    counts = Counter(grown.values())
    for split, share in DEFAULT_FRACTIONS.items():
        assert abs(counts[split] - 1000 * share) <= 3


def test_an_object_that_left_the_data_keeps_its_place():
    assert assign_splits(["a"], ["SN Ia"], existing={"gone": "test"})["gone"] == "test"


@given(st.lists(st.tuples(st.text(max_size=3), st.sampled_from(["A", "B"])), max_size=60))
def test_every_object_gets_exactly_one_known_split(rows):
    assignment = assign_splits([g for g, _ in rows], [c for _, c in rows])
    assert set(assignment) == {g for g, _ in rows}
    assert set(assignment.values()) <= set(DEFAULT_FRACTIONS)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"groups": ["a"], "classes": []},
        {"groups": [], "classes": [], "fractions": {}},
        {"groups": [], "classes": [], "fractions": {"train": 0.7, "test": 0.2}},
        {"groups": [], "classes": [], "fractions": {"train": 1.5, "test": -0.5}},
        {"groups": ["a"], "classes": ["x"], "existing": {"a": "holdout"}},
    ],
)
def test_nonsense_is_refused(kwargs):
    with pytest.raises(ValueError):
        assign_splits(**kwargs)

"""Objects under several names stay together, and nothing that was placed moves."""

from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.lab.dataset.identity.aliases import alias_groups, assign_linked
from plugin.lab.dataset.identity.splits import assign_splits

OBJECTS = [f"obj{i:03d}" for i in range(200)]


def test_shared_names_and_pairs_make_one_group():
    groups = alias_groups({"a": ["SN1"], "b": ["sn1 "], "c": [], "d": ["a"], "e": []}, [("c", "e")])
    assert groups == {"a": "a", "b": "a", "c": "c", "d": "a", "e": "c"}


def test_without_links_it_is_the_plain_split():
    classes = ["SN Ia"] * 200
    found = assign_linked(OBJECTS, classes, alias_groups(dict.fromkeys(OBJECTS, ())))
    assert found.assignment == assign_splits(OBJECTS, classes)
    assert found.conflicts == ()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(OBJECTS), st.sampled_from(OBJECTS)), max_size=80), st.integers(1, 199))
def test_groups_stay_together_and_objects_stay_put(pairs, early):
    classes = ["SN Ia" if i % 3 else "TDE" for i in range(200)]
    groups = alias_groups(dict.fromkeys(OBJECTS, ()), pairs)
    first = assign_linked(OBJECTS[:early], classes[:early], groups)
    second = assign_linked(OBJECTS, classes, groups, existing=first.assignment)
    assert all(second.assignment[name] == split for name, split in first.assignment.items())
    assert second.conflicts == ()
    assert all(second.assignment[name] == second.assignment[groups[name]] for name in OBJECTS)


def test_a_link_found_too_late_is_a_conflict_and_moves_nobody():
    existing = {"a": "train", "b": "test"}
    found = assign_linked(
        ["a", "b", "c"], ["TDE"] * 3, alias_groups({"a": ["x"], "b": ["x"], "c": ["x"]}), existing=existing
    )
    assert found.conflicts == (("a", "b", "c"),)
    assert {name: found.assignment[name] for name in "ab"} == existing
    assert found.assignment["c"] == "train"


def test_objects_that_are_gone_keep_their_place():
    found = assign_linked(["b"], ["TDE"], alias_groups({"b": ["a"]}), existing={"a": "test", "z": "select"})
    assert found.assignment["z"] == "select"

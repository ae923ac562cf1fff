"""What people say an object is: the unsure do not count, the order is the operator's, disagreement is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iris_client.marshal import parse
from iris_client.protocols import TransientName
from iris_client.taxonomy.trust import settle
from models.domain import HumanLabel, Target

SN_II = TransientName(name="SN 2026abc", type="SN II", source="mirror")


def target(*labels: tuple[str, float | None], **more: str) -> Target:
    return Target(target_id="a", classifications=tuple(HumanLabel(*label) for label in labels), **more)


@pytest.mark.parametrize(
    ("found", "known", "fine"),
    [
        (target(("Ia", 0.2)), SN_II, "SN II"),  # the marshal's doubt does not beat the TNS
        (target(("Ia", 0.2)), None, None),
        (target(("Ia", 0.5)), None, "SN Ia"),
        (target(("Ia", None)), None, "SN Ia"),
        (target(("Ia", 0.9)), SN_II, "SN II"),
        (target(("Ia", 0.9), tns_type="SN Ia"), SN_II, "SN II"),  # the marshal's copy of the TNS is old
        (target(("Ia", 0.6), ("Ic", 0.9)), None, "SN Ibc"),
        (target(("Ia", 0.6), ("Ic", None)), None, "SN Ibc"),
        (target(tns_name="AT 2026abc", tns_type="AT"), None, None),
        (target(("Ia", 0.0)), None, None),
    ],
)
def test_who_counts(found: Target, known: TransientName | None, fine: str | None) -> None:
    settled = settle(found, known)
    assert settled.label.fine == fine
    assert settled.typed == (fine is not None)


def test_the_order_is_the_operators_and_who_is_left_out_does_not_count() -> None:
    found = target(("Ia", 0.9))
    assert settle(found, SN_II, order=("marshal", "tns")).label.fine == "SN Ia"
    assert settle(found, SN_II, order=("tns",)).label.fine == "SN II"
    assert not settle(target(("Ia", 0.9)), order=("tns",)).typed
    assert not settle(target(tns_type="SN II", tns_name="SN 2026abc"), order=("marshal",)).typed


def test_disagreement_is_told_and_agreement_in_other_words_is_none() -> None:
    assert settle(target(("Ia", 0.9)), SN_II).conflict == "TNS: SN II; marshal: Ia (p 0.90)"
    assert settle(target(("IIP", None), ("Type II", 0.7)), SN_II).conflict is None
    assert settle(target(("Ia", 0.4)), SN_II).conflict is None
    assert settle(target(("Other", None)), SN_II).conflict is None
    assert settle(target(("Ia", None), ("AGN", None))).conflict == "marshal: Ia; marshal: AGN"


def test_a_name_that_only_typed_objects_have_says_that_it_is_typed() -> None:
    assert settle(target(tns_name="TDE 2026abc")).typed
    assert settle(target(), TransientName(name="SN 2026abc", source="mirror")).typed
    assert not settle(target(tns_name="AT 2026abc")).typed
    assert not settle(target(tns_name="2026abc")).typed


def test_probabilities_come_from_the_marshals_rows_and_odd_ones_are_none() -> None:
    rows = [("Ia", 0.2), ("Ia", 0.4), ("II", None), ("II", 0.1), ("Ic", 7), ("Ib", "x"), ("TDE", True), ("CV", -0.1)]
    found = parse.target({"id": "a", "classifications": [{"classification": n, "probability": p} for n, p in rows]})
    assert {one.name: one.probability for one in found.classifications} == {
        "Ia": 0.4, "II": None, "Ic": None, "Ib": None, "TDE": None, "CV": None,
    }  # fmt: skip


labels = st.lists(
    st.tuples(st.sampled_from(["Ia", "II", "IIP", "Ic", "AGN", "Other", "Zz"]), st.none() | st.floats(0, 1))
)
kinds = st.none() | st.sampled_from(["SN Ia", "SN II", "AT", "", "Zz"])


@given(labels, kinds, kinds)
def test_every_label_is_counted_or_doubtful_and_the_first_is_of_the_first(given_labels, copied, looked_up) -> None:
    known = TransientName(name="AT 2026a", type=looked_up, source="api")
    found = target(*dict(given_labels).items(), tns_type=copied)
    settled = settle(found, known)
    of_tns = looked_up not in (None, "AT", "") or copied not in (None, "AT", "")
    assert len(settled.counted) + len(settled.doubtful) == len(found.classifications) + of_tns
    assert all(said.probability < 0.5 for said in settled.doubtful)
    if settled.counted and settled.label.fine:
        first = settled.counted[0].by
        assert settled.label.fine in {said.label.fine for said in settled.counted if said.by == first}

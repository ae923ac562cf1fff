"""The ten classes and six categories of Table XIV agree with the seven that the network has."""

import pytest

from iris_client.taxonomy.kinds import category, ten_class
from iris_client.taxonomy.names import translate
from iris_client.taxonomy.table import FINE_OF, RARE_OF
from models.domain import CATEGORY_OF, FINE_CLASSES, FINE_OF_TEN, SIX_CATEGORIES, TEN_CLASSES


@pytest.mark.parametrize(
    ("raw", "ten", "six"),
    [
        ("SN Ia-91T-like", "SN Ia", "SN Thermo"),
        ("SN IIP", "SN II", "SN CC (H)"),
        ("SN IIn-pec", "SN IIn", "SN CC (H)"),
        ("Ia-02ic", "SN IIn", "SN CC (H)"),
        ("SN Ia-CSM", "SN IIn", "SN CC (H)"),
        ("SN IIb", "SN IIb", "SN CC (H)"),
        ("SN Ibn", "SN Ibn", "SN CC (SE)"),
        ("SN Icn", "SN Ibc", "SN CC (SE)"),
        ("Ic BL|Ic", "SN Ibc", "SN CC (SE)"),
        ("SLSN-II", "SLSN", "SN Lumin"),
        ("U Gem", "CV", "Non-SN"),
        ("II P|IIb|IIb", "SN IIb", "SN CC (H)"),
        ("II P|IIb", "SN II", "SN CC (H)"),
        ("Ib|IIb|IIb", "SN IIb", "SN CC (H)"),
        ("Ca-rich", None, "SN CC (SE)"),
        ("FBOT", None, "Uncertain"),
        ("BL Lac", None, "Non-SN"),
        ("Galaxy", None, None),
        ("SN", None, None),
        ("SN Zz", None, None),
    ],
)
def test_a_type_has_its_class_of_ten_and_its_category(raw, ten, six) -> None:
    assert ten_class(raw) == ten
    assert category(translate(raw)) == six


def test_a_settled_class_counts_before_the_name() -> None:
    assert ten_class("SN IIb", "SLSN") == "SLSN"
    assert ten_class("SN", "SN II") == "SN II"
    assert ten_class("Ia|IIn", "SN II") == "SN IIn"


def test_every_name_keeps_its_class() -> None:
    assert {FINE_OF_TEN[ten_class(name)] == fine for name, fine in FINE_OF.items()} == {True}
    assert {ten_class(name) for name in FINE_OF} == set(TEN_CLASSES) == set(FINE_OF_TEN)
    assert set(CATEGORY_OF) == set(FINE_CLASSES)
    found = {category(translate(name)) for name in (*FINE_OF, *RARE_OF)}
    assert found == {*SIX_CATEGORIES, None}

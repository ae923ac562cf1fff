"""Labels from a file: each line is taken or refused in words, and the same file again changes nothing."""

import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iris_client.protocols import TransientName
from plugin.truth.file import Line, NotATable, Refusal, read_lines, take
from tests.fakes.truth import NOW, file

HEAD = "name,class,probability,date,by\n"


def read(text: str) -> list[Any]:
    return list(read_lines(io.StringIO(text, newline=""), by="table", now=NOW))


def test_a_line_is_read_in_full_or_with_the_least():
    full, short = read(HEAD + 'ZTF26a, SN Ia ,0.95,2026-06-09,"Ann, A."\n\nZTF26b,II P,,,\n')
    assert full == Line(
        number=2,
        name="ZTF26a",
        label="SN Ia",
        probability=0.95,
        told_at=datetime(2026, 6, 9, 23, 59, 59),
        by="Ann, A.",
    )
    assert (short.number, short.name, short.label, short.probability, short.told_at) == (
        4,
        "ZTF26b",
        "II P",
        None,
        None,
    )
    assert short.by == "table"
    (moved,) = read("Class , NAME,mag\nTDE,ZTF26c,18.5\n")
    assert (moved.name, moved.label) == ("ZTF26c", "TDE")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (",SN Ia,,,", "no name"),
        ("a,,,,", "no class"),
        ("a,SN Zz,,,", "no type that we know"),
        ("a,SN,,,", "too general"),
        ("a,SN Ia,nan,,", "no number from 0 to 1"),
        ("a,SN Ia,1.2,,", "no number from 0 to 1"),
        ("a,SN Ia,sure,,", "no number from 0 to 1"),
        ("a,SN Ia,0.3,,", "below 0.5"),
        ("a,SN Ia,,yesterday,", "is none such as"),
        ("a,SN Ia,,2027-01-01,", "in the future"),
        ("a,SN Ia,,,astranet", "our own"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(line, why):
    good, wrong = read(HEAD + "b,SN Ia,,,\n" + line + "\n")
    assert isinstance(good, Line)
    assert str(wrong).startswith("line 3: ")
    assert why in str(wrong)


def test_dates_with_zone_and_time():
    (one,) = read(HEAD + "a,SN Ia,,2026-06-09T10:00:00+02:00,\n")
    assert one.told_at == datetime(2026, 6, 9, 8)
    (one,) = read(HEAD + "a,SN Ia,,2026-06-09T10:00:00Z,\n")
    assert one.told_at == datetime(2026, 6, 9, 10)


def test_one_who_says_two_things_is_heard_once():
    _, wrong = read(HEAD + "a,SN Ia,,,ann\na,SN II,,,ann\n")
    assert "on line 2 already" in str(wrong)


@pytest.mark.parametrize("text", ["", "target,class\n", "name;class\na;SN Ia\n", "\0\n"])
def test_what_is_no_table_is_said(text):
    with pytest.raises(NotATable, match="no column"):
        read(text)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.text(), head=st.booleans())
def test_no_text_breaks_it(text, head):
    try:
        found = read((HEAD if head else "") + text)
    except NotATable:
        return
    assert all(isinstance(one, Line | Refusal) for one in found)


def test_labels_are_taken_for_objects_of_ours(store):
    file(store, "ZTF26a", "1")
    file(store, "ZTF26b", "2")
    with store.begin() as unit:
        unit.names.put("ZTF26b", TransientName(name="SN 2026abc", type="SN Ia", source="api"), NOW)
    text = HEAD + "ZTF26a,SN Ia,0.9,2026-06-01,ann\nSN 2026abc,SN II,,,ann\nZTF99z,SN Ia,,,\n1,TDE,,,bob\na,SN,,,\n"
    done = take(store, read(text), NOW)
    assert (done.new, done.known) == (2, 0)
    assert [one.number for one in done.refused] == [4, 5, 6]
    assert "no answer of ours" in str(done.refused[0])
    assert take(store, read(text), NOW + timedelta(hours=1)).new == 0
    with store.begin(to_read=True) as unit:
        found = unit.truth.settled(["ZTF26a", "ZTF26b"])
    assert (found["ZTF26a"].label, found["ZTF26a"].told_at) == ("SN Ia", datetime(2026, 6, 1, 23, 59, 59))
    assert found["ZTF26b"].label == "SN II"
    corrected = take(store, read(HEAD + "ZTF26a,SN Ib,,,ann\n"), NOW)
    assert (corrected.new, corrected.known) == (1, 0)
    with store.begin(to_read=True) as unit:
        assert [one.withdrawn_at is None for one in unit.truth.given("ZTF26a")] == [False, True]

"""What people change in drafts: counts follow the table, names go where they belong, and what breaks a rule is told."""

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.notes.checker import check
from plugin.notes.review.approval import objections, signed
from plugin.notes.review.authors import Author, read_authors, with_authors
from plugin.notes.review.changes import CannotBe, add, rewritten, take_out, texts_of
from plugin.notes.review.content import content_of, draft_of
from plugin.notes.review.counts import recounted, renamed
from plugin.notes.review.differences import differences
from plugin.notes.review.export import tns_csv, tns_fields
from plugin.notes.wording import APPROVER, counted, named
from tests.fakes.review import make_draft

CLASSES = ("TDE", "SLSN", "SN Ibc", "SN II", "SN Ia")
MORE = make_draft({"ZTF26new": "SLSN", "ZTF26nia": "SN Ia"}).related


def row_of(target_id: str):
    return next(row for row in MORE if row.target_id == target_id)


def test_taking_out_follows_through_every_text() -> None:
    draft = take_out(make_draft(), "ZTF26ia")
    assert "1 TDE candidate and 1 SN Ia candidate from" in draft.title
    assert [row.target_id for row in draft.related] == ["ZTF26tde", "ZTF26ib"]
    assert check(draft) == []
    draft = take_out(draft, "ZTF26tde")
    assert draft.title.startswith("ASTRANet: 1 SN Ia candidate from")
    assert named(["2026aib [ZTF26ib]"]) in draft.abstract
    assert "ZTF26tde" not in " ".join((draft.title, draft.abstract, *draft.body))
    assert check(draft) == []


def test_the_last_one_stays_and_an_unknown_one_is_told() -> None:
    draft = make_draft({"ZTF26tde": "TDE"})
    with pytest.raises(CannotBe, match="last object"):
        take_out(draft, "ZTF26tde")
    with pytest.raises(CannotBe, match="not in the note"):
        take_out(draft, "ZTF26ia")


def test_adding_puts_it_beside_its_like_or_last() -> None:
    draft = add(make_draft(), row_of("ZTF26new"), bundle="compact-1@abc")
    assert "1 TDE candidate, 2 SN Ia candidates and 1 SLSN candidate" in draft.title
    draft = add(draft, row_of("ZTF26nia"))
    assert [row.label for row in draft.related] == ["TDE", "SN Ia", "SN Ia", "SN Ia", "SLSN"]
    assert check(draft) == []
    with pytest.raises(CannotBe, match="already"):
        add(draft, row_of("ZTF26new"))
    other = add(make_draft(), row_of("ZTF26new"), bundle="compact-2@def", simulated=True)
    assert other.simulated
    assert "compact-2@def" in other.bundle
    assert any("compact-2@def" in said for said in check(other))  # no sentence names it yet


@settings(deadline=None)
@given(st.data())
def test_counts_in_texts_are_the_tables_whatever_comes_and_goes(data: st.DataObject) -> None:
    labels = data.draw(st.lists(st.sampled_from(CLASSES), min_size=1, max_size=8))
    draft = make_draft({f"ZTF26{n:03d}": label for n, label in enumerate(labels)})
    pool = {row.target_id: row for row in make_draft({f"ZTF26x{n}": c for n, c in enumerate(CLASSES * 2)}).related}
    for _ in range(data.draw(st.integers(1, 8))):
        there = [row.target_id for row in draft.related]
        outside = [name for name in pool if name not in there]
        if len(there) > 1 and (not outside or data.draw(st.booleans())):
            draft = take_out(draft, data.draw(st.sampled_from(there)))
        elif outside:
            draft = add(draft, pool[data.draw(st.sampled_from(outside))])
    # With more objects the abstract may outgrow the TNS's limit: then a person shortens it.
    assert [said for said in check(draft) if "the TNS takes 1000" not in said] == []
    assert draft_of(content_of(draft)) == draft


def test_a_persons_count_is_left_and_told() -> None:
    draft = make_draft()
    draft = rewritten(draft, {"abstract": draft.abstract.replace("1 TDE candidate and 2 SN Ia", "One TDE and 2 SN Ia")})
    draft = take_out(draft, "ZTF26ib")
    assert "One TDE and 1 SN Ia candidate" in draft.abstract
    draft = rewritten(draft, {"title": "3 SN Ia candidates"})
    assert "The title says 3 SN Ia candidates; the table has 1." in check(draft)


def test_counts_are_words_and_no_parts_of_numbers() -> None:
    before, after = {"SN Ia": 2, "TDE": 1}, {"SN Ia": 1, "TDE": 1}
    assert recounted("12 SN Ia candidates and 1 TDE candidate", before, after) == (
        "12 SN Ia candidates and 1 TDE candidate"
    )
    assert recounted("1 TDE candidate and 2 SN Ia candidates.", before, after) == counted(after) + "."
    assert recounted("x", {}, after) == "x"
    text = f"First. {named(['a', 'b'])} Last."
    assert renamed(text, ["a", "b"], ["b"]) == f"First. {named(['b'])} Last."
    assert renamed(text, ["a", "b"], list("abcdefghijklmnop")) == "First. Last."
    assert renamed(text, ["a"], ["b"]) == text


def test_texts_are_written_anew_and_read_back() -> None:
    draft = make_draft()
    assert rewritten(draft, texts_of(draft)) == draft
    texts = {"body": "One\r\nline.\r\n\r\n\r\n Two.\n\n", "keywords": "TDE, ,TDE,  Transient", "abstract": "a\n b\0c"}
    new = rewritten(draft, texts)
    assert new.body == ("One line.", "Two.")
    assert new.keywords == ("TDE", "Transient")
    assert new.abstract == "a b c"
    with pytest.raises(CannotBe, match="source group is longer"):
        rewritten(draft, {"source_group": "x" * 201})


def test_a_name_goes_where_the_marks_are() -> None:
    draft = make_draft()
    assert APPROVER in draft.authors
    known = [Author("Ann Example", "Observatory")]
    done = signed(draft, "Ann Example", known)
    assert done.authors == "Ann Example (Observatory), A. Bee (Institute)"
    assert "Reviewed before submission by: Ann Example." in done.body[-1]
    assert objections(done, "Ann Example") == []
    assert signed(draft, "A. Bee").authors == "A. Bee (Institute)"  # no one twice
    alone = signed(replace(draft, authors=APPROVER), "Ann Example")
    assert alone.authors == "Ann Example"


@pytest.mark.parametrize(
    ("change", "name", "said"),
    [
        ({}, "", "Give the name"),
        ({"authors": "C. Dee (Institute)"}, "Ann Example", "must be among its authors"),
        ({"authors": ""}, "Ann Example", "no authors"),
        ({"simulated": True}, "Ann Example", "nobody approves it"),
        ({"abstract": "x" * 1200}, "Ann Example", "1200 characters; the TNS takes 1000"),
        ({"title": "9 TDE candidates"}, "Ann Example", "9 TDE candidates; the table has 1"),
    ],
)
def test_what_keeps_a_note_from_being_approved(change: dict, name: str, said: str) -> None:
    found = objections(signed(replace(make_draft(), **change), name), name)
    assert any(said in one for one in found), found


def test_differences_are_words_objects_and_cells() -> None:
    draft = make_draft()
    new = rewritten(add(take_out(draft, "ZTF26ib"), row_of("ZTF26new")), {"source_group": "ATLAS"})
    first = replace(new.related[0], redshift="0.0600")
    found = differences(draft, replace(new, related=(first, *new.related[1:])))
    assert [name.split("[")[1] for name in (*found.gone, *found.new)] == ["ZTF26ib]", "ZTF26new]"]
    assert ("ZTF26tde", "Redshift", "0.0500", "0.0600") in found.cells
    assert [name for name, _ in found.texts] == ["title", "source group", "abstract", "body"]
    for name, pieces in found.texts:
        one, other = (texts_of(d)[name.replace(" ", "_")] for d in (draft, new))
        assert "".join(p.text for p in pieces if p.how != "new") == one
        assert "".join(p.text for p in pieces if p.how != "gone") == other
    lines = "\n".join(found.lines())
    assert "- 2026aib [ZTF26ib]" in lines
    assert "source group: [-ZTF-]{+ATLAS+}" in lines
    assert not differences(draft, draft)
    assert not differences(draft, rewritten(draft, {"title": "x"}), texts=False)


def test_the_form_of_the_tns() -> None:
    draft = make_draft()
    names = [name for name, _ in tns_fields(draft)]
    assert names[:6] == ["Type", "Title", "Authors", "Source Group", "Keywords", "Abstract"]
    rows = list(csv.reader(io.StringIO(tns_csv(draft))))
    assert rows[0][:8] == ["Catalog", "Name", "RA", "DEC", "Obj-Type", "Redshift", "Host Name", "Host Redshift"]
    assert rows[0][-1] == "Remarks"
    assert set(draft.columns) < set(rows[0])
    assert rows[1][:3] == ["TNS", "2026ade [ZTF26tde]", "11.00000"]
    nasty = rewritten(draft, {"body": "<script>&\n\nTwo."})
    assert dict(tns_fields(nasty))["Body (HTML)"] == "<p>&lt;script&gt;&amp;</p>\n<p>Two.</p>\n"


def test_the_file_of_authors(tmp_path) -> None:
    path = tmp_path / "authors.txt"
    path.write_text("\ufeff# who writes\nAnn Example; Observatory, Country\n\n  C. Dee  \nAnn Example; Elsewhere\n")
    authors = read_authors(path)
    assert authors == [Author("Ann Example", "Observatory, Country"), Author("C. Dee")]
    assert with_authors("A. Bee (Institute)", authors) == (
        "A. Bee (Institute), Ann Example (Observatory, Country), C. Dee"
    )
    assert with_authors("", authors[1:]) == "C. Dee"
    assert with_authors("C. Dee (Elsewhere)", authors[1:]) == "C. Dee (Elsewhere)"
    assert read_authors(None) == []

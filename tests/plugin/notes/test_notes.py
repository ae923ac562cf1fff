"""AstroNote drafts of every kind: who is in, what is said, and that every count is the table's."""

import csv
import dataclasses
import io
import json
import re
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.domain import FINE_CLASSES, HumanLabel
from plugin.notes import Byline, Night, Period, compose, select, write_note
from plugin.notes.checker import check
from plugin.notes.draft import ABSTRACT_LIMIT
from plugin.notes.kinds import ClassesKind
from plugin.notes.kinds.classes import DISAGREE, OTHER_CLASS, UNSURE
from plugin.notes.render import FILE_NAMES, draft_from_json, files, to_html, to_json, to_text
from plugin.notes.rules import CLASSIFIED, NO_ANSWER, NOTED, OLD
from plugin.notes.wording import Sentence, cut, fit, plain
from tests.fakes.notes import ANOMALIES, AS_OF, CANDIDATES, CLASSES, KINDS, NIGHT, candidate, entry, figures, refused

EVERYTHING = {"classes": entry, "anomalies": lambda name="ZTF26a", **k: entry(name, policy="ALERT", **k)}
EVERYTHING["candidates"] = candidate


def draft_of(entries, *, kind=CLASSES, period=NIGHT, **kwargs):
    return compose(kind, period, entries, as_of=AS_OF, **kwargs)


def in_full(draft):
    return " ".join((draft.title, draft.abstract, *draft.body))


@pytest.mark.parametrize(
    ("moment", "night"),
    [("2026-06-10T11:59:59", "2026-06-09"), ("2026-06-10T12:00:00", "2026-06-10"), ("2026-06-11T11:59", "2026-06-10")],
)
def test_a_night_runs_from_noon_to_noon(moment, night):
    assert str(Night.of(datetime.fromisoformat(moment))) == night


def test_last_night_is_the_one_that_is_over():
    assert str(Night.before(datetime(2026, 6, 11, 12, 0, tzinfo=UTC))) == "2026-06-10"
    assert str(Night.before(datetime(2026, 6, 11, 11, 0, tzinfo=UTC))) == "2026-06-09"


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_nothing_to_say_gives_no_note(tmp_path, kind):
    assert draft_of([], kind=kind) is None
    assert draft_of([entry(p=0.5)] if kind is not CANDIDATES else [candidate(score=0.7)], kind=kind) is None
    assert write_note(NIGHT, kind.name, None, output_dir=tmp_path) is None
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (entry(known={"classifications": (HumanLabel("Ia"),)}), CLASSIFIED),
        (entry(known={"tns_name": "SN 2026abc"}), CLASSIFIED),
        (entry(known={"tns_name": "TDE 2026abc"}), CLASSIFIED),
        (entry(known={"tns_type": "SN Ia"}), CLASSIFIED),
        (entry(known={"classifications": (HumanLabel("Ia", 0.5),)}), CLASSIFIED),
        (entry(p=0.59), UNSURE),
        (entry(members=("SN Ia", "SN Ibc")), UNSURE),
        (entry(members=()), UNSURE),
        (entry(observed_at="2026-04-01T00:00:00"), OLD),
        (entry(label="AGN"), OTHER_CLASS),
        (entry(label="CV"), OTHER_CLASS),
        (entry(said=refused()), NO_ANSWER),
    ],
)
def test_who_is_left_out_and_why(made, reason):
    assert dict(select(CLASSES, [made], NIGHT).left_out) == {reason: 1}


def test_one_row_per_object_its_best_spectrum_and_none_when_they_disagree():
    two = [entry(spectrum_id="1", p=0.9), entry(spectrum_id="2", p=0.99)]
    assert [e.report.spectrum_id for e in select(CLASSES, two, NIGHT).candidates] == ["2"]
    split = [entry(spectrum_id="1"), entry(spectrum_id="2", label="TDE")]
    assert dict(select(CLASSES, split, NIGHT).left_out) == {DISAGREE: 1}


def test_rarest_first():
    made = [entry("a", label="SN Ia", p=0.99), entry("b", label="TDE", p=0.9), entry("c", label="SLSN", p=0.9)]
    assert [r.label for r in draft_of(made).related] == ["TDE", "SLSN", "SN Ia"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_an_object_comes_again_only_with_another_answer(kind):
    make = EVERYTHING[kind.name]
    first = draft_of([make("a"), make("b")], kind=kind)
    noted = {row.target_id: row.answer for row in first.related}
    assert len(noted) == 2
    assert draft_of([make("a"), make("b")], kind=kind, noted=noted) is None
    noted["b"] = "something else"
    again = draft_of([make("a"), make("b")], kind=kind, noted=noted)
    assert [row.target_id for row in again.related] == ["b"]
    assert f"1 {NOTED}" in " ".join(again.body)
    assert check(again) == []


NAMES = st.text(min_size=1, max_size=60).filter(lambda t: plain(t).strip())
KNOWN = st.fixed_dictionaries(
    {
        "tns_name": st.sampled_from([None, "AT 2026abc", "SN 2026abc"]) | NAMES.map(lambda t: f"AT {t}"),
        "redshift": st.none() | st.floats(0.001, 2),
        "redshift_origin": st.none() | NAMES,
        "classifications": st.just(()) | st.just((HumanLabel("Ia"),)),
    }
)
SPECTRA = st.builds(
    lambda name, number, known, policy, **about: entry(f"ZTF{name}", str(number), known=known, policy=policy, **about),
    st.integers(0, 300) | NAMES,
    st.integers(0, 99),
    KNOWN,
    st.sampled_from(["COMMIT", "ABSTAIN", "ALERT"]),
    label=st.sampled_from(FINE_CLASSES),
    p=st.floats(0.3, 1.0),
    rarity=st.floats(0, 1),
    bundle=st.sampled_from(["compact-1@abc", "other-2@def"]) | NAMES,
    cell=st.sampled_from(["low resolution", "high resolution", "high resolution, red end missing", "objects", None])
    | st.just("low resolution, redshift known"),
    simulated=st.booleans(),
)
OBJECTS = st.builds(
    lambda name, **about: candidate(f"ZTF{name}", **about),
    st.integers(0, 300) | NAMES,
    known=KNOWN,
    label=st.sampled_from(["SN", "SLSN-I", "TDE"]),
    score=st.floats(0.5, 1),
    discovery=st.none() | st.just(61191.0),
    bundle=st.sampled_from(["needle-4@abc TH purity", "needle-5@def T completeness"]) | NAMES,
    simulated=st.booleans(),
)
NIGHTS = st.tuples(st.sampled_from([CLASSES, ANOMALIES]), st.lists(SPECTRA, max_size=40)) | st.tuples(
    st.just(CANDIDATES), st.lists(OBJECTS, max_size=40)
)
SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@given(NIGHTS, st.randoms())
def test_every_object_is_counted_once_and_order_does_not_matter(night, random):
    kind, entries = night
    unique = list({(e.target.target_id, e.report.spectrum_id): e for e in entries}.values())
    chosen = select(kind, unique, NIGHT)
    assert len(chosen.candidates) + sum(chosen.left_out.values()) == chosen.n_objects
    assert chosen.n_objects == len({e.target.target_id for e in unique})
    shuffled = list(unique)
    random.shuffle(shuffled)
    assert select(kind, shuffled, NIGHT) == chosen


@SLOW
@given(NIGHTS, NAMES, NAMES, st.sampled_from(["2026-06-10", "2026-06-08_2026-06-14"]))
def test_whatever_comes_the_draft_keeps_the_rules_and_every_count_is_the_tables(night, marshal, authors, period):
    kind, entries = night
    made = draft_of(entries, kind=kind, period=Period.parse(period), byline=Byline(marshal=marshal, authors=authors))
    if made is None:
        return
    assert len(made.abstract) <= ABSTRACT_LIMIT
    counts = Counter(row.label for row in made.related)
    for text in (made.title, made.abstract, made.body[1 if made.simulated else 0]):
        said = {
            label: re.findall(rf"(?<![\w.]){n} {re.escape(label)} candidates?\b", text) for label, n in counts.items()
        }
        assert all(len(found) == 1 for found in said.values()), text
    assert check(made) == []
    assert draft_from_json(to_json(made)) == made


def test_three_hundred_objects_of_every_class_and_both_resolutions():
    cells = ("low resolution", "high resolution")
    made = [
        entry(f"ZTF26{i:06}", label=CLASSES.classes[i % 5], cell=cells[i // 5 % 2], bundle="compact-1@3f2a9c1d")
        for i in range(300)
    ]
    draft = draft_of(made, byline=Byline(marshal="the marshal fritz.science"))
    assert len(draft.abstract) <= ABSTRACT_LIMIT
    assert "60 TDE candidates, 60 SLSN candidates" in draft.abstract
    assert "Purity of this selection" in draft.abstract
    assert draft.abstract.count("0.81 (0.71-0.86)") == 5
    assert draft.abstract.count("0.92 (0.82-0.97)") == 5
    assert "had classified by" in draft.abstract
    assert check(draft) == []


@given(st.lists(st.tuples(st.text(max_size=2000), st.integers(0, 9)), max_size=12), st.integers(2, 1500))
def test_an_abstract_fits_whatever_it_is_made_of(parts, limit):
    made = fit([Sentence(text, weight) for text, weight in parts], limit)
    assert len(made) <= limit
    assert plain(made) == made


def test_what_matters_least_is_left_out_first_and_what_is_left_keeps_its_order():
    parts = [Sentence("First.", 9), Sentence("Names.", 1), Sentence("Rule.", 5), Sentence("Regards.", 2)]
    assert fit(parts, 100) == "First. Names. Rule. Regards."
    assert fit(parts, 22) == "First. Rule. Regards."
    assert fit(parts, 14) == "First. Rule."
    assert fit([*parts, Sentence("All the figures.", 8, "Some.")], 34) == "First. Names. Rule. Regards. Some."
    assert fit([Sentence("one two three four", 9)], 12) == "one two\u2026"
    assert cut("x" * 20, 5) == "xxxx\u2026"


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_what_the_text_must_state(kind):
    draft = draft_of([EVERYTHING[kind.name]()], kind=kind, byline=Byline(authors="A. Bee (Inst.)", marshal="Fritz"))
    for text in (draft.abstract, " ".join(draft.body)):
        for fact in (draft.bundle, "06-11 12:05 UT", "Fritz", "Selection: ", "urity"):
            assert fact in text
    assert "not classifications" in draft.abstract
    assert draft.authors == "[NAME OF THE PERSON WHO REVIEWED THIS NOTE], A. Bee (Inst.)"
    assert "A person must review" in to_text(draft)
    assert check(draft) == []


def test_figures_are_those_of_the_resolution_and_no_others():
    low, high = entry("a", label="TDE"), entry("b", cell="high resolution, redshift known")
    text = in_full(draft_of([low]))
    assert "at low resolution TDE 0.81 (0.71-0.86) / 0.70 (0.60-0.80)" in text
    assert "0.92" not in text
    both = draft_of([low, high])
    assert "at low resolution TDE 0.81 (0.71-0.86)" in both.abstract
    assert "at high resolution SN Ia 0.92 (0.82-0.97)" in both.abstract
    assert "the purity of TDE is 0.81 (0.71-0.86; 81 of 100 spectra)" in both.body[2]
    assert "For 1 listed spectrum the classifier was told a redshift" in both.body[2]


@pytest.mark.parametrize("cell", ["high resolution, red end missing", "objects", "low resolution and high resolution"])
def test_where_nothing_was_measured_it_says_so(cell):
    draft = draft_of([entry(cell=cell)])
    assert "Purity and recall were not measured for spectra like these." in draft.abstract
    assert "For 1 listed spectrum purity was not measured." in draft.body[2]
    assert "0.81" not in in_full(draft)


def test_figures_of_all_answers_are_called_so():
    draft = draft_of([entry()], kind=ClassesKind(figures=figures(of_selection=False)))
    assert "of all answers, not only of those selected" in draft.abstract
    assert "not only of those above the threshold" in draft.body[2]


def test_simulated_data_are_called_so_everywhere():
    for kind in KINDS:
        make = EVERYTHING[kind.name]
        draft = draft_of([make("a"), make("b", simulated=True)], kind=kind)
        assert "SIMULATED" in draft.title
        assert "SIMULATED" in draft.abstract
        assert "SIMULATED" in draft.body[0]
        assert "SIMULATED" in next(r.remarks for r in draft.related if r.target_id == "b")
        assert "imulated" not in to_text(draft_of([make("a")], kind=kind))


def test_long_names_still_fit():
    draft = draft_of([entry(bundle="b" * 1001)], byline=Byline(marshal="m" * 2000))
    assert len(draft.abstract) <= ABSTRACT_LIMIT
    assert "b" * 1001 in draft.body[2]
    assert check(draft) == []


def test_markup_in_the_data_is_harmless():
    evil = "<script>alert(1)</script>"
    draft = draft_of([entry(evil, known={"redshift_origin": evil})], byline=Byline(authors=evil, source_group=evil))
    assert "<script" not in to_html(draft)
    assert "<" not in draft.abstract
    assert "&lt;script&gt;" in to_html(draft)


def test_csv_has_the_columns_of_the_tns_and_no_formulas():
    draft = draft_of([entry("=cmd()", known={"tns_name": None})])
    (row,) = csv.DictReader(io.StringIO(files(draft)["related_objects.csv"]))
    assert row["Name"] == "'=cmd()"
    assert row["DEC"] == "-3.25000"
    assert row["Obj-Type"] == "SN Ia candidate"
    assert row["Source"] == "SEDM, 2026-06-10 20:15"


def test_files_are_the_same_bytes_again_and_go_when_the_reason_goes(tmp_path):
    def write(entries):
        return write_note(NIGHT, "classes", draft_of(entries), output_dir=tmp_path)

    folder = write([entry("a"), entry("b")])
    assert folder == tmp_path / "notes" / "2026-06-10" / "classes"
    first = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert sorted(first) == sorted(FILE_NAMES)
    write([entry("b"), entry("a")])
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == first
    (folder / "my-own-remarks.txt").write_text("kept")
    assert write([]) is None
    assert [p.name for p in folder.iterdir()] == ["my-own-remarks.txt"]


def test_json_holds_the_whole_draft():
    draft = draft_of([entry()])
    data = json.loads(files(draft)["astronote.json"])
    assert set(data) == {f.name for f in dataclasses.fields(draft)}
    assert data["related"][0]["name"] == "2026abc [ZTF26a]"


@pytest.mark.parametrize("text", ["", "[]", "{}", to_json(draft_of([entry()])).replace('"more"', '"probability"')])
def test_what_is_no_draft_is_not_read_as_one(text):
    with pytest.raises(ValueError, match="no draft of a note"):
        draft_from_json(text)

"""AstroNote drafts: who is in, what is said, and that every count is the table's."""

import csv
import dataclasses
import io
import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iris_client.taxonomy.trust import settle
from models.domain import FINE_CLASSES, Caveat, CaveatCode, Confidence, HumanLabel, Report, Status, Target, Verdict
from plugin.notes import Byline, Entry, Figure, Figures, Night, NoteRules, compose, select, write_note
from plugin.notes.draft import ABSTRACT_LIMIT
from plugin.notes.render import FILE_NAMES, draft_from_json, files, to_html, to_json, to_text
from plugin.notes.rules import CLASSIFIED, DISAGREE, NO_ANSWER, OLD, OTHER_CLASS, UNSURE

NIGHT = Night.parse("2026-06-10")
AS_OF = datetime(2026, 6, 11, 12, 5, tzinfo=UTC)
FIGURES = Figures(
    purity={"TDE": Figure(0.81, 0.7, 0.9)}, recall={"TDE": Figure(0.7, 0.6, 0.8)}, test="100 test spectra"
)


def report(target_id, spectrum_id, label="SN Ia", p=0.95, members=None, bundle="compact-1@abc"):
    rest = (1 - p) / 6
    probabilities = {c: p if c == label else rest for c in FINE_CLASSES}
    return Report(
        target_id=target_id,
        spectrum_id=spectrum_id,
        status=Status.OK,
        verdict=Verdict(label=label, probabilities=probabilities, coarse={}),
        confidence=Confidence(
            prediction_sets={"0.05": (label,) if members is None else members, "0.1": (label,)},
            method="lac",
            calibration_id="cal",
            calibration_size=500,
            calibration_date="2026-01-01",
        ),
        bundle=bundle,
    )


def refused(target_id, spectrum_id):
    caveat = Caveat(code=CaveatCode.LOW_COVERAGE, text="coverage 30 % of 3850-9000 A, 80 % needed")
    return Report.refusal(target_id=target_id, spectrum_id=spectrum_id, caveats=[caveat], bundle="b", input_hash="h")


def entry(name="ZTF26a", spectrum="1", *, simulated=False, target=None, **kwargs):
    facts = {"target_id": name, "ra_deg": 10.0, "dec_deg": -3.25, "redshift": 0.05, "tns_name": "AT 2026abc"}
    found = Target(**{**facts, **(target or {})})
    return Entry(
        target=found,
        settled=settle(found),
        report=report(name, spectrum, **kwargs),
        instrument="SEDM",
        observed_at="2026-06-10T20:15:00",
        simulated=simulated,
    )


UNKNOWN = Target(target_id="x")


def draft_of(entries, **kwargs):
    return compose(NIGHT, entries, as_of=AS_OF, figures=FIGURES, **kwargs)


@pytest.mark.parametrize(
    ("moment", "night"),
    [("2026-06-10T11:59:59", "2026-06-09"), ("2026-06-10T12:00:00", "2026-06-10"), ("2026-06-11T11:59", "2026-06-10")],
)
def test_a_night_runs_from_noon_to_noon(moment, night):
    assert str(Night.of(datetime.fromisoformat(moment))) == night


def test_last_night_is_the_one_that_is_over():
    assert str(Night.before(datetime(2026, 6, 11, 12, 0, tzinfo=UTC))) == "2026-06-10"
    assert str(Night.before(datetime(2026, 6, 11, 11, 0, tzinfo=UTC))) == "2026-06-09"


def test_nothing_to_say_gives_no_note(tmp_path):
    assert draft_of([]) is None
    assert draft_of([entry(p=0.5)]) is None
    assert write_note(NIGHT, None, output_dir=tmp_path) is None
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (entry(target={"classifications": (HumanLabel("Ia"),)}), CLASSIFIED),
        (entry(target={"tns_name": "SN 2026abc"}), CLASSIFIED),
        (entry(target={"tns_name": "TDE 2026abc"}), CLASSIFIED),
        (entry(target={"tns_type": "SN Ia"}), CLASSIFIED),
        (entry(target={"classifications": (HumanLabel("Ia", 0.5),)}), CLASSIFIED),
        (entry(p=0.59), UNSURE),
        (entry(members=("SN Ia", "SN Ibc")), UNSURE),
        (entry(members=()), UNSURE),
        (dataclasses.replace(entry(), observed_at="2026-04-01T00:00:00"), OLD),
        (entry(label="AGN"), OTHER_CLASS),
        (entry(label="CV"), OTHER_CLASS),
        (Entry(target=UNKNOWN, settled=settle(UNKNOWN), report=refused("x", "1")), NO_ANSWER),
    ],
)
def test_who_is_left_out_and_why(made, reason):
    assert dict(select([made], NoteRules(), NIGHT).left_out) == {reason: 1}


def test_one_row_per_object_its_best_spectrum_and_none_when_they_disagree():
    two = [entry(spectrum="1", p=0.9), entry(spectrum="2", p=0.99)]
    assert [e.report.spectrum_id for e in select(two, NoteRules(), NIGHT).candidates] == ["2"]
    split = [entry(spectrum="1"), entry(spectrum="2", label="TDE")]
    assert dict(select(split, NoteRules(), NIGHT).left_out) == {DISAGREE: 1}


def test_rarest_first():
    made = [entry("a", label="SN Ia", p=0.99), entry("b", label="TDE", p=0.9), entry("c", label="SLSN", p=0.9)]
    assert [r.label for r in draft_of(made).related] == ["TDE", "SLSN", "SN Ia"]


labels = st.sampled_from(FINE_CLASSES)
made_entries = st.lists(
    st.builds(
        lambda name, spectrum, label, p, typed: entry(
            f"ZTF{name}",
            str(spectrum),
            label=label,
            p=p,
            target={"classifications": (HumanLabel("Ia"),) if typed else ()},
        ),
        st.integers(0, 9),
        st.integers(0, 99),
        labels,
        st.floats(0.3, 1.0),
        st.booleans(),
    ),
    max_size=25,
)


@given(made_entries, st.randoms())
def test_every_object_is_counted_once_and_order_does_not_matter(entries, random):
    chosen = select(entries, NoteRules(), NIGHT)
    assert len(chosen.candidates) + sum(chosen.left_out.values()) == chosen.n_objects
    assert chosen.n_objects == len({e.target.target_id for e in entries})
    unique = {(e.target.target_id, e.report.spectrum_id): e for e in entries}.values()
    shuffled = list(unique)
    random.shuffle(shuffled)
    assert select(list(unique), NoteRules(), NIGHT) == select(shuffled, NoteRules(), NIGHT)


@given(made_entries)
def test_every_number_in_the_text_is_the_tables(entries):
    draft = draft_of(entries)
    if draft is None:
        return
    counted = {c: sum(r.label == c for r in draft.related) for c in FINE_CLASSES}
    for text in (draft.title, draft.abstract, " ".join(draft.body)):
        said = {c: re.findall(rf"(\d+) {c} candidates?\b", text) for c in FINE_CLASSES}
        assert said == {c: [str(n)] if n else [] for c, n in counted.items()}
    assert len(draft.abstract) <= ABSTRACT_LIMIT
    assert all(r.obj_type.endswith(" candidate") for r in draft.related)


def test_what_the_text_must_state():
    draft = draft_of([entry(label="TDE", p=0.9)], byline=Byline(authors="A. Bee (Inst.)", marshal="Fritz"))
    for text in (draft.abstract, " ".join(draft.body)):
        for fact in ("compact-1@abc", "at least 0.6", "for 95%", "0.81 (0.70-0.90)", "06-11 12:05 UT", "Fritz"):
            assert fact in text
    assert "not classifications" in draft.abstract
    assert draft.authors.startswith("[NAME OF THE PERSON")
    assert "A. Bee (Inst.)" in draft.authors
    assert "A person must review" in to_text(draft)


def test_a_class_without_figures_is_called_not_measured():
    draft = draft_of([entry()])
    assert "SN Ia not measured / not measured" in draft.abstract
    assert "SN Ia: purity not measured, recall not measured" in " ".join(draft.body)


def test_the_abstract_has_room_for_the_figures_of_every_class():
    classes = NoteRules().classes
    measured = {c: Figure(0.812, 0.701, 0.903) for c in classes}
    test = "2100 real test spectra of 1500 objects not used in training"
    entries = [
        entry(f"ZTF26aaaaaa{i}", label=c, simulated=True, bundle="compact-1@3f2a9c1d") for i, c in enumerate(classes)
    ]
    figures = Figures(purity=measured, recall=measured, test=test)
    byline = Byline(marshal="the marshal fritz.science")
    draft = compose(NIGHT, entries, as_of=AS_OF, figures=figures, byline=byline)
    assert draft.abstract.count("0.81 (0.70-0.90) / 0.81 (0.70-0.90)") == len(classes)
    assert draft.abstract.endswith("follow-up are encouraged.")


def test_simulated_data_are_called_so_everywhere():
    draft = draft_of([entry("a"), entry("b", simulated=True)])
    assert "SIMULATED" in draft.title
    assert "SIMULATED" in draft.abstract
    assert "SIMULATED" in draft.body[0]
    assert "SIMULATED" in next(r.remarks for r in draft.related if r.target_id == "b")
    assert "imulated" not in to_text(draft_of([entry("a")]))


def test_long_names_still_fit_or_are_refused():
    assert len(draft_of([entry(bundle="b" * 400)]).abstract) <= ABSTRACT_LIMIT
    with pytest.raises(ValueError, match="longer than 1000"):
        draft_of([entry(bundle="b" * 1001)])


def test_markup_in_the_data_is_harmless():
    evil = "<script>alert(1)</script>"
    draft = draft_of([entry(evil, target={"redshift_origin": evil})], byline=Byline(authors=evil, source_group=evil))
    assert "<script" not in to_html(draft)
    assert "<" not in draft.abstract
    assert "&lt;script&gt;" in to_html(draft)


def test_csv_has_the_columns_of_the_tns_and_no_formulas():
    draft = draft_of([entry("=cmd()", target={"tns_name": None})])
    (row,) = csv.DictReader(io.StringIO(files(draft)["related_objects.csv"]))
    assert row["Name"] == "'=cmd()"
    assert row["DEC"] == "-3.25000"
    assert row["Obj-Type"] == "SN Ia candidate"
    assert row["Classes left"] == "{SN Ia}"
    assert row["Source"] == "SEDM, 2026-06-10T20:15"


def test_files_are_the_same_bytes_again_and_go_when_the_reason_goes(tmp_path):
    def write(entries):
        return write_note(NIGHT, draft_of(entries), output_dir=tmp_path)

    folder = write([entry("a"), entry("b")])
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
    assert draft_from_json(to_json(draft)) == draft


@pytest.mark.parametrize("text", ["", "[]", "{}", to_json(draft_of([entry()])).replace('"more"', '"probability"')])
def test_what_is_no_draft_is_not_read_as_one(text):
    with pytest.raises(ValueError, match="no draft of a note"):
        draft_from_json(text)

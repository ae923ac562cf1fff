"""NEEDLE's record in the weekly note: what the week brought, what it turned out to be, and figures with intervals."""

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from plugin.notes import compose
from plugin.notes.checker import check
from plugin.notes.draft import ABSTRACT_LIMIT
from plugin.notes.kinds.candidates import CandidatesKind
from plugin.notes.kinds.track_record import COLUMNS, TrackRecord
from plugin.notes.period import Period
from plugin.notes.render import draft_from_json, files, to_body, to_html, to_json, to_text
from plugin.notes.review.changes import rewritten, texts_of
from plugin.ops.needle_record import Figures, Record, Row, Share
from tests.fakes.notes import AS_OF, CANDIDATES, NIGHT, candidate

WEEK = Period.around(NIGHT.first, "week")
START = WEEK.start.replace(tzinfo=None)


def row(name: str, at: datetime, label: str = "TDE", truth: str | None = None, **more) -> Row:
    given = {"after_discovery_days": 12.34, "before_spectrum_days": None, "before_class_days": None} | more
    return Row(
        target_id=name, label=label, tns_name=f"AT 2026{name}", crossed_at=at, crossed_mjd=61200.0, probability=0.912,
        threshold=0.8, model="m@1", listed=True, truth=truth, **given,
    )  # fmt: skip


def record(*rows: Row, right: int = 3, total: int = 7) -> Record:
    slsn = Figures(label="SLSN-I", purity=Share(hits=0, total=0), completeness=Share(hits=0, total=1), unknown=2)
    found = Share(hits=right, total=total)
    tde = Figures(label="TDE", purity=found, completeness=Share(hits=right, total=right + 1), unknown=1)
    return Record(rows=rows, figures=(slsn, tde), answered=40, typed=20)


THIS_WEEK = record(
    row("later", START + timedelta(days=6, hours=23)),
    row("first", START, truth="SN", before_class_days=-2.0),
    row("before", START - timedelta(seconds=1), truth="TDE"),
    row("after", START + timedelta(days=7)),
)


def weekly(made: Record = THIS_WEEK) -> CandidatesKind:
    return replace(CANDIDATES, record=TrackRecord.of(made, WEEK))


def draft_of(kind: CandidatesKind):
    found = compose(kind, WEEK, [candidate()], as_of=AS_OF)
    assert found is not None
    return found


def test_the_table_has_the_crossings_of_the_week_and_no_others():
    (table,) = draft_of(weekly()).tables
    assert table.columns == COLUMNS
    cells = [dict(zip(COLUMNS, one, strict=True)) for one in table.rows]
    assert [one["Name"] for one in cells] == ["first", "later"]
    assert (cells[0]["Turned out to be"], cells[1]["Turned out to be"]) == ("supernova", "not known yet")
    assert (cells[0]["Days before its class"], cells[1]["Days before its class"]) == ("-2.0", "")
    assert (cells[0]["Score then"], cells[0]["Days after first detection"]) == ("0.91", "12.3")


def test_figures_stand_with_their_intervals_in_abstract_and_body():
    draft = draft_of(weekly())
    assert "TDE 0.43 (0.10-0.82), 3 of 7." in draft.abstract
    assert "SLSN-I 0" not in draft.abstract
    (said,) = (text for text in draft.body if text.startswith("Record to date"))
    assert "have classified since: SLSN-I not known yet; TDE 0.43 (0.10-0.82), 3 of 7." in said
    assert "that NEEDLE looked at: SLSN-I 0.00 (0.00-0.97), 0 of 1; TDE 0.75 (0.19-0.99), 3 of 4." in said
    assert "Not classified yet, of those above the threshold: 2 objects as SLSN-I and 1 object as TDE." in said
    assert "This week 2 objects came above the threshold for the first time" in said


def test_it_keeps_the_rules_of_the_tns():
    for made in (THIS_WEEK, record(), record(right=0, total=0)):
        draft = draft_of(weekly(made))
        assert check(draft) == []
        assert len(draft.abstract) <= ABSTRACT_LIMIT
        assert not re.search(r"[<>]", draft.abstract + "".join(draft.body))


def test_the_abstract_stays_short_whatever_it_holds():
    many = [candidate(f"ZTF26{'x' * 30}{n}") for n in range(5)]
    draft = compose(weekly(record(right=333, total=777)), WEEK, many, as_of=AS_OF)
    assert len(draft.abstract) <= ABSTRACT_LIMIT
    assert check(draft) == []


def test_a_week_without_a_crossing_says_so():
    draft = draft_of(weekly(record()))
    assert draft.tables == ()
    assert any("no object came above the threshold" in text for text in draft.body)


def test_a_daily_note_has_nothing_of_it():
    draft = draft_of(CANDIDATES)
    assert draft.tables == ()
    assert "Record to date" not in " ".join(draft.body)


def test_every_form_has_the_table_and_names_from_elsewhere_are_harmless():
    made = record(row("<b>x</b>", START + timedelta(hours=1)))
    draft = draft_of(weekly(made))
    for text in (to_html(draft), to_body(draft)):
        assert "First above the threshold this week" in text
        assert "<b>x" not in text
        assert "(b)x(/b)" in text
    assert "(b)x(/b)" in to_text(draft)
    assert draft_from_json(to_json(draft)) == draft
    assert files(draft) == files(draft)


def test_a_draft_of_an_earlier_version_and_one_that_was_edited_can_be_read():
    draft = draft_of(weekly())
    without = to_json(draft_of(CANDIDATES)).replace(' "tables": [],\n', "")
    assert '"tables"' not in without
    assert draft_from_json(without).tables == ()
    assert rewritten(draft, texts_of(draft)).tables == draft.tables


def test_what_is_simulated_anywhere_marks_the_note():
    draft = compose(weekly(), WEEK, [candidate()], as_of=AS_OF, simulated=True)
    assert draft.simulated
    assert check(draft) == []


@pytest.mark.parametrize(("every", "told"), [("day", False), ("week", True)])
def test_only_the_weekly_note_asks_for_it(store, every, told):
    from plugin.notes.nightly import _record
    from plugin.settings import Settings

    settings = Settings(marshal_url="http://m.test", note_every=every)
    found = _record(settings, store, Period.around(NIGHT.first, every))
    assert (found is not None) is told

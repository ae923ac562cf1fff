"""What counts as announced is what a person has approved."""

from dataclasses import replace

from plugin.notes.period import Period
from plugin.notes.review.changes import take_out
from plugin.notes.review.keeping import keep
from plugin.notes.review.reviewing import Reviewing, Seen
from tests.fakes.review import make_draft
from tests.plugin.conftest import FakeClock


def test_an_object_that_was_taken_out_may_come_again(store, clock: FakeClock) -> None:
    draft = replace(make_draft(), simulated=False)
    period, reviewing = Period.parse(draft.night), Reviewing(store=store, clock=clock)
    answers = {row.target_id: row.answer for row in draft.related}
    after = str(Period.parse(draft.night).after("day"))
    with store.begin() as unit:
        keep(unit, draft.kind, draft.night, draft, clock())
        unit.announced.put(draft.kind, draft.night, str(period.last), answers, clock())
        note = unit.notes.of(draft.kind, draft.night)
    note = reviewing.change(Seen.of(note), lambda one: take_out(one, "ZTF26ia"), by="Ann", said="out")
    with store.begin(to_read=True) as unit:
        assert set(unit.announced.before(draft.kind, after, after)) == set(answers)  # nobody has approved yet
    reviewing.approve(Seen.of(note), by="Ann Example")
    with store.begin(to_read=True) as unit:
        assert set(unit.announced.before(draft.kind, after, after)) == set(answers) - {"ZTF26ia"}

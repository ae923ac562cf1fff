"""Renewals: which answers are older, paced, after everything new, once for each change, silent where nothing is new."""

from dataclasses import replace
from datetime import timedelta

import pytest

from iris_client.errors import Unavailable
from iris_client.protocols import Place
from plugin.cycle.spectra.because import because
from plugin.drift.renewing import InUse, preview, renew_older
from plugin.store import ASTRANET, spectrum
from plugin.store.queue import RENEWAL
from plugin.store.renewals import GivenBy
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import good

OLD, NEW = "fake-1@00000000", "fake-2@11111111"
ANSWERS = InUse(bundle=NEW)


@pytest.fixture
def many(make_app, marshal, clock):
    """Five spectra answered by the old bundle, an hour apart, and the service with the new one."""

    def make(**values):
        old = make_app()
        for n in range(1, 6):
            marshal.add(good(str(n), f"ZTF26{n}", modified=f"2026-06-10T1{n}:00:00"))
            old.once()
            clock.forward(hours=1)
        old.close()
        return make_app(analyst=FakeAnalyst(NEW), **values)

    return make


def renew(app, clock, *, per_hour=60, since=None):
    with app.store.begin() as unit:
        return renew_older(unit, ANSWERS, per_hour=per_hour, at=clock(), since=since)


def turns(app):
    """Spectra that wait for their renewal, with their turns, the first one first."""
    with app.store.begin(to_read=True) as unit:
        found = [piece for n in range(1, 7) for piece in unit.queue.of(str(n)) if piece.is_renewal]
        older = unit.renewals.older(ANSWERS.gave)
    assert {one.piece_id for one in older if one.waits} == {piece.id for piece in found if piece.state == "new"}
    return [piece.subject.id for piece in found]


def bundles(app):
    with app.store.begin(to_read=True) as unit:
        return {f.subject.id: f.report.bundle for f in unit.reports.every(ASTRANET)}


def test_looking_changes_nothing_and_says_how_many_by_what_and_how_long(many, clock):
    app = many()
    with app.store.begin(to_read=True) as unit:
        older = unit.renewals.older(ANSWERS.gave)
    lines = list(preview(older, ANSWERS, per_hour=60, at=clock()))
    assert lines[0] == f"in use: {NEW}"
    assert lines[1] == f"5 by {OLD}, calibration cal-1: 1.0 h to 5.0 h old"
    assert lines[2].startswith("to renew 5: 10 requests to read them")
    assert lines[2].endswith("5 min at 60 an hour")
    assert turns(app) == []
    assert app.once().analysed.total() == 0


def test_renewals_are_paced_newest_first_and_go_on_by_themselves(many, clock):
    app = many()
    assert renew(app, clock) == 5
    order = []
    for _ in range(5):
        app.once()
        order += [name for name, bundle in bundles(app).items() if bundle == NEW and name not in order]
        clock.forward(minutes=1)
    assert order == ["5", "4", "3", "2", "1"]
    assert renew(app, clock) == 0
    with app.store.begin(to_read=True) as unit:
        filed = unit.reports.of(spectrum("3"), ASTRANET)
    assert because(filed) == f"bundle {NEW} replaced {OLD}"


def test_twice_is_not_twice_the_work(many, clock):
    app = many()
    with app.store.begin(to_read=True) as unit:
        before = [piece.asked for n in range(1, 6) for piece in unit.queue.of(str(n))]
    assert (renew(app, clock), renew(app, clock)) == (5, 0)
    with app.store.begin(to_read=True) as unit:
        after = [piece.asked for n in range(1, 6) for piece in unit.queue.of(str(n))]
        assert unit.renewals.waiting_until() == clock() + timedelta(minutes=4)
    assert after == [asked + 1 for asked in before]


def test_a_second_lot_stands_behind_the_first(many, clock):
    app = many()
    assert renew(app, clock, since=clock() - timedelta(hours=2)) == 2
    assert renew(app, clock) == 3
    with app.store.begin(to_read=True) as unit:
        assert unit.renewals.waiting_until() == clock() + timedelta(minutes=4)


def test_a_new_spectrum_is_answered_before_renewals_that_are_long_due(many, marshal, clock):
    app = many(batch_size=2)
    renew(app, clock)
    clock.forward(hours=5)  # the service was down: all renewals are due for hours
    marshal.add(good("6", "ZTF266", modified=clock().isoformat()))
    app.once()
    found = bundles(app)
    assert found["6"] == NEW
    assert sorted(found.values()).count(NEW) == 2  # one batch with renewals a cycle; then news is looked for
    marshal.add(good("7", "ZTF267", modified=clock().isoformat()))
    app.once()
    assert bundles(app)["7"] == NEW
    while turns(app):
        app.once()
    assert set(bundles(app).values()) == {NEW}


def test_a_redshift_does_not_wait_for_the_turn_of_its_spectrum(many, marshal, clock):
    app = many()
    renew(app, clock, per_hour=1)
    app.once()
    assert bundles(app)["1"] == OLD
    marshal.set_redshift("ZTF261", 0.05, clock().isoformat())
    app.once()
    with app.store.begin(to_read=True) as unit:
        filed = unit.reports.of(spectrum("1"), ASTRANET)
    assert because(filed) == f"its redshift became 0.05; bundle {NEW} replaced {OLD}"


def test_a_renewal_that_cannot_be_read_stays_one(many, marshal, clock):
    app = many()
    renew(app, clock)
    marshal.trouble = lambda method, place: Unavailable("503", status=503) if method == "spectrum" else None
    app.once()
    assert turns(app) == ["1", "2", "3", "4", "5"]
    with app.store.begin(to_read=True) as unit:
        (piece,) = unit.queue.of("5")
    assert piece.reason.startswith(f"{RENEWAL}: ")
    marshal.trouble = lambda method, place: None
    clock.forward(hours=2)
    app.once()
    assert set(bundles(app).values()) == {NEW}


def test_what_has_become_current_without_it_is_taken_out(many, clock):
    app = many()
    renew(app, clock)
    with app.store.begin() as unit:
        assert renew_older(unit, InUse(bundle=OLD), per_hour=60, at=clock()) == 0
    assert turns(app) == []
    assert app.once().analysed.total() == 0


def test_renewing_changes_posts_only_where_the_answer_changes(many, marshal, clock):
    app = many()
    posted = {name: dict(body) for name, body in marshal.posted.items()}
    renew(app, clock)
    clock.forward(hours=1)
    app.once()
    changed = {name for name, body in marshal.posted.items() if body != posted[name]}
    assert len(changed) == 10  # the bundle's name stands in each annotation
    sent = marshal.count("upsert")
    with app.store.begin() as unit:
        older = unit.renewals.older(lambda one: False)  # as if everything were older: the same bundle again
        assert unit.renewals.put(older, clock(), timedelta(seconds=1)) == 5
    clock.forward(hours=1)
    cycle = app.once()
    assert (cycle.analysed["ok"], cycle.delivered.total(), marshal.count("upsert")) == (5, 0, sent)


def test_by_itself_once_for_each_change_and_only_of_the_last_days(many, make_app, clock):
    app = many(renew_days=0.1)  # 2.4 hours: the two newest
    app.once()
    assert bundles(app) == {"1": OLD, "2": OLD, "3": OLD, "4": OLD, "5": NEW}
    assert turns(app) == ["4"]
    app.close()
    app = make_app(analyst=FakeAnalyst(NEW), renew_days=30)  # a restart is no change
    clock.forward(minutes=1)
    app.once()
    assert turns(app) == []
    assert sorted(bundles(app).values()).count(NEW) == 2
    app.close()
    back = make_app(analyst=FakeAnalyst(OLD), renew_days=30)  # going back is one
    for _ in range(3):
        back.once()
        clock.forward(minutes=1)
    assert set(bundles(back).values()) == {OLD}


def test_a_change_that_another_process_makes_is_not_answered_in_turns(many, make_app, clock, database):
    """While a process of the old version works beside one of the new, neither renews what the other answered."""
    if database.startswith("sqlite"):
        pytest.skip("a SQLite file serves one process")
    old = make_app(renew_days=30)
    old.once()
    new = many(renew_days=30)
    for _ in range(8):
        clock.forward(minutes=1)
        new.once()
    assert set(bundles(new).values()) == {NEW}
    clock.forward(minutes=1)
    old.once()
    assert turns(new) == []
    assert set(bundles(new).values()) == {NEW}


def test_nothing_by_itself_unless_it_is_wanted(many):
    app = many()
    app.once()
    assert set(bundles(app).values()) == {OLD}


def given(bundle="b@1", calibration="cal-1", calibrated="2026-01-01", filed_at=None, clock=None):
    at = filed_at or clock()
    return GivenBy(piece_id=1, bundle=bundle, calibration=calibration, calibrated=calibrated, filed_at=at, waits=False)


def test_which_answers_are_by_what_answers_now(clock):
    shipped = InUse(bundle="b@1", shipped=("cal-1", "2026-01-01"))
    local = InUse(bundle="b@1", shipped=("cal-1", "2026-01-01"), local="local-1", since=clock())
    plain, none = given(clock=clock), given(calibration=None, calibrated=None, clock=clock)
    by_local = given(calibration="local-1", calibrated="2026-06-09", clock=clock)
    at_redshift = given(calibrated="2026-06-09", clock=clock)  # sets of the bundle's own, all else local
    earlier_one = given(calibrated="2026-06-09", filed_at=clock() - timedelta(days=1))
    assert [shipped.gave(one) for one in (plain, none, by_local, at_redshift)] == [True, True, False, False]
    assert [local.gave(one) for one in (plain, none, by_local, at_redshift)] == [False, True, True, True]
    assert not local.gave(earlier_one)
    assert not shipped.gave(given(bundle="b@2", clock=clock))


def test_an_answer_under_another_strategy_or_with_other_sets_is_an_older_one(clock):
    """An answer of a version that knew but one way is by that one; a refusal has neither class nor sets."""
    usual = InUse(bundle="b@1")
    tde, aps = replace(usual, strategy="tde_priority"), replace(usual, sets="aps")
    before, refused = given(clock=clock), given(calibration=None, calibrated=None, clock=clock)
    by_usual = replace(before, strategy="within_seed", sets="lac")
    by_tde, by_aps = replace(by_usual, strategy="tde_priority"), replace(by_usual, sets="aps")
    answers = (before, refused, by_usual, by_tde, by_aps)
    assert [usual.gave(one) for one in answers] == [True, True, True, False, False]
    assert [tde.gave(one) for one in answers] == [False, True, False, True, False]
    assert [aps.gave(one) for one in answers] == [False, True, False, False, True]
    assert tde.words == "b@1, strategy tde_priority"
    lines = list(preview([by_aps, by_tde], usual, per_hour=60, at=clock()))
    assert any("b@1, calibration cal-1, sets aps" in line for line in lines)
    assert any("b@1, calibration cal-1, strategy tde_priority" in line for line in lines)


class Choosing(FakeAnalyst):
    """Answers under a strategy."""

    def __init__(self, strategy):
        super().__init__(NEW)
        self.strategy = strategy

    def run_many(self, items):
        told = super().run_many(items)
        return [replace(r, verdict=r.verdict and replace(r.verdict, strategy=self.strategy)) for r in told]


def test_a_change_of_strategy_renews_once_what_was_given_under_the_other(make_app, marshal, clock):
    app = make_app(analyst=Choosing("within_seed"), renew_days=30.0)
    for n in range(1, 4):
        marshal.add(good(str(n), f"ZTF26{n}", modified=f"2026-06-10T1{n}:00:00"))
    app.once()
    app.close()
    new = make_app(analyst=Choosing("tde_priority"), renew_days=30.0)
    for _ in range(3):
        new.once()
        clock.forward(minutes=2)
    with new.store.begin(to_read=True) as unit:
        reports = unit.reports.every(ASTRANET)
        assert {f.report.verdict.strategy for f in reports} == {"tde_priority"}
        assert {because(f) for f in reports} == {"strategy tde_priority replaced within_seed"}
        annotation = unit.outbox.at([Place(kind="spectrum", id="1")])[0].body
        assert unit.renewals.older(InUse(bundle=NEW, strategy="tde_priority").gave) == []
    assert annotation["strategy"] == "tde_priority"

"""The cycle on fakes: what is found, what hangs on the marshal afterwards, and what happens when something fails."""

from dataclasses import replace

import numpy as np

from iris_client.errors import BadPayload, Refused, Unavailable
from models.domain import Target
from plugin.store import ASTRANET
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import bad, good


def test_one_annotation_per_accepted_spectrum_and_one_on_its_source(make_app, marshal):
    marshal.add(good("1", "ZTF26a"), good("2", "ZTF26a", observed_at="2026-06-09T06:00:00"), bad("3", "ZTF26b"))
    cycle = make_app().once()
    assert (cycle.found, cycle.analysed["ok"], cycle.analysed["refused"]) == (3, 2, 1)
    assert list(marshal.posted) == ["source/ZTF26a", "spectrum/1", "spectrum/2"]
    summary = marshal.posted["source/ZTF26a"]
    assert (summary["an_spectrum_id"], summary["an_n_spectra"], summary["an_class"]) == ("2", 2, "SN Ibc")
    assert cycle.complete


def test_second_run_writes_nothing_and_fetches_nothing(make_app, marshal):
    marshal.add(good("1", "ZTF26a"), bad("2", "ZTF26b"))
    app = make_app()
    app.once()
    writes, fetches = len(marshal.writes), marshal.count("spectrum")
    cycle = app.once()
    assert (len(marshal.writes), marshal.count("spectrum"), cycle.found) == (writes, fetches, 0)


def test_dry_run_sends_nothing_and_a_later_real_run_sends_it(make_app, marshal):
    marshal.add(good("1", "ZTF26a"))
    dry = make_app(dry_run=True)
    assert dry.once().delivered["dry"] == 2
    assert not marshal.writes
    dry.close()
    assert make_app().once().delivered["sent"] == 2


def test_edited_spectrum_gets_a_new_answer(make_app, marshal):
    marshal.add(good("1", "ZTF26a"))
    app = make_app()
    app.once()
    before = marshal.posted["spectrum/1"]["p"]
    raw = marshal.spectra["1"]
    marshal.add(replace(raw, fluxes=[2 * f for f in raw.fluxes], modified="2026-06-10T11:00:00"))
    assert app.once().analysed["ok"] == 1
    assert marshal.posted["spectrum/1"]["p"] != before
    assert marshal.count("upsert") == 4


def test_edit_that_changes_nothing_sends_nothing(make_app, marshal):
    marshal.add(good("1", "ZTF26a"))
    app = make_app()
    app.once()
    marshal.add(replace(marshal.spectra["1"], modified="2026-06-10T11:00:00"))
    cycle = app.once()
    assert (cycle.analysed["ok"], cycle.delivered.total(), marshal.count("upsert")) == (1, 0, 2)


def test_answer_is_taken_back_when_the_spectrum_becomes_unusable(make_app, marshal):
    marshal.add(good("1", "ZTF26a"), good("2", "ZTF26a"))
    app = make_app()
    app.once()
    marshal.add(bad("2", "ZTF26a", modified="2026-06-10T11:00:00"))
    app.once()
    assert list(marshal.posted) == ["source/ZTF26a", "spectrum/1"]
    assert marshal.posted["source/ZTF26a"]["an_spectrum_id"] == "1"
    marshal.add(bad("1", "ZTF26a", modified="2026-06-10T11:30:00"))
    app.once()
    assert not marshal.posted


def test_deleted_spectrum_is_noticed_by_the_sweep(make_app, marshal, clock):
    marshal.add(good("1", "ZTF26a"), good("2", "ZTF26a"))
    app = make_app(sweep_hours=6)
    app.once()
    del marshal.spectra["2"]
    clock.forward(hours=7)
    assert app.once().analysed["gone"] == 1
    assert list(marshal.posted) == ["source/ZTF26a", "spectrum/1"]


def test_a_spectrum_with_an_older_version_is_looked_at_once(make_app, marshal, clock):
    marshal.add(good("1", "ZTF26a"))
    app = make_app(sweep_hours=6)
    app.once()
    marshal.add(replace(marshal.spectra["1"], modified="2026-06-10T11:00:00"))
    app.once()
    marshal.set_redshift("ZTF26a", 0.1, "2026-06-10T11:59:00")
    assert app.once().analysed == {"ok": 1}
    del marshal.spectra["1"]
    clock.forward(hours=7)
    assert app.once().analysed == {"gone": 1}


def test_a_redshift_that_comes_while_the_spectrum_is_read_is_not_missed(make_app, marshal):
    marshal.add(good("1", "ZTF26a"), good("2", "ZTF26a"))
    app = make_app(batch_size=1)

    def change(method: str, place: str) -> None:
        if (method, place) == ("spectrum", "2"):
            marshal.set_redshift("ZTF26a", 0.1, "2026-06-10T11:59:00")

    marshal.trouble = change
    assert app.once().analysed == {"ok": 2}
    marshal.trouble = lambda *_: None
    assert app.once().analysed == {"ok": 1}, "the first was read before"
    assert app.once().analysed == {}


def test_parked_work_and_archives_are_not_looked_at_for_a_redshift(make_app, marshal, clock):
    marshal.add(good("1", "ZTF26a"), good("2", "ZTF26b", modified="2025-01-01T00:00:00"))
    marshal.trouble = lambda method, _: BadPayload("odd") if method == "spectrum" else None
    app = make_app(sweep_hours=6)
    app.once()
    marshal.trouble = lambda *_: None
    for name in ("ZTF26a", "ZTF26b"):
        marshal.set_redshift(name, 0.1, "2026-06-10T11:59:00")
    assert app.once().analysed == {}


def test_what_cannot_be_listed_of_sources_keeps_no_spectrum_waiting(make_app, marshal):
    marshal.add(good("1", "ZTF26a"))
    marshal.trouble = lambda method, _: Unavailable("502") if method == "sources" else None
    cycle = make_app().once()
    assert (cycle.trouble, cycle.analysed) == (("502",), {"ok": 1})


def test_sweep_finds_what_was_shared_late_but_takes_no_archive(make_app, marshal, clock):
    old = "2025-01-01T00:00:00"
    marshal.add(good("1", "ZTF25a", modified=old), good("2", "ZTF25b", modified=old, group_ids=(9,)))
    app = make_app(sweep_hours=6)
    app.once()
    assert not marshal.posted
    marshal.add(replace(marshal.spectra["2"], group_ids=(6, 9)))
    app.once()
    assert not marshal.posted  # not yet due
    clock.forward(hours=7)
    app.once()
    assert list(marshal.posted) == ["source/ZTF25b", "spectrum/2"]


def test_summary_does_not_depend_on_the_order_of_arrival(make_app, marshal, tmp_path):
    spectra = [good(str(n), "ZTF26a", modified=f"2026-06-10T07:00:0{n}") for n in (1, 2, 3)]
    app = make_app(database_url=f"sqlite:///{tmp_path / 'one.sqlite'}")
    for raw in spectra:
        marshal.add(raw)
        app.once()
    one_by_one = marshal.posted
    marshal.spectra.clear()
    marshal.add(*reversed(spectra))
    make_app(database_url=f"sqlite:///{tmp_path / 'two.sqlite'}").once()
    assert marshal.posted == one_by_one


def test_marshal_away_loses_nothing(make_app, marshal, clock):
    marshal.add(*(good(str(n), f"ZTF26{n}") for n in range(1, 11)))
    marshal.trouble = lambda method, _: None if method in ("account", "poll") else Unavailable("502")
    app = make_app()
    cycle = app.once()
    assert not cycle.complete
    assert marshal.count("spectrum") == 3  # then it stops asking
    marshal.trouble = lambda *_: None
    clock.forward(hours=1)
    app.once()
    assert len(marshal.posted) == 20


def test_poll_that_fails_moves_no_cursor(make_app, marshal):
    app = make_app()
    marshal.trouble = lambda method, _: Unavailable("502") if method == "poll" else None
    assert app.once().trouble == ("502",)
    marshal.trouble = lambda *_: None
    marshal.add(good("1", "ZTF26a"))
    assert app.once().found == 1


def test_one_bad_answer_is_parked_and_the_others_go_on(make_app, marshal):
    marshal.add(good("1", "ZTF26a"), good("2", "ZTF26b"), good("3", "ZTF26c"))
    wrong = {("spectrum", "2"): BadPayload("data is str"), ("upsert", "3"): Refused("no such group", status=400)}
    marshal.trouble = lambda method, place: wrong.get((method, place))
    app = make_app()
    cycle = app.once()
    assert (cycle.analysed["parked"], cycle.delivered["parked"]) == (1, 1)
    assert list(marshal.posted) == ["source/ZTF26a", "source/ZTF26c", "spectrum/1"]
    with app.store.begin() as unit:
        assert [t.subject.id for t in unit.queue.parked()] == ["2"]
        assert [(p.place.id, p.reason) for p in unit.outbox.parked()] == [("3", "no such group")]


def test_parked_work_can_be_tried_again(make_app, marshal):
    marshal.add(good("1", "ZTF26a"))
    marshal.trouble = lambda method, _: BadPayload("odd") if method == "spectrum" else None
    app = make_app()
    app.once()
    marshal.trouble = lambda *_: None
    assert app.once().analysed.total() == 0
    assert app.once(retry_parked=True).analysed["ok"] == 1


def test_revoked_token_parks_nothing(make_app, marshal, clock):
    marshal.add(*(good(str(n), "ZTF26a") for n in (1, 2, 3)))
    marshal.trouble = lambda method, _: Refused("no right", status=401) if method == "upsert" else None
    app = make_app()
    assert app.once().delivered == {"later": 1}
    marshal.trouble = lambda *_: None
    clock.forward(hours=1)
    assert app.once().delivered == {"sent": 4}


def test_a_spectrum_at_which_the_models_break_stops_no_other(make_app, marshal):
    marshal.add(*(good(str(n), f"ZTF26{n}") for n in (1, 2, 3)))
    app = make_app(analyst=FakeAnalyst(fails_on=frozenset({"2"})))
    cycle = app.once()
    assert (cycle.analysed["ok"], cycle.analysed["parked"]) == (2, 1)
    with app.store.begin() as unit:
        assert "FloatingPointError: the network gave NaN" in str(unit.queue.parked()[0].reason)


def test_hopeless_attempts_end_in_the_park(make_app, marshal, clock):
    marshal.add(good("1", "ZTF26a"))
    marshal.trouble = lambda method, _: Unavailable("504") if method == "spectrum" else None
    app = make_app(max_attempts=3)
    outcomes = []
    for _ in range(3):
        outcomes += app.once().analysed.elements()
        clock.forward(hours=2)
    assert outcomes == ["later", "later", "parked"]


def test_retry_waits_as_long_as_the_server_asks(make_app, marshal, clock):
    marshal.add(good("1", "ZTF26a"))
    busy = Unavailable("429", retry_after=7200.0)
    marshal.trouble = lambda method, _: busy if method == "upsert" else None
    app = make_app()
    app.once()
    marshal.trouble = lambda *_: None
    clock.forward(minutes=90)
    assert app.once().delivered.total() == 0
    clock.forward(minutes=31)
    assert app.once().delivered["sent"] == 2


def test_answers_go_only_to_those_of_our_groups_that_see_the_spectrum(make_app, marshal):
    marshal.add(good("1", "ZTF26a", group_ids=(2, 9)), good("2", "ZTF26b", group_ids=()))
    marshal.spectra["2"] = replace(marshal.spectra["2"], group_ids=(6,))
    make_app(group_ids=(2, 6)).once()
    assert marshal.groups_of("spectrum/1") == [2]
    assert marshal.groups_of("source/ZTF26b") == [6]


def test_refusals_and_classifications_are_posted_when_wanted(make_app, marshal):
    marshal.add(good("1", "ZTF26a"), bad("2", "ZTF26a"))
    wanted = {"post_refusals": True, "post_classification": True, "min_classification_probability": 0.6}
    make_app(analyst=FakeAnalyst(policy="COMMIT"), **wanted).once()
    refused = marshal.posted["spectrum/2"]
    assert refused["status"] == "refused"
    assert "coverage" in refused["reason"]
    assert marshal.posted["class/ZTF26a"]["label"] == "SN Ia"


def test_without_a_classification_nobody_is_asked_to_take_one_back(make_app, marshal):
    marshal.add(good("1", "ZTF26a"))
    app = make_app(analyst=FakeAnalyst(policy="COMMIT"))
    app.once()
    marshal.add(bad("1", "ZTF26a", modified="2026-06-10T11:00:00"))
    app.once()
    assert {name for name, _ in marshal.writes} == {"upsert", "delete"}


def test_spectrum_moved_to_another_source(make_app, marshal):
    marshal.add(good("1", "ZTF26a"), good("2", "ZTF26a"))
    app = make_app()
    app.once()
    marshal.add(good("2", "ZTF26b", modified="2026-06-10T11:00:00"))
    app.once()
    assert marshal.posted["source/ZTF26a"]["an_n_spectra"] == 1
    assert marshal.posted["source/ZTF26b"]["an_spectrum_id"] == "2"


def test_stopping_ends_after_the_piece_in_hand(make_app, marshal):
    marshal.add(*(good(str(n), f"ZTF26{n}") for n in range(1, 6)))
    app = make_app()

    def stop_at_third(method: str, place: str) -> None:
        if (method, place) == ("spectrum", "3"):
            app.stop()

    marshal.trouble = stop_at_third
    assert app.once().analysed["ok"] == 3
    assert not marshal.writes
    app.close()
    marshal.trouble = lambda *_: None
    make_app().once()
    assert len(marshal.posted) == 10


def test_a_spectrum_at_rest_is_told_from_the_redshift_of_its_source_and_secrets_are_not_quoted(make_app, marshal):
    """The marshal's spectra have no redshift of their own."""
    app = make_app()
    (token,) = app.settings.secrets
    rng, wave = np.random.default_rng(1), np.linspace(3600.0, 9300.0, 2000)
    flux = 1.0 + 0.2 * (wave - 6000) / 3000 + rng.normal(0, 0.03, wave.size)
    for line, height in ((4861.3, 2.0), (4958.9, 2.0), (5006.8, 6.0), (6562.8, 5.0)):
        flux += height * np.exp(-(((wave - line) / 6.0) ** 2))
    for number, redshift in (("1", 0.08), ("2", None)):
        raw = good(number, f"ZTF26{number}")
        marshal.add(replace(raw, wavelengths=wave.tolist(), fluxes=flux.tolist()))
        origin = f"host, by {token}" if redshift else None
        marshal.targets[f"ZTF26{number}"] = Target(
            target_id=f"ZTF26{number}", redshift=redshift, redshift_origin=origin
        )
    assert app.once().analysed == {"refused": 1, "ok": 1}
    with app.store.begin() as unit:
        (refused,) = unit.reports.refused(ASTRANET)
    assert "although the redshift of the target (host, by ***) is 0.08" in refused.report.reason
    assert token not in refused.report.to_json()


def test_a_spectrum_that_only_others_see_now_is_taken_back_once_and_comes_back_with_the_sweep(make_app, marshal, clock):
    marshal.add(good("1", "ZTF26a"))
    app = make_app(sweep_hours=6)
    app.once()
    marshal.add(replace(marshal.spectra["1"], group_ids=(9,)))
    clock.forward(hours=2)
    assert app.once().analysed == {"ok": 1}
    assert not marshal.posted
    for _ in range(5):
        clock.forward(hours=2)
        assert app.once().analysed == {}, "it is no news any more that no list has it"
    marshal.add(replace(marshal.spectra["1"], group_ids=(6, 9)))
    clock.forward(hours=7)
    assert app.once().analysed == {"ok": 1}
    assert list(marshal.posted) == ["source/ZTF26a", "spectrum/1"]


def test_jobs_may_be_done_by_several_processes_in_turn(make_app, marshal):
    marshal.add(good("1", "ZTF26a"), good("2", "ZTF26b"))
    for jobs in (("discover",), ("analyse",), ("deliver",)):
        app = make_app()
        app.jobs = jobs
        assert len(marshal.posted) == 0
        app.once()
        app.close()
    assert len(marshal.posted) == 4

"""What the service finds, and what it asks for that: late groups, late redshifts, what is gone, and the requests."""

import threading
import time
from collections import Counter
from datetime import timedelta

import pytest

from plugin.cycle.spectra.renew import REDSHIFT
from plugin.ops.schedule import scheduler
from plugin.sandbox import Fault, FaultKind, Sandbox
from plugin.settings import ConfigError
from plugin.store import ASTRANET, spectrum
from tests.fakes.marshal import WAVES
from tests.system.test_cycle import GOOD, Later, fill, open_app, posted

PUBLIC = 2


@pytest.fixture
def sandbox():
    with Sandbox() as running:
        fill(running, 3)
        yield running


def asked(sandbox: Sandbox, path: str) -> int:
    return sum(one.path.startswith(path) for one in sandbox.requests)


def test_an_answer_reaches_a_group_that_is_added_later(sandbox, tmp_path):
    later = Later()
    with open_app(sandbox, tmp_path, later, group_ids=(PUBLIC, 6)) as app:
        app.once()
        (place,) = {p for kind, p in posted(sandbox) if kind == "source"} & {"ZTF26001"}
        number = next(int(n) for n, s in sandbox.state.spectra.items() if s.obj_id == place)
        assert posted(sandbox)["spectrum", str(number)]["groups"] == [6]
        sandbox.save_source(place, [PUBLIC])
        for n, one in sandbox.state.spectra.items():
            if one.obj_id == place:
                sandbox.share_spectrum(n, [PUBLIC])
        before = posted(sandbox)
        later.ahead = timedelta(hours=13)
        sandbox.forget_requests()
        cycle = app.once()
        after = posted(sandbox)
        assert cycle.analysed == {"ok": 2}
        assert {k for k in after if after[k] != before[k]} == {
            ("source", place),
            *(("spectrum", str(n)) for n, one in sandbox.state.spectra.items() if one.obj_id == place),
        }
        assert after["spectrum", str(number)]["groups"] == after["source", place]["groups"] == [PUBLIC, 6]
        assert {k: v for k, v in after["source", place].items() if k != "groups"} == {
            k: v for k, v in before["source", place].items() if k != "groups"
        }, "only who sees it has changed"
        later.ahead = timedelta(hours=26)
        assert app.once().analysed == {}, "and that is that"


def test_an_answer_is_taken_from_a_group_that_sees_the_spectrum_no_more(sandbox, tmp_path):
    later = Later()
    for number in sandbox.state.spectra:
        sandbox.share_spectrum(number, [PUBLIC])
    with open_app(sandbox, tmp_path, later, group_ids=(PUBLIC, 6)) as app:
        app.once()
        assert {tuple(v["groups"]) for v in posted(sandbox).values()} == {(PUBLIC, 6)}
        for one in sandbox.state.spectra.values():
            one.group_ids -= {PUBLIC}
        later.ahead = timedelta(hours=13)
        app.once()
        assert {tuple(v["groups"]) for v in posted(sandbox).values()} == {(6,)}


@pytest.mark.parametrize("redshifts", [(None, 0.05), (0.05, 0.06), (0.05, None)])
def test_a_redshift_that_comes_later_or_changes_renews_the_answer(redshifts, sandbox, tmp_path):
    later = Later()
    sandbox.set_redshift("ZTF26001", redshifts[0])
    with open_app(sandbox, tmp_path, later, sweep_hours=0) as app:
        app.once()
        sandbox.forget_requests()
        assert app.once().analysed == {}
        assert asked(sandbox, "/api/sources") == 1, "one list, and no source is read"
        sandbox.set_redshift("ZTF26001", redshifts[1])
        cycle = app.once()
        assert (cycle.found, cycle.analysed) == (2, {"ok": 2}), "both spectra of that source, and no other"
        with app.store.begin() as unit:
            facts = [filed.facts.get(REDSHIFT) for filed in unit.reports.of_target("ZTF26001", ASTRANET)]
        assert facts == [redshifts[1]] * 2
        later.ahead = timedelta(minutes=5)
        assert app.once().analysed == {}, "the list shows it again, and it is no news"


def test_a_redshift_that_comes_while_the_service_is_away_is_found_later(sandbox, tmp_path):
    later = Later()
    with open_app(sandbox, tmp_path, later, sweep_hours=0) as app:
        app.once()
    sandbox.set_redshift("ZTF26001", 0.05)
    later.ahead = timedelta(days=20)
    with open_app(sandbox, tmp_path, later, sweep_hours=0) as app:
        assert app.once().analysed == {"ok": 2}


def test_what_does_not_change_a_source_renews_nothing(sandbox, tmp_path):
    with open_app(sandbox, tmp_path, sweep_hours=0) as app:
        app.once()
        sandbox.state.set_columns("ZTF26001", sandbox.state.user_named("admin"), tns_name="SN 2026abc")
        sandbox.add_classification("ZTF26001", "Ia")
        assert app.once().analysed == {}


def test_a_spectrum_that_becomes_a_hosts_is_taken_back_and_comes_back(sandbox, tmp_path):
    with open_app(sandbox, tmp_path, sweep_hours=0) as app:
        app.once()
        before = posted(sandbox)
        number = next(int(p) for kind, p in before if kind == "spectrum")
        sandbox.edit_spectrum(number, type="host")
        assert app.once().analysed == {"refused": 1}
        assert ("spectrum", str(number)) not in posted(sandbox)
        sandbox.edit_spectrum(number, type="source")
        assert app.once().analysed == {"ok": 1}
        assert posted(sandbox) == before


def test_a_deleted_spectrum_leaves_its_sources_summary_within_the_hour(sandbox, tmp_path):
    later = Later()
    with open_app(sandbox, tmp_path, later, sweep_hours=0) as app:
        app.once()
        latest = int(posted(sandbox)["source", "ZTF26001"]["an_spectrum_id"])
        sandbox.delete_spectrum(latest)
        later.ahead = timedelta(minutes=10)
        assert app.once().analysed == {}
        sandbox.forget_requests()
        later.ahead = timedelta(minutes=62)
        assert app.once().analysed == {"gone": 1}
        assert asked(sandbox, "/api/spectra") - asked(sandbox, "/api/spectra/") == 1, "the poll itself reaches back"
        summary = posted(sandbox)["source", "ZTF26001"]
        assert (summary["an_n_spectra"], summary["an_spectrum_id"] != str(latest)) == (1, True)


def test_what_was_hidden_and_is_shown_again_is_answered_again(sandbox, tmp_path):
    later = Later()
    with open_app(sandbox, tmp_path, later, sweep_hours=0) as app:
        app.once()
        before = posted(sandbox)
        number = int(before["source", "ZTF26001"]["an_spectrum_id"])
        sandbox.state.spectra[number].group_ids -= {6}
        later.ahead = timedelta(hours=2)
        assert app.once().analysed == {"gone": 1}
        sandbox.share_spectrum(number, [6])
        later.ahead = timedelta(hours=4)
        assert app.once().analysed == {"ok": 1}
        assert posted(sandbox) == before


def test_the_poll_that_reaches_back_takes_in_nothing_older_than_it_should(sandbox, tmp_path):
    later = Later()
    with sandbox.state.lock:
        for one in sandbox.state.spectra.values():
            one.modified -= timedelta(days=4)
    with open_app(sandbox, tmp_path, later, sweep_hours=0, backfill_days=2) as app:
        sandbox.add_spectrum("ZTF26000", wavelengths=WAVES, fluxes=GOOD)
        assert app.once().found == 1
        later.ahead = timedelta(hours=2)
        assert app.once().found == 0


def test_a_group_the_bot_is_not_in_is_refused_before_anything_is_done(sandbox, tmp_path):
    sandbox.add_spectrum("ZTF26000", wavelengths=WAVES, fluxes=GOOD, group_ids=[6, 7])
    sandbox.forget_requests()
    with open_app(sandbox, tmp_path, group_ids=(6, 7)) as app:
        wanted = r"ASTRANET_GROUP_IDS: sandbox-bot is not a member of 7.*; add the bot .* \(it is in: 2 .*\)"
        for step in (app.once, app.cycle, app.sweep):
            with pytest.raises(ConfigError, match=wanted):
                step()
        with app.store.begin() as unit:
            assert not unit.reports.every(ASTRANET)
    assert {one.path for one in sandbox.requests} == {"/api/internal/profile", "/api/groups"}


def test_a_bot_that_is_taken_out_of_a_group_does_nothing_until_it_is_back(sandbox, tmp_path):
    later = Later()
    bot = sandbox.state.user_named("bot")
    with open_app(sandbox, tmp_path, later, group_ids=(PUBLIC, 6)) as app:
        app.once()
        before, groups = posted(sandbox), bot.group_ids
        bot.group_ids = groups - {6}
        later.ahead = timedelta(hours=13)
        (trouble,) = set(app.once().trouble)
        assert "not a member of 6" in trouble
        assert posted(sandbox) == before
        bot.group_ids = groups
        assert app.once().complete


def test_nothing_is_done_while_nobody_says_whether_the_bot_is_in_its_groups(sandbox, tmp_path):
    sandbox.faults = lambda seen: Fault(kind=FaultKind.BAD_GATEWAY) if seen.path == "/api/groups" else None
    with open_app(sandbox, tmp_path) as app:
        assert not app.once().complete
        assert not sandbox.writes()
        sandbox.faults = None
        assert app.once().complete
        assert posted(sandbox)


def test_a_new_spectrum_costs_four_requests_beside_the_poll(sandbox, tmp_path):
    # What people say of an object is asked once a day, whatever is new about it.
    with open_app(sandbox, tmp_path, sweep_hours=0, truth_watch_days=0) as app:
        app.once()
        sandbox.forget_requests()
        app.once()
        idle = Counter((one.method, one.path) for one in sandbox.requests)
        assert idle.total() == 2, "new spectra, and changed sources"
        name = sandbox.add_source("ZTF26new")
        for seen, (first, second) in enumerate([("POST", "POST"), ("POST", "PUT")], start=1):
            number = sandbox.add_spectrum(
                name, wavelengths=WAVES, fluxes=[f * seen for f in GOOD], observed_at=f"2026-06-0{seen}T05:00:00"
            )
            sandbox.forget_requests()
            app.once()
            cost = Counter((one.method, one.path) for one in sandbox.requests) - idle
            assert cost.total() == 4
            spent = Counter(method for method, _ in cost)
            assert spent == Counter(["GET", "GET", first, second])
            summary = posted(sandbox)["source", name]
            assert (summary["an_n_spectra"], summary["an_spectrum_id"]) == (seen, str(number))
            assert ("spectrum", str(number)) in posted(sandbox)


def test_upload_to_annotation_takes_a_poll_interval_and_at_most_two_seconds(sandbox, tmp_path):
    interval = 1.0
    with open_app(sandbox, tmp_path) as app:
        app.settings = app.settings.model_copy(update={"poll_seconds": interval})
        jobs = scheduler(app, list)
        jobs.start()
        try:
            latencies = []
            for number in range(3):
                _until(lambda there=9 + number: len(posted(sandbox)) >= there, 20.0)  # empty queue
                begun = time.monotonic()
                new = sandbox.add_spectrum("ZTF26000", wavelengths=WAVES, fluxes=GOOD)
                _until(lambda new=new: ("spectrum", str(new)) in posted(sandbox), 20.0)
                latencies.append(time.monotonic() - begun)
        finally:
            app.stop()
            jobs.shutdown(wait=True)
    assert max(latencies) <= interval + 2.0, latencies


def _until(holds, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        threading.Event().wait(0.02)


def test_a_report_remembers_no_redshift_where_there_was_none(sandbox, tmp_path):
    with open_app(sandbox, tmp_path) as app:
        app.once()
        with app.store.begin() as unit:
            filed = unit.reports.of(spectrum("1"), ASTRANET)
    assert filed is not None
    assert REDSHIFT not in filed.facts

"""Whether the service is well, and the words for why it is not."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from typer.testing import CliRunner

from iris_client.errors import Unavailable
from iris_client.protocols import SpectrumStub
from plugin.activity import Activity, Pulse
from plugin.cli import app as astranet
from plugin.ops import health
from plugin.ops.health import Facts, Health, judge
from tests.fakes.marshal import good
from tests.plugin.conftest import TOKEN, URL, make_settings
from tests.plugin.test_imports import among, loaded

NOW = datetime(2026, 6, 10, 12)
PLENTY = 10**10


def ago(**by: float) -> datetime:
    return NOW - timedelta(**by)


WELL = Pulse(
    model="fake-1",
    progress_at=ago(seconds=30),
    begun_at=ago(seconds=40),
    finished_at=ago(seconds=30),
    answered_at=ago(seconds=31),
    failed_at=ago(hours=1),
    skew_s=0.4,
)


def test_all_is_well() -> None:
    assert judge([WELL], Facts(), free_bytes=PLENTY, now=NOW) == Health(live=True, ready=True)


@pytest.mark.parametrize(
    ("pulse", "facts", "free", "live", "words"),
    [
        ({"progress_at": ago(hours=3)}, {}, PLENTY, False, "no sign of life for 3.0 h"),
        ({"ended": True}, {}, PLENTY, False, "no process is at work: the last one was ended 30 s ago"),
        ({"progress_at": None}, {}, PLENTY, False, "no cycle has ever begun"),
        ({"model": None}, {}, PLENTY, True, "the model is not loaded"),
        ({"finished_at": None}, {}, PLENTY, True, "the first cycle is not finished yet"),
        ({"finished_at": ago(minutes=14), "begun_at": ago(minutes=15)}, {}, PLENTY, True, "finished 14 min ago"),
        ({"trouble": ("GET /api/spectra: HTTP 502",)}, {}, PLENTY, True, "met trouble: GET /api/spectra: HTTP 502"),
        ({"failed_at": ago(seconds=1)}, {}, PLENTY, True, "did not answer"),
        ({"denied": True}, {}, PLENTY, True, "does not accept the token"),
        ({"skew_s": -95.0}, {}, PLENTY, True, "clock is -95 s against the marshal's"),
        ({}, {"due_since": ago(hours=2)}, PLENTY, True, "due for 2.0 h and nothing is answered"),
        ({}, {"due_since": ago(hours=2), "last_filed": ago(hours=2)}, PLENTY, True, "nothing is answered"),
        ({}, {}, 10 * 2**20, True, "only 10 MiB are free"),
        ({}, {}, None, True, "cannot be looked at"),
    ],
)
def test_one_thing_wrong(pulse, facts, free, live, words) -> None:
    found = judge([replace(WELL, **pulse)], Facts(**facts), free_bytes=free, now=NOW)
    assert (found.live, found.ready, found.well) == (live, False, False)
    (reason,) = found.reasons
    assert words in reason


def test_much_to_do_is_no_fault() -> None:
    running = replace(WELL, begun_at=ago(hours=1), finished_at=ago(hours=2))
    busy = Facts(due_since=ago(hours=3), last_filed=ago(seconds=5))
    assert judge([running], busy, free_bytes=PLENTY, now=NOW).well


def test_a_process_that_is_gone_does_not_count_when_another_works() -> None:
    gone = replace(WELL, progress_at=ago(days=1), denied=True, trouble=("old",))
    assert judge([WELL, gone], Facts(), free_bytes=PLENTY, now=NOW).well


def test_what_was_killed_and_started_anew_is_not_believed_for_long() -> None:
    before = replace(WELL, progress_at=ago(minutes=6), denied=True, trouble=("old",), failed_at=ago(seconds=1))
    assert judge([WELL, before], Facts(), free_bytes=PLENTY, now=NOW).well
    assert not judge([before], Facts(), free_bytes=PLENTY, now=NOW).ready


def test_a_process_that_ends_says_so(make_app, clock) -> None:
    app = make_app()
    app.cycle()
    app.close()
    found = health.of_service(app.settings, clock=clock)
    assert not found.live
    assert found.reasons == ("no process is at work: the last one was ended 0 s ago",)


def test_a_pulse_is_read_as_it_was_written() -> None:
    pulse = replace(WELL, trouble=("a", "b"))
    assert Pulse.from_dict({**pulse.to_dict(), "of a later version": 1}) == pulse
    with pytest.raises(ValueError):
        Pulse.from_dict({"progress_at": "yesterday"})


def test_what_requests_tell(clock) -> None:
    activity = Activity(clock=clock)
    hooks = activity.hooks("marshal")
    hooks.on_request("GET", "/api/spectra", 200, 0.1)
    assert (activity.pulse.answered_at, activity.pulse.failed_at, activity.pulse.denied) == (clock.now, None, False)
    hooks.on_request("POST", "/api/classification", 401, 0.1)
    assert not activity.pulse.denied  # only a right is missing
    hooks.on_request("GET", "/api/spectra", 401, 0.1)
    assert activity.pulse.denied
    clock.forward(seconds=5)
    hooks.on_request("GET", "/api/spectra", None, 0.1)
    assert activity.pulse.failed_at == clock.now
    clock.forward(seconds=5)
    hooks.on_request("GET", "/api/spectra", 200, 0.1)
    assert not activity.pulse.denied
    assert activity.pulse.answered_at == clock.now
    activity.hooks("boom").on_request("GET", "/", None, 0.1)
    assert activity.pulse.failed_at < activity.pulse.answered_at


def test_a_cycle_is_a_sign_of_life(make_app, marshal, clock) -> None:
    app = make_app()
    before = health.of_process(app.store, app.activity.pulse, app.settings, clock=clock)
    assert (before.live, before.reasons) == (False, ("no cycle has ever begun with this database",))
    marshal.add(good("1", "ZTF26a"))
    app.cycle()
    assert health.of_process(app.store, app.activity.pulse, app.settings, clock=clock).well
    assert health.of_store(app.store, app.settings, now=clock.now).well  # another process sees the same
    clock.forward(hours=1)
    assert not health.of_store(app.store, app.settings, now=clock.now).live


def test_a_marshal_that_is_away_is_told(make_app, marshal, clock) -> None:
    app = make_app()
    marshal.trouble = lambda method, _place: Unavailable("GET /api/spectra: HTTP 502") if method == "poll" else None
    app.cycle()
    found = health.of_store(app.store, app.settings, now=clock.now)
    assert found.live
    assert found.reasons == ("the last cycle met trouble: GET /api/spectra: HTTP 502",)


def test_a_cycle_that_breaks_off_is_told(make_app, monkeypatch, clock) -> None:
    app = make_app()
    monkeypatch.setattr(app, "_analyse", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        app.cycle()
    found = health.of_store(app.store, app.settings, now=clock.now)
    assert found.reasons == ("the last cycle met trouble: the cycle broke off: ZeroDivisionError",)


def test_work_that_nobody_does_is_told(make_app, marshal, clock) -> None:
    app = make_app()
    app.cycle()
    stub = SpectrumStub(spectrum_id="7", target_id="ZTF26a", modified="2026-06-10T07:00:00.000001")
    with app.store.begin() as unit:
        unit.spectra.add([stub], clock.now)
    clock.forward(minutes=61)
    pulse = replace(app.activity.pulse, progress_at=clock.now, finished_at=clock.now)
    found = health.of_process(app.store, pulse, app.settings, clock=clock)
    assert found.reasons == ("work has been due for 61 min and nothing is answered",)


def test_database_that_is_away(make_app, monkeypatch, tmp_path, clock) -> None:
    app = make_app()
    app.cycle()
    file = tmp_path / "astranet.sqlite"
    app.store.engine.dispose()
    file.rename(tmp_path / "elsewhere")
    file.write_bytes(b"no database at all" * 100)
    found = health.of_process(app.store, app.activity.pulse, app.settings, clock=clock)
    assert (found.live, found.ready) == (True, False)
    assert found.reasons == ("the database cannot be used (DatabaseError)",)


def test_the_command(make_app, monkeypatch, tmp_path) -> None:
    settings = make_settings(tmp_path)
    for name in ("marshal_url", "database_url", "output_dir"):
        monkeypatch.setenv(f"ASTRANET_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("ASTRANET_MARSHAL_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)
    missing = CliRunner().invoke(astranet, ["health"])
    assert (missing.exit_code, "there is no database" in missing.output) == (1, True)
    app = make_app()
    never = CliRunner().invoke(astranet, ["health"])
    assert (never.exit_code, never.output) == (1, "no cycle has ever begun with this database\n")
    from plugin.clock import utc_now

    now = utc_now()
    pulse = replace(WELL, progress_at=now, begun_at=now, finished_at=now, answered_at=now, denied=True)
    with app.store.begin() as unit:
        unit.status.tell(pulse.to_dict(), now)
    denied = CliRunner().invoke(astranet, ["health"])
    assert (denied.exit_code, denied.output) == (1, "the marshal does not accept the token\n")
    assert CliRunner().invoke(astranet, ["health", "--live"]).exit_code == 0
    with app.store.begin() as unit:
        unit.status.tell(replace(pulse, denied=False).to_dict(), now)
    well = CliRunner().invoke(astranet, ["health"])
    assert (well.exit_code, well.output) == (0, "well\n")
    assert URL not in well.output


def test_the_command_loads_no_network() -> None:
    heavy = among(
        loaded("import plugin.commands.health, plugin.ops.health"), "torch", "scipy", "matplotlib", "starlette"
    )
    assert heavy == set()

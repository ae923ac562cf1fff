"""A night's sources are looked up where it costs least; what changed between two nights is noticed, and stays known."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console
from structlog.testing import capture_logs

from iris_client.errors import Unavailable
from iris_client.tns.client import FULL, daily_file
from iris_client.tns.mirror import TnsObject
from models.domain import Target
from plugin.ops import show as views
from plugin.ops.schedule import scheduler
from plugin.sandbox.tns.stand_in import TnsSandbox
from plugin.settings import ConfigError
from plugin.tns.names import EVERY
from plugin.tns.source import make_naming
from tests.fakes.marshal import good
from tests.fakes.tns import Seconds, expected, night

Made = Callable[..., Any]


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def tns(seconds: Seconds) -> Iterator[TnsSandbox]:
    with TnsSandbox(clock=seconds) as made:
        yield made


@pytest.fixture
def make(make_app: Made, tns: TnsSandbox, seconds: Seconds) -> Made:
    """An app that knows the stand-in, and whose waiting for the budget takes no time."""

    def made(**values: Any) -> Any:
        who = {"tns_bot_id": tns.bot[0], "tns_bot_name": tns.bot[1], "tns_api_key": tns.api_key}
        app = make_app(tns_url=tns.url, **who, **values)
        app.naming.tns.budget.clock, app.naming.tns.budget.sleep = seconds, seconds.sleep
        return app

    return made


def fill(marshal: Any, targets: list[Target]) -> None:
    for number, target in enumerate(targets):
        marshal.add(good(str(number + 1), target.target_id))
        marshal.targets[target.target_id] = target


def names(app: Any) -> dict[str, str]:
    with app.store.begin() as unit:
        known = {target_id: unit.names.of(target_id) for target_id in app.marshal.targets}
    return {target_id: one.name.name for target_id, one in known.items() if one is not None and one.name is not None}


def test_five_hundred_sources_of_a_night_cost_one_download_one_listing_and_no_call(make, marshal, tns):
    targets, objects = night()
    fill(marshal, targets)
    tns.add(*objects)
    app = make(batch_size=500)
    assert app.once().analysed["ok"] == 500
    assert names(app) == expected()
    assert [path.rpartition("/")[2] for path, _ in tns.requests] == [FULL, "astronotes"]
    assert marshal.writes
    before = marshal.count("target")
    assert app.look_up_names() == {}
    assert marshal.count("target") == before


def test_without_the_mirror_the_api_is_asked_within_ten_a_minute(make, marshal, tns, seconds):
    targets, objects = night(60, 40)
    fill(marshal, targets)
    tns.add(*objects)
    tns.files.serve(FULL)  # somebody has fetched it already today: refused
    app = make(batch_size=100)
    app.once()
    assert names(app) == expected(40)
    statuses = [status for path, status in tns.requests if path.startswith("/api/")]
    assert set(statuses) == {200}
    assert len(statuses) / (seconds.slept / 60) <= 10.5


def test_at_becoming_sn_between_two_nights_is_noticed_recorded_and_shown(make, marshal, tns, clock):
    targets, objects = night(10, 4)
    fill(marshal, targets)
    tns.add(*objects)
    app = make()
    app.once()
    assert names(app)["ZTF26a00000"] == "AT 2026a0000"
    changed = replace(objects[0], prefix="SN", type="SLSN-I", modified="2026-11-21 20:00:00")
    tns.files.publish(daily_file("20260610"), changed)
    clock.forward(hours=22)
    with capture_logs() as logged:
        outcomes = app.look_up_names()
    assert outcomes == {"changed": 1, "same": 3, "nothing": 6}
    (told,) = [entry for entry in logged if entry["event"] == "TNS name changed"]
    assert (told["source"], told["before"]) == ("ZTF26a00000", "AT 2026a0000 (unclassified)")
    assert (told["after"], told["by"]) == ("SN 2026a0000 (SLSN-I)", "mirror")
    with app.store.begin() as unit:
        (change,) = unit.names.changes(clock() - timedelta(hours=1))
    assert str(change).endswith("AT 2026a0000 (unclassified) -> SN 2026a0000 (SLSN-I)")
    clock.forward(hours=22)
    assert app.look_up_names() == {"same": 4, "nothing": 6}
    assert sum(path.startswith("/api/") for path, _ in tns.requests) == 0


def test_what_the_marshal_knows_is_not_asked_elsewhere(make, marshal, tns):
    fill(marshal, [Target(target_id="a", ra_deg=1.0, dec_deg=2.0, tns_name="SN 2026x", tns_type="SN II")])
    tns.add(TnsObject(objid=1, prefix="AT", name="2026x", ra_deg=1.0, dec_deg=2.0))
    app = make()
    app.once()
    with app.store.begin() as unit:
        assert unit.names.of("a").name.source == "marshal"


def test_a_source_is_left_alone_some_weeks_after_its_last_answer(make, marshal, tns, clock):
    fill(marshal, night(3, 1)[0])
    app = make(tns_watch_days=5)
    assert (app.once().analysed["ok"], app.look_up_names()) == (3, {})
    clock.forward(days=4)
    assert sum(app.look_up_names().values()) == 3
    clock.forward(days=2)
    assert app.look_up_names() == {}


def test_one_that_cannot_be_asked_is_asked_the_next_time(make, marshal, tns, clock):
    fill(marshal, night(3, 3)[0])
    tns.add(*night(3, 3)[1])
    app = make()
    app.cycle()
    marshal.trouble = lambda method, place: (
        Unavailable("away") if (method, place) == ("target", "ZTF26a00001") else None
    )
    assert app.look_up_names() == {"same": 2, "later": 1}
    marshal.trouble = lambda *_: None
    clock.forward(hours=1)
    assert app.look_up_names() == {"same": 1}


def test_a_marshal_that_is_away_is_not_asked_about_every_source(make, marshal, tns):
    fill(marshal, night(30, 3)[0])
    app = make()
    app.cycle()
    marshal.trouble = lambda method, _: Unavailable("away") if method == "target" else None
    assert app.look_up_names() == {"later": 3}


def jobs_of(app: Any) -> dict[str, Any]:
    schedule = scheduler(app, list)
    schedule.start(paused=True)
    jobs = {job.id: job for job in schedule.get_jobs()}
    schedule.shutdown()
    return jobs


def test_names_are_looked_up_every_hour_and_each_source_every_night(make):
    job = jobs_of(make())["names"]
    assert job.trigger.interval == timedelta(hours=1)
    assert timedelta(hours=12) < EVERY < timedelta(hours=24)


@pytest.mark.parametrize(
    "values", [{}, {"tns_bot_id": 5, "tns_bot_name": "b", "tns_api_key": "k", "tns_watch_days": 0}]
)
def test_without_a_key_or_when_switched_off_nobody_asks(make_app, values):
    app = make_app(**values)
    assert "names" not in jobs_of(app)
    assert app.look_up_names() == {}


def test_a_key_without_a_bot_stops_the_start(make_app):
    with pytest.raises(ConfigError, match="TNS_BOT_ID"):
        make_app(tns_api_key="k")


def test_waiting_for_the_budget_ends_when_the_service_is_to_stop(make_app, marshal):
    """The real clock: the second call would have to wait for a minute."""
    with TnsSandbox(limit=1) as tns:
        fill(marshal, night(3, 3)[0])
        tns.files.serve(FULL)
        who = {"tns_bot_id": tns.bot[0], "tns_bot_name": tns.bot[1], "tns_api_key": tns.api_key}
        app = make_app(tns_url=tns.url, **who)
        app.cycle()
        job = threading.Thread(target=app.look_up_names)
        begun = time.monotonic()
        job.start()
        while not tns.requests:
            time.sleep(0.01)
        time.sleep(0.3)
        app.stop()
        job.join(20)
        assert not job.is_alive()
        assert time.monotonic() - begun < 15
        assert 429 not in {status for _, status in tns.requests}


class Broker:
    """A source of alerts that has matched its objects with the TNS."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows, self.asked = rows, []

    def tns_matches(self, target_id: str) -> tuple[dict[str, Any], ...]:
        self.asked.append(target_id)
        return self.rows


def naming(store: Any, marshal: Any, clock: Any, tns: Any = None, alerts: object = None) -> Any:
    week = timedelta(days=7)
    more = {"clock": clock, "wait": lambda _: False, "stop": bool}
    return make_naming(tns, watched=week, marshal=marshal, store=store, alerts=alerts, **more)


def test_the_broker_is_asked_after_the_marshal_and_before_the_mirror(make, marshal, tns, clock):
    """One typed by the marshal, one by the broker, one by the mirror: each is asked about no further than needed."""
    for number, (name, ra, kind) in enumerate((("a", 10.0, "SN II"), ("b", 20.0, None), ("c", 30.0, None)), 1):
        marshal.add(good(str(number), name))
        at = {"ra_deg": ra, "dec_deg": 0.0}
        marshal.targets[name] = Target(target_id=name, **at, tns_name=f"AT 2026{name}", tns_type=kind)
        tns.add(TnsObject(objid=number, prefix="SN", name=f"2026{name}", **at, type="SN Ic"))
    app = make()
    app.cycle()
    broker = Broker({"name": "2026b", "name_prefix": "SN", "ra": 20.0, "dec": 0.0, "type": "SLSN-I"})
    assert naming(app.store, marshal, clock, app.naming.tns, broker).run() == {"same": 3}
    assert broker.asked == ["b", "c"]
    with app.store.begin() as unit:
        found = {name: unit.names.of(name).name for name in "abc"}
    assert {name: (one.type, one.source) for name, one in found.items()} == {
        "a": ("SN II", "marshal"), "b": ("SLSN-I", "broker"), "c": ("SN Ic", "mirror"),
    }  # fmt: skip


def test_a_broker_is_enough(make_app, marshal, clock):
    fill(marshal, [Target(target_id="b", ra_deg=20.0, dec_deg=0.0)])
    app = make_app()
    app.cycle()
    broker = Broker({"name": "2026b", "name_prefix": "AT", "ra": 20.0, "dec": 0.0})
    made = naming(app.store, marshal, clock, alerts=broker)
    assert made.run() == {"same": 1}
    broker.rows = ({"name": "2026b", "name_prefix": "SN", "ra": 20.0, "dec": 0.0, "type": "TDE"},)
    clock.forward(hours=22)
    assert made.run() == {"changed": 1}
    assert naming(app.store, marshal, clock, alerts=object()) is None


def test_show_tells_the_names_a_source_had(make, marshal, tns, clock):
    targets, objects = night(1, 1)
    fill(marshal, targets)
    tns.add(*objects)
    app = make()
    app.once()
    changed = replace(objects[0], prefix="SN", type="TDE", modified="2026-11-21 20:00:00")
    tns.files.publish(daily_file("20260610"), changed)
    clock.forward(hours=22)
    app.look_up_names()
    console = Console(width=200, record=True, file=io.StringIO())
    for part in views.on_file(app.store, "ZTF26a00000"):
        console.print(part)
    shown = console.export_text()
    assert "AT 2026a0000 (unclassified)" in shown
    assert "SN 2026a0000 (TDE)" in shown
    assert "mirror" in shown

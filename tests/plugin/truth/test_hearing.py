"""What people say is heard; what machines say, and what is our own word come back, is not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from iris_client.errors import NotFound, Refused, Unavailable
from iris_client.protocols import Place, TransientName
from iris_client.tns.mirror import TnsObject
from models.domain import GivenLabel, HumanLabel, Target
from plugin.sandbox.tns.stand_in import TnsSandbox
from plugin.store import Store
from plugin.store.truth.answered import Truth
from plugin.truth.asking import Asking
from plugin.truth.hearing import Hearing
from tests.fakes.marshal import FakeMarshal, good
from tests.fakes.tns import Seconds
from tests.fakes.tns_reports import SERVER, make_draft
from tests.fakes.truth import HOUR, NOW, file, show
from tests.plugin.conftest import FakeClock

ANN = GivenLabel(row_id="7", name="Ia", author_id=2, author="ann", changed_at="2026-06-10T10:00:00.5")


def label(**changes: Any) -> GivenLabel:
    return replace(ANN, **changes)


@pytest.fixture
def hearing(store: Store, clock: FakeClock) -> Hearing:
    return Hearing(store=store, account=lambda: 1, ignored=("SNIascore", "robot"), tns=SERVER, clock=clock)


def given(store: Store, target_id: str = "a") -> list[tuple[Any, ...]]:
    with store.begin(to_read=True) as unit:
        return [(g.source, g.name, g.told_by, g.withdrawn_at is None, g.derived) for g in unit.truth.given(target_id)]


def settled(store: Store, target_id: str = "a") -> Any:
    with store.begin(to_read=True) as unit:
        return unit.truth.settled([target_id]).get(target_id)


def test_people_are_heard_and_machines_are_not(store, hearing):
    rows = (
        ANN,
        label(row_id="8", author_id=1, author="bot"),
        label(row_id="9", author="Robot"),
        label(row_id="10", origin="sniascore"),
        label(row_id="11", origin="ASTRANet"),
        label(row_id="12", author=None, author_id=9, name="Ib", probability=0.2),
    )
    hearing.hear(Target(target_id="a", given=rows))
    assert given(store) == [("marshal", "Ia", "ann", True, False), ("marshal", "Ib", "user 9", True, False)]
    with store.begin(to_read=True) as unit:
        assert unit.truth.given("a")[0].told_at == NOW - 2 * HOUR + timedelta(seconds=0.5)


def test_a_server_without_rows_is_heard_too(store, hearing):
    hearing.hear(Target(target_id="a", classifications=(HumanLabel("Ia", 0.9),)))
    assert given(store) == [("marshal", "Ia", None, True, False)]
    hearing.hear(Target(target_id="a"))
    assert given(store) == [("marshal", "Ia", None, False, False)]


def test_the_tns_types_changes_and_untypes_an_object(store, hearing, clock):
    hearing.hear(Target(target_id="a", tns_type="SN Ia"))
    clock.forward(hours=1)
    hearing.hear(Target(target_id="a"))  # the marshal's copy is silent: nobody took it back
    hearing.hear(Target(target_id="a"), TransientName(name="SN 2026a", type="SN Ib", source="api"))
    clock.forward(hours=1)
    assert settled(store).label == "SN Ibc"
    hearing.hear(Target(target_id="a"), TransientName(name="AT 2026a", source="broker"))  # it need not know
    assert settled(store).label == "SN Ibc"
    hearing.hear(Target(target_id="a"), TransientName(name="AT 2026a", source="mirror"))
    assert settled(store) == "withdrawn"


def test_a_type_that_the_tns_had_long_ago_is_as_old_as_we_know(store, hearing, clock):
    name = TransientName(name="SN 2026a", type="SN Ia", source="api")
    with store.begin() as unit:
        unit.names.put("a", replace(name, type="SN Ib"), NOW - 9 * HOUR)
        unit.names.put("a", name, NOW - 5 * HOUR)
    file(store, "a", "1", NOW - 3 * HOUR)
    show(store, Place(kind="spectrum", id="1"), NOW - 3 * HOUR)
    hearing.hear(Target(target_id="a"), name)
    found = settled(store)
    assert (found.told_at, found.after_ours) == (NOW - 5 * HOUR, False)


@pytest.mark.parametrize(
    ("kind", "state", "derived"),
    [("SN Ia", "submitted", True), ("SN II", "submitted", False), ("SN Ia", "rejected", False), ("SN Ia", None, False)],
)
def test_a_type_from_our_own_report_is_no_truth(store, hearing, kind, state, derived):
    with store.begin() as unit:
        unit.tns_reports.put_draft(SERVER, "a", make_draft("a").to_dict(), NOW)
        if state is not None:
            unit.tns_reports.approve(SERVER, "a", "Ann", NOW, NOW)
            held = unit.tns_reports.claim(SERVER, "a", NOW)
            unit.tns_reports.step(SERVER, held, state, NOW, said="x", sent_at=NOW)
    hearing.hear(Target(target_id="a", tns_type=kind))
    assert given(store) == [("tns", kind, "TNS", True, derived)]
    assert (settled(store) == "ours") is derived


@pytest.fixture
def asking(store: Store, marshal: FakeMarshal, hearing: Hearing, clock: FakeClock) -> Asking:
    return Asking(marshal=marshal, store=store, hearing=hearing, watched=timedelta(days=365), most=3, clock=clock)


def test_objects_are_asked_about_daily_then_weekly_then_no_more(store, marshal, asking, clock):
    for name in "abcd":
        file(store, name, name, NOW - timedelta(days=1))
        marshal.targets[name] = Target(target_id=name, given=(ANN,) if name == "a" else ())
    assert asking.run() == {"asked": 3, "given": 1}
    assert asking.run() == {"asked": 1}  # the fourth, in the next run
    assert asking.run() == {}
    clock.forward(hours=21)
    marshal.targets["a"] = Target(target_id="a")
    assert asking.run() == {"asked": 3, "withdrawn": 1}
    assert asking.run() == {"asked": 1}
    clock.forward(days=30)
    assert sum((asking.run() for _ in range(2)), start=type(asking.run())())["asked"] <= 4
    clock.forward(days=6)
    assert asking.run() == {}
    clock.forward(days=2)
    assert asking.run()["asked"] == 3
    clock.forward(days=400)
    assert asking.run() == {}


def test_one_that_is_gone_or_away_keeps_what_was_said(store, marshal, asking, clock):
    file(store, "a", "1")
    file(store, "b", "2")
    marshal.targets |= {name: Target(target_id=name, given=(ANN,)) for name in "ab"}
    assert asking.run()["given"] == 2
    clock.forward(hours=21)
    marshal.trouble = lambda method, place: NotFound("gone") if (method, place) == ("target", "a") else None
    assert asking.run() == {"gone": 1, "asked": 1}
    assert isinstance(settled(store), Truth)
    clock.forward(hours=21)
    marshal.trouble = lambda method, _: Refused("no", status=403) if method == "target" else None
    assert asking.run() == {"later": 2}
    marshal.trouble = lambda method, _: ZeroDivisionError("a bug") if method == "target" else None
    assert asking.run() == {"later": 2}
    marshal.trouble = lambda method, _: Unavailable("away", status=401) if method == "target" else None
    assert asking.run() == {"later": 1}  # nobody else is asked
    marshal.trouble = lambda *_: None
    assert asking.run() == {"asked": 2}


def test_the_request_that_looks_up_the_name_is_not_made_twice(make_app, marshal):
    marshal.add(good("1", "a"))
    marshal.targets["a"] = Target(target_id="a", ra_deg=10.0, dec_deg=-3.0, given=(ANN,))
    seconds = Seconds()
    with TnsSandbox(clock=seconds) as tns:
        tns.add(TnsObject(objid=5, prefix="SN", name="2026abc", ra_deg=10.0, dec_deg=-3.0, type="SN Ia"))
        who = {"tns_bot_id": tns.bot[0], "tns_bot_name": tns.bot[1], "tns_api_key": tns.api_key}
        app = make_app(tns_url=tns.url, **who)
        app.naming.tns.budget.clock, app.naming.tns.budget.sleep = seconds, seconds.sleep
        app.once()
    assert [row[:3] for row in given(app.store)] == [("marshal", "Ia", "ann"), ("tns", "SN Ia", "TNS")]
    assert marshal.count("target") == 2  # for the answer, and for name and labels
    assert app.truth.ask() == {}


def test_a_service_alone_asks_by_itself(make_app, marshal):
    marshal.add(good("1", "a"))
    marshal.targets["a"] = Target(target_id="a", given=(ANN,))
    app = make_app()
    assert app.naming is None
    app.once()
    assert [row[:3] for row in given(app.store)] == [("marshal", "Ia", "ann")]


def test_without_a_day_of_watching_nobody_is_asked(make_app):
    assert make_app(truth_watch_days=0).truth is None

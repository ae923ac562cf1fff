"""Reports to the TNS in the database: each step once, by one worker, on SQLite and PostgreSQL."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import inspect

from plugin.store import Store, migrate, open_store
from tests.fakes.tns_reports import SERVER, make_draft

NOW = datetime(2026, 6, 10, 12)


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with open_store(database, marshal="m") as opened:
        yield opened


def test_a_report_goes_its_way_and_nobody_takes_a_step_back(store: Store) -> None:
    with store.begin() as unit:
        rows = unit.tns_reports
        assert rows.put_draft(SERVER, "a", make_draft("a").to_dict(), NOW)
        assert rows.claim(SERVER, "a", NOW, early=True) is None  # a draft is nobody's work
        assert not rows.approve(SERVER, "a", "Ann", NOW + timedelta(seconds=1), NOW)
        assert rows.approve(SERVER, "a", "Ann\0", NOW, NOW)
        assert not rows.approve(SERVER, "a", "Bob", NOW, NOW)
        assert not rows.put_draft(SERVER, "a", make_draft("a", "2026z").to_dict(), NOW)
        assert rows.due(SERVER, NOW) == ["a"]
        assert rows.of("https://elsewhere", "a") is None
    with Store(store.engine, "another").begin() as unit:
        assert unit.tns_reports.every(SERVER) == []
    with store.begin() as unit:
        report = unit.tns_reports.claim(SERVER, "a", NOW)
        assert (report.state, report.reviewer, report.draft["name"]) == ("approved", "Ann", "2026abc")
        wait = timedelta(minutes=5)
        sent = unit.tns_reports.step(SERVER, report, "unknown", NOW, said="sent", wait=wait, sent_at=NOW)
        assert (sent.state, sent.sent_at, sent.not_before) == ("unknown", NOW, NOW + wait)
        assert unit.tns_reports.due(SERVER, NOW) == []
        assert unit.tns_reports.step(SERVER, report, "rejected", NOW, said="late") is None  # no longer ours
        again = unit.tns_reports.claim(SERVER, "a", NOW, early=True)
        done = unit.tns_reports.step(SERVER, again, "rejected", NOW, said="why", reasons=("why\0",))
        assert (done.reasons, [step["state"] for step in done.history]) == (
            ("why",),
            ["draft", "approved", "unknown", "rejected"],
        )
        assert unit.tns_reports.put_draft(SERVER, "a", make_draft("a").to_dict(), NOW)
        anew = unit.tns_reports.of(SERVER, "a")
        assert (anew.state, anew.sent_at, anew.reviewer, anew.reasons) == ("draft", None, None, ())


def test_a_claim_ends_by_itself(store: Store) -> None:
    other = Store(store.engine, "m")
    with store.begin() as unit:
        unit.tns_reports.put_draft(SERVER, "a", make_draft("a").to_dict(), NOW)
        unit.tns_reports.approve(SERVER, "a", "Ann", NOW, NOW)
        held = unit.tns_reports.claim(SERVER, "a", NOW)
    with other.begin() as unit:
        assert unit.tns_reports.claim(SERVER, "a", NOW + timedelta(minutes=14)) is None
        assert unit.tns_reports.claim(SERVER, "a", NOW + timedelta(minutes=15)) is not None
    with store.begin() as unit:
        assert unit.tns_reports.step(SERVER, held, "uploaded", NOW, said="x") is None


def test_the_same_answer_again_is_one_step_of_the_history(store: Store) -> None:
    with store.begin() as unit:
        unit.tns_reports.put_draft(SERVER, "a", make_draft("a").to_dict(), NOW)
        unit.tns_reports.approve(SERVER, "a", "Ann", NOW, NOW)
        for minute in range(100):
            now = NOW + timedelta(minutes=minute)
            one = unit.tns_reports.claim(SERVER, "a", now, early=True)
            one = unit.tns_reports.step(SERVER, one, "submitted", now, said="not judged yet")
        assert [step["said"] for step in one.history] == ["drafted", "approved by Ann", "not judged yet"]
        assert one.history[-1]["at"] == (NOW + timedelta(minutes=99)).isoformat()


def test_going_back_takes_the_reports_and_nothing_else(store: Store) -> None:
    with store.begin() as unit:
        unit.tns_reports.put_draft(SERVER, "a", make_draft("a").to_dict(), NOW)
    migrate.downgrade(store.engine, "0014")
    tables = set(inspect(store.engine).get_table_names())
    migrate.downgrade(store.engine, "0012")
    assert tables - set(inspect(store.engine).get_table_names()) == {"tns_reports"}
    migrate.upgrade(store.engine)
    assert migrate.drift(store.engine) == []
    with store.begin() as unit:
        assert unit.tns_reports.every(SERVER) == []

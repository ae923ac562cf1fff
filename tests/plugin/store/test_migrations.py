"""Whatever an earlier version has collected is there after the upgrade, and after going back again."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, inspect, text

from iris_client.protocols import Place, SpectrumStub
from plugin.store import (
    ASTRANET,
    NEEDLE,
    Store,
    StoreError,
    downgrade_store,
    migrate,
    object_of,
    open_store,
    schema_of,
    spectrum,
)
from plugin.store.engine import make_engine, parse_url
from tests.plugin.store import old_databases as old
from tests.plugin.store.old_databases import MARSHAL, NOW, RELEASED, TNS


@pytest.fixture
def engine(empty_database) -> Iterator[Engine]:
    made = make_engine(parse_url(empty_database))
    yield made
    made.dispose()


@pytest.fixture(params=RELEASED)
def upgraded(request, empty_database, engine) -> Iterator[tuple[str, Store]]:
    """The release it was made by, and the store after the upgrade."""
    old.make(engine, request.param)
    engine.dispose()
    with open_store(empty_database, marshal=MARSHAL) as store:
        yield request.param, store


def test_the_schema_is_in_step(upgraded):
    assert migrate.drift(upgraded[1].engine) == []


def test_queued_parked_and_answered_spectra_are_as_they_were(upgraded):
    _, store = upgraded
    with store.begin() as unit:
        found = {(p.subject.id, p.version[:10], p.state) for p in unit.queue.of("ZTF26a") if p.version}
        assert found == {
            ("9", "2026-06-10", "new"),
            ("10", "2026-06-10", "new"),
            ("11", "2026-06-10", "new"),
            ("12", "2026-06-10", "claimed"),
            ("13", "2026-06-10", "parked"),
            ("1", "2026-06-09", "superseded"),
            ("1", "2026-06-10", "done"),
            ("2", "2026-06-10", "gone"),
            ("3", "2020-01-01", "baseline"),
        }
        (parked,) = (p for p in unit.queue.parked() if p.subject.kind == "spectrum")
        assert (parked.attempts, parked.reason) == (50, "BadPayload: data is str, é")
        assert [p.subject.id for p in unit.queue.claim("spectrum", 9, NOW)] == ["10", "9"]  # oldest first
        (later,) = unit.queue.claim("spectrum", 9, NOW + timedelta(hours=2))
        assert (later.subject.id, later.attempts, later.reason) == ("11", 3, "504")
        known = [("1", "2026-06-10T07:00:00"), ("3", "2020-01-01T00:00:00")]
        stubs = [SpectrumStub(spectrum_id=n, target_id="ZTF26a", modified=m) for n, m in known]
        assert unit.spectra.add(stubs, NOW) == 0
        unit.queue.finish(later)


def test_what_another_worker_holds_stays_its_own_until_its_lease_ends(upgraded):
    _, store = upgraded
    held = 3 if upgraded[0] >= "0004" else 2
    for minutes, freed in ((13, 0), (15, held)):  # without a file's lock, as with PostgreSQL
        worker = Store(store.engine, MARSHAL, clock=lambda m=minutes: NOW + timedelta(minutes=m))
        assert worker.recover() == freed


def test_reports_are_as_they_were(upgraded):
    release, store = upgraded
    with store.begin() as unit:
        filed = unit.reports.of(spectrum("1"), ASTRANET)
        assert filed.report == old.spectral("1")
        assert (filed.version, filed.group_ids, filed.instrument) == ("2026-06-10T07:00:00", (2, 6), "SEDM")
        assert [f.report for f in unit.reports.refused(ASTRANET)] == [old.refusal("4")]
        assert len(unit.reports.every(ASTRANET)) == 2
        named = [f.producer for f in unit.reports.named("ZTF26a")]
        needle = unit.reports.of(object_of("ZTF26a"), NEEDLE)
        if release < "0004":
            assert (named, needle) == ([ASTRANET], None)
            return
        assert sorted(named) == [ASTRANET, NEEDLE]
        assert (needle.report, needle.version) == (old.of_object("ZTF26a"), "61001.50000 2")
        assert needle.facts == {"n_g": 3, "n_r": 0, "phase": 1.5}
        assert [f.report.reason for f in unit.reports.refused(NEEDLE)] == ["no light curve"]
        unit.reports.put(filed)
        unit.reports.put(needle)
        assert len(unit.reports.every(NEEDLE)) == 2


def test_what_lists_are_sorted_by_stands_beside_the_reports(upgraded):
    _, store = upgraded
    with store.engine.connect() as connection:
        rows = connection.execute(text("SELECT body, label, probability, anomaly FROM reports")).all()
    assert len(rows) >= 3
    for row in rows:
        verdict = (found := json.loads(row.body)).get("verdict") or found.get("host_verdict")
        assert row.label == (None if verdict is None else verdict["label"])
        assert row.probability == (None if verdict is None else verdict["probabilities"][verdict["label"]])
        assert row.anomaly == (found["anomaly"]["score"] if found.get("anomaly") else None)
    assert {row.probability is None for row in rows} == {True, False}


def test_watched_objects_are_as_they_were(upgraded):
    release, store = upgraded
    with store.begin() as unit:
        watched = unit.objects.watched(NOW, patience=timedelta(days=100))
        if release < "0004":
            assert watched == []
            return
        assert watched == ["ZTF26a", "ZTF26c", "ZTF26i", "ZTF26n", "ZTF26p"]
        assert "ZTF26i" not in unit.objects.watched(NOW, patience=timedelta(days=2))  # not saved, passed 3 days ago
        (done,) = (p for p in unit.queue.of("ZTF26a") if p.subject.kind == "object")
        assert (done.seen, done.state, done.asked) == ("61001.50000 2", "done", 1)
        assert unit.objects.watch(watched, NOW, saved=True) == 0
        assert unit.objects.saw({"ZTF26a": "61001.50000 2", "ZTF26i": "61002.00000 5"}, NOW) == 1
        assert {p.subject.id for p in unit.queue.claim("object", 9, NOW)} == {"ZTF26i", "ZTF26n"}
        (parked,) = (p for p in unit.queue.parked() if p.subject.kind == "object")
        assert (parked.attempts, "FloatingPointError" in parked.reason) == (2, True)


def test_posts_are_as_they_were(upgraded):
    _, store = upgraded
    with store.begin() as unit:
        posts = unit.outbox.at([Place(kind="spectrum", id=n) for n in "12456"])
        assert {p.place.id: p.state for p in posts} == {
            "1": "sent",
            "2": "retracted",
            "4": "pending",
            "5": "sending",
            "6": "parked",
        }
        assert {p.place.id: p.remote_id for p in posts}["1"] == "77"
        assert [(p.attempts, p.reason) for p in unit.outbox.parked()] == [(2, "no such group")]
        assert unit.outbox.claim(NOW, kinds=["annotation", "classification", "comment"]).place.id == "4"
        assert unit.outbox.claim(NOW, kinds=["annotation", "classification", "comment"]) is None


def test_cursors_and_the_tns_are_as_they_were(upgraded):
    release, store = upgraded
    with store.begin() as unit:
        assert unit.watermarks.get("poll 2,6") == "2026-06-10T07:00:00.000000"
        assert unit.watermarks.get("watch 2,6") == "2026-06-10T08:00:00.000000"
        if release >= "0002":
            (found,) = unit.tns.near(TNS, 150.0, 2.0, 2.0)
            assert (found.full_name, unit.tns.last_read(TNS)) == ("SN 2026abc", NOW)
        if release >= "0003":
            assert [known.name.name for known in unit.names.history("ZTF26a")] == ["AT 2026abc", "SN 2026abc"]
        due = unit.names.due(filed_since=NOW - timedelta(days=7), asked_before=NOW)
        assert set(due) == {"ZTF26a", "ZTF26b"} | ({"ZTF26r"} if release >= "0004" else set())


def test_going_back_gives_what_was_there(engine):
    old.make(engine, "0004")
    before = old.contents(engine)
    migrate.upgrade(engine)
    after = old.contents(engine)
    (shown,) = after.pop("shown")  # of the one post that hangs there, which had been sent
    assert (shown["place_id"], shown["first_at"]) == ("1", after["reports"][0]["filed_at"])
    assert sum(map(len, after.values())) == sum(map(len, before.values()))
    migrate.downgrade(engine, "0004")
    assert old.contents(engine) == before
    migrate.upgrade(engine)
    assert migrate.drift(engine) == []


def test_going_back_one_step_gives_what_was_there(engine):
    old.make(engine, "0004")
    migrate.upgrade(engine, "0005")
    before = old.contents(engine)
    migrate.upgrade(engine)
    migrate.downgrade(engine, "0005")
    assert old.contents(engine) == before


def test_a_schema_of_a_later_version_is_told_in_words(engine, empty_database):
    migrate.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StoreError, match=r"no way from this database's schema.*9999"):
        open_store(empty_database, marshal=MARSHAL)


def test_the_command_for_going_back(engine, empty_database):
    old.make(engine, "0003")
    before = old.contents(engine)
    migrate.upgrade(engine)
    engine.dispose()
    downgrade_store(empty_database, "0003")
    assert schema_of(empty_database)[0] == "0003"
    assert old.contents(engine) == before
    with pytest.raises(StoreError, match="no way"):
        downgrade_store(empty_database, "7777")


def test_going_back_before_the_count_of_calls_leaves_the_rest(empty_database, engine):
    with open_store(empty_database, marshal=MARSHAL) as store, store.engine.begin() as connection:
        connection.execute(text("INSERT INTO calls (server, minute, calls) VALUES ('s', 29000000, 7)"))
        connection.execute(text("INSERT INTO pace (marshal, next_at) VALUES ('m', 1.0)"))
    migrate.downgrade(engine, "0021")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT marshal FROM pace")).scalars().all() == ["m"]
    assert not inspect(engine).has_table("calls")
    with open_store(empty_database, marshal=MARSHAL) as store:
        assert migrate.drift(store.engine) == []

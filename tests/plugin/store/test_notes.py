"""Drafts of notes in the database: nobody overwrites anybody, and what is approved stays. SQLite and PostgreSQL."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import inspect

from iris_client.tns.astronotes import AstroNote, NotedObject
from models.domain import Target
from plugin.store import Store, migrate, open_store
from plugin.tns.others import noted_by_others

NOW = datetime(2026, 6, 11, 15)
LATER = NOW + timedelta(hours=1)
NIGHT = "2026-06-10"
TNS = "https://www.wis-tns.org"
ARCSEC = 1 / 3600


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with open_store(database, marshal="m") as opened:
        yield opened


def put(store: Store, title: str = "machine", night: str = NIGHT, now: datetime = NOW) -> str:
    with store.begin() as unit:
        return unit.notes.put("classes", night, {"title": title}, now)


def newest(store: Store, night: str = NIGHT):
    with store.begin(to_read=True) as unit:
        return unit.notes.of("classes", night)


def change(store: Store, seen, title: str, by: str = "Ann"):
    with store.begin() as unit:
        return unit.notes.change(seen, {"title": title}, LATER, by=by, said="title")


def test_the_service_may_write_anew_what_nobody_has_touched(store: Store) -> None:
    assert [put(store), put(store), put(store, "better")] == ["new", "same", "renewed"]
    note = newest(store)
    assert (note.version, note.revision, note.state, note.content) == (1, 2, "draft", {"title": "better"})
    assert (note.edited, note.touched_by, note.parent) == (False, None, None)
    with store.begin() as unit:
        assert [(s.revision, s.by, s.said) for s in unit.notes.steps(note)] == [
            (1, None, "drafted"),
            (2, None, "drafted anew"),
        ]
        assert unit.notes.drop("classes", NIGHT)
        assert not unit.notes.drop("classes", NIGHT)
    assert newest(store) is None
    assert put(store) == "new"  # and nothing of the one before is in its way


def test_what_a_person_made_is_never_written_over(store: Store) -> None:
    put(store)
    edited = change(store, newest(store), "by hand")
    assert (edited.revision, edited.edited, edited.touched_by) == (2, True, "Ann")
    assert put(store, "machine again", now=LATER) == "kept"
    note = newest(store)
    assert (note.content, note.machine, note.machine_at) == ({"title": "by hand"}, {"title": "machine again"}, LATER)
    assert note.revision == 2  # nothing that Ann sees has changed
    with store.begin() as unit:
        assert not unit.notes.drop("classes", NIGHT)


def test_of_two_who_saw_the_same_the_second_is_told(store: Store) -> None:
    put(store)
    seen = newest(store)
    assert change(store, seen, "Ann's") is not None
    assert change(store, seen, "Bob's", "Bob") is None
    with store.begin() as unit:
        assert unit.notes.approve(seen, seen.content, LATER, by="Bob") is None
    assert newest(store).content == {"title": "Ann's"}


def test_two_at_the_same_moment(store: Store) -> None:
    put(store)
    seen, done = newest(store), []
    start = threading.Barrier(2)

    def edit(who: str) -> None:
        start.wait()
        done.append(change(store, seen, who, who))

    people = [threading.Thread(target=edit, args=(who,)) for who in ("Ann", "Bob")]
    for one in people:
        one.start()
    for one in people:
        one.join()
    (won,) = [note for note in done if note is not None]
    assert newest(store).content == won.content


def test_the_service_and_a_person_at_the_same_time(store: Store) -> None:
    put(store)
    seen = newest(store)
    assert put(store, "anew") == "renewed"
    assert change(store, seen, "by hand") is None  # the person has not seen the new draft
    assert newest(store).content == {"title": "anew"}


def test_an_approved_note_stays_and_a_change_starts_a_version(store: Store) -> None:
    put(store)
    seen = newest(store)
    with store.begin() as unit:
        assert unit.notes.revise(seen, LATER, by="Ann") is None  # a draft needs none
        done = unit.notes.approve(seen, {"title": "signed"}, LATER, by="Ann\0")
    assert (done.state, done.approved_by, done.approved_at, done.content) == (
        "approved",
        "Ann",
        LATER,
        {"title": "signed"},
    )
    assert change(store, done, "too late") is None
    assert put(store, "machine") == "approved"
    with store.begin() as unit:
        assert unit.notes.approve(done, {}, LATER, by="Bob") is None
        assert not unit.notes.drop("classes", NIGHT)
        second = unit.notes.revise(done, LATER, by="Bob")
        assert unit.notes.revise(done, LATER, by="Cid") is None  # there is one already
    assert (second.version, second.revision, second.parent, second.edited) == (2, 1, 1, True)
    assert second.content == {"title": "signed"}
    assert put(store, "machine") == "kept"
    assert change(store, second, "better").version == 2
    with store.begin() as unit:
        assert [n.state for n in unit.notes.versions("classes", NIGHT)] == ["draft", "approved"]
        assert unit.notes.of("classes", NIGHT, 1).content == {"title": "signed"}
        assert unit.notes.of("classes", NIGHT, 3) is None


def test_lists_and_the_night_before(store: Store) -> None:
    for night in ("2026-06-08", "2026-06-10", "2026-06-11"):
        put(store, night, night)
    with store.begin() as unit:
        unit.notes.put("anomalies", "2026-06-10", {"title": "odd"}, NOW)
        assert [(n.night, n.kind) for n in unit.notes.every()] == [
            ("2026-06-11", "classes"),
            ("2026-06-10", "anomalies"),
            ("2026-06-10", "classes"),
            ("2026-06-08", "classes"),
        ]
        assert unit.notes.before("classes", "2026-06-10").night == "2026-06-08"
        assert unit.notes.before("classes", "2026-06-08") is None
    with Store(store.engine, "another").begin() as unit:
        assert unit.notes.every() == []


def test_notes_of_others_are_found_by_name_and_by_position(store: Store) -> None:
    first = AstroNote(
        number="2026-7",
        title="Two objects",
        authors="A. Bee (Institute)",
        posted_at="2026-06-01 10:00:00",
        objects=(
            NotedObject(name="2026abc", alt_name="ZTF26named", ra_deg=10.0, dec_deg=5.0),
            NotedObject(ra_deg=359.9999, dec_deg=-60.0),
        ),
    )
    with store.begin() as unit:
        assert unit.others_notes.put(TNS, [first, first], NOW) == 1
        assert unit.others_notes.put(TNS, [first, AstroNote(number="2026-9")], LATER) == 1
        assert unit.others_notes.count(TNS) == 2

        def noted(**facts):
            return noted_by_others(unit, Target(**{"target_id": "x", **facts}), server=TNS)

        assert str(noted(tns_name="SN 2026abc")) == "AstroNote 2026-7 (A. Bee (Institute))"
        assert noted(target_id="ZTF26named").by == "name"
        near = noted(ra_deg=10.0, dec_deg=5.0 + 1.9 * ARCSEC)
        assert (near.by, near.separation_arcsec) == ("position", pytest.approx(1.9, abs=0.01))
        assert noted(ra_deg=10.0, dec_deg=5.0 + 2.1 * ARCSEC) is None
        assert noted(ra_deg=0.0001, dec_deg=-60.0).number == "2026-7"  # across the zero of right ascension
        assert noted(tns_name="SN 2026ab") is None
        assert noted() is None
        assert noted_by_others(unit, Target(target_id="ZTF26named"), server="https://elsewhere") is None


def test_going_back_takes_the_notes_and_nothing_else(store: Store) -> None:
    put(store)
    with store.begin() as unit:
        unit.watermarks.set("x", "y")
    migrate.downgrade(store.engine, "0015")
    assert not {"notes", "note_revisions", "astronotes", "astronote_objects"} & set(
        inspect(store.engine).get_table_names()
    )
    migrate.upgrade(store.engine)
    assert migrate.drift(store.engine) == []
    assert newest(store) is None
    with store.begin() as unit:
        assert unit.watermarks.get("x") == "y"

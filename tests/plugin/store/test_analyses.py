"""Requests in the store: taken in once, woken when their turn comes, let go when they end; and the way back."""

from datetime import datetime, timedelta

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import select

from iris_client.protocols import Place, SpectrumStub
from plugin.store import ANALYSIS, Store, downgrade_store, migrate, open_store, schema_of, spectrum
from plugin.store.analyses import ANSWERED, key_of
from plugin.store.analyses.tables import analyses

NOW = datetime(2026, 6, 10, 12)
HOOK = "http://marshal.test/api/webhook/obj_analysis/11111111-2222-4333-8444-555555555555"
BEFORE = str(ScriptDirectory.from_config(migrate._config()).get_revision("0011").down_revision)


@pytest.fixture
def url(empty_database) -> str:
    return empty_database


@pytest.fixture
def store(url):
    with open_store(url, marshal="m") as opened:
        yield opened


def take(store: Store, hook: str = HOOK, target_id: str = "ZTF26a", **values) -> bool:
    given = {"service": "astranet", "inputs": {"redshift": 0.1}, "now": NOW, "due": NOW, "invalid_after": None}
    with store.begin() as unit:
        return unit.analyses.add(hook, target_id=target_id, **{**given, **values})


def test_the_same_request_is_one(store):
    assert take(store)
    assert not take(store)
    assert not take(store, HOOK.upper())
    assert take(Store(store.engine, "another marshal"))
    with store.begin() as unit:
        assert unit.analyses.waiting() == 1
        (piece,) = unit.queue.claim(ANALYSIS, 9, NOW)
        assert (piece.subject.id, piece.target_id) == (key_of(HOOK), "ZTF26a")
        request = unit.analyses.of(piece.subject.id)
    assert (request.service, request.inputs, request.ended) == ("astranet", {"redshift": 0.1}, None)
    assert "webhook" not in repr(request)


def test_what_has_ended_is_let_go(store):
    take(store)
    name = key_of(HOOK)
    with store.begin() as unit:
        unit.analyses.keep_plots(name, [{"format": "png", "data": "eA=="}])
        assert unit.analyses.parcel(name) == (HOOK, [{"format": "png", "data": "eA=="}], None)
        unit.analyses.end(name, ANSWERED)
        assert unit.analyses.parcel(name) == (None, [], ANSWERED)
        assert unit.analyses.of(name).inputs == {}
        assert unit.analyses.waiting() == 0
    assert not take(store)  # nor does it come to life again
    with store.engine.connect() as connection:
        assert connection.execute(select(analyses.c.hook)).scalars().all() == [None]


def test_it_is_woken_when_nothing_is_under_way_for_its_source(store):
    take(store)
    stub = SpectrumStub(spectrum_id="1", target_id="ZTF26a", modified="2026-06-01")
    with store.begin() as unit:
        unit.spectra.ask(stub, NOW)
        (piece,) = unit.queue.claim(ANALYSIS, 9, NOW)
        unit.queue.postpone(piece, "waits for spectrum 1", NOW + timedelta(minutes=1))
        assert unit.analyses.wake(NOW) == 0
        assert unit.analyses.state_of(spectrum("1"), "2026-06-01") == ("new", None)
        (work,) = unit.queue.claim("spectrum", 9, NOW)
        assert unit.analyses.wake(NOW) == 0
        unit.queue.finish(work)
        assert unit.analyses.wake(NOW) == 1
        (piece,) = unit.queue.claim(ANALYSIS, 9, NOW)
        assert piece.attempts == 0


def test_an_old_spectrum_is_work_again_and_an_answered_one_is_not(store):
    old, done = (SpectrumStub(spectrum_id=n, target_id="x", modified="2026-06-01") for n in "12")
    with store.begin() as unit:
        unit.spectra.add([old, done], NOW, state="baseline")
        unit.spectra.ask(old, NOW)
        (work,) = unit.queue.claim("spectrum", 9, NOW)
        assert work.subject.id == "1"
        unit.queue.finish(work)
        unit.spectra.ask(old, NOW)
        assert unit.queue.claim("spectrum", 9, NOW) == []


def test_work_that_was_set_aside_is_found_until_it_is_answered(store):
    take(store)
    with store.begin() as unit:
        (piece,) = unit.queue.claim(ANALYSIS, 9, NOW)
        unit.queue.park(piece, "the models failed")
        assert unit.analyses.failing() == [(key_of(HOOK), "the models failed")]
        unit.analyses.end(key_of(HOOK), ANSWERED)
        assert unit.analyses.failing() == []


def test_going_back_loses_requests_and_nothing_else(url):
    with open_store(url, marshal="m") as store:
        take(store)
        with store.begin() as unit:
            unit.spectra.add([SpectrumStub(spectrum_id="1", target_id="x", modified="2026")], NOW)
            for kind, name in (("analysis", key_of(HOOK)), ("source", "x")):
                place = Place(kind=kind, id=name)
                unit.outbox.enqueue(place, kind="annotation", origin="o", body={"a": 1}, group_ids=(), now=NOW)
            parcel = unit.outbox.claim(NOW, kinds=["annotation"])
            unit.outbox.sent(parcel, "1", NOW)
    downgrade_store(url, BEFORE)
    assert schema_of(url)[0] == BEFORE
    with open_store(url, marshal="m") as store:
        assert migrate.drift(store.engine) == []
        with store.begin() as unit:
            assert unit.analyses.waiting() == 0
            assert unit.queue.due(ANALYSIS, NOW) == 0
            assert unit.queue.due("spectrum", NOW) == 1
            assert [p.place.kind for p in unit.outbox.at([Place(kind="source", id="x")])] == ["source"]
            assert unit.outbox.at([Place(kind="analysis", id=key_of(HOOK))]) == []

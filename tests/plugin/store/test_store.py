"""The store: schema in step, work claimed once, wishes and what is known of their fate."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from iris_client.protocols import Place, SpectrumStub
from models.domain import Caveat, CaveatCode, Report
from plugin.store import ASTRANET, Filed, LostClaim, Store, StoreError, migrate, open_store, schema_of, spectrum
from plugin.store.engine import make_engine, parse_url
from plugin.store.outbox import NOTHING

NOW = datetime(2026, 6, 10, 12)
PLACE = Place(kind="spectrum", id="1")


def stub(spectrum_id: str = "1", modified: str = "2026-06-10T07:00:00") -> SpectrumStub:
    return SpectrumStub(spectrum_id=spectrum_id, target_id="ZTF26a", modified=modified)


def enqueue(store: Store, body: dict | None, groups: tuple[int, ...] = (6,)) -> None:
    with store.begin() as unit:
        unit.outbox.enqueue(PLACE, kind="annotation", origin="ASTRANet", body=body, group_ids=groups, now=NOW)


def claim(store: Store):
    with store.begin() as unit:
        return unit.outbox.claim(NOW, kinds=["annotation", "classification", "comment"])


def sent(store: Store, parcel) -> None:
    with store.begin() as unit:
        unit.outbox.sent(parcel, "7", NOW)


def the_one(store: Store):
    with store.begin() as unit:
        return unit.outbox.at([PLACE])[0]


def test_migrations_are_in_step_with_the_tables(store):
    assert migrate.drift(store.engine) == []
    current, head = migrate.revisions(store.engine)
    assert current == head


def test_upgrading_twice_changes_nothing(store):
    migrate.upgrade(store.engine)
    assert migrate.drift(store.engine) == []


@pytest.mark.sqlite
def test_sqlite_has_what_a_service_needs(store):
    with store.engine.connect() as connection:
        found = [connection.execute(text(f"PRAGMA {p}")).scalar() for p in ("journal_mode", "foreign_keys")]
    assert found == ["wal", 1]


def test_second_process_is_told(tmp_path):
    url = f"sqlite:///{tmp_path / 'x.sqlite'}"
    with open_store(url, marshal="m"):
        with pytest.raises(StoreError, match="another astranet works with"):
            open_store(url, marshal="m")
        open_store(url, marshal="m", to_read=True).close()
    open_store(url, marshal="m").close()


def test_reading_makes_nothing(tmp_path):
    file = tmp_path / "x.sqlite"
    with pytest.raises(StoreError, match="there is no database"):
        open_store(f"sqlite:///{file}", marshal="m", to_read=True)
    assert schema_of(f"sqlite:///{file}")[0] is None
    assert not file.exists()


def test_reading_an_old_schema_says_what_to_do(tmp_path):
    url = f"sqlite:///{tmp_path / 'x.sqlite'}"
    engine = make_engine(parse_url(url))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
    engine.dispose()
    with pytest.raises(StoreError, match="astranet db upgrade"):
        open_store(url, marshal="m", to_read=True)


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense"])
def test_other_databases_are_refused(url):
    with pytest.raises(StoreError, match="ASTRANET_DATABASE_URL"):
        open_store(url, marshal="m")


def test_broken_file_is_a_store_error(tmp_path):
    (tmp_path / "x.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match="cannot be used"):
        open_store(f"sqlite:///{tmp_path / 'x.sqlite'}", marshal="m")


def test_tasks_are_added_once_per_version(store):
    with store.begin() as unit:
        assert unit.spectra.add([stub(), stub()], NOW) == 1
        assert unit.spectra.add([stub(), stub(modified="2026-06-10T08:00:00")], NOW) == 1
        assert [t.state for t in unit.queue.of("1")] == ["superseded", "new"]


def test_what_was_answered_otherwise_is_closed_once_and_never_over_the_services_own(store):
    with store.begin() as unit:
        unit.spectra.add([stub("2")], NOW, state="baseline")
        unit.spectra.add([stub("3"), stub("4"), stub("5", "2026-06-11T00:00:00")], NOW)
        held = {piece.subject.id: piece for piece in unit.queue.claim("spectrum", 9, NOW)}
        unit.queue.finish(held["3"])
        unit.queue.finish(held["5"], "gone")
        unit.queue.park(held["4"], "broken")
        assert unit.spectra.close(stub("1"), NOW)  # never seen
        assert unit.spectra.close(stub("2"), NOW)  # taken note of only
        assert not unit.spectra.close(stub("3"), NOW)  # answered
        assert unit.spectra.close(stub("4"), NOW)  # set aside
        assert not unit.spectra.close(stub("5"), NOW)  # a newer version is known
        unit.spectra.add([stub("6")], NOW)
        unit.queue.claim("spectrum", 9, NOW)
        assert not unit.spectra.close(stub("6"), NOW)  # in hand
        for name in ("1", "2", "4"):
            assert unit.queue.of(name)[-1].state == "done"
            assert not unit.spectra.close(stub(name), NOW)
        assert unit.queue.due("spectrum", NOW) == 0


def test_many_stubs_at_once(store):
    with store.begin() as unit:
        assert unit.spectra.add([stub(str(n)) for n in range(1300)], NOW) == 1300


def test_nothing_is_kept_of_a_transaction_that_fails(store):
    def add_and_fail() -> None:
        with store.begin() as unit:
            unit.spectra.add([stub()], NOW)
            unit.watermarks.set("poll", "2026")
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        add_and_fail()
    with store.begin() as unit:
        assert unit.queue.of("1") == []
        assert unit.watermarks.get("poll") is None


def test_cursor_never_goes_back(store):
    with store.begin() as unit:
        for cursor in ("2026-06-02", "2026-06-01", "2026-06-03"):
            unit.watermarks.set("poll", cursor)
        assert unit.watermarks.get("poll") == "2026-06-03"


def test_task_is_claimed_once_and_only_its_holder_may_finish_it(store, tmp_path):
    with store.begin() as unit:
        unit.spectra.add([stub()], NOW)
        (task,) = unit.queue.claim("spectrum", 5, NOW)
        assert unit.queue.claim("spectrum", 5, NOW) == []
    other = Store(store.engine, store.marshal)
    with other.begin() as unit, pytest.raises(LostClaim):
        unit.queue.finish(task, "done")
    with store.begin() as unit:
        unit.queue.finish(task, "done")
        assert unit.queue.of("1")[0].state == "done"


def test_claims_of_a_vanished_worker_expire_where_there_is_no_lock(store):
    vanished = Store(store.engine, store.marshal, clock=lambda: NOW)
    with vanished.begin() as unit:
        unit.spectra.add([stub()], NOW)
        unit.queue.claim("spectrum", 1, NOW)
    for minutes, freed in ((14, 0), (16, 1)):  # without a file's lock, as with PostgreSQL
        worker = Store(store.engine, store.marshal, clock=lambda m=minutes: NOW + timedelta(minutes=m))
        assert worker.recover() == freed


@pytest.mark.sqlite
def test_claims_of_a_vanished_worker_are_free_at_once_under_the_lock(store):
    with Store(store.engine, store.marshal).begin() as unit:
        unit.spectra.add([stub()], NOW)
        unit.queue.claim("spectrum", 1, NOW)
    assert store.recover() == 1


def test_marshals_do_not_mix(store):
    elsewhere = Store(store.engine, "http://elsewhere.test")
    with elsewhere.begin() as unit:
        unit.spectra.add([stub()], NOW)
    with store.begin() as unit:
        assert unit.queue.claim("spectrum", 1, NOW) == []


def test_a_wish_tells_whether_a_delivery_follows(store):
    def wish(body: dict | None) -> bool:
        with store.begin() as unit:
            return unit.outbox.enqueue(PLACE, kind="annotation", origin="ASTRANet", body=body, group_ids=(6,), now=NOW)

    assert [wish(None), wish({"p": 1}), wish({"p": 1}), wish({"p": 2})] == [False, True, False, True]
    sent(store, claim(store))
    assert [wish({"p": 2}), wish({"p": 1}), wish({"p": 2})] == [False, True, False]


def test_unchanged_wish_is_not_sent(store):
    enqueue(store, {"p": 0.5})
    sent(store, claim(store))
    enqueue(store, {"p": 0.5})
    assert claim(store) is None
    assert the_one(store).remote_id == "7"


def test_wish_that_returns_to_what_is_there_is_not_sent(store):
    enqueue(store, {"p": 0.5})
    sent(store, claim(store))
    enqueue(store, {"p": 0.6})
    enqueue(store, {"p": 0.5})
    assert the_one(store).state == "sent"


def test_after_a_delivery_without_an_end_nothing_is_taken_for_granted(store):
    enqueue(store, {"p": 0.5})
    sent(store, claim(store))
    enqueue(store, {"p": 0.6})
    claim(store)  # and then the process died: the marshal may hold either
    store.recover()
    enqueue(store, {"p": 0.5})
    assert claim(store).body == {"p": 0.5}


def test_other_readers_need_a_delivery(store):
    enqueue(store, {"p": 0.5})
    sent(store, claim(store))
    enqueue(store, {"p": 0.5}, groups=(2, 6))
    assert claim(store).group_ids == (2, 6)


def test_wish_that_changes_during_its_delivery_is_due_again(store):
    enqueue(store, {"p": 0.5})
    parcel = claim(store)
    enqueue(store, {"p": 0.6})
    assert claim(store) is None
    sent(store, parcel)
    again = claim(store)
    assert again.body == {"p": 0.6}
    sent(store, again)
    assert the_one(store).state == "sent"


def test_nothing_to_take_away_where_nothing_was_sent(store):
    enqueue(store, {"p": 0.5})
    enqueue(store, None)
    assert the_one(store).state == "retracted"
    assert claim(store) is None


def test_what_was_sent_is_taken_away(store):
    enqueue(store, {"p": 0.5})
    sent(store, claim(store))
    enqueue(store, None)
    parcel = claim(store)
    assert (parcel.body, parcel.body_sha, parcel.remote_id) == (None, NOTHING, "7")
    sent(store, parcel)
    assert (the_one(store).state, the_one(store).remote_id) == ("retracted", None)


def filed(spectrum_id: str, modified: str, observed_at: str = "2026-06-09T05:00:00") -> Filed:
    caveats = [Caveat(code=CaveatCode.EMPTY, text="the spectrum is empty")]
    report = Report.refusal(target_id="ZTF26a", spectrum_id=spectrum_id, caveats=caveats, bundle="b", input_hash="h")
    return Filed(
        subject=spectrum(spectrum_id),
        producer=ASTRANET,
        target_id="ZTF26a",
        version=modified,
        report=report,
        observed_at=observed_at,
        group_ids=(6, 2),
        filed_at=NOW,
    )


def test_one_report_counts_per_spectrum(store):
    with store.begin() as unit:
        unit.reports.put(filed("1", "a"))
        unit.reports.put(filed("1", "b"))
        unit.reports.put(filed("1", "b"))
        assert [f.version for f in unit.reports.of_target("ZTF26a", ASTRANET)] == ["b"]
        assert unit.reports.of(spectrum("1"), ASTRANET).report.reason == "the spectrum is empty"
        assert unit.reports.of(spectrum("1"), ASTRANET).group_ids == (2, 6)
        unit.reports.retire(spectrum("1"), ASTRANET)
        assert unit.reports.of(spectrum("1"), ASTRANET) is None


def test_reports_by_time(store):
    with store.begin() as unit:
        unit.reports.put(filed("1", "a"))
        assert unit.reports.filed_between(NOW, NOW + timedelta(seconds=1), ASTRANET)
        assert not unit.reports.filed_between(NOW - timedelta(seconds=1), NOW, ASTRANET)
        assert unit.reports.observed_between(datetime(2026, 6, 9), datetime(2026, 6, 10), ASTRANET)
        assert not unit.reports.observed_between(datetime(2026, 6, 10), datetime(2026, 6, 11), ASTRANET)
        assert len(unit.reports.refused(ASTRANET)) == 1


def both(store: Store) -> None:
    """An annotation and what stands beside it."""
    enqueue(store, {"p": 1})
    with store.begin() as unit:
        unit.outbox.enqueue(PLACE, kind="comment", origin="ASTRANet", body={"text": "x"}, group_ids=(6,), now=NOW)


def test_what_stands_beside_an_annotation_goes_after_it(store):
    both(store)
    first = claim(store)
    assert first.kind == "annotation"
    assert claim(store) is None  # under way is not there
    with store.begin() as unit:
        unit.outbox.retry(first, "502", NOW)
    sent(store, claim(store))
    assert claim(store).kind == "comment"


def test_what_stands_beside_a_parked_annotation_waits_and_may_be_taken_back(store):
    both(store)
    with store.begin() as unit:
        unit.outbox.park(unit.outbox.claim(NOW, kinds=["annotation"]), "another user owns it")
    assert claim(store) is None
    with store.begin() as unit:
        unit.outbox.enqueue(PLACE, kind="comment", origin="NEEDLE", body={"text": "x"}, group_ids=(6,), now=NOW)
    assert claim(store).origin == "NEEDLE"  # another origin's
    with store.begin() as unit:
        unit.outbox.enqueue(PLACE, kind="classification", origin="ASTRANet", body={"p": 1}, group_ids=(6,), now=NOW)
        unit.outbox.again([PLACE], NOW, kinds=["annotation"])
    sent(store, claim(store))
    sent(store, claim(store))
    with store.begin() as unit:
        unit.outbox.enqueue(PLACE, kind="annotation", origin="ASTRANet", body={"p": 2}, group_ids=(6,), now=NOW)
        unit.outbox.park(unit.outbox.claim(NOW, kinds=["annotation"]), "another user owns it")
        unit.outbox.enqueue(PLACE, kind="comment", origin="ASTRANet", body=None, group_ids=(), now=NOW)
    taken = claim(store)
    assert (taken.kind, taken.body) == ("comment", None)


def test_what_is_to_be_sent_again_is_due_whatever_became_of_it(store):
    enqueue(store, {"p": 1})
    sent(store, claim(store))
    assert claim(store) is None
    with store.begin() as unit:
        assert unit.outbox.again([PLACE, Place(kind="spectrum", id="2")], NOW, kinds=["annotation"]) == 1
        assert unit.outbox.places() == [PLACE]
    enqueue(store, {"p": 1})  # the same wish changes nothing
    parcel = claim(store)
    assert (parcel.remote_id, parcel.attempts) == ("7", 0)


def test_a_subject_is_due_again_in_its_newest_version(store):
    with store.begin() as unit:
        unit.spectra.add([stub(), stub(modified="2026-06-10T09:00:00")], NOW)
        unit.objects.watch(["ZTF26a"], NOW, saved=True, seen="61000.5 17")
        for piece in unit.queue.claim("spectrum", 5, NOW):
            unit.queue.finish(piece)
        assert [subject.kind for subject in unit.queue.again("ZTF26a", NOW)] == ["object", "spectrum"]
        (one,) = unit.queue.claim("spectrum", 5, NOW)
        (other,) = unit.queue.claim("object", 5, NOW)
        assert (one.version, other.seen) == ("2026-06-10T09:00:00", "")
        unit.queue.again("1", NOW)  # while it is worked on
        unit.queue.finish(one)
        assert len(unit.queue.claim("spectrum", 5, NOW)) == 1
        assert unit.queue.again("nobody", NOW) == []

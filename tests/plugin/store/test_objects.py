"""Watched objects: due once for each new alert, whoever dies or asks twice."""

from datetime import datetime, timedelta

import pytest

from models.domain import HostVerdict, Report, Status
from plugin.store import NEEDLE, Filed, LostClaim, Store, object_of

NOW = datetime(2026, 6, 10, 12)
OLD, NEW, NEWER = "61000.50000 1", "61001.50000 2", "61002.50000 3"


def watch(store: Store, *names: str, saved: bool = True, version: str = "") -> int:
    with store.begin() as unit:
        return unit.objects.watch(names, NOW, saved=saved, seen=version)


def saw(store: Store, **newest: str) -> int:
    with store.begin() as unit:
        return unit.objects.saw(newest, NOW)


def claim(store: Store):
    with store.begin() as unit:
        return unit.queue.claim("object", 10, NOW)


def finish(store: Store, one, version: str | None = None, state: str = "done") -> str:
    with store.begin() as unit:
        unit.queue.finish(one, state, seen=version)
        return unit.queue.of(one.target_id)[0].state


def test_an_object_is_due_once_for_each_new_alert(store):
    assert watch(store, "a", "b") == 2
    assert watch(store, "a", "b") == 0
    assert saw(store, a=OLD, nobody=OLD) == 1
    assert saw(store, a=OLD) == 0
    (one,) = claim(store)
    assert (one.target_id, one.seen) == ("a", "")
    assert claim(store) == []
    assert finish(store, one, OLD) == "done"
    assert saw(store, a=OLD) == 0
    assert saw(store, a=NEW) == 1


def test_what_comes_while_an_object_is_worked_on_is_not_lost(store):
    watch(store, "a")
    saw(store, a=OLD)
    (one,) = claim(store)
    saw(store, a=NEW)
    assert claim(store) == []
    assert finish(store, one, OLD) == "new"
    assert [o.seen for o in claim(store)] == [OLD]


def test_an_archive_is_no_news_but_what_comes_later_is(store):
    watch(store, "a", "b", version="61001.00000")
    assert saw(store, a=OLD, b=NEW) == 1
    assert saw(store, a=NEW) == 1


def test_what_somebody_saves_today_is_news_however_old(store):
    watch(store, "a", "b", version="61005.00000")
    saw(store, b=NEWER)
    with store.begin() as unit:
        unit.objects.welcome(["a"])
    assert saw(store, a=OLD) == 1
    (one,) = claim(store)
    finish(store, one, OLD)
    with store.begin() as unit:
        unit.objects.welcome(["a"])  # within the overlap, again
    assert saw(store, a=OLD) == 0


def test_a_lost_claim_is_told(store):
    watch(store, "a")
    saw(store, a=OLD)
    (one,) = claim(store)
    with store.begin() as unit:
        assert unit.queue.recover(everything=True) == 1
    with pytest.raises(LostClaim):
        finish(store, one)


def test_candidates_are_let_go_and_saved_ones_are_not(store):
    watch(store, "a", saved=True)
    watch(store, "b", saved=False)
    later = NOW + timedelta(days=300)
    with store.begin() as unit:
        assert unit.objects.watched(NOW, patience=timedelta(days=100)) == ["a", "b"]
        assert unit.objects.watched(later, patience=timedelta(days=100)) == ["a"]


def test_what_is_saved_no_more_is_looked_at_once_more(store):
    watch(store, "a", "b", "c")
    saw(store, a=OLD, b=OLD)
    for one in claim(store):
        finish(store, one, OLD)
    with store.begin() as unit:
        assert unit.objects.unsaved(["b"], NOW) == 2
    assert [o.target_id for o in claim(store)] == ["a"]  # c has no answer to look at


def test_an_object_that_was_gone_and_comes_back_is_news(store):
    watch(store, "a")
    saw(store, a=OLD)
    (one,) = claim(store)
    assert finish(store, one, state="gone") == "gone"
    watch(store, "a")
    assert saw(store, a=OLD) == 1


def test_retry_park_and_unpark(store):
    watch(store, "a")
    saw(store, a=OLD)
    (one,) = claim(store)
    with store.begin() as unit:
        unit.queue.retry(one, "away", NOW + timedelta(minutes=1))
        assert unit.queue.claim("object", 10, NOW) == []
        (one,) = unit.queue.claim("object", 10, NOW + timedelta(minutes=2))
        unit.queue.park(one, "broken")
        assert [o.reason for o in unit.queue.parked()] == ["broken"]
        assert unit.queue.unpark("object", NOW) == 1
        assert unit.queue.of("a")[0].attempts == 0


def test_reports_of_objects_are_kept_and_one_counts(store):
    verdict = HostVerdict(label="TDE", probabilities={"SN": 0.1, "SLSN-I": 0.1, "TDE": 0.8}, model="m")
    ok = Report(target_id="a", spectrum_id=None, status=Status.OK, host_verdict=verdict, bundle="m")
    no = Report(target_id="a", spectrum_id=None, status=Status.REFUSED, reason="no light curve", bundle="m")
    about = {"subject": object_of("a"), "producer": NEEDLE, "target_id": "a"}
    filed = Filed(**about, version=OLD, report=ok, facts={"n_g": 3}, group_ids=(6,), filed_at=NOW)
    with store.begin() as unit:
        unit.reports.put(filed)
        unit.reports.put(filed)
        assert unit.reports.of(object_of("a"), NEEDLE) == filed
        unit.reports.put(Filed(**about, version=NEW, report=no, filed_at=NOW))
        assert [f.report.reason for f in unit.reports.refused(NEEDLE)] == ["no light curve"]
        assert len(unit.reports.every(NEEDLE)) == 1
        unit.reports.retire(object_of("a"), NEEDLE)
        assert unit.reports.of(object_of("a"), NEEDLE) is None

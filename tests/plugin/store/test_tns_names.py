"""Names on file: an answer that repeats is no change, one that differs is, and nothing found takes no name away."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from iris_client.protocols import TransientName
from models.domain import Report, Status
from plugin.store import ASTRANET, Filed, Store, open_store, spectrum
from plugin.store.tns.names import renamed

NOW = datetime(2026, 11, 21, 9)
AT = TransientName(name="AT 2026abc", source="mirror", separation_arcsec=0.4)
SN = TransientName(name="SN 2026abc", type="SN Ia", redshift=0.05, source="mirror", separation_arcsec=0.4)


def file(store: Store, name: str, when: datetime) -> None:
    report = Report(target_id=name, spectrum_id=f"s-{name}", bundle="b", input_hash="h", status=Status.REFUSED)
    filed = Filed(
        subject=spectrum(f"s-{name}"), producer=ASTRANET, target_id=name, version="m", report=report, filed_at=when
    )
    with store.begin() as unit:
        unit.reports.put(filed)


def test_a_change_is_told_once_and_kept(store):
    with store.begin() as unit:
        assert unit.names.put("a", AT, NOW) is None
        assert unit.names.put("a", replace(AT, source="marshal"), NOW + timedelta(hours=1)) is None
        assert unit.names.of("a").name.source == "marshal"
        change = unit.names.put("a", SN, NOW + timedelta(days=1))
        assert str(change) == "a: AT 2026abc (unclassified) -> SN 2026abc (SN Ia)"
        assert unit.names.put("a", SN, NOW + timedelta(days=2)) is None
        assert [known.name.name for known in unit.names.history("a")] == ["AT 2026abc", "SN 2026abc"]
        assert unit.names.of("a").asked_at == NOW + timedelta(days=2)
        assert unit.names.of("a").since == NOW + timedelta(days=1)
        assert unit.names.changes(NOW) == [change] == renamed([change])
        assert unit.names.changes(NOW + timedelta(days=1, seconds=1)) == []


def test_nothing_found_takes_no_name_away(store):
    with store.begin() as unit:
        unit.names.put("a", SN, NOW)
        assert unit.names.put("a", None, NOW + timedelta(days=1)) is None
        assert (unit.names.of("a").name, unit.names.of("a").asked_at) == (SN, NOW + timedelta(days=1))


def test_the_first_name_is_news_but_no_renaming(store):
    with store.begin() as unit:
        assert unit.names.put("a", None, NOW) is None
        change = unit.names.put("a", AT, NOW + timedelta(days=1))
        assert (change.before, change.after) == (None, AT)
        assert renamed(unit.names.changes(NOW)) == []


def test_sources_are_due_until_they_were_asked_about_and_again_later(store):
    for name, age in (("new", 0), ("old", 40), ("asked", 1)):
        file(store, name, NOW - timedelta(days=age))
    with store.begin() as unit:
        unit.names.put("asked", None, NOW - timedelta(hours=1))
        for hours, expected in ((20, ["new"]), (1, ["new", "asked"])):
            window = {"filed_since": NOW - timedelta(days=30), "asked_before": NOW - timedelta(hours=hours)}
            assert unit.names.due(**window) == expected


def test_marshals_do_not_share_names(store, tmp_path):
    with store.begin() as unit:
        unit.names.put("a", AT, NOW)
    store.close()
    with open_store(f"sqlite:///{tmp_path / 'store.sqlite'}", marshal="http://other.test") as other, other.begin() as u:
        assert u.names.of("a") is None
        assert u.names.changes(NOW) == []


@pytest.mark.parametrize("length", [1, 500])
def test_long_texts_are_cut_and_are_no_change_the_second_time(store, length):
    odd = TransientName(name="SN " + "x" * length, type="y" * length, source="api")
    with store.begin() as unit:
        assert unit.names.put("a", odd, NOW) is None
        assert unit.names.put("a", odd, NOW + timedelta(days=1)) is None

"""What was announced: once per kind and answer, and a period's note does not exclude its own objects."""

from datetime import datetime, timedelta

import pytest

from plugin.store import Store, migrate, open_store
from tests.plugin.store.old_databases import contents

NOW = datetime(2026, 6, 11, 15)
MARSHAL = "http://marshal.example"


@pytest.fixture
def opened(empty_database):
    with open_store(empty_database, marshal=MARSHAL) as store:
        yield store


def test_what_was_announced_before_counts_by_kind_and_marshal(opened):
    with opened.begin() as unit:
        unit.announced.put("classes", "2026-06-10", "2026-06-10", {"a": "TDE", "b": "SN Ia"}, NOW)
        unit.announced.put("anomalies", "2026-06-10", "2026-06-10", {"c": "distance"}, NOW)
    with opened.begin(to_read=True) as unit:
        assert unit.announced.before("classes", "2026-06-11", "2026-06-11") == {"a": "TDE", "b": "SN Ia"}
        assert unit.announced.before("anomalies", "2026-06-11", "2026-06-11") == {"c": "distance"}
        assert unit.announced.before("classes", "2026-06-10", "2026-06-10") == {}  # its own
        assert unit.announced.before("classes", "2026-06-09", "2026-06-09") == {}  # later
    with Store(opened.engine, "http://other.example").begin(to_read=True) as unit:
        assert unit.announced.before("classes", "2026-06-11", "2026-06-11") == {}


def test_the_last_answer_counts_and_a_period_is_written_anew(opened):
    with opened.begin() as unit:
        unit.announced.put("classes", "2026-06-10", "2026-06-10", {"a": "TDE"}, NOW)
        unit.announced.put("classes", "2026-06-11", "2026-06-11", {"a": "SN II", "b": "TDE"}, NOW + timedelta(days=1))
        unit.announced.put("classes", "2026-06-11", "2026-06-11", {"a": "AGN" + "x" * 300}, NOW + timedelta(days=1))
        assert unit.announced.before("classes", "w", "2026-06-12") == {"a": ("AGN" + "x" * 300)[:255]}
        assert unit.announced.before("classes", "2026-06-08_2026-06-14", "2026-06-14")["a"].startswith("AGN")


def test_going_back_drops_the_table_and_nothing_else(opened):
    before = contents(opened.engine)
    migrate.downgrade(opened.engine, "0021")
    after = contents(opened.engine)
    assert set(before) - set(after) == {"announced"}
    migrate.upgrade(opened.engine)
    assert migrate.drift(opened.engine) == []

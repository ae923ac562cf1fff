"""Lists of very many answers: a page at a time, from indices alone; the plan is asked for, and no clock."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from plugin.store import Store, object_of, open_store
from plugin.web.parts import WebParts
from plugin.web.reading import PAGE, Rank, Reading, Wanted
from plugin.web.server import make_web_app
from tests.fakes.many import END, fill
from tests.fakes.web import TestClient
from tests.plugin.conftest import URL, make_settings
from tests.plugin.web.conftest import BIND, LOCAL

MANY = 4000
LISTS = ["/", "/?night=week", "/?night=all", "/?night=all&class=TDE&policy=ALERT&group=16", "/?night=all&sort=anomaly"]
PAGES = [*LISTS, "/object/ZTF260001999", "/object?name=777", "/unanswered?what=refused&page=2", "/unanswered", "/queue"]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('many') / 'many.sqlite'}", marshal=URL)
    fill(store, MANY, padding=200)
    yield store
    store.close()


@pytest.fixture
def plans(many: Store, tmp_path: Path) -> Callable[[str], list[str]]:
    """What SQLite does for a page: the steps of every statement's plan."""
    settings = make_settings(tmp_path, web_bind=BIND)
    app = make_web_app(WebParts(settings=settings, store=many, clock=lambda: END))
    browser = TestClient(app, base_url=LOCAL, client=("127.0.0.1", 50000))

    def ask(path: str) -> list[str]:
        asked: list[tuple[str, Any]] = []

        def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
            asked.append((statement, parameters))

        event.listen(many.engine, "before_cursor_execute", note)
        try:
            assert browser.get(path).status_code == 200
        finally:
            event.remove(many.engine, "before_cursor_execute", note)
        steps = []
        with many.engine.connect() as connection:
            for statement, parameters in asked:
                if statement.lstrip().upper().startswith(("SELECT", "WITH")):
                    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
                    steps += [str(row[3]) for row in rows]
        return steps

    return ask


@pytest.mark.parametrize("path", PAGES)
def test_no_page_reads_a_whole_table(plans: Callable[[str], list[str]], path: str) -> None:
    steps = plans(path)
    assert steps
    for table in ("reports", "queue", "outbox"):
        assert f"SCAN {table}" not in steps


@pytest.mark.parametrize("path", LISTS)
def test_lists_are_counted_without_opening_a_report(plans: Callable[[str], list[str]], path: str) -> None:
    steps = plans(path)
    lists = [s for s in steps if "ix_reports_list" in s]
    assert len(lists) >= 3  # ranks, a page of objects, refusals
    assert all("COVERING INDEX" in s for s in lists)


def test_every_object_stands_on_exactly_one_page(many: Store) -> None:
    with many.begin(to_read=True) as unit:
        reading = Reading(unit)
        wanted = {"start": END - timedelta(days=3), "end": END + timedelta(seconds=1)}
        total = sum(reading.ranks(Wanted(**wanted)).values())
        pages = [reading.ranked(Wanted(**wanted, page=n)) for n in range(1, -(-total // PAGE) + 2)]
    names = [e.target_id for page in pages for e in page]
    assert len(names) == len(set(names)) == total > PAGE
    assert pages[-1] == []
    ranks = [e.rank for page in pages for e in page]
    assert ranks == sorted(ranks)
    assert set(ranks) == set(Rank)


def test_groups_are_told_apart_by_their_whole_number(many: Store) -> None:
    with many.begin(to_read=True) as unit:
        reading = Reading(unit)
        six, sixteen, one, none = (sum(reading.ranks(Wanted(group=g)).values()) for g in (6, 16, 1, 61))
    assert six == one > sixteen > 0 == none


@pytest.mark.parametrize("sort", ["p", "anomaly", "needle", "answered"])
def test_what_has_no_such_figure_comes_last(many: Store, sort: str) -> None:
    with many.begin() as unit:
        unit.objects.watch(["ZTF26x"], END, saved=True)
        assert unit.queue.ask_again(object_of("ZTF26x"), END)
    with many.begin(to_read=True) as unit:
        rows = Reading(unit).ranked(Wanted(sort=sort))
        assert len(rows) == PAGE
        if sort == "anomaly":
            scores = [max(_anomalies(many, row.target_id)) for row in rows]
            assert scores == sorted(scores, reverse=True)


def _anomalies(store: Store, name: str) -> list[float]:
    with store.engine.connect() as connection:
        query = text("SELECT anomaly FROM reports WHERE target_id = :name AND status = 'ok'")
        return [row[0] for row in connection.execute(query, {"name": name})]

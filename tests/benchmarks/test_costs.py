"""The arithmetic behind docs/results/benchmarks.md and docs/scaling.md, and that both say what the figures say."""

import multiprocessing
import socket
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, func, select

from models.bundle import load
from plugin.clock import utc_now
from plugin.store import open_store
from plugin.store.tables import queue
from tests.benchmarks.costs import copies
from tests.benchmarks.costs.__main__ import DOCS, read
from tests.benchmarks.costs.cycle import kind_of
from tests.benchmarks.costs.growth import resized
from tests.benchmarks.costs.measure import by_turns, figure, slope
from tests.benchmarks.costs.pipes import telling, told
from tests.benchmarks.costs.rates import CORE_SECONDS, Rates, follow_up, of_alerts, of_spectra
from tests.benchmarks.costs.relay import Relay
from tests.benchmarks.costs.render import page
from tests.benchmarks.costs.scaling import duration, filled, said, tables

RATES = Rates(
    answer_s=0.02,
    service_s=0.0864,
    plain_s=0.0432,
    alert_s=0.00864,
    requests=4.0,
    sent=1000.0,
    received=2000.0,
    per_source=2.0,
    sqlite=1e4,
    postgresql=None,
    card_share=0.05,
    card_bytes=2e5,
    drawing_s=1.0,
    memory_MiB=600.0,
    needle_MiB=400.0,
    lasair=0.6,
    saved_requests=10.0,
    search_ms=500.0,
    search_size=1e5,
    search_slope=1.0,
)


@pytest.fixture(scope="module")
def figures():
    return read(DOCS)


def days(limits, word):
    (found,) = [limit.days for limit in limits if word in limit.name]
    return found


def test_slope_of_a_power_law():
    sizes = [1e3, 1e4, 1e5]
    assert slope(sizes, [7.0 * size**0.5 for size in sizes]) == pytest.approx(0.5)
    assert slope(sizes, [3.0, 3.0, 3.0]) == pytest.approx(0.0)
    with pytest.raises(ValueError, match="slope"):
        slope([1e3], [1.0])
    with pytest.raises(ValueError, match="positive"):
        slope(sizes, [1.0, 0.0, 1.0])


def test_median_and_quartiles():
    assert figure([5.0, 1.0, 3.0, 2.0, 4.0]) == {"median": 3.0, "low": 2.0, "high": 4.0}


def test_floor_and_parts_take_turns():
    called = []
    works = {name: (lambda n=name: called.append(n), 2) for name in ("a", "b")}
    found = by_turns(works, rounds=3, floor=lambda: (called.append("floor"), sum(range(10_000))))
    assert called == ["floor", "a", "floor", "b"] * 4
    assert set(found) == {"floor", "a", "b"}
    assert 0 <= found["a"]["floors"]["median"] < 1


def test_relay_counts_both_ways():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                asked = connection.recv(100)
                connection.sendall(3 * asked)

        threading.Thread(target=answer, daemon=True).start()
        with Relay(server.getsockname()[1]) as relay:
            port = int(relay.url.rpartition(":")[2])
            with closing(socket.create_connection(("127.0.0.1", port), timeout=10.0)) as client:
                client.sendall(b"x" * 50)
                got = b""
                while part := client.recv(1000):
                    got += part
            assert got == b"x" * 150
            assert relay.counted() == (50, 150)
            assert relay.counted() == (0, 0)


def test_requests_are_named_by_what_they_are_for():
    assert kind_of("GET", "/api/spectra") == "GET spectra"
    assert kind_of("POST", "/api/spectra/12/comments") == "POST spectra/N/comments"


def test_a_million_spectra_by_hand():
    found = of_spectra(RATES, 10**6)
    assert days(found, "marshal's pace") == pytest.approx(4e6 / 4 / 86_400)
    assert days(found, "whole service") == pytest.approx(1.0)
    assert days(found, "without cards") == pytest.approx(0.5)
    assert days(found, "from files") == pytest.approx(2e4 / 86_400)
    assert follow_up(365.0) == pytest.approx(30 + 335 / 7)
    assert follow_up(10.0) == 10.0
    assert days(found, "people say") == pytest.approx(5e5 * follow_up() / 7200)
    assert [limit.days for limit in found] == sorted((limit.days for limit in found), reverse=True)


def test_ten_million_alerts_by_hand():
    found = of_alerts(RATES, 10**7)
    assert days(found, "100 an hour") == pytest.approx(6e6 / 100 / 24)
    assert days(found, "power user") == pytest.approx(6e6 / 10_000 / 24)
    assert days(found, "One core") == pytest.approx(1.0)
    assert days(found, "somebody saved") == pytest.approx(5e4 * 10 / 4 / 86_400)


def test_searches_are_carried_on_along_their_slope():
    assert RATES.search_s(10**6) == pytest.approx(5.0)
    assert RATES.searchable(1.0) == pytest.approx(2e5)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.123, "0.12"), (1.0, "1"), (3.94, "3.9"), (1234567, "1,200,000"), (2e-5, "2.0e-05")]
)
def test_numbers_are_short(value, text):
    assert said(value) == text


@pytest.mark.parametrize(
    ("found", "text"),
    [(800, "2.2 years"), (11.6, "12 days"), (0.5, "12 hours"), (0.01, "14 minutes"), (1e-5, "0.86 seconds")],
)
def test_durations_have_the_unit_that_fits(found, text):
    assert duration(found) == text


def test_tables_come_between_their_markers():
    text = "before\n<!-- made: a -->\n\nold\n\n<!-- end -->\nafter"
    new = filled(text, {"a": "| new |"})
    assert new == "before\n<!-- made: a -->\n\n| new |\n\n<!-- end -->\nafter"
    assert filled(new, {"a": "| new |"}) == new
    with pytest.raises(ValueError, match="0 places"):
        filled(text, {"b": ""})


def test_the_pages_say_what_the_figures_say(figures):
    assert (DOCS / "results" / "benchmarks.md").read_text() == page(*figures)
    text = (DOCS / "scaling.md").read_text()
    assert filled(text, tables(*figures)) == text


def test_the_figures_are_complete(figures):
    found, _ = figures
    for curve in (found["growth"]["search"], *found["store"]["sqlite"]["questions"].values()):
        medians = [one["median"] for one in curve["ms"]]
        assert curve["slope"] == slope(curve["sizes"], medians)
        assert curve["sizes"][-1] >= 50 * curve["sizes"][0]
    cycle = found["cycle"]
    assert all(one["answers"]["ok"] > 0.9 * cycle["spectra"] for one in cycle["cycles"])
    assert all(sum(one["kinds"].values()) == one["requests"] for one in cycle["cycles"])


def test_backfill_replaces_the_rate_of_answers(figures):
    found = figures[0]
    backfill = {CORE_SECONDS: 0.0123, "workers": {"1": 80.5, "2": 155.0}}
    assert Rates.of(found, backfill).answer_s == 0.0123
    assert Rates.of(found).answer_s == found["answer"]["parts"]["whole"]["ms"]["median"] / 1e3
    text = page(found, backfill)
    assert "| `workers.2` | 155 |" in text
    assert f"| `{CORE_SECONDS}` | 0.0123 |" in text


def test_copies_have_names_of_their_own(tmp_path: Path):
    file = tmp_path / "a.sqlite"
    with open_store(f"sqlite:///{file}", marshal="m") as store, store.begin() as unit:
        now = utc_now()
        row = {"subject": "spectrum", "state": "done", "attempts": 0, "not_before": now, "created_at": now}
        values = [
            {**row, "marshal": "m", "subject_id": s, "version": "1", "target_id": "Z", "touched_at": now} for s in "ab"
        ]
        unit.queue.context.connection.execute(queue.insert(), values)
    engine = create_engine(f"sqlite:///{file}")
    for numbers in (range(1, 3), range(3, 5)):
        with engine.begin() as connection:
            copies.copy(connection, numbers, copies.tables(engine))
    with engine.connect() as connection:
        assert connection.execute(select(func.count(queue.c.subject_id.distinct()))).scalar_one() == 10
        assert connection.execute(select(func.count(queue.c.target_id.distinct()))).scalar_one() == 5
    assert copies.volume(engine)["rows"] == 10
    copies.belongs_to(engine, "other")
    with engine.connect() as connection:
        assert set(connection.execute(select(queue.c.marshal)).scalars()) == {"other"}
    engine.dispose()


def test_a_bank_of_another_size():
    matching = load().matching
    assert matching is not None
    bank = matching.matcher.bank
    for size in (100, len(bank) + 7):
        other = resized(bank, size)
        assert len(other) == len(set(other.ids)) == size
        assert np.isin(other.label, bank.label).all()


def test_a_process_that_fails_tells_why():
    ours, theirs = multiprocessing.Pipe()
    with pytest.raises(ZeroDivisionError), telling(theirs):
        1 / 0  # noqa: B018
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        told(ours)
    theirs.send({"a": 1})
    assert told(ours) == {"a": 1}
    theirs.close()
    with pytest.raises(RuntimeError, match="silent"):
        told(ours)
    ours.close()

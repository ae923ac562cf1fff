"""kill -9 at every step, then another cycle: the same state as without the kill, on the marshal and in the store."""

import signal

import pytest
from sqlalchemy import create_engine, select

from plugin.store import tables
from tests.fakes.crash_driver import cycle, run

# What may differ between two undisturbed runs as well, or tells how often something was tried.
VOLATILE = {"id", "attempts", "not_before", "created_at", "touched_at", "filed_at", "delivered_at", "enqueued_at",
            "claimed_by", "claimed_until"}  # fmt: skip

STEPS = [
    ("plugin.store.migrate:upgrade", 1),  # before anything is there
    ("plugin.store.watermarks:Watermarks.set", 1),  # tasks inserted, not committed
    ("plugin.app:App._analyse", 1),  # after the poll was committed
    ("plugin.app:App.sweep", 1),  # after everything was sent
    ("plugin.cycle.spectra.producer:SpectraProducer.fetch", 2),  # in the middle of a claimed batch
    ("plugin.cycle.analyse:Analysing._ask", 1),  # fetched, not yet asked
    ("tests.fakes.analyst:FakeAnalyst.run_many", 2),  # in the models, second batch
    ("plugin.store.outbox:Outbox.enqueue", 2),  # report inserted, one post queued, not committed
    ("plugin.cycle.analyse:Analysing._file", 2),  # between two reports of one batch
    ("plugin.app:App._deliver", 1),  # everything filed, nothing sent
    ("plugin.cycle.carriers:AnnotationCarrier.send", 3),  # about to send
    ("plugin.store.outbox:Outbox.sent", 1),  # sent, not written down
    ("plugin.store.outbox:Outbox.sent", 5),
    ("plugin.store.outbox:Outbox._close", 2),  # written down, not committed
]


def rows(database: str) -> dict[str, list[dict[str, object]]]:
    engine = create_engine(database)
    found: dict[str, list[dict[str, object]]] = {}
    with engine.connect() as connection:
        for table in (tables.queue, tables.reports, tables.outbox, tables.delivered):
            kept = [c for c in table.c if c.name not in VOLATILE]
            every = [dict(row._mapping) for row in connection.execute(select(*kept))]
            found[table.name] = sorted(every, key=lambda row: [str(value) for value in row.values()])
    engine.dispose()
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[dict, dict]:
    folder = tmp_path_factory.mktemp("undisturbed")
    database = f"sqlite:///{folder / 'astranet.sqlite'}"
    posted = cycle(folder, database).posted
    assert len(posted) == 7
    return posted, rows(database)


@pytest.mark.parametrize(("step", "number"), STEPS)
def test_kill_then_another_cycle(step, number, tmp_path, empty_database, undisturbed):
    assert run(tmp_path, empty_database, step, number) == -signal.SIGKILL
    marshal = cycle(tmp_path, empty_database)
    assert marshal.posted == undisturbed[0]
    assert rows(empty_database) == undisturbed[1]
    assert not cycle(tmp_path, empty_database).writes


def test_driver_without_a_step_ends_well(tmp_path, empty_database):
    assert run(tmp_path, empty_database, None, 0) == 0

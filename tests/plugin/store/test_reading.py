"""Reading takes no lock: whoever looks keeps no writer waiting, and sees one state of things."""

import sqlite3
from datetime import datetime

import pytest
from sqlalchemy.exc import OperationalError

from iris_client.protocols import SpectrumStub
from plugin.store import open_store, schema_of

NOW = datetime(2026, 6, 10, 12)


def write_at_once(file) -> None:
    """Take the lock for writing, or fail without waiting."""
    connection = sqlite3.connect(file, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE watermark SET cursor = 'z'")
        connection.execute("COMMIT")
    finally:
        connection.close()


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "x.sqlite"
    with open_store(f"sqlite:///{file}", marshal="m") as store, store.begin() as unit:
        unit.watermarks.set("poll", "a")
    return file


def test_a_reader_keeps_no_writer_waiting(file):
    with open_store(f"sqlite:///{file}", marshal="m", to_read=True) as store, store.begin() as unit:
        assert unit.watermarks.get("poll") == "a"
        write_at_once(file)
        assert unit.watermarks.get("poll") == "a"  # one transaction, one state


def test_a_reading_transaction_of_the_service_keeps_no_writer_waiting(file):
    with open_store(f"sqlite:///{file}", marshal="m") as store:
        with store.begin(to_read=True) as unit:
            assert unit.watermarks.get("poll") == "a"
            write_at_once(file)
        with store.begin() as unit:
            assert unit.watermarks.get("poll") == "z"
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                write_at_once(file)


def test_a_reading_transaction_cannot_write_and_the_next_one_can(file):
    with open_store(f"sqlite:///{file}", marshal="m") as store:
        with store.begin(to_read=True) as unit, pytest.raises(OperationalError, match="readonly"):
            unit.watermarks.set("poll", "b")
        with store.begin() as unit:
            unit.watermarks.set("poll", "b")
            assert unit.watermarks.get("poll") == "b"


def test_a_writer_keeps_no_reader_waiting(file):
    with open_store(f"sqlite:///{file}", marshal="m") as writer, writer.begin() as unit:
        unit.watermarks.set("poll", "b")
        assert schema_of(f"sqlite:///{file}")[0]
        with open_store(f"sqlite:///{file}", marshal="m", to_read=True) as reader, reader.begin() as seen:
            assert seen.watermarks.get("poll") == "a"
            assert seen.queue.of("1") == []
        unit.spectra.add([SpectrumStub(spectrum_id="1", target_id="x", modified="2026")], NOW)

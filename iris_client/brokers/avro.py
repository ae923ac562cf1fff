"""ZTF alert packets in Avro files on disk."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import fastavro

from iris_client.brokers import avro_bounds
from iris_client.brokers.alert import Alert, alert
from iris_client.errors import BadPayload

_BROKEN: Final = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    OSError,
    AttributeError,
    MemoryError,
    RecursionError,
    StopIteration,
    struct.error,
    zlib.error,
    fastavro.schema.SchemaParseException,
    fastavro.schema.UnknownType,
)
"""What fastavro raises for damaged bytes, depending on where the damage is."""


def read_alert(source: str | Path | bytes) -> Alert:
    """Read the first alert of a packet, from a file or from its bytes.

    Raises
    ------
    BadPayload
        If there is no alert in it, or only a part of one.
    """
    return next(read_alerts(source))


def read_alerts(source: str | Path | bytes) -> Iterator[Alert]:
    """Read every alert of an Avro container file, in order; at least one.

    Raises
    ------
    BadPayload
        At the first record that cannot be read; those before it have been given out.
    """
    for packet in read_packets(source):
        yield alert(packet)


def read_packets(source: str | Path | bytes) -> Iterator[dict[str, Any]]:
    """Read every record of an Avro container file as plain values.

    Raises
    ------
    BadPayload
        If the file is missing, is no Avro, is damaged, or holds no record.
    """
    name = "these bytes" if isinstance(source, bytes) else Path(source).name
    try:
        content = source if isinstance(source, bytes) else _content(Path(source))
        avro_bounds.check(content)
        records = fastavro.reader(io.BytesIO(content))
    except _BROKEN as error:
        raise BadPayload(f"{name}: no Avro file ({type(error).__name__}: {str(error)[:100]})") from None
    count = 0
    while (record := _next(records, name)) is not None:
        count += 1
        yield record
    if not count:
        raise BadPayload(f"{name}: an Avro file without a record")


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(avro_bounds.MAX_FILE_BYTES + 1)


def _next(records: Any, name: str) -> dict[str, Any] | None:
    try:
        record = next(records, None)
    except _BROKEN as error:
        raise BadPayload(f"{name}: damaged Avro record ({type(error).__name__}: {str(error)[:80]})") from None
    if record is not None and not isinstance(record, dict):
        raise BadPayload(f"{name}: an Avro file of {type(record).__name__}, not of alerts")
    return record

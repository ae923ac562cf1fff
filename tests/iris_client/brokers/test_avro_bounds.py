"""Files that bring their own schema and packing: none of them takes more time or memory than a packet may."""

import io
import tracemalloc
import zlib
from typing import Any

import fastavro
import pytest

from iris_client.brokers import avro_bounds
from iris_client.brokers.avro import read_packets
from iris_client.errors import BadPayload

TEXTS = {"type": "record", "name": "T", "fields": [{"name": "a", "type": "string"}]}


def container(schema: Any, records: list[Any], codec: str = "null") -> bytes:
    out = io.BytesIO()
    fastavro.writer(out, schema, records, codec=codec)
    return out.getvalue()


def long(value: int) -> bytes:
    value, out = value << 1, bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def forged(schema: str, block: bytes, count: int = 1, codec: str = "null") -> bytes:
    """A container written by hand, as no library would."""
    meta = [(b"avro.schema", schema.encode()), (b"avro.codec", codec.encode())]
    head = b"".join(long(len(k)) + k + long(len(v)) + v for k, v in meta)
    return b"Obj\x01" + long(2) + head + b"\0" + b"s" * 16 + long(count) + long(len(block)) + block + b"s" * 16


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy"])
def test_what_a_library_wrote_is_read(codec: str) -> None:
    pytest.importorskip("cramjam")
    records = [{"a": "x" * n} for n in (0, 1, 5000)]
    assert list(read_packets(container(TEXTS, records, codec))) == records


def test_a_few_bytes_that_inflate_to_hundreds_of_megabytes_are_refused() -> None:
    machine = zlib.compressobj(9, wbits=-15)
    block = machine.compress(long(300 * 2**20) + b" " * 300 * 2**20) + machine.flush()
    content = forged(str(TEXTS).replace("'", '"'), block, codec="deflate")
    assert len(content) < 2**20
    tracemalloc.start()
    with pytest.raises(BadPayload, match="unpacks to more than 256 MB"):
        list(read_packets(content))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16 * 2**20


def test_snappy_says_its_length_first() -> None:
    content = forged(str(TEXTS).replace("'", '"'), long(2**31)[:5] + b"x" * 20, codec="snappy")
    with pytest.raises(BadPayload, match="unpacks to more"):
        list(read_packets(content))


NOTHING = (
    '"null"',
    '{"type": "record", "name": "E", "fields": []}',
    '{"type": "array", "items": "null"}',
    '{"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "array", "items": "null"}}]}',
    '{"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}',
    '{"type": "record", "name": "R", "fields": [{"name": "e", "type": {"type": "record", "name": "n.E", "fields": []}},'
    ' {"name": "a", "type": ["null", {"type": "array", "items": "n.E"}]}]}',
    '{"type": "map", "values": {"type": "array", "items": {"type": "null"}}}',
    '{"type": "record", "name": "R", "fields": [{"name": "r", "type": "R"}]}',
)


@pytest.mark.parametrize("schema", NOTHING)
def test_any_number_of_items_without_size_is_refused(schema: str) -> None:
    with pytest.raises(BadPayload, match="take no room"):
        list(read_packets(forged(schema, long(2**60) + b"\0", count=2**60)))


@pytest.mark.parametrize("codec", ["zstandard", "bzip2", "xz", "x" * 5000])
def test_an_unknown_packing_is_named(codec: str) -> None:
    with pytest.raises(BadPayload, match="packed with"):
        list(read_packets(forged('"string"', b"", codec=codec)))


def test_a_deep_schema_and_a_large_file_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadPayload, match="nested too deeply"):
        list(read_packets(forged('{"type":' * 100 + '"string"' + "}" * 100, b"\0")))
    monkeypatch.setattr(avro_bounds, "MAX_FILE_BYTES", 100)
    with pytest.raises(BadPayload, match="larger than"):
        list(read_packets(container(TEXTS, [{"a": "x" * 500}])))

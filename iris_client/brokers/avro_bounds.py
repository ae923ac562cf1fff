"""Whether an Avro file stays within bounds when it is unpacked: looked at before fastavro reads it.

A container brings its own schema and its own packing. A few kilobytes can hold a block that inflates to gigabytes, or
an array of 2^60 items that take no byte each. (Avro 1.12 specification, "Object Container Files".)
"""

import json
import zlib
from collections.abc import Iterator
from typing import Any, Final

MAX_FILE_BYTES: Final = 64 * 2**20
"""As it lies there; an alert packet has some tens of kilobytes, with its stamps."""
MAX_UNPACKED_BYTES: Final = 256 * 2**20
_MAGIC: Final = b"Obj\x01"
_SYNC: Final = 16
_CODECS: Final = frozenset({"null", "deflate", "snappy"})
_DEEPEST: Final = 64


def check(content: bytes) -> None:
    """Refuse what would not stay within bounds.

    Parameters
    ----------
    content : bytes
        A whole Avro container file.

    Raises
    ------
    ValueError
        If it is none, is packed in an unknown way, unpacks to too much, or holds items without a size.
    """
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"larger than {MAX_FILE_BYTES // 2**20} MB")
    if not content.startswith(_MAGIC):
        raise ValueError("not an Avro container")
    at, meta = _metadata(content, len(_MAGIC))
    codec = meta.get("avro.codec", b"null").decode("utf-8", "replace")
    if codec not in _CODECS:
        raise ValueError(f"packed with {codec[:20]!r}; known are {', '.join(sorted(_CODECS))}")
    if _Schema(json.loads(meta.get("avro.schema", b"null"))).holds_items_without_room():
        raise ValueError("its schema holds items that take no room, of which there may be any number")
    at, size = at + _SYNC, 0
    while at < len(content):
        _, at = _long(content, at)
        length, at = _long(content, at)
        if length < 0 or at + length + _SYNC > len(content):
            raise ValueError("cut short")
        size += _unpacked_size(content[at : at + length], codec, MAX_UNPACKED_BYTES - size)
        at += length + _SYNC


def _metadata(content: bytes, at: int) -> tuple[int, dict[str, bytes]]:
    meta: dict[str, bytes] = {}
    while True:
        count, at = _long(content, at)
        if count == 0:
            return at, meta
        if count < 0:  # then the size of the block in bytes follows
            _, at = _long(content, at)
        for _ in range(abs(count)):
            key, at = _bytes(content, at)
            meta[key.decode("utf-8", "replace")], at = _bytes(content, at)


def _bytes(content: bytes, at: int) -> tuple[bytes, int]:
    length, at = _long(content, at)
    if length < 0 or at + length > len(content):
        raise ValueError("cut short")
    return content[at : at + length], at + length


def _long(content: bytes, at: int) -> tuple[int, int]:
    """A number in zig-zag coding of variable length, and where it ends."""
    value = shift = 0
    while True:
        if at >= len(content) or shift > 63:
            raise ValueError("cut short")
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), at


def _unpacked_size(block: bytes, codec: str, left: int) -> int:
    """How much a block unpacks to, found out without keeping it."""
    if codec == "null":
        size = len(block)
    elif codec == "snappy":  # it begins with its length, seven bits a byte
        size = sum((byte & 0x7F) << 7 * i for i, byte in enumerate(block[:5]) if not i or block[i - 1] & 0x80)
    else:
        machine, size = zlib.decompressobj(wbits=-15), 0
        while block and size <= left:
            size += len(machine.decompress(block, 2**20))
            block = machine.unconsumed_tail
    if size > left:
        raise ValueError(f"unpacks to more than {MAX_UNPACKED_BYTES // 2**20} MB")
    return size


class _Schema:
    """A schema as far as it matters how little room its values can take."""

    def __init__(self, schema: Any) -> None:
        self._named: dict[str, Any] = {}
        self._parts = list(self._walk(schema, 0))

    def holds_items_without_room(self) -> bool:
        """Whether the file, or an array in it, is of items that take no byte."""
        arrays = [part.get("items") for part in self._parts if part.get("type") == "array"]
        return any(self._is_empty(items, 0) for items in arrays) or self._is_empty(self._parts[0], 0)

    def _walk(self, schema: Any, depth: int) -> Iterator[dict[str, Any]]:
        """Every part that is an object, the whole first."""
        if depth > _DEEPEST:
            raise ValueError("its schema is nested too deeply")
        inner: list[Any] = []
        if isinstance(schema, list):
            inner = schema
        elif isinstance(schema, dict):
            yield schema
            if isinstance(schema.get("name"), str):
                self._named[_last(schema["name"])] = schema
            fields = schema.get("fields")
            inner = [schema.get("items"), schema.get("values"), schema.get("type"), *_types(fields)]
        elif not depth:
            yield {"type": schema}
        for part in inner:
            yield from self._walk(part, depth + 1)

    def _is_empty(self, schema: Any, depth: int) -> bool:
        """Whether a value takes no byte. A record that holds itself counts as one that does not."""
        if isinstance(schema, str) and _last(schema) in self._named:
            schema = self._named[_last(schema)]
        if depth > _DEEPEST:
            return True
        kind = schema.get("type") if isinstance(schema, dict) else schema
        if kind in ("record", "error"):
            return all(self._is_empty(field, depth + 1) for field in _types(schema.get("fields")))
        if kind == "fixed":
            return not schema.get("size")
        if isinstance(schema, dict) and (isinstance(kind, dict) or kind in self._named):
            return self._is_empty(kind, depth + 1)
        return bool(kind == "null")


def _types(fields: Any) -> list[Any]:
    found = fields if isinstance(fields, list) else []
    return [field.get("type") for field in found if isinstance(field, dict)]


def _last(name: str) -> str:
    return name.rpartition(".")[2]

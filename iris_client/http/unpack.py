"""An answer's body, unpacked piece by piece and no further than its limit.

HTTP libraries unpack whole pieces at once and unpack what is packed several times: a few kilobytes can become
gigabytes before anybody can count. So both clients ask for gzip alone and read the packed bytes here.
"""

import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from iris_client.errors import BadPayload, Unavailable

ACCEPTED: Final = "gzip"
"""The value of `Accept-Encoding` that goes with `unpacked`."""
_PIECE: Final = 2**20
_ZLIB_OR_GZIP: Final = 47  # zlib finds out by itself which of the two it is


def unpacked(raw: Iterable[bytes], encoding: str, *, limit: int, what: str) -> Iterator[bytes]:
    """Unpack a body in pieces of at most 1 MB.

    Parameters
    ----------
    raw : iterable of bytes
        The body as it came.
    encoding : str
        Its `Content-Encoding`; empty for none.
    limit : int
        Most bytes, unpacked.
    what : str
        What was asked for, for messages.

    Raises
    ------
    BadPayload
        If there is more, or it is packed in a way that nobody asked for.
    Unavailable
        If it is damaged or cut short.
    """
    encoding = encoding.strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
        raise BadPayload(f"{what}: an answer packed with {encoding[:40]!r}, which nobody asked for")
    pieces = raw if encoding in {"", "identity"} else _inflated(raw, what)
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise BadPayload(f"{what}: an answer of more than {limit // 2**20} MB")
        yield piece


def _inflated(raw: Iterable[bytes], what: str) -> Iterator[bytes]:
    machine, begun = zlib.decompressobj(wbits=_ZLIB_OR_GZIP), False
    try:
        for packed in raw:
            begun = begun or bool(packed)
            while packed:
                yield machine.decompress(packed, _PIECE)
                packed = machine.unconsumed_tail
        yield machine.flush()
    except zlib.error as error:
        raise Unavailable(f"{what}: no answer (damaged gzip: {error})") from None
    if begun and not machine.eof:
        raise Unavailable(f"{what}: no answer (gzip cut short)")

"""Answers are unpacked piece by piece: no few bytes become many in memory, however they were packed."""

import gzip
import random
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest

from iris_client.errors import BadPayload, Unavailable
from iris_client.http.unpack import unpacked

MB = 2**20


def whole(raw: list[bytes], encoding: str, limit: int = MB) -> bytes:
    return b"".join(unpacked(raw, encoding, limit=limit, what="GET /x"))


@pytest.mark.parametrize("size", [0, 1, 1000, MB])
@pytest.mark.parametrize("cut", [1, 7, 100_000])
def test_what_was_packed_comes_out(size: int, cut: int) -> None:
    content = random.Random(size).randbytes(size // 2) * 2
    kinds = {"": content, "identity": content, "deflate": zlib.compress(content)}
    kinds |= dict.fromkeys(("gzip", "GZIP "), gzip.compress(content))
    for encoding, packed in kinds.items():
        parts = [packed[i : i + cut] for i in range(0, len(packed), cut)][:5000]
        if b"".join(parts) == packed:
            assert whole(parts, encoding) == content


def test_a_bomb_is_given_up_at_its_limit_and_never_held() -> None:
    packed = gzip.compress(b" " * 300 * MB, compresslevel=1)
    assert len(packed) < 2 * MB

    def count() -> int:
        size = 0
        for piece in unpacked([packed], "gzip", limit=64 * MB, what="GET /x"):
            size += len(piece)
        return size

    tracemalloc.start()
    with pytest.raises(BadPayload, match="GET /x: an answer of more than 64 MB"):
        count()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8 * MB


def test_an_endless_answer_is_given_up() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 65_536

    with pytest.raises(BadPayload, match="more than 1 MB"):
        for _ in unpacked(endless(), "", limit=MB, what="GET /x"):
            pass


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd", "gzip,deflate", "compress", "x" * 4000])
def test_what_is_packed_otherwise_is_refused_without_unpacking_it(encoding: str) -> None:
    with pytest.raises(BadPayload, match="packed with '") as caught:
        whole([gzip.compress(gzip.compress(b"x"))], encoding)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "raw",
    [b"no gzip at all", gzip.compress(b"x" * 99)[:-9], gzip.compress(b"x" * 99)[:12]],
    ids=["text", "without its end", "the beginning"],
)
def test_half_an_answer_may_be_whole_the_next_time(raw: bytes) -> None:
    with pytest.raises(Unavailable, match="gzip"):
        whole([raw], "gzip")

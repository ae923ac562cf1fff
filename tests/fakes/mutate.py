"""Damage to payloads, drawn from a seed: the same damage every time."""

import copy
import random
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**400, 2**63, 1e308, float("nan"), float("inf"), -999.0, "", "x", "\ud800", "1e400",
    [], [[]], [None], [1, "a"], {}, {"a": {}}, {"id": []}, b"", b"\x00\xff", "null", "2026-13-45", "\x00",
)  # fmt: skip


def mutate_json(value: Any, rng: random.Random) -> Any:
    """A copy with one to four of its parts replaced, dropped, doubled or nested."""
    found = copy.deepcopy(value)
    for _ in range(rng.randint(1, 4)):
        found = _one(found, rng)
    return found


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Bytes flipped, cut off, cut out, doubled, or put in."""
    found = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        if not found:
            break
        at, kind = rng.randrange(len(found)), rng.randrange(5)
        if kind == 0:
            found[at] = rng.randrange(256)
        elif kind == 1:
            del found[at:]
        elif kind == 2:
            del found[at : at + rng.randint(1, 200)]
        elif kind == 3:
            found[at:at] = found[at : at + rng.randint(1, 50)]
        else:
            found[at:at] = rng.randbytes(rng.randint(1, 20))
    return bytes(found)


def _one(value: Any, rng: random.Random) -> Any:
    if not isinstance(value, dict | list) or not value or rng.random() < 0.1:
        return rng.choice([_odd(rng), [value], {"data": value}])
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = rng.choice(keys)
    if isinstance(value[key], dict | list) and value[key] and rng.random() < 0.75:
        value[key] = _one(value[key], rng)
    elif rng.random() < 0.2:
        del value[key]
    else:
        value[key] = _odd(rng)
    return value


def _odd(rng: random.Random) -> Any:
    """One of its own: what is damaged later must not damage the list."""
    return copy.deepcopy(rng.choice(ODD))

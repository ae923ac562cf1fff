"""Trouble on demand: what a network and a tired server do to a client, by a seeded plan or by a hook.

A hook is any callable from `Seen` to a `Fault` or None. `FaultPlan` is one: it strikes a share of the calls.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class FaultKind(StrEnum):
    """What can go wrong with one call."""

    TIMEOUT = "timeout"
    """No answer until `Fault.delay_s` has passed, then the connection is cut."""
    RESET = "reset"
    """The connection is cut without an answer."""
    RATE_LIMIT = "rate_limit"
    """429 with nginx's HTML, no Retry-After."""
    SERVER_ERROR = "server_error"
    """500 in the server's envelope."""
    BAD_GATEWAY = "bad_gateway"
    """502 with nginx's HTML."""
    TRUNCATED = "truncated"
    """200, but the JSON stops in the middle."""
    SHORT_BODY = "short_body"
    """The connection is cut before the announced length has been sent."""
    HTML = "html"
    """200 with a log-in page instead of JSON."""
    WRONG_TYPES = "wrong_types"
    """200 and the envelope, but `data` is text."""
    NAN = "nan"
    """200, but every null is a bare NaN, which no JSON parser has to accept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault.

    Parameters
    ----------
    kind : FaultKind
        What happens.
    after : bool
        True: the server does its work first, so that a write has happened although the client cannot know.
        Kinds that spoil an answer always do.
    delay_s : float
        How long a time-out lasts.
    """

    kind: FaultKind
    after: bool = False
    delay_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a hook is told of a call: its number counts from 0 over the life of the sandbox."""

    number: int
    method: str
    path: str


Hook = Callable[[Seen], Fault | None]


@dataclass(slots=True, kw_only=True)
class FaultPlan:
    """Strikes a share of the calls, the same ones for the same seed and the same order of calls.

    Parameters
    ----------
    rates : mapping of FaultKind to float
        Share of calls for each kind; they add up to 1 at most.
    after : float
        Share of the strikes that come after the work is done.

    Raises
    ------
    ValueError
        If the rates are negative or add up to more than 1.
    """

    rates: Mapping[FaultKind, float]
    seed: int = 0
    after: float = 0.5
    delay_s: float = 1.0
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if min(self.rates.values(), default=0.0) < 0 or sum(self.rates.values()) > 1:
            raise ValueError("fault rates must not be negative nor add up to more than 1")
        self._random = random.Random(self.seed)

    def __call__(self, seen: Seen) -> Fault | None:
        """The fault for this call, if any."""
        draw, late = self._random.random(), self._random.random() < self.after
        for kind, rate in self.rates.items():
            if draw < rate:
                return Fault(kind=kind, after=late, delay_s=self.delay_s)
            draw -= rate
        return None

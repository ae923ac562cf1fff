"""What a process of the service does: counted for `/metrics`, and remembered for `/healthz` and `astranet health`.

One per process. It is told by the parts that do something, knows none of them, and can be asked from any thread.
"""

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from iris_client.errors import BadPayload, UpstreamError
from iris_client.http.transport import Hooks
from plugin.clock import Clock, moment, stamp, utc_now

MARSHAL: Final = "marshal"
_CYCLE_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
_LATENCY_S: Final = (10.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 1800.0, 3600.0, 6 * 3600.0, 86_400.0)
_LONGEST: Final = 200
_TIMES: Final = ("begun_at", "finished_at", "answered_at", "failed_at", "progress_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """What a process says of itself; it is written into the database, where other processes read it.

    Parameters
    ----------
    model : str or None
        The bundle in use; None while it is not loaded.
    poll_seconds : float
        How often a cycle should begin.
    progress_at : datetime or None
        The last sign of life, naive UTC: also between two pieces of work.
    begun_at, finished_at : datetime or None
        Of the last cycle.
    trouble : tuple of str
        What could not be read in the last cycle.
    answered_at, failed_at : datetime or None
        When the marshal last answered, and when it last did not.
    denied : bool
        Whether the marshal refused the token when it was last asked for something.
    skew_s : float or None
        How far this machine's clock is ahead of the marshal's.
    ended : bool
        Whether the process has ended, as it was asked to.
    """

    model: str | None = None
    poll_seconds: float = 120.0
    progress_at: datetime | None = None
    begun_at: datetime | None = None
    finished_at: datetime | None = None
    trouble: tuple[str, ...] = ()
    answered_at: datetime | None = None
    failed_at: datetime | None = None
    denied: bool = False
    skew_s: float | None = None
    ended: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        return {k: stamp(v) if isinstance(v, datetime) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Pulse":
        """Read what `to_dict` made; keys of a later version are left.

        Raises
        ------
        ValueError, TypeError
            If it is something else.
        """
        known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        times = {name: moment(known[name]) for name in _TIMES if known.get(name) is not None}
        return cls(**{**known, **times, "trouble": tuple(str(t) for t in known.get("trouble") or ())})


class Activity:
    """What this process does.

    Parameters
    ----------
    poll_seconds : float
        How often a cycle should begin.
    clock : callable
        The time, naive UTC.
    """

    def __init__(self, *, poll_seconds: float = 120.0, clock: Clock = utc_now) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._pulse = Pulse(poll_seconds=poll_seconds)
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "astranet_upstream_requests", "Requests made, by server.", ["server"], registry=self.registry
        )
        self._errors = Counter(
            "astranet_upstream_errors",
            "Requests that failed: no_answer, rate_limited, server_error, unreadable, unauthorised, refused.",
            ["server", "kind"],
            registry=self.registry,
        )
        self._cycles = Histogram(
            "astranet_cycle_duration_seconds", "How long cycles took.", buckets=_CYCLE_S, registry=self.registry
        )
        self._troubled = Counter(
            "astranet_cycles_troubled", "Cycles in which something could not be read.", registry=self.registry
        )
        self._latency = Histogram(
            "astranet_upload_to_annotation_seconds",
            "From the upload of a spectrum to its first annotation.",
            buckets=_LATENCY_S,
            registry=self.registry,
        )

    @property
    def pulse(self) -> Pulse:
        """What to tell others."""
        with self._lock:
            return self._pulse

    def hooks(self, server: str, also: Hooks | None = None) -> Hooks:
        """Hooks of a client that count what it does under the name of its server.

        Parameters
        ----------
        also : Hooks, optional
            Who else is told of repetitions.
        """

        def on_request(method: str, path: str, status: int | None, seconds: float) -> None:
            self._requests.labels(server).inc()
            kind = _kind(method, status)
            if kind is not None:
                self._errors.labels(server, kind).inc()
            if server == MARSHAL:
                self._heard(method, status, kind)

        def on_retry(method: str, path: str, attempt: int, wait: float, error: UpstreamError) -> None:
            if isinstance(error, BadPayload) or (error.status or 500) < 300:  # a good code, but no good answer
                self._errors.labels(server, "unreadable").inc()
            if also is not None:
                also.on_retry(method, path, attempt, wait, error)

        if server != MARSHAL:
            return Hooks(on_request=on_request, on_retry=on_retry)
        return Hooks(on_request=on_request, on_retry=on_retry, on_date=self._their_time)

    def loaded(self, model: str) -> None:
        """The models are there."""
        self._set(model=model)

    def begin(self) -> None:
        """A cycle begins."""
        now = self._clock()
        self._set(begun_at=now, progress_at=now)

    def progress(self) -> None:
        """Something was done."""
        self._set(progress_at=self._clock())

    def finish(self, trouble: tuple[str, ...] = ()) -> None:
        """A cycle has ended."""
        now, begun = self._clock(), self.pulse.begun_at
        self._cycles.observe(0.0 if begun is None else max(0.0, (now - begun).total_seconds()))
        if trouble:
            self._troubled.inc()
        self._set(finished_at=now, progress_at=now, trouble=tuple(t[:_LONGEST] for t in trouble))

    def end(self) -> None:
        """The process ends, as it was asked to."""
        self._set(ended=True, progress_at=self._clock())

    def annotated(self, waited: timedelta) -> None:
        """A spectrum has got its first annotation, so long after it was uploaded."""
        self._latency.observe(max(0.0, waited.total_seconds()))

    def _heard(self, method: str, status: int | None, kind: str | None) -> None:
        now = self._clock()
        if kind in ("no_answer", "server_error"):
            self._set(failed_at=now)
            return
        denied = {"denied": True} if status == 401 and method == "GET" else {}  # when writing, a right is missing
        accepted = {"denied": False} if status is not None and status < 300 else {}
        self._set(answered_at=now, **denied, **accepted)

    def _their_time(self, theirs: datetime) -> None:
        self._set(skew_s=(self._clock() - theirs.astimezone(UTC).replace(tzinfo=None)).total_seconds())

    def _set(self, **values: Any) -> None:
        with self._lock:
            self._pulse = replace(self._pulse, **values)


def _kind(method: str, status: int | None) -> str | None:
    """What is wrong with an answer; None when nothing is, or when it says that there is no such thing."""
    if status is None:
        return "no_answer"
    if status == 429:
        return "rate_limited"
    if status >= 500:
        return "server_error"
    if status == 401:
        return "unauthorised"
    if status < 300 or (method == "GET" and status in (403, 404)):
        return None
    return "refused"

"""Sign of life: while a worker lives, what it has claimed stays its own, however long the work takes."""

import socket
import threading
from collections.abc import Collection
from typing import TYPE_CHECKING, Final, Self

import structlog

from plugin.store.engine import is_away

if TYPE_CHECKING:
    from plugin.store.store import Store

LONGEST_S: Final = 15.0
"""Between two beats; less where leases are short."""
_PER_LEASE: Final = 4
_log = structlog.get_logger("astranet.store")


class Heartbeat:
    """A thread that renews the claims of a worker until it is closed. Use it as a context.

    A beat that fails is made up for by the next one: a claim is lost only when three in a row fail.

    Parameters
    ----------
    jobs : collection of str
        What the worker does; shown to people.
    """

    def __init__(self, store: "Store", jobs: Collection[str]) -> None:
        self._store, self._jobs = store, tuple(jobs)
        self._host = socket.gethostname()
        self._every = min(LONGEST_S, store.lease.total_seconds() / _PER_LEASE)
        self._done = threading.Event()
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def beat(self) -> None:
        """Say that the worker is alive, and hold what it has for another lease."""
        with self._store.begin() as unit:
            unit.workers.beat(host=self._host, jobs=self._jobs)
            unit.leases.renew()
        with self._store.begin() as unit:
            unit.queue.renew()
            unit.outbox.renew()

    def __enter__(self) -> Self:
        self._try()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        try:
            with self._store.begin() as unit:
                unit.workers.leave()
        except Exception as error:
            self._tell(error)

    def _run(self) -> None:
        while not self._done.wait(self._every):
            self._try()

    def _try(self) -> None:
        try:
            self.beat()
        except Exception as error:  # the thread must go on, whatever it is
            self._tell(error)
        else:
            self._failed = False

    def _tell(self, error: Exception) -> None:
        """Once per outage; with a traceback when it is not the database that is away."""
        if not self._failed:
            _log.warning("no sign of life given", error=type(error).__name__, exc_info=not is_away(error))
        self._failed = True

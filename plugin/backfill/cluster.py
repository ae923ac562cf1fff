"""Dask's scheduler and workers: those of this machine for the time of a run, or those at an address."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Final

from plugin.backfill.work import Done, Job, answer

if TYPE_CHECKING:
    from distributed import Client

_WAIT_S: Final = 60
"""For a scheduler to answer, for its first worker, and for another one where all are gone."""
_LOOK_S: Final = 0.2
AHEAD: Final = 2
"""Partitions per worker that are handed out at a time: one in work, and one that waits."""
RETRIES: Final = 2
"""Of a partition that fails; one whose worker is lost is given to another by Dask, whatever this says."""


Connecting = Callable[[], AbstractContextManager[Any]]
"""Gives a client of Dask's for as long as it is needed."""


class NoCluster(Exception):
    """There is nobody to do the work; the message says what to do."""


@contextmanager
def connected(scheduler: str | None, workers: int | None = None) -> "Iterator[Client]":
    """A client of the scheduler at an address, or of one with some workers that ends with the context.

    Parameters
    ----------
    workers : int, optional
        Of this machine; by default one for each core that this process may use, a container's share included.

    Raises
    ------
    NoCluster
        If nobody answers there, or the scheduler has no worker.
    """
    import dask
    from dask.system import CPU_COUNT
    from distributed import Client, LocalCluster

    settings = {
        "distributed.comm.timeouts.connect": f"{_WAIT_S}s",
        # A worker would keep what its stack looked like in every second of the last day: tens of megabytes an hour.
        "distributed.worker.profile.enabled": False,
    }
    with dask.config.set(settings), _quiet():
        if scheduler is None:
            local = LocalCluster(
                n_workers=workers or CPU_COUNT,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                silence_logs=logging.ERROR,
            )
            with local as cluster, Client(cluster, set_as_default=False, timeout=_WAIT_S) as client:
                yield client
            return
        try:
            client = Client(scheduler, set_as_default=False, timeout=_WAIT_S)
        except (OSError, ValueError) as error:
            raise NoCluster(f"no Dask scheduler answers at {scheduler} ({type(error).__name__})") from None
        with client:
            try:
                client.wait_for_workers(1, timeout=_WAIT_S)
            except TimeoutError:
                raise NoCluster(f"the scheduler at {scheduler} has no worker: dask worker {scheduler}") from None
            yield client


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask tells of every connection; only what goes wrong is for the operator."""
    log = logging.getLogger("distributed")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def flow(
    client: "Client",
    jobs: Iterable[Job],
    *,
    done: Callable[[Done], None],
    failed: Callable[[str, BaseException], None],
    stop: Callable[[], bool] = bool,
) -> None:
    """Let every job be done. Few are handed out at a time, and nothing that was read comes to this process.

    Parameters
    ----------
    jobs : iterable of Job
        Taken one by one, when there is room; making one may take a while.
    done, failed : callable
        Told of each partition as it ends.
    stop : callable
        Whether to hand out no more.
    """
    from distributed import CancelledError, as_completed

    waiting = as_completed(loop=client.loop)
    names: dict[str, str] = {}

    def room() -> int:
        """Workers may come and go while it runs."""
        return AHEAD * max(1, sum(map(int, client.nthreads().values())))

    def one_ends() -> None:
        left = time.monotonic() + _WAIT_S
        while not waiting.has_ready() and client.status == "running":
            try:
                workers = client.nthreads()
            except OSError:  # the scheduler is gone, and the futures say so
                break
            if workers:
                left = time.monotonic() + _WAIT_S
            elif time.monotonic() > left:
                raise NoCluster("the Dask scheduler has no worker any more; what is finished is kept")
            time.sleep(_LOOK_S)
        future = next(waiting)
        name = names.pop(str(future.key))
        try:
            error = future.exception()
        except CancelledError:
            raise NoCluster("the Dask scheduler is gone; what is finished is kept") from None
        if error is None:
            done(future.result())
        else:
            failed(name, error)

    for job in jobs:
        if stop():
            break
        future = client.submit(answer, job, pure=False, retries=RETRIES)
        names[str(future.key)] = job.partition.name
        waiting.add(future)
        while waiting.count() >= room() or waiting.has_ready():
            one_ends()
    while waiting.count():
        one_ends()

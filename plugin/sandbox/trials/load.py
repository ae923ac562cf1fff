"""Much at once: so many spectra uploaded in one moment, several workers, and the marshal's rate limit on.

The workers keep the pace that the real service keeps, through the database they share. `speed` makes limit and pace
faster by the same factor: nothing else depends on it. The sandbox counts requests as they come in and refuses what is
beyond its limit, as the real server's proxy does.
"""

import multiprocessing
import random
import resource
import tempfile
import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from plugin.app import App, build
from plugin.sandbox.sandbox import Sandbox
from plugin.sandbox.trials.analyst import TrialAnalyst
from plugin.sandbox.trials.worker import Place, settings, silent
from plugin.sandbox.trials.world import World
from plugin.settings import Settings

LIMIT: Final = 5.0
"""Requests per second that the marshal takes; the workers together ask for the default of the setting."""
MARKS: Final = 10
_LONGEST_S: Final = 2 * 3600.0
_POLL_S: Final = 0.5
_LAST_PIECE_S: Final = 120.0


@dataclass(slots=True, kw_only=True)
class Measured:
    """What was found; requests in a window are counted at speed 1.

    Parameters
    ----------
    busiest_s, busiest_10_s : float
        Most requests in any second, and in any ten.
    steady_s : float
        Most requests in any second after the first ten: the pace begins with a burst, which the marshal allows.
    marks : list of list of float
        Resident memory of each worker, MiB, whenever another tenth of the work was done.
    broken : int
        Workers that ended by themselves, or did not end when they were told to.
    """

    spectra: int
    workers: int
    speed: float
    answered: int = 0
    requests: int = 0
    refused: int = 0
    busiest_s: float = 0.0
    steady_s: float = 0.0
    busiest_10_s: float = 0.0
    seconds: float = 0.0
    broken: int = 0
    marks: list[list[float]] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """Largest growth of a worker's memory from the first mark to the last, as a share."""
        if len(self.marks) < 2:
            return 0.0
        return max(last / first - 1.0 for first, last in zip(self.marks[0], self.marks[-1], strict=True))

    @property
    def good(self) -> bool:
        """Whether all was answered, nothing refused, pace kept, memory flat (within 5 %), and no worker broke."""
        kept = not self.refused and not self.broken and self.busiest_10_s <= 10 * LIMIT
        return self.answered == self.spectra and kept and self.growth <= 0.05

    def __str__(self) -> str:
        rate = self.requests / max(self.seconds, 1e-9) / self.speed
        memory = " ".join(f"{max(mark):.0f}" for mark in self.marks)
        return (
            f"{self.spectra} spectra at once, {self.workers} workers, speed {self.speed:g}: "
            f"{self.answered} answered in {self.seconds:.0f} s\n"
            f"  {self.requests} requests, {rate:.2f} a second; {self.steady_s:.1f} in the busiest second "
            f"({self.busiest_s:.1f} with the opening burst), {self.busiest_10_s / 10:.2f} a second in the busiest ten; "
            f"{self.refused} refused\n"
            f"  memory of the largest worker, MiB, at each tenth: {memory}; growth {100 * self.growth:.1f} %"
            + (f"\n  {self.broken} workers ended by themselves, or not when told to" if self.broken else "")
        )


def load(
    address: str,
    *,
    spectra: int = 2000,
    workers: int = 4,
    speed: float = 1.0,
    seed: int = 0,
    progress: Callable[[float], None] = lambda _: None,
) -> Measured:
    """Run the trial on an empty database.

    Parameters
    ----------
    address : str
        Of an empty database: SQLite for one worker, PostgreSQL for several.
    progress : callable
        Is told which share of the work is done.
    """
    found = Measured(spectra=spectra, workers=workers, speed=speed)
    came: list[float] = []
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="astranet-load-") as name, Sandbox() as sandbox:
        sandbox.limit_rate(LIMIT * speed, burst=int(2 * LIMIT * speed))
        sandbox.faults = lambda _: came.append(time.monotonic())
        world = World(sandbox, random.Random(seed))
        for _ in range(spectra):
            world.upload()
        place = Place(
            url=sandbox.url, token=sandbox.token, group_id=sandbox.group_id, database=address, folder=Path(name)
        )
        # They are told by the end of a pipe: to set a shared event is to wait for ever for a worker that died.
        told, telling = context.Pipe(duplex=False)
        begun = time.monotonic()
        processes: list[BaseProcess] = [
            context.Process(target=_work, args=(place, speed, told)) for _ in range(workers)
        ]
        for process in processes:
            process.start()
        told.close()
        try:
            _watch(sandbox, processes, found, progress)
        finally:
            found.seconds = time.monotonic() - begun
            telling.close()
            found.broken = sum(_end(process) != 0 for process in processes)
        found.requests = len(came)
        found.refused = sum(record.status == 429 for record in sandbox.requests)
        found.busiest_s, found.busiest_10_s = (_busiest(came, seconds) / speed for seconds in (1.0, 10.0))
        found.steady_s = _busiest([t for t in came if t > came[0] + 10.0], 1.0) / speed
    return found


def _end(process: BaseProcess) -> int | None:
    """Wait for a worker to end, kill one that does not; its exit code."""
    process.join(_LAST_PIECE_S)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode


def _work(place: Place, speed: float, told: Connection) -> None:
    """A worker like `astranet run`, but that it looks for work as soon as it has none."""
    silent()
    rate = Settings.model_fields["requests_per_second"].default * speed
    given = settings(place, requests_per_second=rate, post_cards=False, sweep_hours=0.0, batch_size=32)
    with build(given, analyst=TrialAnalyst()) as app, app.beating():
        threading.Thread(target=_stop_when, args=(told, app), daemon=True).start()
        while not told.poll(_POLL_S):  # ready when its other end is closed
            app.cycle()


def _stop_when(told: Connection, app: App) -> None:
    told.poll(None)
    app.stop()


def _watch(sandbox: Sandbox, processes: list[BaseProcess], found: Measured, progress: Callable[[float], None]) -> None:
    """Wait until every spectrum has its annotation; half of the work is to read them, half to write."""
    until = time.monotonic() + _LONGEST_S
    while time.monotonic() < until and all(process.is_alive() for process in processes):
        time.sleep(_POLL_S)
        with sandbox.state.lock:
            found.answered = sum(a.spectrum_id is not None for a in sandbox.state.annotations)
        read = len({record.path for record in sandbox.requests if record.path.startswith("/api/spectra/")})
        done = (min(read, found.spectra) + found.answered) / (2 * found.spectra)
        progress(done)
        if done * MARKS >= len(found.marks) + 1:
            found.marks.append([_memory(process.pid or 0) for process in processes])
        if found.answered >= found.spectra:
            return


def _memory(pid: int) -> float:
    """Resident memory of a process, MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _busiest(came: list[float], seconds: float) -> int:
    """Most requests in any window of so many seconds."""
    return max((bisect_left(came, start + seconds) - i for i, start in enumerate(came)), default=0)

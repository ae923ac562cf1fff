"""Trial by fire: cycles killed at random moments, with trouble everywhere; then one look whether anything is wrong.

Each cycle is a process of the real service. Its marshal and its broker (Lasair by default, where answers
go to as well) answer with faults, its database is locked, full or
cut off, its clock jumps, and most are killed (SIGKILL) at a random moment. Meanwhile spectra come, change and go.
Afterwards the trouble ends, the service runs on, and what it leaves is compared with what an undisturbed service
leaves that sees the same marshal for the first time.
"""

import itertools
import logging
import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.engine import make_url

from plugin.clock import utc_now
from plugin.cycle.done import Cycle
from plugin.sandbox.faults import Fault, FaultKind, FaultPlan, Seen
from plugin.sandbox.sandbox import Sandbox
from plugin.sandbox.slack import SlackSandbox
from plugin.sandbox.trials import database, worker
from plugin.sandbox.trials.check import Posted, Verdict, compare, look_into, untold
from plugin.sandbox.trials.worker import Fate, Place, one_cycle, service
from plugin.sandbox.trials.world import World
from plugin.store import open_store

RATES: Final = {
    FaultKind.SERVER_ERROR: 0.02,
    FaultKind.RATE_LIMIT: 0.02,
    FaultKind.RESET: 0.02,
    FaultKind.BAD_GATEWAY: 0.01,
    FaultKind.HTML: 0.01,
    FaultKind.TRUNCATED: 0.01,
    FaultKind.TIMEOUT: 0.005,
    FaultKind.SHORT_BODY: 0.005,
    FaultKind.WRONG_TYPES: 0.005,
}
"""Shares of the calls to marshal and broker; half of the faults come after the work was done."""
KILLED: Final = 0.8
TROUBLED: Final = 0.3
JUMPED: Final = 0.2
POLL: Final = timedelta(minutes=2)
"""How far each cycle's clock is ahead of the one before it: as if the service waited between them."""
_FIRST_S, _LONGEST_S = 1.5, 60.0
_AT_LAST: Final = 8


@dataclass(slots=True, kw_only=True)
class Told:
    """What was done, and what came of it."""

    cycles: int = 0
    killed: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    trouble: Counter[str] = field(default_factory=Counter)
    jumps: int = 0
    spectra: int = 0
    edits: int = 0
    deletions: int = 0
    alerts: int = 0
    messages: int = 0
    requests: int = 0
    parked: int = 0
    seconds: float = 0.0
    verdict: Verdict = field(default_factory=Verdict)
    broken: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing is lost, twice or corrupt, and no error was of the service's own."""
        return self.verdict.good and not self.broken


def chaos(
    address: str,
    *,
    cycles: int,
    workers: int = 1,
    seed: int = 0,
    lasair: bool = True,
    progress: Callable[[int], None] = lambda _: None,
) -> Told:
    """Run the trial on an empty database.

    Parameters
    ----------
    address : str
        Of an empty database: SQLite for one worker, PostgreSQL for several.
    cycles : int
        How many processes are started, all workers together.
    lasair : bool
        Whether alerts come from Lasair, those of what nobody saved too, and answers go there; else from the marshal's
        broker.
    progress : callable
        Is told how many have ended.
    """
    chance, begun = random.Random(seed), time.monotonic()
    told, plan = Told(), FaultPlan(rates=RATES, seed=seed, delay_s=0.05)

    def fault(seen: Seen) -> Fault | None:
        found = plan(seen)
        if found is not None:
            told.faults[str(found.kind)] += 1
        return found

    with (
        tempfile.TemporaryDirectory(prefix="astranet-chaos-") as name,
        Sandbox(faults=fault) as sandbox,
        SlackSandbox(per_second=None) as chat,
        _quiet(),
    ):
        chat.faults = fault
        place = Place(
            url=sandbox.url,
            token=sandbox.token,
            group_id=sandbox.group_id,
            database=address,
            folder=Path(name),
            web_hook=chat.hook_url,
            lasair=lasair,
        )
        world = World(sandbox, chance, unsaved=lasair)
        with service(place):
            pass  # the schema is made before the trouble begins; its own crashes are another test's
        _burn(place, world, told, chance, cycles=cycles, workers=workers, progress=progress)
        told.broken = [path.read_text() for path in sorted(Path(name).glob("broken-*.txt"))]
        told.requests = len(sandbox.requests) + len(chat.requests)
        sandbox.faults = chat.faults = None
        world.end()
        _settle(place, told, cycles)
        told.spectra, told.edits, told.deletions = len(world.spectra), len(world.edited), world.deleted
        told.alerts = world.alerts
        _judge(place, sandbox, world, told)
        told.messages = len(chat.messages)
        with open_store(address, marshal=place.url) as store:
            told.verdict.lost += untold(store, chat)
    told.seconds = time.monotonic() - begun
    return told


def _burn(
    place: Place,
    world: World,
    told: Told,
    chance: random.Random,
    *,
    cycles: int,
    workers: int,
    progress: Callable[[int], None],
) -> None:
    """Start cycles until there were enough, so many at a time; kill most of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([worker.__name__])
    kinds = database.kinds_of(place.database)
    usual, numbers = _FIRST_S, iter(range(cycles))
    running: dict[int, tuple[BaseProcess, float, float | None]] = {}
    while True:
        for number in itertools.islice(numbers, workers - len(running)):
            fate = _fate(number, chance, kinds, told)
            world.at(fate.ahead)
            world.happen()
            process: BaseProcess = context.Process(target=one_cycle, args=(place, fate))
            process.start()
            now = time.monotonic()
            kill = now + chance.uniform(0.0, 1.2 * usual) if chance.random() < KILLED else None
            running[process.sentinel] = (process, now, kill)
        if not running:
            return
        now = time.monotonic()
        until = min((kill or begun + _LONGEST_S) for _, begun, kill in running.values())
        ended = wait(list(running), timeout=max(0.0, until - now))
        for sentinel, (process, begun, kill) in list(running.items()):
            now = time.monotonic()
            if sentinel not in ended and now >= (kill or begun + _LONGEST_S):
                os.kill(process.pid or 0, signal.SIGKILL)
            elif sentinel not in ended:
                continue
            process.join()
            del running[sentinel]
            _count(process.exitcode, kill is not None, told)
            if process.exitcode == worker.ENDED:
                usual = 0.8 * usual + 0.2 * (now - begun)
            progress(told.cycles)


def _count(code: int | None, meant: bool, told: Told) -> None:
    told.cycles += 1
    if code == -signal.SIGKILL:
        told.killed += 1
        if not meant:
            told.broken.append(f"a cycle did not end within {_LONGEST_S:g} s")
    names = {worker.ENDED: "ended", worker.AWAY: "ended by the database", -signal.SIGKILL: "killed"}
    told.ends[names.get(code if code is not None else worker.BROKEN, "broken")] += 1


def _fate(number: int, chance: random.Random, kinds: tuple[database.Trouble, ...], told: Told) -> Fate:
    fate = Fate(seed=chance.randrange(2**32), ahead=number * POLL)
    if chance.random() < TROUBLED:
        fate = replace(fate, trouble=chance.choice(kinds))
        told.trouble[str(fate.trouble)] += 1
    if chance.random() < JUMPED:
        fate = replace(fate, jump=timedelta(minutes=chance.uniform(-60, 60)))
        told.jumps += 1
    return fate


def _settle(place: Place, told: Told, cycles: int) -> None:
    """Cycles without trouble, each half a day after the one before, until nothing is left to be done."""
    time.sleep(worker.LEASE.total_seconds())  # what the killed held is free then
    for number in range(_AT_LAST):
        ahead = cycles * POLL + (number + 1) * timedelta(hours=13)
        with service(place, lambda by=ahead: utc_now() + by) as app:  # type: ignore[misc]
            if number == 0:
                with app.store.begin() as unit:
                    told.parked = len(unit.queue.parked()) + len(unit.outbox.parked())
            done = app.once(retry_parked=True)
        if number > 1 and _nothing(done):
            return


def _nothing(done: Cycle) -> bool:
    return done.complete and not done.found and not done.delivered.total()


def _judge(place: Place, sandbox: Sandbox, world: World, told: Told) -> None:
    found = Posted.on(sandbox)
    Posted.clear(sandbox)
    afresh = replace(place, web_hook=None, database=f"sqlite:///{place.folder / 'undisturbed.sqlite'}")
    with service(afresh) as undisturbed, service(place) as tried:
        for _ in range(2):
            undisturbed.once()
        told.verdict = compare(found, Posted.on(sandbox), world.edited)
        look_into(tried.store, undisturbed.store, told.verdict)


@contextmanager
def _quiet() -> Iterator[None]:
    """The log of the service in this process too."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


def in_words(told: Told, address: str, workers: int, seed: int) -> str:
    """The result as a few lines."""
    verdict, backend = told.verdict, make_url(address).get_backend_name()
    each = ", ".join(f"{n} {name}" for name, n in sorted(told.ends.items()))
    trouble = ", ".join(f"{n} {name}" for name, n in sorted(told.trouble.items())) or "none"
    lines = [
        f"{backend}, {workers} worker{'s' if workers > 1 else ''}, seed {seed}: {told.cycles} cycles in "
        f"{told.seconds:.0f} s ({each})",
        f"  marshal, broker and web hook: {told.requests} requests, {sum(told.faults.values())} faults ("
        + ", ".join(f"{n} {name}" for name, n in sorted(told.faults.items()))
        + ")",
        f"  database: {trouble}; clock: {told.jumps} jumps",
        f"  {told.spectra} spectra, {told.edits} edited, {told.deletions} deleted, {told.alerts} alerts; "
        f"{told.parked} parked by faults and tried again; {told.messages} messages",
        f"  {verdict.answers} answers: {len(verdict.lost)} lost, {len(verdict.twice)} twice, "
        f"{len(verdict.corrupt)} corrupt",
    ]
    lines += [f"  lost: {line}" for line in verdict.lost[:10]]
    lines += [f"  twice: {line}" for line in verdict.twice[:10]]
    lines += [f"  corrupt: {line[:300]}" for line in verdict.corrupt[:10]]
    lines += [f"  an error of the service:\n{text}" for text in told.broken[:3]]
    return "\n".join(lines)

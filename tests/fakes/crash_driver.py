"""Run one cycle in a process of its own and die at a chosen step, as `kill -9` would: no handler, no clean-up.

A step is `module:Class.method` and which call of it; the process dies when it is about to begin.
The fake marshal keeps what was posted in FOLDER/marshal.json.
"""

import importlib
import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from plugin.app import build
from plugin.settings import Settings
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import FakeMarshal, bad, good

SPECTRA = [good("1", "ZTF26a"), good("2", "ZTF26a"), bad("3", "ZTF26b"), good("4", "ZTF26c"), good("5", "ZTF26d")]


def settings(folder: Path, database: str) -> Settings:
    return Settings(
        marshal_url="http://marshal.test",
        marshal_token="5ec9e7aa-0000-4000-8000-00000000feed",
        group_ids=(6,),
        database_url=database,
        output_dir=folder,
        dry_run=False,
        batch_size=2,
        backfill_days=1e4,
    )


def cycle(folder: Path, database: str) -> FakeMarshal:
    marshal = FakeMarshal(folder / "marshal.json")
    marshal.add(*SPECTRA)
    with build(settings(folder, database), marshal=marshal, analyst=FakeAnalyst()) as app:
        app.store.lease = timedelta(0)  # where no lock tells that a worker is dead, its claims are free at once
        app.once()
    return marshal


def die_at(step: str, number: int) -> None:
    module, _, path = step.partition(":")
    owner, _, name = path.rpartition(".")
    place: Any = importlib.import_module(module)
    place = getattr(place, owner) if owner else place
    real, calls = getattr(place, name), [0]

    def maybe_die(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)

    setattr(place, name, maybe_die)


def run(
    folder: Path, database: str, step: str | None, number: int, work: Callable[[Path, str], object] = cycle
) -> int | None:
    """One cycle, or other work, in another process; its exit code, -9 when it was killed."""
    # A fork server: quick, and clean of whatever threads the tests have started.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_child, args=(folder, database, step, number, work))
    process.start()
    process.join(timeout=240)
    if process.is_alive():  # what it holds would stop the tests after this one
        process.kill()
        process.join()
        raise AssertionError("the process did not end within four minutes")
    return process.exitcode


def _child(folder: Path, database: str, step: str | None, number: int, work: Callable[[Path, str], object]) -> None:
    if step is not None:
        die_at(step, number)
    work(folder, database)

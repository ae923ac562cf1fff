"""Cycles of the real service over the stand-in of a marshal: time, requests, bytes, memory, rows."""

import json
import multiprocessing
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.parse import urlsplit

import torch

from models.simulation import draw, draw_again
from plugin.app import App, build
from plugin.sandbox import Sandbox
from plugin.sandbox.trials.worker import silent
from plugin.settings import Settings
from tests.benchmarks.costs.measure import PRODUCTS, Work, product, resident_MiB, rounded, spent
from tests.benchmarks.costs.pipes import telling, told
from tests.benchmarks.costs.relay import Relay

SPECTRA: Final = 1000
PER_SOURCE: Final = 4 / 3
"""Spectra of a source, on average: every third source has two."""
_FLOORS: Final = 3
FIRST: Final = 16
"""Spectra before the first measured cycle: code is loaded, the first card drawn."""


@dataclass(slots=True)
class Sky:
    """Simulated sources with spectra, always others."""

    sandbox: Sandbox
    sources: int = 0
    seeds: int = 0
    arrays: list[int] = field(default_factory=list)

    def upload(self, spectra: int) -> None:
        """Put so many spectra of new sources there."""
        firsts = draw(round(spectra / PER_SOURCE), self._seed())
        again = [draw_again(first, self._seed()) for first in firsts[: spectra - len(firsts)]]
        for i, drawn in enumerate([*firsts, *again]):
            number = self.sources + i % len(firsts)
            name = f"ZTF26c{number:06d}"
            if i < len(firsts):
                self.sandbox.add_source(name, ra=number * 137.50776 % 360.0, dec=number * 1.61803 % 80.0)
            raw: Any = drawn.raw
            self.sandbox.add_spectrum(
                name,
                wavelengths=raw.wavelengths,
                fluxes=raw.fluxes,
                errors=raw.errors,
                units=raw.units,
                kind=raw.kind,
                observed_at=f"2026-11-{1 + number % 28:02d}T05:00:00",
                origin="simulated",
            )
        self.sources += len(firsts)

    def _seed(self) -> int:
        self.seeds += 1
        return self.seeds


def kind_of(method: str, path: str) -> str:
    """What a request is for."""
    parts = path.strip("/").split("/")[1:]
    shape = "/".join("N" if i == 1 and len(parts) > 1 else part for i, part in enumerate(parts[:3]))
    return f"{method} {shape}"


def cycles(
    keep: Path,
    *,
    spectra: int = SPECTRA,
    times: int = 5,
    longest_s: float = float("inf"),
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Let a worker answer so many new spectra in each of some cycles; cards are drawn in the first one alone.

    Parameters
    ----------
    keep : Path
        Where the database is left, as it is after the first of these cycles (SQLite).
    times : int
        How many such cycles, at most; two at least.
    longest_s : float
        No other cycle begins if it would end later than this, seconds from now.
    """
    context, until = multiprocessing.get_context("spawn"), time.monotonic() + longest_s
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="astranet-cycle-")))
        sandbox = stack.enter_context(Sandbox())
        relay = stack.enter_context(Relay(urlsplit(sandbox.url).port or 0))
        sky = Sky(sandbox)
        ours, theirs = context.Pipe()
        given = {"url": relay.url, "token": sandbox.token, "group": sandbox.group_id, "folder": str(folder)}
        worker = context.Process(target=_work, args=(given, str(keep), theirs), daemon=True)
        sky.upload(FIRST)
        worker.start()
        theirs.close()
        started = told(ours)
        first = _cycle(ours)
        done: list[dict[str, Any]] = []
        for number in range(times):
            if number > 1 and time.monotonic() + done[-1]["wall_s"] > until:
                break
            sky.upload(spectra)
            sandbox.forget_requests()
            relay.counted()
            found = _cycle(ours)
            kinds = Counter(kind_of(r.method, r.path) for r in sandbox.requests)
            sent, received = relay.counted()
            found |= {"requests": len(sandbox.requests), "kinds": dict(sorted(kinds.items()))}
            done.append({**found, "cards": not number, "bytes_sent": sent, "bytes_received": received})
            progress(f"cycle {number + 1} of {times}: {found['processor_s']:.0f} s of processor time")
            if not number:
                for order in ("keep", "end"):  # what ends is the service with cards
                    ours.send(order)
                    told(ours)
        ours.send("end")
        worker.join(60.0)
        arrays = _bodies(sandbox)
    return {
        "spectra": spectra,
        "per_source": rounded(PER_SOURCE),
        "imported_MiB": started["imported"],
        "loaded_MiB": started["loaded"],
        "first_MiB": first["resident_MiB"],
        "cycles": done,
        "floor_bytes": arrays,
    }


def _bodies(sandbox: Sandbox) -> dict[str, float]:
    """What cannot be left out: the arrays of a spectrum as JSON, and the annotation that is written; mean bytes."""
    with sandbox.state.lock:
        spectra = [
            len(json.dumps({"wavelengths": list(s.wavelengths), "fluxes": list(s.fluxes)}))
            for s in list(sandbox.state.spectra.values())[:200]
        ]
        written = [len(json.dumps(dict(a.data))) for a in sandbox.state.annotations if a.spectrum_id is not None]
    return {"arrays": rounded(sum(spectra) / len(spectra)), "annotation": rounded(sum(written) / len(written))}


def _cycle(pipe: Connection) -> dict[str, Any]:
    pipe.send("cycle")
    return told(pipe)


def _work(given: dict[str, Any], keep: str, parent: Connection) -> None:
    """Run the service, and tell of errors."""
    with telling(parent):
        _serve(given, keep, parent)


def _serve(given: dict[str, Any], keep: str, parent: Connection) -> None:
    """The service in a process of its own, with cards and then without; does what it is told."""
    torch.set_num_threads(1)
    silent()
    imported, floor = resident_MiB(), product()
    database = Path(given["folder"]) / "astranet.sqlite"
    settings = Settings(
        marshal_url=given["url"],
        marshal_token=given["token"],
        group_ids=(given["group"],),
        database_url=f"sqlite:///{database}",
        output_dir=Path(given["folder"]),
        dry_run=False,
        requests_per_second=1e6,
        sweep_hours=0.0,
        backfill_days=1e4,
        truth_watch_days=0.0,
    )
    with build(settings) as app, app.beating():
        parent.send({"imported": imported, "loaded": resident_MiB()})
        analyst = app.analyst
        _obey(app, parent, floor, database, Path(keep))
    plain = settings.model_copy(update={"post_cards": False})
    with build(plain, analyst=analyst) as app, app.beating():
        parent.send({})
        _obey(app, parent, floor, database, Path(keep))


def _obey(app: App, parent: Connection, floor: Work, database: Path, keep: Path) -> None:
    """Run cycles, and keep the database, until told to end."""
    while (order := parent.recv()) != "end":
        if order == "keep":
            with closing(sqlite3.connect(database, isolation_level=None)) as connection:
                connection.execute("VACUUM INTO ?", (str(keep),))
            parent.send({})
            continue
        before = [spent(floor) for _ in range(_FLOORS)]
        cpu, wall = time.process_time(), time.monotonic()
        done = app.cycle()
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        unit = median([*before, *(spent(floor) for _ in range(_FLOORS))])
        parent.send(
            {
                "processor_s": rounded(cpu),
                "wall_s": rounded(wall),
                "floors": rounded(cpu / unit * PRODUCTS),
                "resident_MiB": resident_MiB(),
                "answers": dict(done.analysed),
                "posts": dict(done.delivered),
            }
        )

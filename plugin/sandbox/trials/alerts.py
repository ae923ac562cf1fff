"""A night of alerts that nobody saved, through the service in one cycle: how long, how much memory, how many requests.

The stand-ins for marshal and Lasair keep the limits of the real ones: five requests a second, and the calls an hour of
a power user. The models are replaced, as in the other trials; reading, cutting, stamps, store and delivery are real.
"""

import multiprocessing
import random
import resource
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from iris_client.brokers.lasair.budget import HourlyBudget
from iris_client.brokers.lasair.calls import LasairCalls
from iris_client.brokers.lasair.client import Lasair
from iris_client.http.pacer import Pacer
from iris_client.marshal.skyportal import SkyPortal
from plugin.app import build
from plugin.cycle.objects.part import WatchPart
from plugin.sandbox.brokers.alerts import Json, invented
from plugin.sandbox.brokers.lasair import ANNOTATOR, TOKEN
from plugin.sandbox.sandbox import Sandbox
from plugin.sandbox.trials.analyst import TrialAnalyst, TrialObjectAnalyst
from plugin.sandbox.trials.worker import Place, settings, silent

LIMIT: Final = 5.0
"""Requests per second that the marshal takes."""
PER_HOUR: Final = 10_000
"""Calls an hour of a power user's token."""
SAVED: Final = 50
"""Of the objects, how many somebody has saved."""
_JD: Final = 2461000.5
_KINDS: Final[tuple[tuple[str, float], ...]] = (
    ("good", 0.3),
    ("once", 0.3),
    ("fading", 0.2),
    ("star", 0.1),
    ("typed", 0.1),
)
"""What objects are, and their shares: all but the first are let go by the cuts."""


@dataclass(slots=True, kw_only=True)
class Night:
    """What was found.

    Parameters
    ----------
    objects : Counter of str
        What became of each in the one cycle.
    peak_MiB : float
        Largest resident memory of the service's process; `start_MiB` before the cycle.
    again : int
        What the next cycle wrote, at the marshal and at Lasair.
    """

    alerts: int
    kinds: Counter[str] = field(default_factory=Counter)
    objects: Counter[str] = field(default_factory=Counter)
    posts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    start_MiB: float = 0.0
    peak_MiB: float = 0.0
    marks: list[float] = field(default_factory=list)
    marshal: int = 0
    marshal_refused: int = 0
    lasair: int = 0
    lasair_refused: int = 0
    stamps: int = 0
    annotated: int = 0
    again: int = 0

    @property
    def good(self) -> bool:
        """Whether each alert came to its end in the cycle, both limits were kept, and nothing was sent twice."""
        done = self.objects["ok"] + self.objects["let_go"] == self.alerts
        kept = not self.marshal_refused and not self.lasair_refused and self.lasair <= PER_HOUR
        return done and kept and not self.again and self.annotated == self.objects["ok"]

    def __str__(self) -> str:
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(self.kinds.items()))
        objects = ", ".join(f"{n} {name}" for name, n in sorted(self.objects.items()))
        marks = " ".join(f"{mark:.0f}" for mark in self.marks)
        return (
            f"{self.alerts} alerts in one cycle ({kinds}; {SAVED} saved): {objects} in {self.seconds:.0f} s, "
            f"{1000 * self.seconds / self.alerts:.0f} ms each\n"
            f"  memory: {self.start_MiB:.0f} MiB before, {self.peak_MiB:.0f} MiB at most; each tenth: {marks}\n"
            f"  marshal: {self.marshal} requests, {self.marshal_refused} refused; Lasair: {self.lasair} calls of "
            f"{PER_HOUR} an hour, {self.lasair_refused} refused, {self.annotated} annotations; {self.stamps} stamps\n"
            f"  the next cycle wrote {self.again}"
        )


def night(address: str, *, alerts: int = 10_000, seed: int = 0) -> Night:
    """Run the trial on an empty database.

    Parameters
    ----------
    address : str
        Of an empty database.
    """
    found = Night(alerts=alerts)
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="astranet-night-") as name, Sandbox(rate_limit=True) as sandbox:
        fill(sandbox, alerts, random.Random(seed), found.kinds)
        sandbox.lasair.per_hour = PER_HOUR
        place = Place(
            url=sandbox.url, token=sandbox.token, group_id=sandbox.group_id, database=address, folder=Path(name)
        )
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(place, alerts, theirs))
        process.start()
        theirs.close()
        told: dict[str, Any] = ours.recv()
        paths = [record.path for record in sandbox.requests]
        found.marshal_refused = sum(r.status == 429 and not r.path.startswith("/lasair/") for r in sandbox.requests)
        found.annotated = len(sandbox.lasair.written)
        sandbox.forget_requests()
        ours.send(None)
        process.join()
        found.again = len(sandbox.writes()) + len(sandbox.lasair.written) - found.annotated
    found.objects, found.posts = told["objects"], told["posts"]
    found.seconds, found.start_MiB, found.peak_MiB, found.marks = (
        told[key] for key in ("seconds", "start", "peak", "marks")
    )
    found.lasair = sum(path.startswith("/lasair/api/") for path in paths)
    found.stamps = sum(path.startswith("/lasair/fits/") for path in paths)
    found.marshal = len(paths) - found.lasair - found.stamps
    found.lasair_refused = sandbox.lasair.refused
    return found


def fill(sandbox: Sandbox, alerts: int, chance: random.Random, kinds: Counter[str]) -> None:
    """Let the brokers have so many objects with an alert each, some of which the cuts let go."""
    stamps = invented("ZTF26stamps0", 0)
    names, shares = [kind for kind, _ in _KINDS], [share for _, share in _KINDS]
    for n in range(alerts):
        name = f"ZTF26n{n:06d}"
        kind = "good" if n < SAVED else chance.choices(names, shares)[0]
        kinds[kind] += 1
        packet = {**stamps, **_packet(name, n + 1, kind)}
        sandbox.add_alert(packet)
        sandbox.lasair.sherlock[name] = {"classification": "VS" if kind == "star" else "SN", "separationArcsec": 1.0}
        if kind == "typed":
            sandbox.lasair.tns[name] = {"tns_name": f"2026{n}", "tns_prefix": "SN", "type": "SN Ia"}
        if n < SAVED:
            sandbox.add_source(name)


def _packet(name: str, candid: int, kind: str) -> Json:
    """Fifteen earlier epochs, brightest at last, or thirty days before."""
    base = {"fid": 1, "band": "g", "sigmapsf": 0.1, "diffmaglim": 20.5, "isdiffpos": "t", "programid": 1}
    now = {**base, "jd": _JD, "magpsf": 18.0, "candid": candid, "ra": 150.0, "dec": 20.0, "xpos": 500.0, "ypos": 500.0}
    slope = -0.05 if kind == "fading" else 0.05
    earlier: list[Json] = [
        {**base, "jd": _JD - 2.0 * k, "magpsf": 18.0 + slope * k, "fid": 1 + k % 2} for k in range(1, 16)
    ]
    history = [] if kind == "once" else [{**row, "band": "gr"[row["fid"] - 1]} for row in earlier]
    return {"objectId": name, "candid": candid, "candidate": now, "prv_candidates": history, "fp_hists": []}


def _work(place: Place, alerts: int, parent: Connection) -> None:
    """One cycle of the service, then what it was; then another."""
    silent()
    given = settings(
        place,
        alert_source="lasair",
        lasair_token=TOKEN,
        lasair_annotator=ANNOTATOR,
        lasair_url=f"{place.url}/lasair/api",
        watch_alerts=True,
        objects_per_cycle=10 * alerts,
        sweep_hours=0.0,
    )
    rate = given.requests_per_second
    marshal = SkyPortal(place.url, place.token, pacer=Pacer(rate, 1))
    calls = LasairCalls(given.lasair_url or "", TOKEN, budget=HourlyBudget(PER_HOUR))
    broker = Lasair(calls, conditions="objects.ncand >= 1", pacer=Pacer(1000.0, 1000))
    watch = WatchPart(source=broker, analyst=TrialObjectAnalyst(), watch_list=marshal)
    with build(given, marshal=marshal, analyst=TrialAnalyst(), watch=watch) as app, app.beating():
        told: dict[str, Any] = {"start": _memory(), "marks": []}
        stop = threading.Event()
        watcher = threading.Thread(target=_mark, args=(told["marks"], stop), daemon=True)
        begun = time.monotonic()
        watcher.start()
        done = app.once()
        told |= {"seconds": time.monotonic() - begun, "objects": done.objects, "posts": done.delivered}
        stop.set()
        watcher.join()
        told["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
        step = max(1, len(told["marks"]) // 10)
        told["marks"] = told["marks"][::step][:11]
        parent.send(told)
        parent.recv()
        app.once()


def _mark(marks: list[float], stop: threading.Event) -> None:
    while not stop.wait(0.5):
        marks.append(_memory())


def _memory() -> float:
    """Resident memory of this process, MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20

"""A cycle over alerts that nobody saved, with NEEDLE's shipped model: processor time, requests, memory."""

import multiprocessing
import random
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final
from unittest import mock

from iris_client.brokers.lasair.budget import HourlyBudget
from iris_client.brokers.lasair.calls import LasairCalls
from iris_client.brokers.lasair.client import Lasair
from iris_client.http.pacer import Pacer
from plugin.sandbox import Sandbox
from plugin.sandbox.brokers.lasair import ANNOTATOR, TOKEN
from plugin.sandbox.trials import alerts as trial
from plugin.sandbox.trials.worker import Place, settings, silent
from tests.benchmarks.costs.measure import resident_MiB, rounded
from tests.benchmarks.costs.pipes import telling, told

ALERTS: Final = 400
SAVED: Final = 4
"""Of the objects, how many somebody has saved."""
_MANY: Final = 10**6


def alerts(*, count: int = ALERTS) -> dict[str, Any]:
    """Measure the cycle."""
    context, kinds = multiprocessing.get_context("spawn"), Counter[str]()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="astranet-alerts-")))
        sandbox = stack.enter_context(Sandbox())
        with mock.patch.object(trial, "SAVED", SAVED):
            trial.fill(sandbox, count, random.Random(0), kinds)
        sandbox.lasair.per_hour = _MANY
        place = Place(
            url=sandbox.url,
            token=sandbox.token,
            group_id=sandbox.group_id,
            database=f"sqlite:///{folder / 'alerts.sqlite'}",
            folder=folder,
        )
        ours, theirs = context.Pipe()
        worker = context.Process(target=_work, args=(place, theirs), daemon=True)
        worker.start()
        theirs.close()
        found = told(ours)
        worker.join(60.0)
        paths = [record.path for record in sandbox.requests]
    calls = sum(path.startswith("/lasair/api/") for path in paths)
    stamps = sum(path.startswith("/lasair/fits/") for path in paths)
    return {
        "alerts": count,
        "saved": SAVED,
        "kinds": dict(sorted(kinds.items())),
        **found,
        "lasair_calls": calls,
        "stamps": stamps,
        "marshal_requests": len(paths) - calls - stamps,
    }


def _work(place: Place, parent: Connection) -> None:
    """Run the service, and tell of errors."""
    with telling(parent):
        _serve(place, parent)


def _serve(place: Place, parent: Connection) -> None:
    """One cycle of the service."""
    from plugin.app import build
    from plugin.cycle.objects.part import WatchPart, make_object_analyst
    from plugin.sandbox.trials.analyst import TrialAnalyst
    from plugin.sources.clients import Clients

    silent()
    given = settings(
        place,
        alert_source="lasair",
        lasair_token=TOKEN,
        lasair_annotator=ANNOTATOR,
        lasair_url=f"{place.url}/lasair/api",
        watch_alerts=True,
        objects_per_cycle=_MANY,
        sweep_hours=0.0,
        requests_per_second=1e6,
    )
    calls = LasairCalls(given.lasair_url or "", TOKEN, budget=HourlyBudget(_MANY))
    broker = Lasair(calls, conditions="objects.ncand >= 1", pacer=Pacer(1e6, 1000))
    clients = Clients.connect(given, alerts=broker)
    watch = WatchPart(source=broker, analyst=make_object_analyst(given), watch_list=clients.marshal)  # type: ignore[arg-type]
    with build(given, marshal=clients.marshal, analyst=TrialAnalyst(), watch=watch) as app, app.beating():
        before, started, wall = resident_MiB(), time.process_time(), time.monotonic()
        done = app.once()
        parent.send(
            {
                "processor_s": rounded(time.process_time() - started),
                "wall_s": rounded(time.monotonic() - wall),
                "objects": dict(done.objects),
                "before_MiB": before,
                "after_MiB": resident_MiB(),
            }
        )

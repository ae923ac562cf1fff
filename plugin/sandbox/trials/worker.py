"""A worker of a trial: the real service in a process of its own, with models that cost nothing."""

import logging
import os
import random
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy.exc import DBAPIError

from iris_client.brokers.http import SkyPortalBroker
from iris_client.brokers.lasair.budget import HourlyBudget
from iris_client.brokers.lasair.calls import LasairCalls
from iris_client.brokers.lasair.client import Lasair
from iris_client.http.pacer import Pacer
from iris_client.marshal.skyportal import SkyPortal
from iris_client.protocols import AlertSource
from plugin.app import App, build
from plugin.clock import utc_now
from plugin.cycle.objects.part import WatchPart
from plugin.sandbox.brokers.lasair import ANNOTATOR, TOKEN
from plugin.sandbox.trials.analyst import TrialAnalyst, TrialObjectAnalyst, trial_card
from plugin.sandbox.trials.database import Trouble, befall
from plugin.settings import Settings
from plugin.store import StoreError

ENDED, BROKEN, AWAY = 0, 1, 3
"""Exit codes: as it should, by an error that nobody expected, by the database."""
LEASE: Final = timedelta(seconds=3)
"""After it the claims of a worker that was killed are free: short, because a trial is."""
_QUICK: Final = 0.02
_API: Final = "/lasair/api"
_FILTER: Final = "objects.ncand >= 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a trial takes place.

    Parameters
    ----------
    folder : Path
        For what workers leave: tracebacks of errors that nobody expected.
    """

    url: str
    token: str
    group_id: int
    database: str
    folder: Path
    web_hook: str | None = None
    lasair: bool = False
    """Whether alerts come from Lasair, those of what nobody saved too, and answers go there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What is to happen in one cycle.

    Parameters
    ----------
    ahead : timedelta
        How far the worker's clock is ahead of the real one.
    jump : timedelta
        By how much it moves some moments after the start.
    trouble : Trouble or None
        With the database.
    """

    seed: int
    ahead: timedelta = timedelta(0)
    jump: timedelta = timedelta(0)
    trouble: Trouble | None = None


def settings(place: Place, **values: object) -> Settings:
    """What a service in a trial is told."""
    given = {
        "marshal_url": place.url,
        "marshal_token": place.token,
        "group_ids": (place.group_id,),
        "database_url": place.database,
        "output_dir": place.folder,
        "dry_run": False,
        "post_classification": True,
        "sweep_hours": 1.0,
        "backfill_days": 1e4,
        "batch_size": 4,
        "slack_webhook": place.web_hook,
        "slack_per_hour": 10_000,
    }
    if place.lasair:
        given |= {
            "watch_alerts": True,
            "watch_min_detections": 1,
            "watch_fading_days": 1e4,  # what is let go for it depends on when one looked
            "lasair_url": f"{place.url}{_API}",
            "lasair_token": TOKEN,
            "lasair_filter": _FILTER,
            "lasair_annotator": ANNOTATOR,
        }
    return Settings(**{**given, **values})  # type: ignore[arg-type]  # pydantic checks them


def service(place: Place, clock: Callable[[], datetime] = utc_now) -> App:
    """The service of a trial by fire: never waits long for anybody."""
    options = {"pacer": Pacer(1000.0, 1000), "sleep": _briefly, "timeout_s": 5.0}
    marshal = SkyPortal(place.url, place.token, **options)  # type: ignore[arg-type]
    watch = WatchPart(source=_broker(place, options), analyst=TrialObjectAnalyst(), watch_list=marshal)
    given = settings(place, alert_source="lasair" if place.lasair else "marshal")
    app = build(given, marshal=marshal, analyst=TrialAnalyst(), watch=watch, card=trial_card, clock=clock)
    app.store.lease = LEASE
    return app


def _broker(place: Place, options: Mapping[str, Any]) -> AlertSource:
    """Where alerts come from; what goes to Lasair goes by the same connection."""
    if not place.lasair:
        return SkyPortalBroker(place.url, place.token, **options)
    briefly = {"sleep": _briefly, "timeout_s": options["timeout_s"]}
    calls = LasairCalls(f"{place.url}{_API}", TOKEN, budget=HourlyBudget(10**9, sleep=_briefly), **briefly)
    return Lasair(calls, conditions=_FILTER, **options)


def one_cycle(place: Place, fate: Fate) -> None:
    """Run a cycle and end this process; where the process is killed before, that was the purpose."""
    silent()
    chance = random.Random(fate.seed)
    try:
        with service(place, _clock(fate, chance)) as app:
            if fate.trouble is not None:
                befall(app.store.engine, fate.trouble, chance)
            with app.beating():
                app.once(retry_parked=chance.random() < 0.2)
    except (DBAPIError, StoreError):
        os._exit(AWAY)
    except BaseException:
        (place.folder / f"broken-{os.getpid()}.txt").write_text(traceback.format_exc())
        os._exit(BROKEN)
    os._exit(ENDED)


def silent() -> None:
    """Log nothing: a trial's trouble is no news."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _clock(fate: Fate, chance: random.Random) -> Callable[[], datetime]:
    jumps_at = time.monotonic() + chance.uniform(0.0, 1.0)

    def now() -> datetime:
        return utc_now() + fate.ahead + (fate.jump if time.monotonic() > jumps_at else timedelta(0))

    return now


def _briefly(seconds: float) -> None:
    time.sleep(seconds * _QUICK)

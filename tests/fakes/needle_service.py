"""The service with NEEDLE without models, on the embedded marshal and each kind of alert source; and how to kill it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from iris_client.brokers.http import Boom, SkyPortalBroker
from iris_client.brokers.kept import AvroFolder
from iris_client.brokers.lasair.budget import HourlyBudget
from iris_client.brokers.lasair.calls import LasairCalls
from iris_client.brokers.lasair.client import Lasair
from iris_client.http.pacer import Pacer
from iris_client.marshal.skyportal import SkyPortal
from iris_client.protocols import AlertSource
from plugin.app import App, build
from plugin.clock import utc_now
from plugin.cycle.objects.part import WatchPart
from plugin.sandbox.brokers.boom import PASSWORD, USERNAME
from plugin.sandbox.brokers.lasair import ANNOTATOR, TOKEN
from plugin.settings import Settings
from tests.fakes import crash_driver
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.objects import FakeObjectAnalyst


def _no_wait(_seconds: float) -> None:
    """Time does not pass here."""


def _options() -> dict[str, Any]:
    return {"pacer": Pacer(1e6, 1000, sleep=_no_wait), "sleep": _no_wait, "timeout_s": 5.0}


def settings(url: str, token: str, folder: Path, **values: Any) -> Settings:
    given = {
        "marshal_url": url,
        "marshal_token": token,
        "group_ids": (6,),
        "database_url": f"sqlite:///{folder / 'astranet.sqlite'}",
        "output_dir": folder / "output",
        "dry_run": False,
        "requests_per_second": 1e4,
        "sweep_hours": 0,
        "backfill_days": 1e4,
        "alert_source": "marshal",
    }
    return Settings(**{**given, **values})


def source_of(kind: str, url: str, token: str, folder: Path) -> AlertSource:
    if kind == "marshal":
        return SkyPortalBroker(url, token, **_options())
    if kind == "boom":
        return Boom(f"{url}/boom", USERNAME, PASSWORD, **_options())
    if kind == "lasair":
        options = {"sleep": _no_wait, "timeout_s": 5.0}
        calls = LasairCalls(f"{url}/lasair/api", TOKEN, budget=HourlyBudget(10**9, sleep=_no_wait), **options)
        return Lasair(calls, conditions="objects.ncand >= 1", **_options())
    return AvroFolder(folder)


LASAIR = {"watch_alerts": True, "lasair_annotator": ANNOTATOR, "lasair_token": TOKEN, "watch_min_detections": 1}
"""Settings with which every alert is followed and answers go to Lasair."""


def open_service(
    url: str,
    token: str,
    folder: Path,
    *,
    source: AlertSource | None = None,
    analyst: FakeObjectAnalyst | None = None,
    clock: Callable[[], Any] = utc_now,
    **values: Any,
) -> App:
    marshal = SkyPortal(url, token, **_options())
    source = source or source_of("marshal", url, token, folder)
    watch = WatchPart(source=source, analyst=analyst or FakeObjectAnalyst(), watch_list=marshal)  # type: ignore[arg-type]
    chosen = settings(url, token, folder, **values)
    return build(chosen, marshal=marshal, analyst=FakeAnalyst(), watch=watch, clock=clock)


def cycle_and_die(
    step: str, number: int, url: str, token: str, folder: Path, kind: str = "marshal", labels: Any = None
) -> None:
    """One cycle in this process, which dies when a step is about to begin for the n-th time."""
    crash_driver.die_at(step, number)
    source = source_of(kind, url, token, folder)
    with open_service(
        url,
        token,
        folder,
        source=source,
        analyst=FakeObjectAnalyst(labels),
        **(LASAIR | {"lasair_url": f"{url}/lasair/api"} if kind == "lasair" else {}),
    ) as app:
        app.once()

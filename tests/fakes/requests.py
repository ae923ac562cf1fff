"""Requests for analyses, as SkyPortal sends them, without a server."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from models.domain import RawSpectrum
from plugin.app import App, build
from plugin.clock import utc_now
from plugin.cycle.analyses.inputs import read
from plugin.store import Store
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.crash_driver import SPECTRA, settings
from tests.fakes.hooks import FakeHooks
from tests.fakes.marshal import FakeMarshal

HOOKS = "http://marshal.test/api/webhook/obj_analysis/"
FIRST = f"{HOOKS}11111111-2222-4333-8444-555555555555"
SECOND = f"{HOOKS}66666666-2222-4333-8444-555555555555"


def table(rows: Sequence[RawSpectrum]) -> str:
    """Spectra as the CSV text of a request."""
    lines = ["observed_at,wavelengths,fluxes,errors,units,altdata,created_at,origin,modified,type"]
    for raw in rows:
        when = str(raw.observed_at).replace("T", " ")
        modified = str(raw.modified).replace("T", " ")
        lines.append(f'{when},"{raw.wavelengths}","{raw.fluxes}",,,,{modified},,{modified},source')
    return "\n".join(lines) + "\n"


def ask(
    store: Store, hook: str, target_id: str, sent: Mapping[str, Any], *, service: Any = "astranet", **values: Any
) -> None:
    """Take a request in, as the web server does."""
    now = values.pop("now", datetime(2026, 1, 1))
    given = {"now": now, "due": now, "invalid_after": utc_now() + timedelta(hours=1), **values}
    with store.begin() as unit:
        unit.analyses.add(hook, service=service, target_id=target_id, inputs=read(sent).plain(), **given)


def cycle(folder: Path, database: str) -> tuple[FakeMarshal, FakeHooks]:
    """A cycle in which two analyses are asked for, however often it is begun; for crash tests."""
    marshal, hooks = FakeMarshal(folder / "marshal.json"), FakeHooks(folder / "hooks.json")
    marshal.add(*SPECTRA)
    chosen = settings(folder, database).model_copy(update={"backfill_days": 0.0})  # news is only what is asked for
    with build(chosen, marshal=marshal, analyst=FakeAnalyst(), hooks=hooks) as app:
        app.store.lease = timedelta(0)  # where no lock tells that a worker is dead, its claims are free at once
        press(app)
        app.once()
    return marshal, hooks


def press(app: App) -> None:
    """Ask about a source with two spectra, and about one with a bad one."""
    ask(app.store, FIRST, "ZTF26a", {"spectra": table(SPECTRA[:2])})
    ask(app.store, SECOND, "ZTF26b", {"spectra": table(SPECTRA[2:3])})

"""The demo's story: fill a sandbox, let the real service run twice, look at what came out."""

import logging
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from plugin.app import App, build
from plugin.clock import utc_now
from plugin.cycle.done import Cycle
from plugin.cycle.posting import ORIGIN
from plugin.cycle.spectra.sketch import floats
from plugin.notes.files import replace_file
from plugin.notes.night import Night
from plugin.notes.nightly import draft_notes, write_notes
from plugin.notes.period import Period
from plugin.ops import logs
from plugin.sandbox import Record, Sandbox
from plugin.sandbox.demo import page, table
from plugin.sandbox.demo.look import Look, in_order
from plugin.sandbox.demo.needle import ObjectLook
from plugin.sandbox.demo.needle import in_order as in_order_of_needle
from plugin.settings import Settings
from plugin.store import ASTRANET, NEEDLE

PAGE = "index.html"
_LOOPBACK_RATE = 10_000.0  # requests per second: there is nobody to be polite to
_WHAT = {"spectra": "annotation on a spectrum", "sources": "annotation on a source"}
_CANDIDATES = 6
_POLL = 5.0  # seconds; what is asked for on a page should not keep anybody waiting


class DemoFailed(Exception):
    """The service did not do what the demo is there to show."""


def run_demo(
    out: Path, *, n_sources: int = 40, seed: int = 0, console: Console | None = None, port: int | None = None
) -> Path:
    """Run the demo and return its page.

    Parameters
    ----------
    out : Path
        Folder for `index.html` and the drafts; made if needed.
    n_sources, seed : int
        How many simulated sources, and which.
    port : int or None
        Where on loopback the service's own pages are served afterwards, beside service and sandbox, until Ctrl-C;
        0 picks one, None ends the demo with its page.

    Raises
    ------
    DemoFailed
        If a cycle is not complete, the first one sends nothing, or the second one sends anything.
    ConfigError
        If the port is taken.
    """
    console = console or Console()
    logs.configure(level="WARNING")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, _filled(n_sources, seed) as sandbox:
        live = {} if port is None else {"web_bind": f"127.0.0.1:{port}", "output_dir": out, "poll_seconds": _POLL}
        token = secrets.token_urlsafe(16)
        settings = live_settings(sandbox, Path(scratch), web_token=token, **live)
        with build(settings) as app:
            made = tell(app, sandbox, out, seed=seed, console=console)
            if port is not None:
                _keep(app, token, console)
            return made


def _keep(app: App, token: str, console: Console) -> None:
    """Serve the pages and go on working until Ctrl-C."""
    from plugin.ops.schedule import run as run_schedule
    from plugin.web.parts import WebParts
    from plugin.web.server import serve

    with serve(WebParts(settings=app.settings, store=app.store)) as url:
        console.print(f"Live pages at {url} until Ctrl-C; to ask for something there, log in with {token}")
        run_schedule(app, lambda: None)
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # the sandbox cuts its connections, and that is fine


def _filled(n_sources: int, seed: int) -> Sandbox:
    return Sandbox.simulated(n_sources=n_sources, seed=seed, candidates=_CANDIDATES)


def live_settings(sandbox: Sandbox, scratch: Path, **more: Any) -> Settings:
    """As an operator would set it, but for the rate, and live: the sandbox is not anybody's marshal."""
    return Settings.model_validate(
        {
            "marshal_url": sandbox.url,
            "marshal_token": sandbox.token,
            "group_ids": (sandbox.group_id,),
            "database_url": f"sqlite:///{scratch / 'demo.sqlite'}",
            "output_dir": scratch,
            "dry_run": False,
            "alert_source": "marshal",
            "requests_per_second": _LOOPBACK_RATE,
            "note_authors": "A. Astronomer (Demo Observatory)",
            **more,
        }
    )


def tell(app: App, sandbox: Sandbox, out: Path, *, seed: int, console: Console) -> Path:
    """Two cycles, then page, drafts and table; returns the page.

    Raises
    ------
    DemoFailed
        After everything is written, if the second cycle sent anything; at once, if a cycle left work over.
    """
    console.print(f"Marshal with simulated spectra at {sandbox.url}; first cycle ...")
    seconds = _cycle(app)
    first = sandbox.writes()
    if not first:
        raise DemoFailed("the first cycle wrote nothing")
    console.print(f"... {seconds:.1f} s, {len(first)} writing requests. Second cycle ...")
    _cycle(app)
    again = len(sandbox.writes()) - len(first)
    looks, objects = look_at(app, sandbox), look_at_objects(app, sandbox)
    now = utc_now()
    # The night is not over: the daily job would wait for its end.
    period = Period.around(Night.of(now), "day")
    drafts = draft_notes(app.settings, app.store, app.marshal, now=now, period=period)
    account = page.Account(
        sent=kinds(first), sent_again=again, seconds=seconds, bundle=looks[0].report.bundle, seed=seed
    )
    found = [draft for draft in drafts.values() if draft is not None]
    replace_file(out / PAGE, page.render(looks, account, found, _example(sandbox, looks), objects))
    write_notes(app.settings.model_copy(update={"output_dir": out}), period, drafts)
    console.print(table.of(looks))
    if objects:
        console.print(table.of_objects(objects))
    console.print(table.summary(page.tally(looks), account))
    if again:
        raise DemoFailed(f"the second cycle had nothing new to say and still sent {again} writing requests")
    return out / PAGE


def _cycle(app: App) -> float:
    """One cycle; how long it took, in seconds."""
    begun = time.perf_counter()
    cycle: Cycle = app.once()
    if not cycle.complete:
        left = f"{dict(cycle.analysed)}, {dict(cycle.objects)}, {dict(cycle.delivered)}"
        raise DemoFailed(f"work was left over: {left}, {cycle.trouble}")
    return time.perf_counter() - begun


def look_at(app: App, sandbox: Sandbox) -> list[Look]:
    """Every report on file beside its spectrum and the simulated truth, read as the service reads it."""
    with app.store.begin() as unit:
        filed = unit.reports.every(ASTRANET)
    looks = []
    for f in filed:
        raw = app.marshal.spectrum(f.subject.id)
        looks.append(
            Look(
                target=app.marshal.target(f.target_id),
                report=f.report,
                alpha=f"{app.settings.alpha:g}",
                wavelength_A=floats(raw.wavelengths),
                flux=floats(raw.fluxes),
                instrument=f.instrument,
                observed_at=f.observed_at,
                truth=sandbox.truths.get(f.subject.id),
                kind=sandbox.kinds.get(f.subject.id),
            )
        )
    return looks


def look_at_objects(app: App, sandbox: Sandbox) -> list[ObjectLook]:
    """What NEEDLE said about each object, beside what hangs on its source and the simulated truth."""
    with app.store.begin() as unit:
        filed = unit.reports.every(NEEDLE)
    hanging = {a["place"]: a["data"] for a in sandbox.annotations() if (a["kind"], a["origin"]) == ("source", ORIGIN)}
    return in_order_of_needle(
        [
            ObjectLook(
                filed=f,
                alpha=app.settings.alpha,
                curve=app.marshal.light_curve(f.target_id),
                said=hanging.get(f.target_id),
                truth=sandbox.object_truths.get(f.target_id),
            )
            for f in filed
        ]
    )


def kinds(writes: Sequence[Record]) -> tuple[tuple[str, int], ...]:
    """Writing requests counted by what they are about."""
    named = Counter(f"{_WHAT.get(_place(r.path), r.path)} ({r.method})" for r in writes)
    return tuple(sorted(named.items()))


def _place(path: str) -> str:
    """`spectra` of `/api/spectra/12/annotations`."""
    parts = path.strip("/").split("/")
    return parts[1] if len(parts) > 1 else path


def _example(sandbox: Sandbox, looks: Sequence[Look]) -> page.Example | None:
    """The annotation on the spectrum that stands first on the page."""
    first = in_order(list(looks))[0]
    for held in sandbox.annotations():
        if held["kind"] == "spectrum" and held["place"] == first.report.spectrum_id:
            rows = tuple((key, str(value)) for key, value in sorted(held["data"].items()))
            return page.Example(place=f"{held['origin']} on spectrum {held['place']}", rows=rows)
    return None

"""A store as the service leaves it after a night on the sandbox, with texts from outside that are full of markup."""

from datetime import timedelta
from pathlib import Path
from typing import Final

from iris_client.protocols import Place, TransientName
from plugin.app import build
from plugin.clock import utc_now
from plugin.notes.night import Night
from plugin.notes.nightly import draft_notes, write_notes
from plugin.notes.period import Period
from plugin.sandbox import Sandbox
from plugin.sandbox.demo.run import live_settings
from plugin.settings import Settings
from plugin.store import Store, open_store, spectrum
from tests.fakes.marshal import WAVES, good

MARKUP: Final = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
NASTY: Final = f"ZTF26evil{MARKUP}"
"""The name of a source."""
DATABASE_PASSWORD: Final = "database-pass-word-0815"


def fill(folder: Path, *, n_sources: int = 16, seed: int = 0) -> Settings:
    """Let the service answer simulated sources and leave its database in a folder; gives the settings it ran with.

    The sandbox is gone afterwards: the pages ask nobody but the database.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with Sandbox.simulated(n_sources=n_sources, seed=seed, candidates=3) as sandbox:
        _add_nasty(sandbox)
        settings = live_settings(sandbox, folder)
        with build(settings) as app:
            app.once()
            now = utc_now()
            period = Period.around(Night.of(now), "day")
            write_notes(settings, period, draft_notes(settings, app.store, app.marshal, now=now, period=period))
        with open_store(settings.database_url, marshal=settings.marshal()[0]) as store:
            _leave_trouble(store)
    return settings


def _add_nasty(sandbox: Sandbox) -> None:
    """A source whose every text is markup."""
    sandbox.add_source(NASTY, redshift=0.05, redshift_origin=MARKUP)
    sandbox.add_spectrum(NASTY, wavelengths=WAVES, fluxes=good("1", "x").fluxes, label=MARKUP, origin=MARKUP)
    sandbox.add_spectrum(NASTY, wavelengths=[MARKUP, 1, 2], fluxes=[1, 2, 3], units=MARKUP)


def _leave_trouble(store: Store) -> None:
    """Names at the TNS, work that was set aside and posts that were: each with markup in its reason."""
    now = utc_now()
    with store.begin() as unit:
        for known in (None, _named("AT 2026abc", None), _named(f"SN 2026{MARKUP}", MARKUP)):
            unit.names.put(NASTY, known, now + timedelta(seconds=known is not None and len(known.name)))
        answered = next(f for f in unit.reports.every("ASTRANet") if f.target_id != NASTY)
        unit.queue.ask_again(answered.subject, now)
        (piece,) = unit.queue.claim("spectrum", 1, now)
        unit.queue.park(piece, f"BadPayload: data is {MARKUP}")
        place = Place(kind="source", id=NASTY)
        said = {"label": MARKUP, "probability": 0.5}
        unit.outbox.enqueue(place, kind="classification", origin="other", body=said, group_ids=(6,), now=now)
        parcel = unit.outbox.claim(now, kinds=("classification",))
        assert parcel is not None
        unit.outbox.park(parcel, f"Refused: {MARKUP}")
        again = spectrum(answered.subject.id)
        assert piece.subject == again


def _named(name: str, kind: str | None) -> TransientName:
    return TransientName(name=name, type=kind, redshift=0.0512, separation_arcsec=0.3, source="mirror")

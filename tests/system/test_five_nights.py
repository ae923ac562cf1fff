"""Five nights of the whole service against the embedded marshal, with the shipped models: what its notes announce."""

import os
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from models.simulation import draw
from plugin.app import App
from plugin.notes.checker import check
from plugin.notes.nightly import write_due_notes
from plugin.notes.render import draft_from_json
from plugin.sandbox import Sandbox
from plugin.sandbox.brokers.light_curves import SHAPES, alerts, light_curve
from plugin.store import NEEDLE
from tests.system.test_cycle import open_app

REAL = "ASTRANET_DATA_DIR"
FIRST = datetime(2026, 6, 10, 20)
EMPTY = 3
"""The night on which the dome stays closed."""
PER_NIGHT = 10
MJD = 61201.0
"""2026-06-10."""


class Clock:
    """Moved by hand."""

    now = FIRST

    def __call__(self) -> datetime:
        return self.now


def simulated() -> list[dict[str, Any]]:
    """Simulated spectra, a blazar and an M dwarf among every night's."""
    made = []
    for night in range(4):
        for one in draw(PER_NIGHT - 2, night, odd=("blazar", "M dwarf")):
            raw: Any = one.raw
            made.append({"wavelengths": raw.wavelengths, "fluxes": raw.fluxes, "origin": "simulated"})
    return made


def real() -> list[dict[str, Any]]:
    """Spectra of the SED Machine, every fourth of a rare kind."""
    folder = Path(os.environ[REAL]) / "spectra"
    columns = ["wavelength", "flux"]
    pool = pq.read_table(folder / "spectra_pool_sedm.parquet", columns=columns).slice(500, 30).to_pylist()
    rare = pq.read_table(folder / "spectra_rare_sedm.parquet", columns=columns).slice(1, 10).to_pylist()
    rows = [*pool[:8], *rare[:2], *pool[8:15], *rare[2:5], *pool[15:22], *rare[5:8], *pool[22:30], *rare[8:10]]
    return [{"wavelengths": np.array(r["wavelength"]), "fluxes": np.array(r["flux"]), "origin": "SEDM"} for r in rows]


def add_night(sandbox: Sandbox, night: int, spectra: list[dict[str, Any]], when: datetime) -> None:
    """New objects with a spectrum each, the first of the first night once more, and a rising TDE and supernova."""
    for number, one in enumerate(spectra):
        name = sandbox.add_source(f"ZTF26n{night}{chr(97 + number)}", ra=10.0 + number, dec=2.0 + night)
        sandbox.add_spectrum(name, observed_at=when, **one)
    for number, label in enumerate(("TDE", "SLSN", "SN Ia")):
        name, shape = f"ZTF26p{night}{chr(97 + number)}", SHAPES[label]
        sandbox.add_source(name, ra=100.0 + number, dec=2.0 + night, altdata={"simulated": True})
        last = MJD + night
        points = light_curve(shape, last - 1.0, last, 17.5, [night, number])
        for point in points:
            sandbox.add_photometry(
                name,
                mjd=point.mjd,
                band=f"ztf{point.band}",
                mag=point.mag,
                magerr=point.error,
                limiting_mag=point.limit,
            )
        for packet in alerts(name, points, shape, ra=100.0 + number, dec=2.0 + night, seed=[night, number]):
            sandbox.add_alert(packet)


def drafts_of(folders: list[Path]) -> dict[str, Any]:
    return {f.name: draft_from_json((f / "astronote.json").read_text()) for f in folders}


@pytest.mark.slow
@pytest.mark.parametrize(
    "spectra",
    [
        simulated,
        pytest.param(real, marks=pytest.mark.skipif(REAL not in os.environ, reason="needs ASTRANET_DATA_DIR")),
    ],
)
def test_five_nights_of_notes(tmp_path, spectra):
    rows, clock = spectra(), Clock()
    again: dict[str, Any] = {}
    announced: Counter[tuple[str, str, str]] = Counter()
    kinds: Counter[str] = Counter()
    with Sandbox() as sandbox, open_app(sandbox, tmp_path, clock, shipped=True, alert_source="marshal") as app:
        for night in range(5):
            clock.now = FIRST + timedelta(days=night)
            if night != EMPTY:
                some, rows = rows[:PER_NIGHT], rows[PER_NIGHT:]
                add_night(sandbox, night, some, clock.now)
            for (
                name,
                row,
            ) in again.items():  # what was announced the night before has another spectrum that says the same
                sandbox.add_spectrum(name, observed_at=clock.now, **row)
            again = {}
            work(app)
            clock.now += timedelta(hours=19)
            found = drafts_of(write_due_notes(app.settings, app.store, app.marshal, now=clock.now))
            assert night != EMPTY or found == {}
            for kind, draft in found.items():
                assert check(draft) == []
                assert str(draft.night) == f"2026-06-{10 + night}"
                announced.update((kind, row.target_id, row.answer) for row in draft.related)
                kinds[kind] += 1
            if night < EMPTY - 1 and "classes" in found:
                again = {
                    row.target_id: some[ord(row.target_id[-1]) - 97]
                    for row in found["classes"].related
                    if row.target_id[:7] == f"ZTF26n{night}"
                }
            assert write_due_notes(app.settings, app.store, app.marshal, now=clock.now) == []
        with app.store.begin(to_read=True) as unit:
            answered = sum(f.report.host_verdict is not None for f in unit.reports.every(NEEDLE))
    assert max(announced.values()) == 1  # nothing comes again with the same answer
    assert kinds["classes"] >= 3
    assert kinds["anomalies"] >= 2
    assert answered == 12
    print(f"\n{len(announced)} announced in {dict(kinds)}; candidates {[k for k in announced if k[0] == 'candidates']}")


def work(app: App) -> None:
    """Cycles until nothing is left over."""
    for _ in range(5):
        if app.once().complete:
            return
    raise AssertionError("work was left over")

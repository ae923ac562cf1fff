"""The page of worked notes: what the service drafts about held-out objects in an embedded marshal."""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from models.training.needle.examples import Labelled
from plugin.app import App, build
from plugin.cycle.objects.discover import MJD_EPOCH
from plugin.lab.notes.held_out import (
    HeldSpectrum,
    add_light_curves,
    add_spectra,
    busiest_night,
    fullest_night,
    held_light_curves,
    held_spectra,
)
from plugin.notes.checker import check
from plugin.notes.draft import Draft, ExtraTable
from plugin.notes.files import replace_file
from plugin.notes.night import Night
from plugin.notes.nightly import draft_notes
from plugin.notes.period import Period
from plugin.ops.templates import html_templates
from plugin.sandbox import Sandbox
from plugin.sandbox.demo.run import live_settings

PAGE: Final = "astronotes-examples.md"
MOST_CYCLES: Final = 5
_EARLIER_DAYS: Final = 120
"""An earlier night is at least so long before."""
_FOR_YEARS: Final = 4000.0
_TEMPLATES: Final = Path(__file__).parent / "templates"


def write_examples(data: Path, out: Path, held: Collection[str]) -> Path:
    """Let the real service answer held-out objects on the two nights with most of them, and print its drafts.

    NEEDLE's note is a weekly one. For its record the service has also looked at objects of an earlier night, and people
    have classified these since.

    Parameters
    ----------
    data : Path
        Folder with `spectra`, `ztf` and `sedm_aux.parquet`.
    held : collection of str
        Ids of the spectra of the test split.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    ValueError
        If a draft breaks a rule of the checker.
    """
    night, spectra = fullest_night(held_spectra(data, held))
    with Sandbox() as sandbox:
        add_spectra(sandbox, spectra)
        drafts = dict(_drafts(sandbox, night))
    curves = held_light_curves(data)
    curve_night, objects = busiest_night(curves)
    with Sandbox() as sandbox:
        earlier = _seen_before(sandbox, curves, curve_night, {one.object_id for one in objects})
        drafts["candidates"] = _weekly(sandbox, earlier, curve_night, objects)
    found = {kind: draft for kind, draft in drafts.items() if draft is not None}
    if broken := [sentence for draft in found.values() for sentence in check(draft)]:
        raise ValueError("; ".join(broken))
    truths = _truths(spectra) | {one.object_id: one.kind for one in objects}
    extras = {kind: _extras(draft) for kind, draft in found.items()}
    tables = {kind: _table(draft, truths) for kind, draft in found.items()}
    page = (
        html_templates(_TEMPLATES)
        .get_template("examples.md")
        .render(drafts=found, truths=truths, tables=tables, extras=extras)
    )
    replace_file(out / PAGE, page)
    return out / PAGE


def _drafts(sandbox: Sandbox, night: date, **more: Any) -> Mapping[str, Draft | None]:
    """What the service drafts when it looks at a sandbox in the evening of a date and writes the next afternoon."""
    evening = datetime.combine(night, time(20))
    with tempfile.TemporaryDirectory() as scratch:
        options = {"alert_source": "none", "backfill_days": 400.0, "watch_days": 400.0, "note_authors": "", **more}
        settings = live_settings(sandbox, Path(scratch), **options)
        with build(settings, clock=lambda: evening) as app:
            _until_done(app)
            period = Period.around(Night.of(evening), "day")
            return draft_notes(settings, app.store, app.marshal, now=evening + timedelta(hours=19), period=period)


def _seen_before(sandbox: Sandbox, curves: Sequence[Labelled], night: date, without: Collection[str]) -> date:
    """Put the objects of an earlier night into the sandbox; which night that is."""
    end = (night - MJD_EPOCH.date()).days - _EARLIER_DAYS
    others = [one for one in curves if one.object_id not in without and float(one.curve.mjd.min()) < end]
    earlier, objects = busiest_night(others)
    add_light_curves(sandbox, objects, earlier)
    return earlier


def _weekly(sandbox: Sandbox, earlier: date, night: date, objects: Sequence[Labelled]) -> Draft | None:
    """NEEDLE's note of the week of a night, when what was seen on an earlier one has been classified."""
    now = datetime.combine(earlier, time(20))
    with tempfile.TemporaryDirectory() as scratch:
        options: dict[str, Any] = {"alert_source": "marshal", "note_authors": "", "note_every": "week"}
        options |= dict.fromkeys(("watch_days", "truth_watch_days"), _FOR_YEARS)
        settings = live_settings(sandbox, Path(scratch), **options)
        with build(settings, clock=lambda: now) as app:
            _until_done(app)
            for name, kind in sandbox.object_truths.items():
                sandbox.add_classification(name, kind)
            add_light_curves(sandbox, objects, night, first=len(sandbox.object_truths) + 1)
            now = datetime.combine(night, time(20))
            _until_done(app)
            period = Period.around(Night.of(now), "week")
            now = period.end.replace(tzinfo=None) + timedelta(hours=3)
            assert app.truth is not None
            app.truth.ask()
            return draft_notes(settings, app.store, app.marshal, now=now, period=period)["candidates"]


def _until_done(app: App) -> None:
    for _ in range(MOST_CYCLES):
        if app.once().complete:
            return


def _truths(spectra: Sequence[HeldSpectrum]) -> dict[str, str]:
    return {one.name: one.truth for one in spectra}


def _extras(draft: Draft) -> list[ExtraTable]:
    """The tables below the body, as a page of Markdown can hold them, heads first."""
    return [replace(one, rows=tuple(_escaped(row) for row in (one.columns, *one.rows))) for one in draft.tables]


def _escaped(row: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell.replace("|", "\\|") for cell in row)


def _table(draft: Draft, truths: Mapping[str, str]) -> list[tuple[str, ...]]:
    """The rows, with what each object is known to be."""
    rows = [(*row.cells(), truths.get(row.target_id, "?")) for row in draft.related]
    return [_escaped(row) for row in [(*draft.columns, "Really"), *rows]]

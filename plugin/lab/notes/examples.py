"""The page of worked notes: what the service drafts about held-out objects in an embedded marshal."""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from plugin.app import build
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
from plugin.notes.draft import Draft
from plugin.notes.files import replace_file
from plugin.notes.night import Night
from plugin.notes.nightly import draft_notes
from plugin.notes.period import Period
from plugin.ops.templates import html_templates
from plugin.sandbox import Sandbox
from plugin.sandbox.demo.run import live_settings

PAGE: Final = "astronotes-examples.md"
MOST_CYCLES: Final = 5
_TEMPLATES: Final = Path(__file__).parent / "templates"


def write_examples(data: Path, out: Path, held: Collection[str]) -> Path:
    """Let the real service answer held-out objects on the two nights with most of them, and print its drafts.

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
    curve_night, objects = busiest_night(held_light_curves(data))
    with Sandbox() as sandbox:
        add_light_curves(sandbox, objects, curve_night)
        drafts["candidates"] = _drafts(sandbox, curve_night, alert_source="marshal")["candidates"]
    found = {kind: draft for kind, draft in drafts.items() if draft is not None}
    if broken := [sentence for draft in found.values() for sentence in check(draft)]:
        raise ValueError("; ".join(broken))
    truths = _truths(spectra) | {one.object_id: one.kind for one in objects}
    page = (
        html_templates(_TEMPLATES)
        .get_template("examples.md")
        .render(drafts=found, truths=truths, tables={kind: _table(draft, truths) for kind, draft in found.items()})
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
            for _ in range(MOST_CYCLES):
                if app.once().complete:
                    break
            period = Period.around(Night.of(evening), "day")
            return draft_notes(settings, app.store, app.marshal, now=evening + timedelta(hours=19), period=period)


def _truths(spectra: Sequence[HeldSpectrum]) -> dict[str, str]:
    return {one.name: one.truth for one in spectra}


def _table(draft: Draft, truths: Mapping[str, str]) -> list[tuple[str, ...]]:
    """The rows, with what each object is known to be."""
    rows = [(*row.cells(), truths.get(row.target_id, "?")) for row in draft.related]
    return [tuple(cell.replace("|", "\\|") for cell in row) for row in [(*draft.columns, "Really"), *rows]]

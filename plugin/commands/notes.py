"""Commands about: notes."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from plugin.commands.service import prepared

if TYPE_CHECKING:
    from plugin.notes.night import Night


note_app = typer.Typer(help="AstroNotes: drafted by the service, reviewed and approved by people.")


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    from plugin.commands import note_review

    app.add_typer(note_app, name="note")
    note_app.callback(invoke_without_command=True)(note)
    note_review.register(note_app)


def note(
    context: typer.Context,
    night: Annotated[
        str | None,
        typer.Option(help="UT date on which the night begins at noon, such as 2026-06-10; the last one by default."),
    ] = None,
) -> None:
    """Draft the AstroNotes of a night, or of its week with NOTE_EVERY=week, from the answers on file.

    It writes the files, and hands the drafts to their review, where people's edits stay as they are. What it lists does
    not count as announced, and the service's own notes stay as they would be.
    """
    if context.invoked_subcommand is not None:
        if night is not None:
            raise typer.BadParameter("is for drafting alone", param_hint="--night")
        return
    from plugin.clock import utc_now
    from plugin.notes.period import Period

    with prepared() as settings:
        from plugin.notes.nightly import draft_notes, write_notes
        from plugin.notes.review.keeping import keep
        from plugin.sources.marshal import make_source
        from plugin.store import open_store

        now = utc_now()
        every = settings.note_every
        period = Period.around(_night(night), every) if night else Period.before(now, every)
        with (
            open_store(settings.database_url, marshal=settings.marshal()[0], beside=True) as store,
            closing(make_source(settings)) as marshal,
        ):
            drafts = draft_notes(settings, store, marshal, now=now, period=period)
            with store.begin() as unit:
                for kind, draft in drafts.items():
                    keep(unit, kind, str(period), draft, now)
        folders = {folder.name: folder for folder in write_notes(settings, period, drafts)}
    for kind in drafts:
        done = f"draft in {folders[kind]}" if kind in folders else "nothing to say, no draft"
        typer.echo(f"{period.nights}, {kind}: {done}")


def _night(text: str) -> "Night":
    from plugin.notes.night import Night

    try:
        return Night.parse(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date such as 2026-06-10", param_hint="--night") from None

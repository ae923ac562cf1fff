"""Commands about: notes."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from plugin.commands.service import prepared

if TYPE_CHECKING:
    from plugin.notes.night import Night


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.command()(note)


def note(
    night: Annotated[
        str | None,
        typer.Option(help="UT date on which the night begins at noon, such as 2026-06-10; the last one by default."),
    ] = None,
) -> None:
    """Draft the AstroNote of a night from the reports on file; a person reviews and submits it."""
    from plugin.clock import utc_now
    from plugin.notes.night import Night

    chosen = _night(night) if night else Night.before(utc_now())
    with prepared() as settings:
        from plugin.notes.nightly import write_night
        from plugin.sources.marshal import make_source
        from plugin.store import open_store

        with (
            open_store(settings.database_url, marshal=settings.marshal()[0], beside=True) as store,
            closing(make_source(settings)) as marshal,
        ):
            folder = write_night(settings, store, marshal, now=utc_now(), night=chosen)
    typer.echo(f"night {chosen}: " + (f"draft in {folder}" if folder else "nothing to say, no draft"))


def _night(text: str) -> "Night":
    from plugin.notes.night import Night

    try:
        return Night.parse(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date such as 2026-06-10", param_hint="--night") from None

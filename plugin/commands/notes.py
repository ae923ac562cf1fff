"""Commands about: notes."""

from typing import Annotated

import typer

from plugin.commands.service import prepared
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

    chosen = _night(night) if night else Night.before(utc_now())
    with prepared() as settings:
        from plugin.notes.nightly import write_night
        from plugin.sources.clients import close
        from plugin.sources.marshal import make_marshal
        from plugin.store import open_store

        marshal = make_marshal(settings)
        try:
            with open_store(settings.database_url, marshal=settings.marshal()[0], to_read=True) as store:
                folder = write_night(settings, store, marshal, now=utc_now(), night=chosen)
        finally:
            close(marshal)
    typer.echo(f"night {chosen}: " + (f"draft in {folder}" if folder else "nothing to say, no draft"))


def _night(text: str) -> Night:
    try:
        return Night.parse(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date such as 2026-06-10", param_hint="--night") from None

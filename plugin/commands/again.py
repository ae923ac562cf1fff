"""Command about: one answer that is wanted anew."""

from typing import Annotated

import typer

from plugin.commands.service import prepared


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.command("again")(answer_again)


def answer_again(
    name: Annotated[str, typer.Argument(help="Number of a spectrum, or id of a source: then everything about it.")],
) -> None:
    """Answer a spectrum or source again, as if it were new; a running service does it in its next cycle."""
    with prepared() as settings:
        from contextlib import closing

        from plugin.clock import utc_now
        from plugin.ops.again import again
        from plugin.sources.marshal import make_source
        from plugin.store import open_store

        opened = open_store(settings.database_url, marshal=settings.marshal()[0], beside=True)
        with opened as store, closing(make_source(settings)) as marshal:
            found = again(store, marshal, name, utc_now())
    if not found:
        typer.echo(f"nothing on file about {name}; a spectrum that was never seen is taken by its number", err=True)
        raise typer.Exit(1)
    typer.echo(f"due now: {', '.join(f'{subject.kind} {subject.id}' for subject in found)}")
    typer.echo("a running service answers in its next cycle; without one, `astranet once` does")

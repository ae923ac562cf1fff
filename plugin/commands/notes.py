"""Commands about: notes."""

from pathlib import Path
from typing import Annotated

import typer

from plugin.commands.service import prepared
from plugin.notes.night import Night


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.command()(note)
    app.command()(demo)


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
        from plugin.app import make_marshal
        from plugin.notes.nightly import write_night
        from plugin.store import open_store

        with open_store(settings.database_url, marshal=settings.marshal()[0], to_read=True) as store:
            folder = write_night(settings, store, make_marshal(settings), now=utc_now(), night=chosen)
    typer.echo(f"night {chosen}: " + (f"draft in {folder}" if folder else "nothing to say, no draft"))


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the page and the draft.")] = Path("demo-output"),
    n_sources: Annotated[int, typer.Option(min=1, max=500, help="How many simulated sources.")] = 40,
    seed: Annotated[int, typer.Option(help="The same seed simulates the same spectra.")] = 0,
) -> None:
    """Run the real service against an embedded marshal with simulated spectra, and draw one page about it."""
    from plugin.sandbox.demo.run import DemoFailed, run_demo

    try:
        page = run_demo(out, n_sources=n_sources, seed=seed)
    except DemoFailed as error:
        typer.echo(f"the demo failed: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"Open {page} in a browser.")


def _night(text: str) -> Night:
    try:
        return Night.parse(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date such as 2026-06-10", param_hint="--night") from None

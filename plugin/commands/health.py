"""Commands about: whether the service is well."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.command()(health)


def health(
    live: Annotated[
        bool, typer.Option("--live", help="Ask only whether the work goes on, which a restart may mend.")
    ] = False,
) -> None:
    """Say whether the service lives and can work, and why not; exit code 1 when not. For health checks of containers.

    The database is asked, and nothing else: the service itself writes there how it goes.
    """
    from plugin.commands.service import prepared

    with prepared() as settings:
        from plugin.ops.health import of_service

        found = of_service(settings)
        typer.echo("well" if found.well else "; ".join(found.reasons))
    raise typer.Exit(0 if (found.live if live else found.well) else 1)

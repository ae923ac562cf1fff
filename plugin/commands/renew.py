"""Command about: answers by a bundle or calibration that answers no more."""

from typing import Annotated

import typer

from plugin.commands.service import prepared


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.command("renew")(renew_answers)


def renew_answers(
    yes: Annotated[bool, typer.Option("--yes", help="Put them into the queue; without it nothing is changed.")] = False,
    per_hour: Annotated[int, typer.Option(min=1, max=3600, help="How many are answered in an hour.")] = 120,
    since: Annotated[float | None, typer.Option(min=0, help="Only answers of the last so many days.")] = None,
) -> None:
    """Show how many answers are by another bundle or calibration than answers now; renew them over time with --yes.

    The newest come first, and everything that is new before them. What is in the queue already keeps its turn.
    """
    with prepared() as settings:
        from datetime import timedelta

        from models.cards import BundleError
        from plugin.clock import utc_now
        from plugin.drift.renewing import in_use_by, preview, renew_older
        from plugin.settings import ConfigError
        from plugin.store import open_store

        now, marshal = utc_now(), settings.marshal()[0]
        start = None if since is None else now - timedelta(days=since)
        opened = open_store(settings.database_url, marshal=marshal, to_read=not yes, beside=yes)
        with opened as store, store.begin(to_read=not yes) as unit:
            try:
                answers = in_use_by(settings, unit)
            except BundleError as error:
                raise ConfigError(str(error)) from None
            older = unit.renewals.older(answers.gave, start)
            count = renew_older(unit, answers, per_hour=per_hour, at=now, since=start) if yes else 0
            until = unit.renewals.waiting_until()
        for line in preview(older, answers, per_hour=per_hour, at=now):
            typer.echo(line)
        if yes:
            typer.echo(
                f"put into the queue: {count}"
                + (f"; the last has its turn at {until:%Y-%m-%d %H:%M} UT" if until else "")
            )
        elif any(not one.waits for one in older):
            typer.echo("nothing is changed; `astranet renew --yes` puts them into the queue")

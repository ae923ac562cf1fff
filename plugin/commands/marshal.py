"""Commands about: the marshal's accounts."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from plugin.commands.service import prepared

marshal_app = typer.Typer(help="What our accounts have written on the marshal.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.add_typer(marshal_app, name="marshal")
    marshal_app.command("hand-over")(hand_over)


@marshal_app.callback()
def _group() -> None:
    """What our accounts have written on the marshal."""


def hand_over(
    token_file: Annotated[Path, typer.Option("--token-file", help="File with the old account's token.")],
    author: Annotated[
        int | None,
        typer.Option(help="Number of the old account, when its token is lost and the file holds an administrator's."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take it away; without, only say what is there.")] = False,
) -> None:
    """Take away what an old account of the service wrote, so that the new one can write it; --yes to do it."""
    with prepared() as settings:
        from contextlib import closing

        from pydantic import SecretStr

        from plugin.clock import utc_now
        from plugin.environment import read_secret
        from plugin.ops.hand_over import prepare, send_anew
        from plugin.settings import ConfigError
        from plugin.sources.marshal import make_marshal
        from plugin.store import open_store

        try:
            secret = SecretStr(read_secret("marshal_token_file", token_file))
        except ValueError as error:
            raise ConfigError(str(error).split(": ", 1)[-1]) from None
        old_settings = settings.model_copy(update={"marshal_token": secret})
        with closing(make_marshal(settings)) as marshal:
            new = marshal.account()
        opened = open_store(settings.database_url, marshal=settings.marshal()[0], beside=True)
        with opened as store, closing(make_marshal(old_settings)) as old:
            plan = prepare(old, new, store, author_id=author)
            for what, number in sorted(Counter(one.what for one in plan.found).items()):
                typer.echo(f"{number:6d}  {what}")
            if not plan.found:
                typer.echo("the old account has written nothing that we write")
                return
            if not yes:
                typer.echo("nothing was taken away; with --yes it is, and what belongs there is sent anew")
                return
            taken = []
            for one, trouble in plan.take_away():
                if trouble is None:
                    taken.append(one)
                else:
                    typer.echo(f"{one.what}, {one.place.id}: {trouble}", err=True)
            count = send_anew(store, taken, utc_now())
    typer.echo(f"{len(taken)} taken away; {count} posts are sent anew in the next cycle, by {new.username}")
    raise typer.Exit(0 if len(taken) == len(plan.found) else 1)

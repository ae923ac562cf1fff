"""Commands about: SkyPortal's Analysis button."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plugin.commands.service import prepared

if TYPE_CHECKING:
    from plugin.ops.register import Outcome
    from plugin.settings import Settings


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.command("register")(register_services)


def register_services(
    remove: Annotated[bool, typer.Option("--remove", help="Take the services away, with their analyses.")] = False,
    token_file: Annotated[
        Path | None, typer.Option(help="File with the token of somebody who may manage analysis services; used once.")
    ] = None,
    with_secret: Annotated[
        bool, typer.Option("--with-secret", help="Show the secret in what an administrator has to send.")
    ] = False,
) -> None:
    """Register ASTRANet and NEEDLE behind the marshal's Analysis button, or keep them as they should be."""
    with prepared() as settings:
        from plugin.ops import register as services
        from plugin.ops.logs import configure
        from plugin.settings import PREFIX, ConfigError
        from plugin.sources.marshal import make_marshal

        bodies = services.wanted(settings)
        if token_file is not None:
            settings = _with_token(settings, token_file)
            configure(style=settings.log_format, level=settings.log_level, secrets=settings.secrets)
        if settings.web_bind is None and not remove:
            raise ConfigError(f"{PREFIX}WEB_BIND: not set, so nobody would answer at {settings.analysis_url}")
        with make_marshal(settings) as marshal:
            act = services.remove if remove else services.register
            outcomes = list(act(marshal.services, bodies))
        for outcome in outcomes:
            typer.echo(f"{outcome.name}: {outcome.said}")
        _ask_an_administrator(settings, outcomes, remove=remove, with_secret=with_secret)
    raise typer.Exit(0 if all(outcome.ok for outcome in outcomes) else 1)


def _with_token(settings: "Settings", file: Path) -> "Settings":
    from pydantic import SecretStr

    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        token = ""
    if not token:
        raise typer.BadParameter(f"--token-file: {file} cannot be read, or holds no token")
    return settings.model_copy(update={"marshal_token": SecretStr(token)})


def _ask_an_administrator(settings: "Settings", outcomes: "list[Outcome]", *, remove: bool, with_secret: bool) -> None:
    """Say what somebody with more rights has to do."""
    import json

    from plugin.ops.register import HIDDEN, RIGHT, wanted

    lacking = {outcome.name for outcome in outcomes if outcome.lacks_right}
    if not lacking:
        return
    typer.echo(
        f"\nAsk an administrator of {settings.marshal_url} for a token with the right `{RIGHT}` (role Group admin has "
        "it), and run this command once more with --token-file FILE; or let them send:"
    )
    for body in wanted(settings, secret=None if with_secret else HIDDEN):
        if body["name"] in lacking:
            what = "DELETE /api/analysis_service/<its id>" if remove else "POST /api/analysis_service"
            typer.echo(f"\n{what}" + ("" if remove else f"\n{json.dumps(body, indent=2)}"))
    if not remove and not with_secret:
        typer.echo(f"\nwith {HIDDEN} replaced by the secret itself; --with-secret shows it.")

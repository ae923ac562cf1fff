"""Commands about: the service itself."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from plugin.app import App
    from plugin.settings import Settings
    from plugin.store import Filed, Store

db_app = typer.Typer(help="The service's database.", no_args_is_help=True)

WRONG_SETTING = 2


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    for command in (once, run, web, doctor, show):
        app.command()(command)
    app.add_typer(db_app, name="db")
    db_app.command()(upgrade)
    db_app.command()(downgrade)
    db_app.command()(status)


def once(
    retry_parked: Annotated[bool, typer.Option(help="Also try again what was set aside.")] = False,
) -> None:
    """One cycle: look for new spectra, analyse them, send the answers; exit code 1 when something was left over."""
    with prepared() as settings:
        from plugin.app import build
        from plugin.ops.schedule import stop_on_signals

        with build(settings) as app, app.beating():
            stop_on_signals(app)
            cycle = app.once(retry_parked=retry_parked)
    raise typer.Exit(0 if cycle.complete else 1)


def run(
    jobs: Annotated[
        str, typer.Option(help="What this process does; others on the same PostgreSQL do the rest.", show_default=True)
    ] = "discover,analyse,deliver,sweep,names,note",
) -> None:
    """Work until SIGTERM: a cycle every POLL_SECONDS, drafts of notes every day or week."""
    from plugin.cycle.jobs import chosen

    try:
        wanted = chosen(jobs)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--jobs") from None
    with prepared() as settings:
        from plugin.app import build
        from plugin.clock import utc_now
        from plugin.notes.nightly import write_due_notes
        from plugin.ops.schedule import run as run_schedule

        with build(settings, jobs=wanted) as app, _pages_beside(settings, app.store, app):
            run_schedule(app, lambda: write_due_notes(settings, app.store, app.marshal, now=utc_now()))


def web() -> None:
    """Serve the pages at WEB_BIND until SIGTERM, beside a service that runs elsewhere or not at all."""
    with prepared() as settings:
        from plugin.ops.schedule import wait_for_signal
        from plugin.store import open_store

        settings.web()  # without an address there is nothing to open a database for
        with (
            open_store(settings.database_url, marshal=settings.marshal()[0], beside=True) as store,
            _pages_beside(settings, store),
        ):
            wait_for_signal()


def doctor() -> None:
    """Check settings, bundle, database, token, groups and clock, and say what to do about each failure."""
    with prepared() as settings:
        from rich.console import Console

        from plugin.ops.doctor import examine
        from plugin.ops.show import check_line

        console = Console()
        good = True
        for check in examine(settings):
            console.print(check_line(check))
            good &= check.ok
    raise typer.Exit(0 if good else 1)


def show(
    name: Annotated[str | None, typer.Argument(help="Id of a spectrum or of a source.")] = None,
    parked: Annotated[bool, typer.Option("--parked", help="What was set aside, and why.")] = False,
    refused: Annotated[bool, typer.Option("--refused", help="Spectra without a class, and why.")] = False,
    why: Annotated[
        bool, typer.Option("--why", help="Also where the networks looked; asks the marshal where that is not on file.")
    ] = False,
    picture: Annotated[
        Path | None, typer.Option(help="Write the latest spectrum over its best match to this file, SVG.")
    ] = None,
) -> None:
    """Show what is on file about a spectrum or source, and what became of its posts."""
    if (name is None) != (parked or refused):
        raise typer.BadParameter("give the id of a spectrum or source, or --parked or --refused")
    if name is None and (why or picture is not None):
        raise typer.BadParameter("--why and --picture need the id of a spectrum or source")
    with prepared() as settings:
        from rich.console import Console

        from plugin.ops import show as views
        from plugin.store import open_store

        console = Console()
        with open_store(settings.database_url, marshal=settings.marshal()[0], to_read=True) as store:
            shown = [views.on_file(store, name)] if name is not None else []
            shown += [views.parked(store)] if parked else []
            shown += [views.refused(store)] if refused else []
            for part in itertools.chain.from_iterable(shown):
                console.print(part)
            latest = _latest(store, name) if name is not None and (why or picture is not None) else None
        if latest is not None:
            _explain(settings, console, latest, why=why, picture=picture)


def _latest(store: "Store", name: str) -> "Filed":
    """The report with a class about the latest spectrum of this name."""
    from plugin.store import ASTRANET

    with store.begin(to_read=True) as unit:
        found = [f for f in unit.reports.named(name) if f.producer == ASTRANET and f.report.verdict is not None]
    if not found:
        raise typer.BadParameter(f"no spectrum of {name} has a class on file", param_hint="--why, --picture")
    return max(found, key=lambda f: (f.observed_at or "", f.filed_at))


def _explain(settings: "Settings", console: "Console", filed: "Filed", *, why: bool, picture: Path | None) -> None:
    """Where the networks looked, and the picture."""
    from dataclasses import replace

    from plugin.ops import why as views

    if why:
        try:
            looked, said = views.looked_into(settings, filed)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--why") from None
        console.print(f"[bold]spectrum {filed.subject.id}[/]{said}")
        for part in views.looked_table(looked, views.redshift_of(filed.report)):
            console.print(part)
        filed = replace(filed, facts={**filed.facts, **views.to_facts(looked)})
    if picture is not None:
        try:
            views.write_picture(filed, picture)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--picture") from None
        console.print(f"{picture} written", markup=False)


def upgrade() -> None:
    """Bring the database to this version's schema."""
    with prepared() as settings:
        from plugin.store import open_store

        open_store(settings.database_url, marshal=settings.marshal_url or "").close()
    typer.echo("the database is up to date")


def downgrade(
    schema: Annotated[str, typer.Argument(help="The schema that the earlier version needs, such as 0004.")],
) -> None:
    """Take the database back to an earlier schema, before an earlier version of this program is installed."""
    with prepared() as settings:
        from plugin.store import downgrade_store

        downgrade_store(settings.database_url, schema)
    typer.echo(f"the database has schema {schema}")


def status() -> None:
    """Say which schema the database has; exit code 1 when it is not this version's."""
    with prepared() as settings:
        from plugin.store import schema_of

        current, head = schema_of(settings.database_url)
    typer.echo(f"schema {current or 'none'}, this version needs {head}")
    raise typer.Exit(0 if current == head else 1)


@contextmanager
def _pages_beside(settings: "Settings", store: "Store", app: "App | None" = None) -> Iterator[None]:
    """Serve the pages as long as the context lasts, where the settings ask for them."""
    if settings.web_bind is None:
        yield
        return
    from plugin.web.parts import WebParts
    from plugin.web.server import serve  # starlette and uvicorn are loaded here and not before

    activity, pacer = (None, None) if app is None else (app.activity, app.clients.pacer)
    with serve(WebParts(settings=settings, store=store, activity=activity, pacer=pacer)):
        yield


@contextmanager
def prepared() -> Iterator["Settings"]:
    """Read the settings, set up logging, and turn what ends a command into one line and an exit code."""
    import structlog

    from iris_client.errors import UpstreamError
    from plugin.ops import logs
    from plugin.settings import ConfigError, Settings
    from plugin.store import StoreError

    try:
        settings = Settings.load()
        logs.configure(style=settings.log_format, level=settings.log_level, secrets=settings.secrets)
        try:
            yield settings
        except (StoreError, UpstreamError, OSError) as error:
            _end(str(error), 1)
        except (typer.Exit, typer.Abort, typer.BadParameter, ConfigError):
            raise
        except Exception as error:
            if _is_bundle_error(error):
                _end(f"model bundle: {error}", WRONG_SETTING)
            # Logged here and not shown by Python: the log takes secrets out of tracebacks.
            structlog.get_logger("astranet").exception("this should not happen; please report it")
            raise typer.Exit(1) from None
    except ConfigError as error:
        _end(str(error), WRONG_SETTING)


def _is_bundle_error(error: Exception) -> bool:
    """Whether the bundle is at fault; asked without loading torch when it was not loaded."""
    return type(error).__name__ == "BundleError"


def _end(message: str, code: int) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(code) from None

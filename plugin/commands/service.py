"""Commands about: the service itself."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from plugin.app import App
    from plugin.settings import Settings
    from plugin.store import Store

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
) -> None:
    """Show what is on file about a spectrum or source, and what became of its posts."""
    if (name is None) != (parked or refused):
        raise typer.BadParameter("give the id of a spectrum or source, or --parked or --refused")
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

"""Commands about the Transient Name Server: keep its mirror, look an object up."""

from typing import Annotated

import typer
from rich.console import Console

from plugin.commands import tns_report

tns_app = typer.Typer(help="The Transient Name Server: mirror and cross-match.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.add_typer(tns_app, name="tns")
    tns_app.command()(update)
    tns_app.command()(match)
    tns_app.command()(changes)
    tns_app.command()(conflicts)
    tns_report.register(tns_app)


def update() -> None:
    """Bring the mirror up to date: the full file once, then what changed; tells which objects changed their type."""
    from plugin.clock import utc_now
    from plugin.store import StoreError
    from plugin.tns.source import open_tns
    from plugin.tns.update import update_mirror

    with _told(), open_tns() as (tns, store), store.leading("names") as ours:
        if not ours:
            raise StoreError("another worker is bringing the mirror up to date; try again when it is done")
        changed = update_mirror(tns, store, utc_now())
        with store.begin() as unit:
            count = unit.tns.count(tns.url)
    for one in changed:
        was, now = one.before.type or "unclassified", one.after.type or "unclassified"
        Console().print(f"{one.before.full_name} ({was}) -> {one.after.full_name} ({now})")
    Console(stderr=True).print(f"{count} objects in the mirror, {len(changed)} changed prefix or type")


def match(
    ra: Annotated[float, typer.Argument(help="Right ascension, degrees.", min=0, max=360)],
    dec: Annotated[float, typer.Argument(help="Declination, degrees.", min=-90, max=90)],
    name: Annotated[str, typer.Option(help="What our survey calls it.")] = "",
) -> None:
    """What the TNS knows within 2 arcsec of a position: from the mirror, from the API only when that is stale."""
    from models.domain import Target
    from plugin.clock import utc_now
    from plugin.tns.lookup import Api, InOrder, Mirror
    from plugin.tns.source import open_tns

    with _told(), open_tns() as (tns, store):
        order = InOrder(mirror=Mirror(store=store, server=tns.url, clock=utc_now), last=Api(tns=tns))
        found = order.match(Target(target_id=name, ra_deg=ra, dec_deg=dec))
    if found is None:
        Console(stderr=True).print("the TNS has nothing there")
        raise typer.Exit(1)
    Console().print(
        f"{found.name}  {found.type or 'unclassified'}  {found.separation_arcsec:.2f} arcsec  ({found.source})"
    )


def changes(
    days: Annotated[float, typer.Option(help="How many days to look back.", min=0)] = 7.0,
) -> None:
    """Which of our sources the TNS calls something else than before, such as AT that became SN."""
    from datetime import timedelta

    from plugin.clock import utc_now
    from plugin.settings import Settings
    from plugin.store import open_store
    from plugin.store.tns.names import renamed

    with _told():
        settings = Settings.load()
        opened = open_store(settings.database_url, marshal=settings.marshal()[0], to_read=True)
        with opened as store, store.begin() as unit:
            found = renamed(unit.names.changes(utc_now() - timedelta(days=days)))
    for one in found:
        Console().print(f"{one.at:%Y-%m-%d %H:%M}  {one}  ({one.after.source})", markup=False)
    Console(stderr=True).print(f"{len(found)} changed in the last {days:g} days")


def conflicts() -> None:
    """Sources about whose class people do not agree: on the TNS and, where they were sure enough, on the marshal."""
    from plugin.settings import Settings
    from plugin.store import open_store

    with _told():
        settings = Settings.load()
        opened = open_store(settings.database_url, marshal=settings.marshal()[0], to_read=True)
        with opened as store, store.begin(to_read=True) as unit:
            found = unit.names.conflicts()
    for known in found:
        Console().print(f"{known.target_id}  {known.conflict}", markup=False)
    Console(stderr=True).print(f"{len(found)} sources, as last looked up")


class _told:
    """Turn what can go wrong into one sentence and exit code 1."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        from iris_client.errors import UpstreamError
        from plugin.settings import ConfigError
        from plugin.store import StoreError

        if isinstance(error, UpstreamError | ConfigError | StoreError):
            Console(stderr=True).print(f"[red]{error}[/]")
            raise typer.Exit(1) from None

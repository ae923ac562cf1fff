"""Commands about: what people say of the objects that we answered about, and how often we were right."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from plugin.commands.service import prepared

if TYPE_CHECKING:
    from plugin.store.truth.answered import Given

truth_app = typer.Typer(help="What people say of the objects that we answered about.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.add_typer(truth_app, name="truth")
    truth_app.command("import")(import_file)
    truth_app.command()(show)
    truth_app.command()(withdraw)
    app.command("report-card")(report_card)


def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            help="Table with the columns name, class and, if known, probability, date, by.", exists=True, dir_okay=False
        ),
    ],
    by: Annotated[str, typer.Option(help="Who says so where a line names nobody; the file's name by default.")] = "",
) -> None:
    """Take labels from a file; exit code 1 when a line was refused. The same file again changes nothing."""
    with prepared() as settings:
        from plugin.clock import utc_now
        from plugin.store import open_store
        from plugin.truth.file import NotATable, read_lines, take

        now, console = utc_now(), Console(stderr=True)
        try:
            with (
                open_store(settings.database_url, marshal=settings.marshal()[0], beside=True) as store,
                file.open(encoding="utf-8-sig", newline="") as handle,
            ):
                done = take(store, read_lines(handle, by=by or file.stem, now=now), now)
        except NotATable as error:
            raise typer.BadParameter(str(error), param_hint="FILE") from None
        except UnicodeDecodeError:
            raise typer.BadParameter("this is no text in UTF-8", param_hint="FILE") from None
    for one in done.refused:
        console.print(str(one), markup=False, style="red")
    console.print(f"labels new: {done.new}, known: {done.known}; lines refused: {len(done.refused)}")
    raise typer.Exit(1 if done.refused else 0)


def show(name: Annotated[str, typer.Argument(help="An object, as the marshal or the TNS calls it.")]) -> None:
    """Everything that people have said of an object, and what counts."""
    with prepared() as settings:
        from plugin.store import open_store
        from plugin.truth.file import target_of
        from plugin.truth.words import label_line, outcome

        opened = open_store(settings.database_url, marshal=settings.marshal()[0], to_read=True)
        with opened as store, store.begin(to_read=True) as unit:
            target_id = target_of(unit, name) or name
            given: list[Given] = unit.truth.given(target_id)
            settled = unit.truth.settled([target_id], settings.trust)
            shown = unit.truth.shown_since(target_id)
    console = Console()
    if not given:
        Console(stderr=True).print(f"nobody has said what {target_id} is", markup=False)
        raise typer.Exit(1)
    console.print(f"{target_id}: {outcome(settled[target_id])}", markup=False)
    visible = f"since {shown:%Y-%m-%d %H:%M}" if shown else "not yet"
    console.print(f"our answer is visible on the marshal: {visible}", markup=False)
    for one in given:
        console.print(label_line(one), markup=False)


def withdraw(
    name: Annotated[str, typer.Argument(help="An object, as the marshal or the TNS calls it.")],
    by: Annotated[str, typer.Option(help="Whose label; as it stood in the file.")],
) -> None:
    """Take back a label that came from a file."""
    with prepared() as settings:
        from plugin.clock import utc_now
        from plugin.store import open_store
        from plugin.truth.file import target_of

        with (
            open_store(settings.database_url, marshal=settings.marshal()[0], beside=True) as store,
            store.begin() as unit,
        ):
            found = unit.truth.withdraw(target_of(unit, name) or name, "file", by, utc_now())
    Console(stderr=True).print(f"{found} label{'s' if found != 1 else ''} taken back", markup=False)
    raise typer.Exit(0 if found else 1)


def report_card() -> None:
    """Write the report card: how often we were right, in OUTPUT_DIR/report-card."""
    with prepared() as settings:
        from plugin.clock import utc_now
        from plugin.store import open_store
        from plugin.truth.card.part import write_card

        with open_store(settings.database_url, marshal=settings.marshal()[0], to_read=True) as store:
            folder = write_card(settings, store, now=utc_now())
    typer.echo(f"report card in {folder}")

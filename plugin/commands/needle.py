"""The commands about NEEDLE: answers for light curves from files, and the live record."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from typer.core import TyperGroup

from plugin.commands.bundle import refusing
from plugin.ops.progress import progress

ModelOption = Annotated[Path | None, typer.Option("--model", help="A model folder; the shipped one by default.")]


_FILES = "files"


class _FilesOrElse(TyperGroup):
    """A group whose first word is a file, unless it is one of its commands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command for files before anything that is no command."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [_FILES, *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    about = "Classify light curves as SN, SLSN-I or TDE (`astranet needle FILE --out ANSWERS`); the live record."
    group = typer.Typer(cls=_FilesOrElse, help=about, no_args_is_help=True)
    group.command(_FILES)(needle)
    group.command("record")(record)
    app.add_typer(group, name="needle")


def record(
    form: Annotated[Literal["text", "csv", "json"], typer.Option("--format", help="text, csv or json.")] = "text",
) -> None:
    """Show what crossed NEEDLE's threshold, when, how long before others, what it was; purity and completeness."""
    import json

    from plugin.commands.service import prepared

    with prepared() as settings:
        from plugin.ops.needle_record import as_csv, as_plain, in_words, read_record
        from plugin.store import open_store

        with (
            open_store(settings.database_url, marshal=settings.marshal()[0], to_read=True) as store,
            store.begin(to_read=True) as unit,
        ):
            found = read_record(unit, settings.trust)
        shown = (
            json.dumps(as_plain(found), indent=1) if form == "json" else (as_csv if form == "csv" else in_words)(found)
        )
    typer.echo(shown, nl=not shown.endswith("\n"))


def needle(
    light_curves: Annotated[
        Path, typer.Argument(help="Parquet (needs the extra files): object_id, ra, dec, mjd, band, mag...")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="One JSON object per object and line.")],
    alerts: Annotated[
        Path | None, typer.Option(help="Folder of alert packets (*.avro), for --hybrid; else checked, not read.")
    ] = None,
    hybrid: Annotated[
        bool, typer.Option(help="Ask the network on images first, which learned from semi-real ones; needs --alerts.")
    ] = False,
    hosts: Annotated[Path | None, typer.Option(help="Parquet of hosts: object_id, sep_arcsec, g, r...")] = None,
    prefer: Annotated[str, typer.Option(help="purity, or completeness: which mistakes to avoid.")] = "purity",
    history: Annotated[
        Path | None, typer.Option(help="Draw every object's answers, epoch by epoch, into this folder.")
    ] = None,
    dust_maps: Annotated[
        Path | None,
        typer.Option(envvar="ASTRANET_DUST_MAPS", help="Folder of the SFD dust map, for objects without ebv_mw."),
    ] = None,
    model: ModelOption = None,
) -> None:
    """Classify light curves as SN, SLSN-I or TDE, refused ones included."""
    from iris_client.files.extra import MissingExtra, pyarrow_needed
    from models.needle.metadata import PREFERENCES

    try:
        with pyarrow_needed():
            from plugin.batch.needle_answers import answer_file, draw_histories
            from plugin.batch.needle_files import NeedleInputError, read_hosts
    except MissingExtra as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    if prefer not in PREFERENCES:
        raise typer.BadParameter(f"choose from {', '.join(PREFERENCES)}", param_hint="--prefer")
    if alerts is not None and not alerts.is_dir():
        raise typer.BadParameter(f"{alerts} is no folder", param_hint="--alerts")
    if hybrid and alerts is None:
        raise typer.BadParameter("the network on images needs --alerts", param_hint="--hybrid")
    loaded, reddening = load_model(model), _reddening(dust_maps)
    images = _images(alerts) if hybrid and alerts is not None else None
    try:
        known = read_hosts(hosts) if hosts is not None else {}
        with progress("needle") as advance, out.open("w", encoding="utf-8") as file:
            counts = answer_file(
                light_curves, file, loaded, known, prefer=prefer, images=images, reddening=reddening, advance=advance
            )
        if history is not None:
            draw_histories(light_curves, history, loaded, known, reddening=reddening)
    except NeedleInputError as error:
        Console(stderr=True).print(f"[red]input refused:[/] {error}")
        raise typer.Exit(1) from error
    Console(stderr=True).print(f"{counts['ok']} classified, {counts['refused']} refused -> {out}")


def _reddening(folder: Path | None) -> Any:
    from plugin.sources.dust import DustMapError, dust_map

    try:
        return None if folder is None else dust_map(folder)
    except DustMapError as error:
        raise typer.BadParameter(str(error), param_hint="--dust-maps") from error


def _images(alerts: Path) -> Any:
    from iris_client.brokers.kept import AvroFolder
    from models.needle.hybrid.model import load as load_hybrid
    from models.needle.images.quality import load as load_checker
    from plugin.batch.needle_answers import ImageModel

    folder = AvroFolder(alerts)
    Console(stderr=True).print(folder.probe())
    with refusing("model"):
        return ImageModel(model=load_hybrid(), checker=load_checker(), alerts=folder)


def load_model(folder: Path | None) -> Any:
    """A verified model, the shipped one by default; the command ends with one sentence where it is damaged."""
    from models.needle.model import load

    with refusing("model"):
        return load(folder)

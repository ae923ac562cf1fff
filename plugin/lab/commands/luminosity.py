"""Commands about how bright the classes are: bundle add-luminosity, evaluate luminosity."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from plugin.commands.bundle import BundleOption, bundle_app, load_bundle
from plugin.lab.commands.common import (
    DataOption,
    ThreadsOption,
    evaluate_app,
    held_back,
    read_labelled,
    same_spectra,
    take_threads,
)
from plugin.ops.progress import progress


def register(app: typer.Typer) -> None:
    """Add this subject's commands to the groups of the spectra commands."""
    bundle_app.command("add-luminosity")(add_luminosity_command)
    evaluate_app.command("luminosity")(evaluate_luminosity_command)


def add_luminosity_command(data: DataOption, bundle: BundleOption = None, threads: ThreadsOption = 0) -> None:
    """Put the laws of the classes' absolute magnitudes into a bundle's card; no file of it changes."""
    from models.bundle import SHIPPED
    from plugin.lab.luminosity.make_laws import add_luminosity

    take_threads(threads)
    folder, today = bundle or SHIPPED, datetime.now(UTC).date()
    labelled = read_labelled(data)
    try:
        with progress("spectra") as advance:
            section = add_luminosity(folder, data, labelled.data, today=today, advance=advance)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    told = ", ".join(f"{name} {law['median']} +- {law['spread']}" for name, law in section["laws"].items())
    Console().print(f"{folder}: {told}; to the power of {section['power']:g}")


def evaluate_luminosity_command(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for luminosity.md and its figures.")] = Path(
        "results"
    ),
    bundle: BundleOption = None,
    split: Annotated[str, typer.Option(help="test, for the record, select or calibrate.")] = "test",
    threads: ThreadsOption = 0,
) -> None:
    """Measure what the luminosity adds to the class, on objects that taught neither networks nor laws."""
    from plugin.lab.luminosity.evaluation import evaluate_luminosity
    from plugin.lab.luminosity.page import write_page

    held_back(split)
    take_threads(threads)
    loaded = load_bundle(bundle)
    if loaded.luminosity is None:
        raise typer.BadParameter("this bundle has no laws of luminosity: `astranet bundle add-luminosity` adds them")
    labelled = read_labelled(data)
    same_spectra(loaded.card, labelled.data)
    try:
        with progress("spectra") as advance:
            figures = evaluate_luminosity(loaded, data, labelled.data, split, progress=advance)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    Console().print(f"{write_page(out, loaded, figures)} written")

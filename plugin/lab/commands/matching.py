"""Commands about matching archive spectra: bundle add-matching, evaluate redshift."""

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
    measured_on,
    read_labelled,
    same_spectra,
    take_threads,
)
from plugin.ops.progress import progress


def register(app: typer.Typer) -> None:
    """Add this subject's commands to the groups of the spectra commands."""
    bundle_app.command("add-matching")(add_matching_command)
    evaluate_app.command("redshift")(evaluate_redshift_command)
    evaluate_app.command("looked")(evaluate_looked_command)


def add_matching_command(data: DataOption, bundle: BundleOption = None, threads: ThreadsOption = 0) -> None:
    """Put a bank of archive spectra into a bundle, for redshift, phase and subtype; some minutes on a core."""
    from models.bundle import SHIPPED
    from plugin.lab.matching.make_matching import add_matching

    take_threads(threads)
    folder, today = bundle or SHIPPED, datetime.now(UTC).date()
    labelled = read_labelled(data)
    try:
        section = add_matching(folder, data, labelled.data, today=today, started=progress)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    Console().print(f"{folder}: {section['spectra']} spectra of {section['objects']} objects to match")


def evaluate_redshift_command(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for redshift.md and its figures.")],
    bundle: BundleOption = None,
    split: Annotated[str, typer.Option(help="test, for the record, or select.")] = "test",
    threads: ThreadsOption = 0,
) -> None:
    """Measure redshift, phase and subtype on objects that are not in the bank, archive and SED Machine apart."""
    from plugin.lab.matching.evaluation import evaluate_redshift
    from plugin.lab.matching.page import write_page

    held_back(split)
    take_threads(threads)
    loaded = load_bundle(bundle)
    if loaded.matching is None:
        raise typer.BadParameter("this bundle has no bank of matches: `astranet bundle add-matching` adds one")
    labelled = read_labelled(data)
    same_spectra(loaded.card, labelled.data)
    with progress("spectra") as advance:
        figures = evaluate_redshift(loaded, data, labelled.data, split, progress=advance)
    Console().print(f"{write_page(out, loaded, figures)} written")


def evaluate_looked_command(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for looked.md and its figures.")],
    bundle: BundleOption = None,
    split: Annotated[str, typer.Option(help="select, or test.")] = "select",
    threads: ThreadsOption = 0,
) -> None:
    """Measure whether the map of where the networks looked has its maximum at lines that everybody knows."""
    from plugin.lab.matching.looked import evaluate_looked
    from plugin.lab.matching.looked_page import write_looked

    loaded, labelled = measured_on(bundle, data, threads, split)
    with progress("spectra") as advance:
        figures = evaluate_looked(loaded, data, labelled, split, progress=advance)
    Console().print(f"{write_looked(out, loaded, figures)} written")

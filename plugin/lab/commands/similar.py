"""Command about searching: evaluate similar."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from plugin.commands.bundle import BundleOption, load_bundle
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
    """Add this subject's command to the group of evaluations."""
    evaluate_app.command("similar")(evaluate_similar_command)


def evaluate_similar_command(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for similar.md and its figures.")],
    bundle: BundleOption = None,
    split: Annotated[str, typer.Option(help="test, for the record, or select.")] = "test",
    copies: Annotated[int, typer.Option(min=1, help="Of how many objects a spectrum is degraded.")] = 400,
    threads: ThreadsOption = 0,
) -> None:
    """Look for degraded copies of spectra among the archive's, and count how often they are found."""
    from plugin.lab.similar.evaluation import evaluate_similar
    from plugin.lab.similar.page import write_page

    held_back(split)
    take_threads(threads)
    loaded, labelled = load_bundle(bundle), read_labelled(data)
    same_spectra(loaded.card, labelled.data)
    with progress("spectra") as advance:
        figures = evaluate_similar(loaded, labelled.data, split, copies=copies, advance=advance)
    Console().print(f"{write_page(out, loaded.bundle_id, figures)} written")

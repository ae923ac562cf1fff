"""Command about what an operator can choose: evaluate choices."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from plugin.commands.bundle import BundleOption
from plugin.lab.commands.common import DataOption, ThreadsOption, evaluate_app, measured_on
from plugin.ops.progress import progress


def register(app: typer.Typer) -> None:
    """Add this subject's command to the group of evaluations."""
    evaluate_app.command("choices")(evaluate_choices_command)


def evaluate_choices_command(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for choices.md and its figures.")],
    bundle: BundleOption = None,
    split: Annotated[str, typer.Option(help="test, for the record, or select.")] = "test",
    threads: ThreadsOption = 0,
) -> None:
    """Which class each strategy names and what the sets of each kind hold, by domain; how both were chosen."""
    from plugin.lab.spectra.choices import evaluate_choices
    from plugin.lab.spectra.choices_page import write_page

    loaded, labelled = measured_on(bundle, data, threads, split)
    try:
        figures = evaluate_choices(loaded, labelled, split=split, started=progress)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    Console().print(f"{write_page(out, loaded.bundle_id, figures)} written")

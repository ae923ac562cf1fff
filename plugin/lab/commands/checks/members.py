"""Command about the members of a bundle: evaluate members."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from plugin.commands.bundle import BundleOption
from plugin.lab.commands.common import DataOption, ThreadsOption, evaluate_app, measured_on
from plugin.ops.progress import progress


def register(app: typer.Typer) -> None:
    """Add this subject's command to the group of evaluations."""
    evaluate_app.command("members")(evaluate_members_command)


def evaluate_members_command(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for members.md, its figures and pictures.")],
    bundle: BundleOption = None,
    split: Annotated[str, typer.Option(help="test, for the record, or select or calibrate.")] = "test",
    threads: ThreadsOption = 0,
) -> None:
    """Correlation and spread of the members, neighbours against the head, and which kinds of a class are lost."""
    from plugin.lab.members.evaluation import evaluate_members
    from plugin.lab.members.page import write_page

    loaded, labelled = measured_on(bundle, data, threads, split)
    figures = evaluate_members(loaded, labelled, split, started=progress)
    Console().print(f"{write_page(out, loaded.bundle_id, figures)} written")

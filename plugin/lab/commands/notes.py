"""Commands about notes: evaluate notes."""

from pathlib import Path
from typing import Annotated

import typer

from plugin.lab.commands.common import DataOption, evaluate_app, read_labelled


def register(app: typer.Typer) -> None:
    """Add this subject's commands to `evaluate`."""
    evaluate_app.command("notes")(evaluate_notes)


def evaluate_notes(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the page.")] = Path("docs"),
) -> None:
    """Let the service draft notes about real objects that no model learned from, and print them on a page."""
    from models.training.dataset import SPLITS
    from plugin.lab.notes.examples import write_examples
    from plugin.ops import logs

    logs.configure(level="WARNING")
    labelled = read_labelled(data).data
    held = labelled.rows(labelled.split == SPLITS.index("test"))
    out.mkdir(parents=True, exist_ok=True)
    typer.echo(f"{write_examples(data, out, frozenset(held.ids))}")

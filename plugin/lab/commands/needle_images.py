"""Commands about alert stamps: training the quality checker, contact sheets of every step."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from plugin.lab.commands.common import ThreadsOption, evaluate_app, take_threads, train_app
from plugin.ops.progress import progress

StampsOption = Annotated[
    Path, typer.Option("--data", envvar="ASTRANET_DATA_DIR", help="Folder with ztf/alerts.", exists=True)
]


def register(app: typer.Typer) -> None:
    """Add this subject's commands to `train` and `evaluate`."""
    train_app.command("needle-quality")(train_needle_quality)
    evaluate_app.command("needle-images")(evaluate_needle_images)


def train_needle_quality(
    data: StampsOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Checkpoint and a folder to ship go here.")],
    kind: Annotated[str, typer.Option(help="resnet18, or cnn (the baseline).")] = "resnet18",
    width: Annotated[int, typer.Option(help="Channels of the first layers; the paper's are 64 and 128.")] = 16,
    epochs: Annotated[int, typer.Option(help="Passes over the stamps.")] = 12,
    threads: ThreadsOption = 1,
) -> None:
    """Train the stamp quality checker to the end, or on from its checkpoint, and measure it on other objects."""

    from models.training.needle.quality_training import QualityTraining
    from plugin.lab.needle.quality import label, train_quality
    from plugin.lab.needle.stamps import read_stamps

    take_threads(threads)
    config = QualityTraining(kind=kind, width=width, epochs=epochs)
    labelled = label(read_stamps(data))
    out.mkdir(parents=True, exist_ok=True)
    figures = train_quality(labelled, config, out, datetime.now(UTC).date(), _tell)["figures"]
    Console().print_json(data=figures)


def evaluate_needle_images(
    data: StampsOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the figures and contact sheets.")],
) -> None:
    """Send every real alert through quality check, restoration and masking; counts, and sheets to look at."""
    from models.needle.images.quality import load
    from plugin.lab.needle.sheets import evaluate_images

    with progress("stamps") as advance:
        counts = evaluate_images(data, out, load(), advance)
    Console().print_json(data=counts)


def _tell(text: str) -> None:
    print(text, flush=True)

"""Commands about spectrum and source together: train joined, evaluate joined."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from plugin.commands.bundle import BundleOption
from plugin.lab.commands.common import (
    DataOption,
    ThreadsOption,
    evaluate_app,
    measured_on,
    train_app,
)
from plugin.ops.progress import progress


def register(app: typer.Typer) -> None:
    """Add this subject's commands to the groups of the spectra commands."""
    train_app.command("joined")(train_joined_command)
    evaluate_app.command("joined")(evaluate_joined_command)


def train_joined_command(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for card.json and joined.safetensors.")],
    bundle: BundleOption = None,
    seed: Annotated[int, typer.Option(help="Of the folds.")] = 0,
    threads: ThreadsOption = 0,
) -> None:
    """Fit what joins a spectrum and its source: laws of the evidence, and to which power each counts."""
    from plugin.lab.joined.make import make_joined
    from plugin.lab.joined.sources import read_sources

    loaded, labelled = measured_on(bundle, data, threads)
    try:
        with progress("spectra") as advance:
            today, sources = datetime.now(UTC).date(), read_sources(data)
            card = make_joined(out, loaded, labelled, sources, today=today, seed=seed, progress=advance)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    powers = ", ".join(f"{name} {power:.2f}" for name, power in card["powers"].items())
    better = [name for name, told in card["domains"].items() if told["better"]]
    Console().print(f"{out}: {powers}; better than the spectrum alone beyond noise: {', '.join(better) or 'nowhere'}")


def evaluate_joined_command(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for joined.md and its figures.")] = Path("results"),
    joined: Annotated[Path | None, typer.Option(help="Folder of what joins; the shipped one by default.")] = None,
    bundle: BundleOption = None,
    split: Annotated[str, typer.Option(help="test; on the others it was fitted.")] = "test",
    threads: ThreadsOption = 0,
) -> None:
    """Measure what the source adds to the class of its spectrum, on objects that taught nothing."""
    from models.joined.stored import SHIPPED, load
    from plugin.lab.joined.make import FITTED_ON, evaluated
    from plugin.lab.joined.page import write_page
    from plugin.lab.joined.sources import read_sources

    if split in FITTED_ON:
        raise typer.BadParameter(
            "it was fitted on these; the page has their cross-fitted figures", param_hint="--split"
        )
    folder, (loaded, labelled) = joined or SHIPPED, measured_on(bundle, data, threads, split)
    try:
        with progress("spectra") as advance:
            figures = evaluated(folder, loaded, labelled, read_sources(data), split, progress=advance)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    Console().print(f"{write_page(out, load(folder), figures)} written")

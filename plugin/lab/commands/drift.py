"""Commands about drift and recalibration: evaluate drift."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from plugin.commands.bundle import BundleOption, load_bundle
from plugin.lab.commands.common import DataOption, evaluate_app, read_labelled, same_spectra
from plugin.ops.progress import progress


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    evaluate_app.command("drift")(evaluate_drift_command)


def evaluate_drift_command(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the page and its figures.")],
    bundle: BundleOption = None,
    kept: Annotated[Path | None, typer.Option("--kept", help="Folder where the networks' answers stay.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Streams of 1,000 nights without drift, some seconds each.")] = 20,
) -> None:
    """How soon drift of real spectra is noticed, how often without any, and what recalibration mends."""
    from plugin.lab.dataset.rare import load_rare
    from plugin.lab.drift.figures import evaluate_drift
    from plugin.lab.drift.page import drift_page

    loaded = load_bundle(bundle)
    labelled = read_labelled(data).data
    same_spectra(loaded.card, labelled)
    with progress("read rare spectra") as advance:
        rare, _ = load_rare(data, progress=lambda _: advance(1))
    try:
        figures = evaluate_drift(loaded, labelled, rare, started=progress, kept=kept, runs=runs)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    out.mkdir(parents=True, exist_ok=True)
    (out / "drift.json").write_text(json.dumps(figures, indent=2, allow_nan=False) + "\n")
    page = drift_page(figures, loaded.bundle_id)
    (out / "drift.md").write_text(page)
    Console().print(page)

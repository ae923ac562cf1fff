"""Commands about the anomaly layer and the conformal layer: bundle add-sentinel."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from plugin.commands.spectra import BundleOption, DataOption, bundle_app
from plugin.progress import progress

if TYPE_CHECKING:
    from models.training.dataset import Dataset


def register(app: typer.Typer) -> None:
    """Add this subject's commands to the groups of the spectra commands."""
    bundle_app.command("add-sentinel")(add_sentinel_command)


def add_sentinel_command(data: DataOption, bundle: BundleOption = None) -> None:
    """Fit the anomaly layer for a bundle and put it into it; about five minutes for six members on two cores."""
    from models.bundle import SHIPPED
    from plugin.make_sentinel import add_sentinel

    labelled, rare = _spectra(data)
    folder = bundle or SHIPPED
    section = add_sentinel(folder, labelled, rare, today=datetime.now(UTC).date(), started=progress)
    Console().print_json(json.dumps({k: section[k] for k in ("rates", "threshold", "calibration_size", "analogs")}))
    size = sum(p.stat().st_size for p in folder.iterdir())
    Console(stderr=True).print(f"anomaly layer -> {folder} ({size / 1e6:.1f} MB in all)")


def _spectra(data: Path) -> "tuple[Dataset, Dataset]":
    from plugin.labelled import load_labelled
    from plugin.rare import load_rare

    with progress("read spectra") as advance:
        labelled = load_labelled(data, progress=lambda _: advance(1)).data
    with progress("read rare spectra") as advance:
        rare, _ = load_rare(data, progress=lambda _: advance(1))
    return labelled, rare

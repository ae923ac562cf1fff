"""The command that trains the simulator of spectra: train-simulator."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.command("train-simulator")(train)


def train(
    data: Annotated[Path, typer.Option(help="Folder with spectra/*.parquet.", envvar="ASTRANET_DATA_DIR", exists=True)],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the summary goes (safetensors).")],
    seed: Annotated[int, typer.Option(help="Decides which spectra are sampled.")] = 0,
) -> None:
    """Learn the simulator's summary from real spectra of the training split (minutes)."""
    from models.simulation.summary import save
    from plugin.lab.dataset.simulator import train_simulator

    summary = train_simulator(data, seed=seed)
    out.parent.mkdir(parents=True, exist_ok=True)
    save(summary, out)
    for population in summary.populations.values():
        made = " (semi-real)" if population.semi_real else ""
        typer.echo(f"{population.name}: {population.spectra} spectra of {population.objects} objects{made}")
    typer.echo(f"{out}: {out.stat().st_size} bytes")

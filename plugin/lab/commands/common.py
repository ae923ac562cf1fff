"""What the laboratory's commands share: the groups they stand in, options, threads, and reading the data."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from plugin import THREADS_SET
from plugin.ops.progress import progress

train_app = typer.Typer(help="Train the models (offline).", no_args_is_help=True)
evaluate_app = typer.Typer(help="Measure the models on labelled data.", no_args_is_help=True)

DataOption = Annotated[
    Path, typer.Option("--data", envvar="ASTRANET_DATA_DIR", help="Folder with spectra/*.parquet.", exists=True)
]
ThreadsOption = Annotated[
    int, typer.Option("--threads", min=0, help="CPU threads; 0: as OMP_NUM_THREADS says, or one for every core.")
]


def take_threads(threads: int) -> None:
    """Compute with so many; 0: what the administrator set, else every core, since a training is asked for knowingly."""
    import torch

    if threads or not THREADS_SET:
        torch.set_num_threads(threads or os.cpu_count() or 1)


def read_labelled(data: Path) -> Any:
    """The labelled spectra of a data folder, with progress shown."""
    from plugin.lab.dataset.labelled import load_labelled

    with progress("read spectra") as advance:
        return load_labelled(data, progress=lambda _: advance(1))


def tell(row: dict[str, Any]) -> None:
    """One line per epoch."""
    shown = ("seed", "epoch", "accuracy", "macro_recall", "total", "seconds")
    print("  ".join(f"{k} {row[k]:.4g}" for k in shown), flush=True)

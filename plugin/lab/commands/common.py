"""What the laboratory's commands share: the groups they stand in, options, threads, and reading the data."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from plugin import THREADS_SET
from plugin.ops.progress import progress

if TYPE_CHECKING:
    from models.training.dataset import Dataset

train_app = typer.Typer(help="Train the models (offline).", no_args_is_help=True)
HELD_BACK: Final = ("select", "calibrate", "test")
"""Splits that no network learned from."""
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


def measured_on(bundle: Path | None, data: Path, threads: int, split: str | None = None) -> tuple[Any, Any]:
    """A bundle, and the very spectra it was made from; a split of them is one that no network learned from.

    Raises
    ------
    BadParameter
        See `held_back` and `same_spectra`.
    """
    from plugin.commands.bundle import load_bundle

    if split is not None:
        held_back(split)
    take_threads(threads)
    loaded, labelled = load_bundle(bundle), read_labelled(data).data
    same_spectra(loaded.card, labelled)
    return loaded, labelled


def held_back(split: str) -> None:
    """Refuse a split that taught, or is none.

    Raises
    ------
    BadParameter
        With those that there are.
    """
    if split not in HELD_BACK:
        raise typer.BadParameter(f"choose from {', '.join(HELD_BACK)}", param_hint="--split")


def same_spectra(card: Mapping[str, Any], data: "Dataset") -> None:
    """Refuse spectra, labels or splits other than those that a bundle was made from.

    Raises
    ------
    BadParameter
        If they are others: objects that taught the bundle might stand among those it is measured on.
    """
    if card["training"]["data_hash"] != data.hash():
        raise typer.BadParameter(
            "these spectra or splits are not those the bundle was trained with", param_hint="--data"
        )


def tell(row: dict[str, Any]) -> None:
    """One line per epoch."""
    shown = ("seed", "epoch", "accuracy", "macro_recall", "total", "seconds")
    print("  ".join(f"{k} {row[k]:.4g}" for k in shown), flush=True)

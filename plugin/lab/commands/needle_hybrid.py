"""Commands about NEEDLE's hybrid model: train needle-hybrid, evaluate needle-hybrid."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from plugin.commands.bundle import refusing
from plugin.lab.commands.common import ThreadsOption, evaluate_app, take_threads, train_app

HybridDataOption = Annotated[
    Path, typer.Option("--data", envvar="ASTRANET_DATA_DIR", help="Folder with ztf/*.parquet, ztf/alerts.", exists=True)
]


def register(app: typer.Typer) -> None:
    """Add this subject's commands to `train` and `evaluate`."""
    train_app.command("needle-hybrid")(train_needle_hybrid)
    evaluate_app.command("needle-hybrid")(evaluate_needle_hybrid)


def train_needle_hybrid(
    out: Annotated[Path, typer.Option("--out", "-o", help="Samples, checkpoints and the model folder go here.")],
    data: Annotated[
        Path | None, typer.Option("--data", envvar="ASTRANET_DATA_DIR", help="Folder with ztf/*.parquet, ztf/alerts.")
    ] = None,
    alerts: Annotated[
        Path | None, typer.Option(help="Real stamps instead: a folder of alert packets (*.avro); needs --labels.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="CSV with object_id and class (SN, SLSN-I, TDE).")] = None,
    preset: Annotated[str, typer.Option(help="small (two CPU cores), large (a GPU), tiny (tests).")] = "small",
    epochs: Annotated[int | None, typer.Option(help="Passes over the samples.")] = None,
    up_samples: Annotated[int | None, typer.Option(help="Re-sampled light curves of each rare class.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: ThreadsOption = 1,
) -> None:
    """Train ten folds of every configuration, or go on with a run that was cut off.

    On semi-real images of --data; or, with --alerts and --labels, on the real stamps of a folder of packets alone.
    """
    import torch

    from models.needle.hybrid.net import PRESETS
    from plugin.lab.needle.hybrid_data import Source
    from plugin.lab.needle.hybrid_train import settings, train

    take_threads(threads)
    if preset not in PRESETS:
        raise typer.BadParameter(f"choose from {', '.join(PRESETS)}", param_hint="--preset")
    if device == "cuda" and not torch.cuda.is_available():
        raise typer.BadParameter("no CUDA device, or a build of torch without CUDA", param_hint="--device")
    run = settings(preset, epochs=epochs, up_samples=up_samples, device=device)
    if alerts is not None and labels is not None:
        source: Any = _real(alerts, labels, run.samples)
    elif alerts is not None or labels is not None:
        raise typer.BadParameter("real stamps need both", param_hint="--alerts and --labels")
    elif data is None or not data.exists():
        raise typer.BadParameter("a folder, or --alerts and --labels", param_hint="--data")
    else:
        source = Source(_objects(data), data, run.samples, _tell)
    card = train(source, out, run, today=datetime.now(UTC).date(), tell=_tell)
    Console(stderr=True).print(f"{card['name']} -> {out / 'needle-hybrid'}")


def evaluate_needle_hybrid(
    data: HybridDataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for tables and pictures.")],
    model: Annotated[Path | None, typer.Option("--model", help="A model folder; the shipped one by default.")] = None,
    run: Annotated[Path | None, typer.Option("--run", help="Folder of the training run: for the ablation.")] = None,
    write_card: Annotated[bool, typer.Option(help="Write the main figures into the model's card.")] = False,
    threads: ThreadsOption = 1,
) -> None:
    """Semi-real figures on test objects: Tables 5 and 7, Fig. 12 and 17-20 in shape, at the paper's class mix."""

    from plugin.lab.needle.hybrid_evaluate import evaluate
    from plugin.lab.needle.hybrid_report import markdown, pictures, with_metrics

    take_threads(threads)
    loaded, objects = _load(model), _objects(data)
    if objects.splits_hash != loaded.card["training"]["splits_hash"]:
        Console(stderr=True).print("[yellow]Not the objects of the training: the test split may be known to it.[/]")
    out.mkdir(parents=True, exist_ok=True)
    figures, drawn = evaluate(loaded, objects, data, run=run, tell=_tell)
    (out / "needle-hybrid.json").write_text(json.dumps(figures, indent=2, allow_nan=False) + "\n")
    (out / "needle-hybrid.md").write_text(markdown(figures, loaded))
    pictures(figures, drawn, loaded, out, run)
    if write_card:
        with_metrics(loaded, figures, model)
    Console().print(markdown(figures, loaded))


def _real(alerts: Path, labels: Path, rules: Any) -> Any:
    from plugin.lab.needle.real_stamps import RealSource, StampsError, read_labels

    try:
        return RealSource(alerts, read_labels(labels), rules, _tell)
    except StampsError as error:
        Console(stderr=True).print(f"[red]input refused:[/] {error}")
        raise typer.Exit(1) from error


def _objects(data: Path) -> Any:
    from plugin.lab.needle.data import load

    return load(data)


def _load(folder: Path | None) -> Any:
    from models.needle.hybrid.model import load

    with refusing("model"):
        return load(folder)


def _tell(text: str) -> None:
    Console(stderr=True).print(text, highlight=False, soft_wrap=True)

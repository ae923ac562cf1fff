"""`astranet train ablation` and `astranet evaluate ablation`: what each part of the method is worth."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from plugin.lab.commands.common import (
    DataOption,
    ThreadsOption,
    evaluate_app,
    read_labelled,
    take_threads,
    tell,
    train_app,
)


def register(app: typer.Typer) -> None:
    """Add this subject's commands to `train` and `evaluate`, which the spectra's commands add."""
    train_app.command("ablation")(train_ablation)
    evaluate_app.command("ablation")(evaluate_ablation)


def train_ablation(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="One folder and one JSON file per variant.")],
    preset: Annotated[str, typer.Option(help="What the variants change.")] = "compact",
    variants: Annotated[str, typer.Option(help="Semicolon-separated; all when left out.")] = "",
    shares: Annotated[
        str, typer.Option(help="Comma-separated shares of the training objects, for a learning curve.")
    ] = "",
    parts: Annotated[
        str, typer.Option(help="Which fifths of the training objects, 0 to 4, are held out in turn, comma-separated.")
    ] = "0",
    epochs: Annotated[int, typer.Option(help="Length of each training.")] = 10,
    seed: Annotated[int, typer.Option(help="Of weights and batches.")] = 42,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: ThreadsOption = 0,
) -> None:
    """Train the preset with one part changed at a time, on a split of the training objects; resumable."""
    from models.training.spectral.ablation import VARIANTS, development_split, run_variant, shortened
    from models.training.spectral.presets import PRESETS

    names = [n.strip() for n in variants.split(";")] if variants else [] if shares else list(VARIANTS)
    unknown = [n for n in names if n not in VARIANTS]
    if unknown:
        raise typer.BadParameter(f"no variant {unknown[0]!r}: choose from {'; '.join(VARIANTS)}")
    fifths = [int(k) for k in parts.split(",") if k.strip() in tuple("01234")]
    if len(fifths) != len(parts.split(",")) or len(set(fifths)) != len(fifths):
        raise typer.BadParameter(f"not numbers from 0 to 4, each once: {parts!r}", param_hint="--parts")
    take_threads(threads)
    base = shortened(PRESETS[preset], epochs)
    runs = [(name, VARIANTS[name](base), 1.0) for name in names]
    runs += [(f"{s:.0%} of the training objects", base, s) for s in map(float, shares.split(",") if shares else ())]
    labelled = read_labelled(data)
    out.mkdir(parents=True, exist_ok=True)
    for name, config, share in runs:
        if config == base and share == 1.0 and name != "full":
            Console(stderr=True).print(f"{name}: already so in the preset {preset}")
            continue
        held = [development_split(labelled.data, share=share, part=k) for k in fifths]
        try:
            result = run_variant(
                held,
                config,
                name,
                out,
                preset=preset,
                seed=seed,
                device=device,
                curves=labelled.noise_curves,
                report=tell,
            )
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--out") from error
        recall = result["scored"]["macro_recall"]["value"]
        Console(stderr=True).print(f"{name}: macro recall {recall:.3f}, log loss {result['log_loss']:.3f}")


def evaluate_ablation(
    runs: Annotated[Path, typer.Argument(help="Folder of `astranet train ablation`.", exists=True)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for table and picture.")],
    seed: Annotated[int, typer.Option(help="The runs of this seed.")] = 42,
) -> None:
    """The table of all variants trained so far, and the learning curve."""
    from plugin.lab.spectra.ablation_tables import draw_learning_curve, markdown

    results = [json.loads(p.read_text()) for p in sorted(runs.glob(f"*-{seed}.json"))]
    out.mkdir(parents=True, exist_ok=True)
    text = markdown(results)
    (out / "ablation.md").write_text(text)
    draw_learning_curve(results, out / "learning-curve.png")
    print(text)

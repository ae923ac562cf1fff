"""Commands about the spectral classifier: train spectral, evaluate spectra, evaluate compare, bundle join."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from plugin.commands.bundle import BundleOption, bundle_app, load_bundle, refusing
from plugin.lab.commands.common import (
    DataOption,
    ThreadsOption,
    evaluate_app,
    read_labelled,
    take_threads,
    tell,
    train_app,
)
from plugin.ops.progress import progress


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.add_typer(train_app, name="train")
    app.add_typer(evaluate_app, name="evaluate")
    train_app.command("spectral")(train_spectral)
    evaluate_app.command("spectra")(evaluate_spectra_command)
    evaluate_app.command("compare")(compare)
    bundle_app.command()(join)


def train_spectral(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Checkpoints, learning curves and the bundle go here.")],
    preset: Annotated[
        str, typer.Option(help="paper, compact, velocity, coarse, longslit, sedm, restarts, small, tiny.")
    ] = "compact",
    seeds: Annotated[str, typer.Option(help="Comma-separated; each gives two members.")] = "42,123,7",
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    epochs: Annotated[int | None, typer.Option(help="Instead of the preset's.")] = None,
    start_from: Annotated[
        Path | None,
        typer.Option("--from", help="A bundle: start with its averaged weights of the same seeds.", exists=True),
    ] = None,
    threads: ThreadsOption = 0,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Faster epochs after a minute of compiling; needs a C++ compiler.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="Of the bundle; the preset's when left out.")] = None,
) -> None:
    """Train the spectral classifier: each seed to the end or on from its checkpoint, then make a bundle of all."""
    import dataclasses

    import torch

    from models.training.spectral.presets import PRESETS
    from models.training.spectral.train import precision, train_seed
    from plugin.lab.spectra.make_bundle import make_bundle

    if preset not in PRESETS:
        raise typer.BadParameter(f"no preset {preset!r}: choose from {', '.join(PRESETS)}")
    take_threads(threads)
    config = PRESETS[preset]
    if epochs is not None:
        # A single cosine ends with the training, or the last weights would be those of a high learning rate.
        period = config.period if config.multiple else max(epochs - config.warmup, 1)
        config = dataclasses.replace(config, epochs=epochs, period=period)
    if start_from is not None:
        for seed in map(int, seeds.split(",")):
            _require_net(start_from, seed, config.net)
    labelled = read_labelled(data)
    print(f"computing in {str(precision(torch.device(device))).removeprefix('torch.')}", flush=True)
    members: dict[tuple[int, str], Any] = {}
    for seed in map(int, seeds.split(",")):
        if start_from is not None:
            _remember(out / f"earlier-{seed}.json", start_from)
        for kind, weights in train_seed(
            labelled.data,
            config,
            seed,
            out,
            device=device,
            start_from=start_from,
            compiled=compiled,
            curves=labelled.noise_curves,
            report=tell,
        ).items():
            members[seed, kind] = weights
    with progress("calibrate", len(labelled.data.part("calibrate"))) as advance:
        make_bundle(
            out / "bundle",
            members,
            config,
            labelled,
            name=name or preset,
            device=device,
            today=datetime.now(UTC).date(),
            earlier={seed: _earlier(out / f"earlier-{seed}.json") for seed in sorted({s for s, _ in members})},
            advance=advance,
        )
    Console(stderr=True).print(f"bundle -> {out / 'bundle'}")


def join(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the new bundle.")],
    take: Annotated[list[str], typer.Option(help="BUNDLE:SEED,SEED=NUMBER; once for each bundle. NUMBER: its name.")],
    name: Annotated[str, typer.Option(help="Of the new bundle.")] = "joined",
    kinds: Annotated[
        str, typer.Option(help="Of each training only its `swa` or its `best` member; both by default.")
    ] = "",
) -> None:
    """Make one bundle of the members of several, whatever networks they are, and calibrate it."""
    from plugin.lab.spectra.make_bundle import join_bundles

    taken = []
    for text in take:
        folder, _, seeds = text.rpartition(":")
        pairs = [s.partition("=") for s in seeds.split(",")]
        try:
            called = {int(seed): int(number or seed) for seed, _, number in pairs}
        except ValueError:
            called = {}
        if not folder or not called:
            raise typer.BadParameter(f"{text!r} is not BUNDLE:SEED,SEED=NUMBER", param_hint="--take")
        taken.append((Path(folder), called))
    labelled = read_labelled(data)
    with refusing("bundle"), progress("calibrate", len(labelled.data.part("calibrate"))) as advance:
        try:
            join_bundles(
                out,
                taken,
                labelled,
                name=name,
                today=datetime.now(UTC).date(),
                kinds=[k for k in kinds.split(",") if k],
                advance=advance,
            )
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--take") from error
    Console(stderr=True).print(f"bundle -> {out}")


def evaluate_spectra_command(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for tables and pictures.")],
    bundle: BundleOption = None,
    split: Annotated[str, typer.Option(help="test; or select or calibrate while developing.")] = "test",
    write_card: Annotated[bool, typer.Option(help="Also write the figures into the bundle's card.json.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out spectra brought to other resolutions and noise: far less time.")
    ] = False,
) -> None:
    """Accuracy, macro recall, confusion, prediction sets and breakdowns of each kind of spectra, with intervals.

    The SED Machine's spectra and the archive's apart; with SNID's answers beside them where the files' headers have
    any. The README's table is written as well.
    """
    from models.bundle import SHIPPED
    from models.bundle import verify as fresh
    from models.bundle import write_card as write
    from plugin.lab.dataset.headers import read_headers
    from plugin.lab.spectra.evaluation import evaluate_spectra
    from plugin.lab.spectra.evaluation_figures import draw_all
    from plugin.lab.spectra.evaluation_tables import markdown
    from plugin.lab.spectra.readme_table import readme_table

    loaded = load_bundle(bundle)
    labelled = read_labelled(data)
    if labelled.data.hash() != loaded.card["training"]["data_hash"]:
        Console(stderr=True).print(
            "[yellow]These spectra or splits are not those the bundle was trained with: objects of the test split may "
            "have been trained on.[/]"
        )
    headers = read_headers(data)
    figures = evaluate_spectra(loaded, labelled.data, split=split, started=progress, headers=headers, quick=quick)
    out.mkdir(parents=True, exist_ok=True)
    (out / "spectra.json").write_text(json.dumps(figures, indent=2, allow_nan=False) + "\n")
    (out / "spectra.md").write_text(markdown(figures, loaded.bundle_id))
    (out / "readme.md").write_text(readme_table(figures) + "\n")
    draw_all(figures, out)
    if write_card:
        folder = bundle or SHIPPED
        write(folder, {**fresh(folder), "metrics": figures})  # minutes have passed: the card may have gained a layer
    print(markdown(figures, loaded.bundle_id).split("## All together")[0])


def compare(
    data: DataOption,
    bundles: Annotated[
        list[Path], typer.Argument(help="Two folders or more; the first is what the others are set against.")
    ],
    split: Annotated[str, typer.Option(help="select, where bundles are chosen; test only for the record.")] = "select",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A Markdown file.")] = None,
    other_data: Annotated[
        bool,
        typer.Option(
            "--other-data",
            help="Also bundles trained on other spectra or splits, such as the shipped one; objects that may have "
            "taught one of them stay out.",
        ),
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out the archive's spectra brought to the SED Machine's resolution.")
    ] = False,
) -> None:
    """Which of several bundles is better, on the SED Machine's spectra and on the archive's, with paired intervals."""
    from plugin.lab.dataset.identity.splits import splits_hash
    from plugin.lab.dataset.labelled import TAUGHT_BEFORE, placed_before
    from plugin.lab.spectra.evaluation import compare_bundles
    from plugin.lab.spectra.evaluation_tables import comparison

    loaded = [load_bundle(b) for b in bundles]
    names = [b.bundle_id for b in loaded]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise typer.BadParameter("name two bundles or more that differ")
    labelled = read_labelled(data)
    without: frozenset[str] = frozenset()
    for bundle in loaded:
        training = bundle.card["training"]
        if training["data_hash"] == labelled.data.hash():
            continue
        if not other_data:
            raise typer.BadParameter(f"{bundle.bundle_id} was trained on other spectra or splits than these")
        earlier = training["split_hash"] == splits_hash(placed_before())
        if not earlier and training["split_hash"] != labelled.splits_hash:
            raise typer.BadParameter(f"{bundle.bundle_id} was trained on splits that nobody knows here")
        # An object keeps its split, so one of the test split was in it before, or is new, but for those named.
        without |= TAUGHT_BEFORE if earlier else frozenset()
        Console(stderr=True).print(
            f"[yellow]{bundle.bundle_id} was trained on other spectra than these; objects keep their splits, and those "
            f"it may have learned from stay out: {', '.join(sorted(without)) or 'none'}.[/]"
        )
    found = compare_bundles(loaded, labelled.data, split=split, started=progress, without=without, quick=quick)
    page = comparison(found)
    if out is not None:
        out.write_text(page)
    print(page)


def _require_net(bundle: Path, seed: int, net: Any) -> None:
    """Two kinds of network may have weights of the same shapes: those of another would be a bad start, silently."""
    from models.bundle import net_of

    card = json.loads((bundle / "card.json").read_text())
    member = next((m for m in card["members"] if m["seed"] == seed), None)
    if member is None:
        raise typer.BadParameter(f"{bundle} has no member of seed {seed}", param_hint="--from")
    if net_of(card, member) != net:
        raise typer.BadParameter(f"the networks of {bundle} are not those of the preset", param_hint="--from")


def _remember(path: Path, bundle: Path) -> None:
    """Keep how the weights a seed starts from were trained, for the card."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(json.loads((bundle / "card.json").read_text())["training"]))


def _earlier(path: Path) -> Any:
    return json.loads(path.read_text()) if path.exists() else None

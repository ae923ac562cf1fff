"""Commands about the anomaly layer and the conformal layer: bundle add-sentinel, evaluate sentinel and conformal."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from plugin.commands.spectra import BundleOption, DataOption, bundle_app, evaluate_app, train_app
from plugin.progress import progress

if TYPE_CHECKING:
    from models.sentinel.detector import Sentinel
    from models.training.dataset import Dataset
    from models.training.protocol import Held
    from models.training.sentinel import Material


def register(app: typer.Typer) -> None:
    """Add this subject's commands to the groups of the spectra commands."""
    bundle_app.command("add-sentinel")(add_sentinel_command)
    train_app.command("sentinel")(train_sentinel)
    evaluate_app.command("sentinel")(evaluate_sentinel_command)
    evaluate_app.command("conformal")(evaluate_conformal_command)


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


OutOption = Annotated[Path, typer.Option("--out", "-o", help="Folder for tables and pictures.")]
CardOption = Annotated[bool, typer.Option(help="Also write the figures into the bundle's card.json.")]


def evaluate_sentinel_command(
    data: DataOption, out: OutOption, bundle: BundleOption = None, write_card: CardOption = False
) -> None:
    """The anomaly layer on rare spectra, leakage-free: scores, families, regimes, classes, oddities."""
    from plugin.evaluation_layers import draw_map, sentinel_page
    from plugin.evaluation_sentinel import evaluate_sentinel

    layer, material, held, bundle_id = _measured(data, bundle)
    figures = evaluate_sentinel(layer, material, held)
    page = sentinel_page(figures, bundle_id)
    _written(figures, page, out, "sentinel")
    draw_map(held, material.rare, out / "sentinel-map.png")
    if write_card:
        _into_card(bundle, "sentinel_metrics", figures)


def evaluate_conformal_command(
    data: DataOption, out: OutOption, bundle: BundleOption = None, write_card: CardOption = False
) -> None:
    """The conformal layer on real spectra: coverage of p-values and sets, by class and by anomaly quintile."""
    from plugin.evaluation_conformal import evaluate_conformal
    from plugin.evaluation_layers import conformal_page, draw_coverage, draw_p_values

    layer, material, held, bundle_id = _measured(data, bundle)
    figures = evaluate_conformal(layer, material, held)
    _written(figures, conformal_page(figures, bundle_id), out, "conformal")
    draw_p_values(figures, out / "p-values.png")
    draw_coverage(figures, out / "quintiles.png")
    if write_card:
        _into_card(bundle, "conformal_metrics", figures)


def train_sentinel(
    data: DataOption,
    out: OutOption,
    bundle: BundleOption = None,
    preset: Annotated[str, typer.Option(help="paper (whole networks), compact (an adapter) or tiny.")] = "compact",
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[int, typer.Option(help="CPU threads; 0 leaves the default.")] = 0,
) -> None:
    """Outlier-exposure fine-tuning, fold by fold, and what it finds of the rare spectra it has not seen.

    What is finished stays in the folder: a second run goes on from there. The bundle does not change.
    """
    import torch

    from models.training.exposure import PRESETS
    from models.training.protocol import run_protocol
    from models.training.tuned import Tuning
    from plugin.commands.spectra import _load
    from plugin.evaluation_layers import sentinel_page
    from plugin.evaluation_sentinel import evaluate_sentinel
    from plugin.make_sentinel import gather

    if preset not in PRESETS:
        raise typer.BadParameter(f"no preset {preset!r}: choose from {', '.join(PRESETS)}")
    if threads:
        torch.set_num_threads(threads)
    loaded = _load(bundle)
    if loaded.sentinel is None:
        raise typer.BadParameter("this bundle has no anomaly layer: run `astranet bundle add-sentinel`")
    material = gather(loaded.ensemble, *_spectra(data), started=progress)
    members = loaded.ensemble.members
    with progress("tune", 5 * len(members)) as advance:
        tuning = Tuning(material, members, PRESETS[preset], out, device=device, progress=advance)
        scorers = {d.seed: (d.bank, d.ranks) for d in loaded.sentinel.detectors}
        held = run_protocol(material, scorers, tuned=tuning)
    figures = evaluate_sentinel(loaded.sentinel, material, held)
    _written(figures, sentinel_page(figures, f"{loaded.bundle_id}, tuned ({preset})"), out, "sentinel-tuned")


def _measured(data: Path, bundle: Path | None) -> "tuple[Sentinel, Material, Held, str]":
    from plugin.commands.spectra import _load
    from plugin.evaluation_sentinel import held_out
    from plugin.make_sentinel import gather

    loaded = _load(bundle)
    if loaded.sentinel is None:
        raise typer.BadParameter("this bundle has no anomaly layer: run `astranet bundle add-sentinel`")
    labelled, rare = _spectra(data)
    if labelled.hash() != loaded.card["training"]["data_hash"]:
        raise typer.BadParameter("these spectra or splits are not those the bundle was trained with")
    material = gather(loaded.ensemble, labelled, rare, started=progress, train=False)
    with progress("detectors, fold by fold", 5 * len(loaded.sentinel.detectors)) as advance:
        held = held_out(loaded.sentinel, material, advance=advance)
    return loaded.sentinel, material, held, loaded.bundle_id


def _written(figures: dict[str, Any], page: str, out: Path, name: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(figures, indent=2, allow_nan=False) + "\n")
    (out / f"{name}.md").write_text(page)
    Console().print(page)


def _into_card(bundle: Path | None, key: str, figures: dict[str, Any]) -> None:
    from models.bundle import SHIPPED, verify, write_card

    folder = bundle or SHIPPED
    write_card(folder, {**verify(folder), key: figures})


def _spectra(data: Path) -> "tuple[Dataset, Dataset]":
    from plugin.labelled import load_labelled
    from plugin.rare import load_rare

    with progress("read spectra") as advance:
        labelled = load_labelled(data, progress=lambda _: advance(1)).data
    with progress("read rare spectra") as advance:
        rare, _ = load_rare(data, progress=lambda _: advance(1))
    return labelled, rare

"""Anomaly layer and calibration: bundle add-sentinel, add-partial; evaluate sentinel, conformal, coverage."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from plugin.commands.bundle import BundleOption, bundle_app, load_bundle
from plugin.lab.commands.common import (
    DataOption,
    ThreadsOption,
    evaluate_app,
    read_labelled,
    same_spectra,
    take_threads,
    train_app,
)
from plugin.ops.progress import progress

if TYPE_CHECKING:
    from models.bundle import Bundle
    from models.training.dataset import Dataset
    from models.training.sentinel.fitting import Material
    from models.training.sentinel.protocol import Held


def register(app: typer.Typer) -> None:
    """Add this subject's commands to the groups of the spectra commands."""
    bundle_app.command("add-sentinel")(add_sentinel_command)
    train_app.command("sentinel")(train_sentinel)
    evaluate_app.command("sentinel")(evaluate_sentinel_command)
    evaluate_app.command("conformal")(evaluate_conformal_command)
    bundle_app.command("add-partial")(add_partial_command)
    evaluate_app.command("coverage")(evaluate_coverage_command)


OutOption = Annotated[Path, typer.Option("--out", "-o", help="Folder for tables and pictures.")]
CardOption = Annotated[bool, typer.Option(help="Also write the figures into the bundle's card.json.")]
KeptOption = Annotated[
    Path | None,
    typer.Option("--kept", help="Folder where the networks' answers and what was tuned stay, for all these commands."),
]
PresetOption = Annotated[
    str, typer.Option(help="Outlier exposure: compact (an adapter), paper (whole networks, a GPU), tiny, or none.")
]

SeedsOption = Annotated[str, typer.Option(help="Comma-separated: those that get a detector; all when left out.")]


def add_sentinel_command(
    data: DataOption,
    bundle: BundleOption = None,
    preset: PresetOption = "compact",
    seeds: SeedsOption = "",
    kept: KeptOption = None,
) -> None:
    """Fit the anomaly layer for a bundle and put it into it; about some two minutes a member on a core."""
    from models.bundle import SHIPPED
    from plugin.lab.anomaly.make_sentinel import add_sentinel

    folder = bundle or SHIPPED
    chosen, of_seeds = _preset(preset), _numbers(seeds, folder)
    labelled, rare = _spectra(data)
    today = datetime.now(UTC).date()
    section = add_sentinel(
        folder, labelled, rare, today=today, started=progress, preset=chosen, seeds=of_seeds, kept=kept
    )
    Console().print_json(json.dumps({k: section[k] for k in ("domains", "thresholds", "calibration_size", "analogs")}))
    size = sum(p.stat().st_size for p in folder.iterdir())
    Console(stderr=True).print(f"anomaly layer -> {folder} ({size / 1e6:.1f} MB in all)")


def evaluate_sentinel_command(
    data: DataOption,
    out: OutOption,
    bundle: BundleOption = None,
    kept: KeptOption = None,
    write_card: CardOption = False,
) -> None:
    """The anomaly layer on rare spectra, leakage-free: scores, families, regimes, classes, oddities.

    A layer with outlier exposure is tuned anew for every fold: ten minutes, or little with a --kept folder.
    """
    loaded, material = _material(data, bundle, kept)
    section = loaded.card["sentinel"]
    preset, seeds = section.get("exposure"), section["seeds"]
    figures = _figures(loaded, material, preset, seeds, kept or out / "kept", out, "sentinel", "cpu")
    if write_card:
        _into_card(bundle, "sentinel_metrics", figures)


def evaluate_conformal_command(
    data: DataOption,
    out: OutOption,
    bundle: BundleOption = None,
    kept: KeptOption = None,
    write_card: CardOption = False,
) -> None:
    """The conformal layer on real spectra: coverage of p-values and sets, by class and by anomaly quintile."""
    from plugin.lab.anomaly.conformal_page import conformal_page, draw_alphas, draw_coverage, draw_p_values
    from plugin.lab.anomaly.evaluation_cases import case_rows, cases, draw_cases, interval_rows
    from plugin.lab.anomaly.evaluation_conformal import evaluate_conformal

    loaded, material = _material(data, bundle, kept)
    layer = loaded.sentinel
    assert layer is not None
    section = loaded.card["sentinel"]
    preset, seeds = section.get("exposure"), section["seeds"]
    plain, tuned = _held(loaded, material, preset, seeds, kept or out / "kept", "cpu")
    held = tuned or plain
    figures = evaluate_conformal(layer, material, held)
    found = cases(material, plain, held)
    _written(
        figures, conformal_page(figures, loaded.bundle_id, case_rows(found), interval_rows(found)), out, "conformal"
    )
    draw_p_values(figures, out / "p-values.png")
    draw_alphas(figures, out / "coverage.png")
    draw_coverage(figures, out / "quintiles.png")
    draw_cases(material, plain, found, out / "cases.png")
    if write_card:
        _into_card(bundle, "conformal_metrics", figures)


def add_partial_command(data: DataOption, bundle: BundleOption = None) -> None:
    """Calibrate a bundle for spectra of 70-80 % coverage; the last step, after add-sentinel."""
    from models.bundle import SHIPPED
    from plugin.lab.spectra.add_partial import add_partial

    folder = bundle or SHIPPED
    labelled = read_labelled(data).data
    with progress("partial spectra", 0) as advance:
        described = add_partial(folder, labelled, advance=advance)
    Console().print_json(json.dumps(described))


def evaluate_coverage_command(
    data: DataOption, out: OutOption, bundle: BundleOption = None, write_card: CardOption = False
) -> None:
    """Spectra that cover 70-80 % of 3850-9000 A: coverage of sets and p-values, sizes, false alarms."""
    from plugin.lab.anomaly.coverage_page import coverage_page
    from plugin.lab.anomaly.evaluation_coverage import evaluate_coverage

    loaded = load_bundle(bundle)
    labelled = read_labelled(data).data
    same_spectra(loaded.card, labelled)
    try:
        figures = evaluate_coverage(loaded, labelled, started=progress)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    _written(figures, coverage_page(figures, loaded.bundle_id), out, "coverage")
    if write_card:
        _into_card(bundle, "coverage_metrics", figures)


def train_sentinel(
    data: DataOption,
    out: OutOption,
    bundle: BundleOption = None,
    preset: PresetOption = "compact",
    seeds: Annotated[str, typer.Option(help="Comma-separated; those of the bundle's layer when left out.")] = "",
    kept: KeptOption = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: ThreadsOption = 0,
) -> None:
    """Outlier-exposure fine-tuning, fold by fold, and what it finds of the rare spectra it has not seen.

    What is finished stays: a second run goes on from there. The bundle does not change; `bundle add-sentinel` puts a
    layer tuned on everything into it.
    """
    from models.bundle import SHIPPED

    chosen, of_seeds = _preset(preset), _numbers(seeds, bundle or SHIPPED)
    take_threads(threads)
    loaded, material = _material(data, bundle, kept or out)
    of_seeds = of_seeds or loaded.card["sentinel"]["seeds"]
    _figures(loaded, material, chosen, of_seeds, kept or out, out, "sentinel-tuned", device)


def _numbers(text: str, folder: Path) -> list[int]:
    """The seeds a user chose among those of a bundle, each once; none when nothing was chosen."""
    from models.bundle import verify

    there = dict.fromkeys(str(m["seed"]) for m in verify(folder)["members"])
    chosen = dict.fromkeys(part.strip() for part in text.split(",") if part.strip())
    if unknown := [s for s in chosen if s not in there]:
        raise typer.BadParameter(f"the bundle has no seed {unknown[0]!r}: choose from {', '.join(there)}")
    return [int(s) for s in chosen]


def _preset(name: str) -> str | None:
    from models.training.sentinel.exposure import PRESETS

    if name == "none":
        return None
    if name not in PRESETS:
        raise typer.BadParameter(f"no preset {name!r}: choose from none, {', '.join(PRESETS)}")
    return name


def _material(data: Path, bundle: Path | None, kept: Path | None) -> "tuple[Bundle, Material]":
    from plugin.lab.anomaly.make_sentinel import predict_material

    loaded = load_bundle(bundle)
    if loaded.sentinel is None:
        raise typer.BadParameter("this bundle has no anomaly layer: run `astranet bundle add-sentinel`")
    labelled, rare = _spectra(data)
    same_spectra(loaded.card, labelled)
    return loaded, predict_material(loaded, labelled, rare, started=progress, kept=kept)


def _held(
    loaded: "Bundle", material: "Material", preset: str | None, seeds: Sequence[int], kept: Path, device: str
) -> "tuple[Held, Held | None]":
    """The k-fold protocol without exposure of the networks, and with it."""
    from models.training.sentinel.fitting import fit_scores, sights
    from models.training.sentinel.protocol import FOLDS, run_protocol
    from plugin.lab.anomaly.make_sentinel import tuning

    # Banks anew, though those of the bundle know no rare spectrum either: its rank pools are of a tuned detector.
    scorers = {seed: fit_scores(sights(material, seed), material) for seed in seeds}
    with progress("detectors, fold by fold", FOLDS * len(seeds)) as advance:
        plain = run_protocol(material, scorers, progress=advance)
    if preset is None:
        return plain, None
    with progress("tuned, fold by fold", FOLDS * len(seeds)) as advance:
        tuned = tuning(loaded, material, preset, kept, device=device)
        return plain, run_protocol(material, scorers, tuned=tuned, progress=advance)


def _figures(
    loaded: "Bundle",
    material: "Material",
    preset: str | None,
    seeds: Sequence[int],
    kept: Path,
    out: Path,
    name: str,
    device: str,
) -> dict[str, Any]:
    """Measure, write page and map."""
    from plugin.lab.anomaly.evaluation_layers import draw_map, sentinel_page
    from plugin.lab.anomaly.evaluation_sentinel import evaluate_sentinel
    from plugin.lab.anomaly.relations import draw_scores

    plain, tuned = _held(loaded, material, preset, seeds, kept, device)
    figures = evaluate_sentinel(material, plain, tuned)
    what = "without outlier exposure" if preset is None else f"outlier exposure: {preset}"
    _written(figures, sentinel_page(figures, f"{loaded.bundle_id}, {what}"), out, name)
    draw_map(plain, tuned or plain, material.rare, out / f"{name}-map.png")
    draw_scores(figures, out / "sentinel-scores.png")
    return figures


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
    from plugin.lab.dataset.labelled import load_labelled
    from plugin.lab.dataset.rare import load_rare

    with progress("read spectra") as advance:
        labelled = load_labelled(data, progress=lambda _: advance(1)).data
    with progress("read rare spectra") as advance:
        rare, _ = load_rare(data, progress=lambda _: advance(1))
    return labelled, rare

"""The command that answers for spectra from files: classify."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from plugin.commands.bundle import BundleOption, load_bundle
from plugin.ops.progress import progress


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.command()(classify)


def classify(
    files: Annotated[
        list[Path],
        typer.Argument(help="Text, FITS or JSON files, or Parquet (which needs the extra files): docs/formats.md."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="One JSON object per spectrum and line.")],
    bundle: BundleOption = None,
    min_coverage: Annotated[float, typer.Option(help="Share of 3850-9000 A a spectrum must cover.")] = 0.7,
    regime: Annotated[str, typer.Option(help="When it is anomalous: anchor, per_seed or seed_union.")] = "anchor",
) -> None:
    """Classify spectra from files, refused ones included, in the order they come."""
    from iris_client.files.extra import MissingExtra
    from iris_client.quality.control import QualityRules
    from models.analyst import Analyst
    from models.sentinel.detector import REGIMES
    from plugin.batch.classify import classify_files

    chosen = next((r for r in REGIMES if r == regime), None)
    if chosen is None:
        raise typer.BadParameter(f"no regime {regime!r}: choose from {', '.join(REGIMES)}")
    analyst = Analyst(load_bundle(bundle), regime=chosen)
    rules = QualityRules(min_coverage=min_coverage)
    try:
        with progress("classify") as advance, out.open("w", encoding="utf-8") as file:
            counts = classify_files(files, file, analyst, rules, advance=advance)
    except MissingExtra as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    Console(stderr=True).print(f"{counts['ok']} classified, {counts['refused']} refused -> {out}")

"""Commands about searching and the map: evaluate similar, evaluate map."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from plugin.commands.bundle import BundleOption
from plugin.lab.commands.common import DataOption, ThreadsOption, evaluate_app, measured_on
from plugin.ops.progress import progress


def register(app: typer.Typer) -> None:
    """Add this subject's commands to the group of evaluations."""
    evaluate_app.command("similar")(evaluate_similar_command)
    evaluate_app.command("map")(evaluate_map_command)


def evaluate_similar_command(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for similar.md and its figures.")],
    bundle: BundleOption = None,
    split: Annotated[str, typer.Option(help="test, for the record, or select.")] = "test",
    copies: Annotated[int, typer.Option(min=1, help="Of how many objects a spectrum is degraded.")] = 400,
    threads: ThreadsOption = 0,
) -> None:
    """Look for degraded copies of spectra among the archive's, and count how often they are found."""
    from plugin.lab.similar.evaluation import evaluate_similar
    from plugin.lab.similar.page import write_page

    loaded, labelled = measured_on(bundle, data, threads, split)
    with progress("spectra") as advance:
        figures = evaluate_similar(loaded, labelled, split, copies=copies, advance=advance)
    Console().print(f"{write_page(out, loaded.bundle_id, figures)} written")


def evaluate_map_command(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for map.md, its figures and pictures.")],
    bundle: BundleOption = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same map.")] = 0,
) -> None:
    """Draw the map of a bundle's archive by PCA, and by UMAP where the extra [map] is installed; what each keeps."""
    from models.cards import BundleError
    from models.similar.archive import load_archive
    from plugin.lab.similar.map_evaluation import evaluate_map, write_page

    try:
        archive = load_archive(bundle)
    except BundleError as error:
        raise typer.BadParameter(str(error)) from None
    figures = evaluate_map(archive, out, seed=seed)
    Console().print(f"{write_page(out, archive.bundle, figures)} written")

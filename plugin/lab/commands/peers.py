"""Commands about other programs: evaluate peers."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from plugin.commands.bundle import BundleOption, load_bundle
from plugin.lab.commands.common import ThreadsOption, evaluate_app, read_labelled, take_threads


def register(app: typer.Typer) -> None:
    """Add this subject's command to the group of the spectra commands."""
    evaluate_app.command("peers")(evaluate_peers_command)


def evaluate_peers_command(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for peers.md and its figures.")],
    spectra: Annotated[
        Path | None, typer.Option(help="A folder of spectra with labels.csv: file, class, redshift, subtype, object.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(envvar="ASTRANET_DATA_DIR", help="Without such a folder: draw spectra from this data folder."),
    ] = None,
    split: Annotated[str, typer.Option(help="Of the data folder: select, or test.")] = "select",
    each: Annotated[int, typer.Option(min=1, help="Spectra of a class that are drawn, each of another object.")] = 20,
    environments: Annotated[Path, typer.Option(help="Where `make peers` puts each program's environment.")] = Path(
        "build/peers"
    ),
    snid_templates: Annotated[
        Path | None, typer.Option(help="A folder of SNID-SAGE's templates; without it our bank becomes its templates.")
    ] = None,
    bundle: BundleOption = None,
    threads: ThreadsOption = 1,
) -> None:
    """Ask other programs about the same spectra, and put them side by side with ours."""
    from models.analyst import Analyst
    from plugin.lab.peers.cases import draw_cases, read_cases
    from plugin.lab.peers.compare import compare
    from plugin.lab.peers.page import write_peers
    from plugin.lab.peers.peer import Ours
    from plugin.lab.peers.snid_sage import SnidSage

    if split not in ("select", "calibrate", "test"):
        raise typer.BadParameter("choose from select, calibrate, test")
    take_threads(threads)
    loaded = load_bundle(bundle)
    console = Console()
    with tempfile.TemporaryDirectory(prefix="peers-") as scratch:
        folder, about = spectra, "Spectra of a folder of the user's."
        if folder is None:
            if data is None:
                raise typer.BadParameter("give a folder of labelled spectra, or a data folder to draw from")
            folder = Path(scratch) / "drawn"
            draw_cases(data, read_labelled(data).data.part(split), folder, each)
            about = f"Split `{split}`: real spectra of objects that neither taught the networks nor stand in the bank."
        try:
            cases = read_cases(folder)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        bank = None if loaded.matching is None else loaded.matching.matcher.bank
        sage = SnidSage(environment=environments / "snid-sage", templates=snid_templates, bank=bank)
        found = compare(cases, [Ours(Analyst(loaded)), sage], Path(scratch) / "peers", said=console.print)
    command = (
        "make peers SPECTRA=FOLDER" if spectra is not None else f"make peers DATA=FOLDER SPLIT={split} EACH={each}"
    )
    if snid_templates is not None:
        command += " TEMPLATES=FOLDER"
    console.print(f"{write_peers(out, found, spectra=about, command=command)} written")

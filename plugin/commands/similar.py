"""The commands about spectra that are like each other: similar, map."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plugin.commands.service import prepared

if TYPE_CHECKING:
    from models.similar.plane import MapWay
    from models.similar.shelf import Way
    from plugin.ops.similar import Like
    from plugin.settings import Settings
    from plugin.store.vectors import Scored, Vector


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.command()(similar)
    app.command("map")(draw_map)


def similar(
    name: Annotated[str, typer.Argument(help="A file with spectra, or the id of an answered spectrum or source.")],
    way: Annotated[str, typer.Option(help="What counts: shape, network, or both.")] = "both",
    number: Annotated[int, typer.Option("--number", "-n", min=1, max=1000, help="How many objects are named.")] = 10,
    everything: Annotated[
        bool,
        typer.Option("--everything", help="Also the marshal's spectra that not everybody sees; for the operator."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per spectrum found, and line.")] = False,
) -> None:
    """Find the spectra most like one, in the archive and among those answered for the marshal."""
    from models.similar.shelf import WAYS

    chosen = next((w for w in WAYS if w == way), None)
    if chosen is None:
        raise typer.BadParameter(f"no way {way!r}: choose from {', '.join(WAYS)}", param_hint="--way")
    with prepared() as settings:
        path = Path(name)
        asked = _of_file(path, settings, chosen, number, everything) if path.is_file() else None
        for title, found in asked or _of_store(name, settings, chosen, number, everything):
            _print(title, found, as_json=as_json)


def _of_file(
    path: Path, settings: "Settings", way: "Way", number: int, everything: bool
) -> list[tuple[str, list["Like"]]]:
    """Every spectrum of a file; the marshal's are searched where everything may be seen: nobody sees a file."""
    from iris_client.quality.control import QualityRules
    from models.analyst import Analyst
    from models.bundle import load
    from models.similar.archive import load_archive
    from models.similar.shelf import Query, shape_of, unit_from_text
    from plugin.batch.classify import answers, named
    from plugin.cycle.spectra.sketch import numbers
    from plugin.ops.similar import search

    archive, ours = load_archive(settings.bundle), _everything(settings) if everything else []
    found: list[tuple[str, list[Like]]] = []
    for raw, report in answers(named([path]), Analyst(load(settings.bundle)), QualityRules()):
        title = str(raw.spectrum_id)
        if report.verdict is None:
            found.append((f"{title}: {report.reason}", []))
            continue
        query = Query(shape=shape_of(*numbers(raw.wavelengths, raw.fluxes)), unit=unit_from_text(report.embedding))
        title += f", {report.verdict.label} ({report.verdict.probability:.2f})"
        found.append((title, search(query, report.bundle, ours, archive, k=number, way=way)))
    return found


def _everything(settings: "Settings") -> list["Vector"]:
    from plugin.store import open_store

    with (
        open_store(settings.database_url, marshal=settings.marshal()[0], to_read=True) as store,
        store.begin(to_read=True) as unit,
    ):
        return unit.vectors.every()


def _of_store(
    name: str, settings: "Settings", way: "Way", number: int, everything: bool
) -> list[tuple[str, list["Like"]]]:
    from models.similar.archive import load_archive
    from plugin.ops.similar import like_vector
    from plugin.store import open_store

    archive = load_archive(settings.bundle)
    with (
        open_store(settings.database_url, marshal=settings.marshal()[0], to_read=True) as store,
        store.begin(to_read=True) as unit,
    ):
        vectors = unit.vectors.of(name)
        if not vectors:
            typer.echo(
                f"nothing is kept of {name}: it is no file and no answered spectrum or source, or it was "
                "answered by an earlier version (`astranet again` asks for it once more)",
                err=True,
            )
            raise typer.Exit(1)
        vector = vectors[-1]
        title = f"{vector.target_id}, spectrum {vector.spectrum_id}, {vector.label}"
        return [(title, like_vector(unit, vector, archive, k=number, way=way, everything=everything))]


def _print(title: str, found: list["Like"], *, as_json: bool) -> None:
    if as_json:
        for one in found:
            typer.echo(json.dumps({"like": title.split(",")[0], **one.to_dict()}, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", pad_edge=False)
    for head in ("object", "class", "phase", "z", "shape", "network", "spectrum"):
        table.add_column(head, justify="right" if head in ("phase", "z", "shape", "network") else "left")
    for one in found:
        cells = [
            "" if one.phase_days is None else f"{one.phase_days:+.0f} d",
            "" if one.redshift is None else f"{one.redshift:.3f}",
            *("" if v is None else f"{v:.3f}" for v in (one.shape, one.network)),
        ]
        table.add_row(one.name, one.label, *cells, f"{'marshal' if one.is_ours else 'archive'} {one.spectrum_id}")
    Console().print(table)


def draw_map(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also a picture of it: an SVG file.", dir_okay=False)
    ] = None,
    way: Annotated[str | None, typer.Option(help="umap or pca; umap where the extra [map] is installed.")] = None,
    archive_only: Annotated[
        bool, typer.Option("--archive", help="The archive alone: a picture, without a marshal.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same map of the same spectra.")] = 0,
) -> None:
    """Make the map of embeddings that the page Map draws by: of the archive and of the answered spectra.

    A UMAP takes a minute or two. Spectra answered later lie among their nearest neighbours until the next one is made.
    """
    from models.similar.plane import MOST, has_umap

    chosen: MapWay = "umap" if way == "umap" or (way is None and has_umap()) else "pca"
    if way not in (None, "umap", "pca"):
        raise typer.BadParameter(f"no way {way!r}: choose from umap, pca", param_hint="--way")
    if archive_only and out is None:
        raise typer.BadParameter("--archive needs a file", param_hint="--out")
    with prepared() as settings:
        from models.cards import BundleError
        from models.similar.archive import load_archive
        from plugin.batch.map import MAP_FILE, fit_map, map_picture
        from plugin.settings import ConfigError
        from plugin.store import open_store

        found: list[Scored] = []
        try:
            archive = load_archive(settings.bundle)
            if not archive_only:
                marshal = settings.marshal()[0]
                with (
                    open_store(settings.database_url, marshal=marshal, to_read=True) as store,
                    store.begin(to_read=True) as unit,
                ):
                    found = unit.vectors.on_map(archive.bundle, MOST)
            made = fit_map(archive, found, way=chosen, seed=seed)
        except (BundleError, ValueError) as error:
            raise ConfigError(str(error)) from None
        typer.echo(f"{chosen} of {len(archive.shelf)} archive spectra and {len(found)} of the marshal's")
        if not archive_only:
            settings.output_dir.mkdir(parents=True, exist_ok=True)
            made.save(settings.output_dir / MAP_FILE)
            typer.echo(f"{settings.output_dir / MAP_FILE} written: the page Map draws by it")
        if out is not None:
            out.write_text(map_picture(made, archive, found), encoding="utf-8")
            typer.echo(f"{out} written")

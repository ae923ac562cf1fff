"""Commands about IRIS: from a marshal or from files to a training set."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from plugin.ops.progress import progress

iris_app = typer.Typer(help="From a marshal or from files to a training set (IRIS).", no_args_is_help=True)
OutOption = Annotated[Path, typer.Option("--out", "-o", help="Folder of the set; splits that are there hold.")]


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.add_typer(iris_app, name="iris")
    for command in (fetch, build, report):
        iris_app.command()(command)


def fetch(
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to keep what was fetched; a second run goes on.")],
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask again for objects: classes and redshifts.")] = False,
) -> None:
    """Fetch every spectrum of the groups in the settings, with its object and light curve."""
    from iris_client.errors import UpstreamError
    from plugin.lab.dataset.fetch import fetch as run
    from plugin.lab.dataset.source import open_names, open_source
    from plugin.settings import ConfigError, Settings

    try:
        settings = Settings.load()
        opened, named = open_source(settings), open_names(settings)
        with opened as (source, photometry, group_ids), named as names, progress("fetch") as advance:
            done = run(source, photometry, out, group_ids=group_ids, refresh=refresh, names=names, progress=advance)
    except ConfigError as error:
        raise _stop(str(error)) from None
    except UpstreamError as error:
        raise _stop(f"{error}\nWhat came until now is in {out}; run it again to go on.") from None
    _say(f"{', '.join(f'{n} {what}' for what, n in sorted(done.items())) or 'no spectra'} -> {out}")


def build(
    out: OutOption,
    fetched: Annotated[Path | None, typer.Option(help="Folder made by `astranet iris fetch`.", exists=True)] = None,
    catalogue: Annotated[list[Path] | None, typer.Option(help="Parquet files or their folder.", exists=True)] = None,
    min_coverage: Annotated[float, typer.Option(help="Share of 3850-9000 A a spectrum must cover.")] = 0.8,
    copies: Annotated[bool, typer.Option(help="Look for copies; --no-copies does not.")] = True,
    seed: Annotated[int, typer.Option(help="Decides how new objects are dealt out.")] = 42,
) -> None:
    """Make a training set: quality control, labels, copies, splits, parquet, tensors, manifest."""
    from dataclasses import replace

    from plugin.lab.dataset.assemble import assemble
    from plugin.lab.dataset.fetch import read_cache
    from plugin.lab.dataset.source import read_catalogues
    from plugin.lab.dataset.write import earlier_splits, write
    from plugin.parts import quality_rules
    from plugin.settings import ConfigError, Settings

    if (fetched is None) == (not catalogue):
        raise typer.BadParameter("give either --fetched or --catalogue")
    try:
        rules = replace(quality_rules(Settings.load()), min_coverage=min_coverage)
        records = (
            read_cache(fetched, Settings.load().trust) if fetched is not None else read_catalogues(catalogue or [])
        )
        with progress("build") as advance:
            found = assemble(
                records, rules=rules, seed=seed, existing=earlier_splits(out), copies=copies, progress=advance
            )
        manifest = write(found, out)
    except (ConfigError, FileNotFoundError, ValueError) as error:
        raise _stop(str(error)) from None
    _tell(manifest, out)


def report(
    folder: Annotated[Path, typer.Argument(help="A set made by `astranet iris build`.", exists=True)],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The page; report.html in the folder.")] = None,
) -> None:
    """One page about a set: counts, distributions, what was rejected and why, examples drawn."""
    from plugin.lab.dataset.report import render

    page = out or folder / "report.html"
    try:
        page.write_text(render(folder), encoding="utf-8")
    except (FileNotFoundError, ValueError) as error:
        raise _stop(str(error)) from None
    _say(f"report -> {page}")


def _tell(manifest: dict[str, Any], out: Path) -> None:
    kept = sum(sum(sides.values()) for sides in manifest["kept"].values())
    _say(f"{kept} spectra kept, {sum(manifest['rejected'].values())} rejected -> {out}")
    for rule, n in manifest["rejected"].items():
        _say(f"  {n:6d} {rule}")
    for label, n in manifest["unknown_labels"].items():
        _say(f"  unknown type {label!r}: {n}")
    if manifest["splits"]["conflicts"]:
        _say(f"[yellow]{len(manifest['splits']['conflicts'])} alias groups stand on two sides: see manifest.json[/]")


def _say(text: str) -> None:
    Console(stderr=True).print(text)


def _stop(text: str) -> typer.Exit:
    _say(f"[red]{text}[/]")
    return typer.Exit(1)

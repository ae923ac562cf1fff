"""Commands about fine-tuning: train from-marshal."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from plugin.commands.bundle import BundleOption, refusing
from plugin.lab.commands.common import read_labelled, take_threads, tell, train_app
from plugin.ops.progress import progress


def register(app: typer.Typer) -> None:
    """Add this subject's commands; the group itself is the spectral classifier's."""
    train_app.command("from-marshal")(train_from_marshal)


def train_from_marshal(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="What was fetched, checkpoints, the candidate and the report go here.")
    ],
    bundle: BundleOption = None,
    fetched: Annotated[
        Path | None, typer.Option(help="Folder made by `astranet iris fetch`: nothing is fetched then.", exists=True)
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            envvar="ASTRANET_DATA_DIR",
            help="The bundle's own training data: half of what is shown, lest it forgets.",
            exists=True,
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="At a low learning rate.")] = 6,
    steps: Annotated[int, typer.Option(min=1, help="Batches in an epoch.")] = 60,
    least: Annotated[int, typer.Option(min=1, help="Objects that teach, calibrate and judge, at least.")] = 20,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    name: Annotated[str, typer.Option(help="Of the candidate.")] = "fine-tuned",
) -> None:
    """Fine-tune a bundle on a marshal's own labels; say what was gained and lost. It adopts and posts nothing.

    Run again with the same folder it goes on where it stopped, at the fetched spectra and in the training; for a new
    fine-tuning take a new folder.
    """
    from iris_client.errors import UpstreamError
    from models.bundle import SHIPPED
    from plugin.lab.dataset.fetch import fetch
    from plugin.lab.dataset.source import open_names, open_source
    from plugin.lab.finetune.page import page
    from plugin.lab.finetune.running import read_own, run
    from plugin.lab.finetune.tuning import Tuning
    from plugin.parts import quality_rules
    from plugin.settings import ConfigError, Settings

    take_threads(threads)
    start, cache = bundle or SHIPPED, fetched or out / "fetched"
    try:
        settings = Settings.load()
        if fetched is None:
            opened, named = open_source(settings), open_names(settings)
            with opened as (source, photometry, groups), named as names, progress("fetch") as advance:
                fetch(source, photometry, cache, group_ids=groups, refresh=True, names=names, progress=advance)
        labelled = None if data is None else read_labelled(data)
        both = None if data is None or labelled is None else (data, labelled)
        with refusing("bundle"):
            own, notes = read_own(
                cache,
                start,
                rules=quality_rules(settings),
                order=settings.trust,
                reported=_reported(settings),
                data=both,
            )
            with progress("calibrate") as advance:
                found = run(
                    out,
                    start,
                    own,
                    Tuning(epochs=epochs, steps=steps, least=least),
                    name=name,
                    today=datetime.now(UTC).date(),
                    data=labelled,
                    notes=notes,
                    report=tell,
                    advance=advance,
                )
    except (ConfigError, FileNotFoundError, ValueError) as error:
        raise _stop(str(error)) from None
    except UpstreamError as error:
        raise _stop(f"{error}\nWhat came until now is in {cache}; run it again to go on.") from None
    print(page(found))
    Console(stderr=True).print(f"candidate -> {out / 'bundle'}\nreport -> {out / 'report.md'}")


def _reported(settings: Any) -> frozenset[str]:
    """Objects of which a report of ours went to the TNS, as far as the service's database is there."""
    from plugin.sources.tns import make_tns
    from plugin.store import StoreError, open_store

    tns = make_tns(settings)
    if tns is None:
        return frozenset()
    try:
        opened = open_store(settings.database_url, marshal=settings.marshal_url or "", to_read=True)
        with tns, opened as store, store.begin() as unit:
            return frozenset(r.target_id for r in unit.tns_reports.every(tns.url) if r.sent_at is not None)
    except StoreError:
        return frozenset()


def _stop(text: str) -> typer.Exit:
    Console(stderr=True).print(f"[red]{text}[/]")
    return typer.Exit(1)

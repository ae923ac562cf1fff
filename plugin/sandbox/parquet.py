"""Rows of a parquet file of spectra, one dictionary each, a batch at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Read the rows of a file in order. Columns it lacks are None; lists of numbers come as arrays.

    Raises
    ------
    OSError, pyarrow.ArrowInvalid
        If there is no such file, or it is not parquet.
    """
    with pq.ParquetFile(path) as file:
        wanted = [c for c in columns if c in file.schema_arrow.names]
        for batch in file.iter_batches(batch_size=256, columns=wanted):
            # Lists of Python floats would cost more than everything else together.
            arrays = {name: batch.column(name) for name in wanted if _is_numeric_list(batch.schema.field(name).type)}
            for i, row in enumerate(batch.drop_columns(list(arrays)).to_pylist()):
                found = {name: _array(column[i]) for name, column in arrays.items()}
                yield dict.fromkeys(columns) | row | found


def _is_numeric_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) and pa.types.is_floating(kind.value_type))


def _array(cell: Any) -> Any:
    return cell.values.to_numpy(zero_copy_only=False) if cell.is_valid else None

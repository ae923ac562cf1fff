"""Rows of a parquet file of spectra, one dictionary each, a batch at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq


def rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Read the rows of a file in order; columns that it lacks are None.

    Raises
    ------
    OSError, pyarrow.ArrowInvalid
        If there is no such file, or it is not parquet.
    """
    with pq.ParquetFile(path) as file:
        there = set(file.schema_arrow.names)
        wanted = [c for c in columns if c in there] if columns is not None else None
        for batch in file.iter_batches(batch_size=256, columns=wanted):
            for row in batch.to_pylist():
                yield {**dict.fromkeys(columns or ()), **row}

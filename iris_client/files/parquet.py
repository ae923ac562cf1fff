"""Many spectra in one Parquet file, streamed: a hundred thousand of them need no more memory than a few hundred."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from iris_client.files.trouble import Unreadable
from models.domain import RawSpectrum

_ROWS: Final = 256
"""Rows at a time: about 5 MB."""
_NEEDED: Final = ("wavelength", "flux")
_ALSO: Final = ("spec_id", "object_id", "redshift", "phase_days", "instrument", "error", "units", "type")


def read_parquet(path: Path, stem: str) -> Iterator[RawSpectrum]:
    """Read the spectra of a Parquet file in order.

    Raises
    ------
    Unreadable
        If the file is damaged or has no `wavelength` and `flux`.
    """
    row = 0
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            columns = _columns(file.schema_arrow.names)
            for batch in file.iter_batches(_ROWS, columns=columns):
                for values in _rows(batch):
                    row += 1
                    yield _spectrum(values, f"{stem}:{row}")
    except (pa.ArrowException, OSError, ValueError) as problem:  # text that is no UTF-8 is a ValueError
        raise Unreadable(f"damaged Parquet file after row {row} ({type(problem).__name__})") from problem


def _columns(names: list[str]) -> list[str]:
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise Unreadable(f"no column {' and '.join(missing)}; the columns are {', '.join(names)[:200]}")
    return [name for name in (*_NEEDED, *_ALSO) if name in names]


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    columns = {name: _values(batch.column(name)) for name in batch.schema.names}
    for i in range(batch.num_rows):
        yield {name: values[i] for name, values in columns.items()}


def _values(column: Any) -> list[Any]:
    """Python values of one column; lists of numbers as arrays, because most spectra are long."""
    if not _is_number_list(column.type):
        return list(column.to_pylist())
    return [item.values.to_numpy(zero_copy_only=False) if item.is_valid else None for item in column]


def _is_number_list(kind: Any) -> bool:
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(is_list and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)))


def _spectrum(row: dict[str, Any], fallback: str) -> RawSpectrum:
    name = row.get("spec_id")
    return RawSpectrum(
        spectrum_id=fallback if name is None else str(name),
        target_id=row.get("object_id"),
        wavelengths=row["wavelength"],
        fluxes=row["flux"],
        errors=row.get("error"),
        units=row.get("units"),
        kind=row.get("type") or "source",
        redshift=_number(row.get("redshift")),
        phase_days=_number(row.get("phase_days")),
        instrument=row.get("instrument"),
    )


def _number(value: Any) -> Any:
    """NaN is how data frames write "unknown"."""
    return None if isinstance(value, float) and math.isnan(value) else value

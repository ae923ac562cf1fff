"""Many spectra in one Parquet file, streamed: a hundred thousand of them need no more memory than a few hundred.

Either a row is a spectrum, its wavelengths and fluxes lists, or a row is a pixel, and a column may say of which
spectrum.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from iris_client.files.assemble import assemble
from iris_client.files.columns import Choice, choose
from iris_client.files.names import understood
from iris_client.files.trouble import Unreadable
from models.domain import RawSpectrum

_ROWS: Final = 256
"""Rows at a time: about 5 MB."""
_PIXELS_AT_A_TIME: Final = 2_000_000
_MOST_PIXELS: Final = 1_000_000
"""Of one spectrum."""
_ABOUT: Final = (
    "spec_id",
    "object_id",
    "redshift",
    "phase_days",
    "instrument",
    "units",
    "wavelength_unit",
    "type",
    "observed_at",
)
_UNIT: Final = re.compile(r"name:\s*(?P<n>'[^']*'|[^,}]+).*?\bunit:\s*(?P<u>'[^']*'|[^,}]+)")


def read_parquet(path: Path, stem: str, rows: range | None = None) -> Iterator[RawSpectrum]:
    """Read the spectra of a Parquet file in order.

    Parameters
    ----------
    rows : range, optional
        Which rows, counted from 0, of a file in which a row is a spectrum; without it, and where a row is a pixel, all.

    Raises
    ------
    Unreadable
        If the file is damaged or has no wavelength and flux.
    """
    row = 0
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            choice, names, about = _columns(file.schema_arrow)
            if _is_long(file.schema_arrow, choice, names):
                yield from _pixels(file, choice, names, about, stem)
                return
            groups, row = (None, 0) if rows is None else _groups_of(file, rows)
            columns = [*names, *about]
            for batch in file.iter_batches(_rows_at_a_time(file, names), columns=columns, row_groups=groups):
                skipped = 0 if rows is None else min(max(rows.start - row, 0), batch.num_rows)
                row += skipped
                for values in _rows(batch.slice(skipped)):
                    if rows is not None and row >= rows.stop:
                        return
                    row += 1
                    yield _spectrum(values, choice, names, f"{stem}:{row}")
    except (pa.ArrowException, OSError, ValueError, OverflowError) as problem:  # text that is no UTF-8: a ValueError
        raise Unreadable(f"damaged Parquet file after row {row} ({type(problem).__name__})") from problem


def spectra_in(path: Path) -> int | None:
    """How many spectra a Parquet file holds, from its end alone; None where that cannot be told without reading it."""
    try:
        with pq.ParquetFile(path) as file:
            choice, names, _ = _columns(file.schema_arrow)
            return None if _is_long(file.schema_arrow, choice, names) else int(file.metadata.num_rows)
    except (pa.ArrowException, OSError, ValueError, Unreadable):
        return None


def _groups_of(file: pq.ParquetFile, rows: range) -> tuple[list[int], int]:
    """The row groups that hold some rows, and the number of the first row in them."""
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
    starts = list(accumulate(sizes, initial=0))
    wanted = [i for i, (at, end) in enumerate(pairwise(starts)) if at < rows.stop and end > rows.start]
    return wanted, starts[wanted[0]] if wanted else 0


def _columns(schema: pa.Schema) -> tuple[Choice, list[str], list[str]]:
    """Which columns are what, their names, and those that tell about a spectrum."""
    if len(set(schema.names)) != len(schema.names):
        raise Unreadable("a Parquet file with two columns of one name")
    about = [name for name in _ABOUT if name in schema.names]
    known = _without_rivals([n for n in schema.names if n not in about and not pa.types.is_nested(_inner(schema, n))])
    lists = [name for name in known if not _is_number(schema.field(name).type)]
    for names in (lists, known):
        choice = choose(names, _units(schema, names))
        if choice.axis is not None and "flux" in choice.at:
            return choice, [names[i] for i in choice.at.values()], about
    missing = [word for word, there in (("wavelength", choice.axis), ("flux", choice.at.get("flux"))) if there is None]
    raise Unreadable(f"no column {' and '.join(missing)}; the columns are {', '.join(schema.names)[:200]}")


def _is_long(schema: pa.Schema, choice: Choice, names: Sequence[str]) -> bool:
    """Whether a row is a pixel.

    Raises
    ------
    Unreadable
        If wavelength and flux do not go together.
    """
    kinds = {role: schema.field(name).type for role, name in zip(choice.at, names, strict=True)}
    main = [kind for role, kind in kinds.items() if role in ("flux", choice.axis)]
    if not any(map(_is_number, main)):
        if not any(map(_is_list, main)):
            raise Unreadable(f"the columns {' and '.join(names[:2])} hold {main[0]}, not numbers")
        return False
    if not all(map(_is_number, main)):
        raise Unreadable(f"one of {' and '.join(names[:2])} holds a number in each row and the other does not")
    return True


def _inner(schema: pa.Schema, name: str) -> Any:
    """The type of a column, or of what is in its lists."""
    kind = schema.field(name).type
    return kind.value_type if _is_list(kind) else kind


def _without_rivals(names: Sequence[str]) -> list[str]:
    """Where `wavelength` or `flux` is there, others that could be meant do not make it uncertain."""
    plain = {name.lower() for name in names} & {"wavelength", "flux"}
    rivals = {"wavelength": ("wavelength", "log_wavelength", "ln_wavelength", "frequency"), "flux": ("flux", "counts")}
    out = [role for word in plain for role in rivals[word]]
    return [name for name in names if name.lower() in plain or understood(name).role not in out]


def _units(schema: pa.Schema, names: Sequence[str]) -> list[str | None]:
    """Units as astropy and others keep them, with a field or in the schema."""
    text = (schema.metadata or {}).get(b"table_meta_yaml", b"").decode("utf-8", "replace")[:100_000]
    told = {m["n"].strip("'\" "): m["u"].strip("'\" ") for m in (_UNIT.search(line) for line in text.splitlines()) if m}
    own = [(schema.field(name).metadata or {}).get(b"unit") for name in names]
    return [u.decode("utf-8", "replace") if u else told.get(name) for name, u in zip(names, own, strict=True)]


def _rows_at_a_time(file: pq.ParquetFile, names: Sequence[str]) -> int:
    """Fewer where spectra are long: a few kilobytes can hold any number of equal values."""
    fewest = _ROWS
    for i in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(i)
        for j in range(group.num_columns):
            if group.column(j).path_in_schema.split(".")[0] in names and group.num_rows:
                each = group.column(j).num_values / group.num_rows
                if each > _MOST_PIXELS:
                    raise Unreadable(f"spectra of {each:.0f} pixels, at most {_MOST_PIXELS} are read")
                fewest = min(fewest, max(1, int(_PIXELS_AT_A_TIME / max(each, 1.0))))
    return fewest


def _pixels(
    file: pq.ParquetFile, choice: Choice, names: Sequence[str], about: Sequence[str], stem: str
) -> Iterator[RawSpectrum]:
    """One row per pixel: the rows that follow each other under one name are a spectrum."""
    key = next((name for name in ("spec_id", "object_id") if name in about), None)
    held: list[dict[str, list[Any]]] = []
    done: set[object] = set()
    current: object = None
    count, number = 0, 0
    for batch in file.iter_batches(65_536, columns=[*names, *about]):
        columns = {name: batch.column(name).to_pylist() for name in dict.fromkeys([*names, *about])}
        keys = columns[key] if key else [None] * batch.num_rows
        cuts = [0, *(i for i in range(1, len(keys)) if keys[i] != keys[i - 1]), len(keys)]
        for start, end in pairwise(cuts):
            if held and keys[start] != current:
                number += 1
                done.add(current)
                if keys[start] in done:
                    raise Unreadable(f"one row per pixel, and those of {str(keys[start])[:40]!r} are not together")
                yield _of_pixels(held, choice, names, f"{stem}:{number}")
                held, count = [], 0
            current = keys[start]
            held.append({name: values[start:end] for name, values in columns.items()})
            count += end - start
            if count > _MOST_PIXELS:
                raise Unreadable(f"one row per pixel, and a spectrum of more than {_MOST_PIXELS} of them")
    if held:
        yield _of_pixels(held, choice, names, f"{stem}:{number + 1}" if number else stem)


def _of_pixels(held: Sequence[dict[str, list[Any]]], choice: Choice, names: Sequence[str], name: str) -> RawSpectrum:
    columns = {key: [v for part in held for v in part[key]] for key in held[0]}
    row = {
        key: values[0] if key in _ABOUT or not _is_column_of_numbers(values) else np.array(values, dtype=np.float64)
        for key, values in columns.items()
    }
    return _spectrum(row, choice, names, name)


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    columns = {name: _values(batch.column(name)) for name in dict.fromkeys(batch.schema.names)}
    for i in range(batch.num_rows):
        yield {name: values[i] for name, values in columns.items()}


def _values(column: Any) -> list[Any]:
    """Python values of one column; lists of numbers as arrays, because most spectra are long."""
    if not (_is_list(column.type) and _is_number(column.type.value_type)):
        return list(column.to_pylist())
    return [item.values.to_numpy(zero_copy_only=False) if item.is_valid else None for item in column]


def _is_list(kind: Any) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _is_column_of_numbers(values: list[Any]) -> bool:
    return all(v is None or isinstance(v, int | float) for v in values)


def _spectrum(row: dict[str, Any], choice: Choice, names: Sequence[str], fallback: str) -> RawSpectrum:
    name = row.get("spec_id")
    values = {role: row[column] for role, column in zip(choice.at, names, strict=True)}
    needed = ("flux", choice.axis)
    kept = {role: value for role, value in values.items() if role in needed or isinstance(value, np.ndarray | list)}
    return assemble(
        fallback if name is None else str(name),
        replace(choice, at={role: i for role, i in choice.at.items() if role in kept}),
        kept,
        units=row.get("units"),
        wavelength_unit=row.get("wavelength_unit"),
        target_id=row.get("object_id"),
        kind=row.get("type") or "source",
        redshift=_number(row.get("redshift")),
        phase_days=_number(row.get("phase_days")),
        instrument=row.get("instrument"),
        observed_at=row.get("observed_at"),
    )


def _number(value: Any) -> Any:
    """NaN is how data frames write "unknown"."""
    return None if isinstance(value, float) and math.isnan(value) else value

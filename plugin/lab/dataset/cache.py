"""What was fetched, on disk: pieces of compressed JSON lines that are written whole or not at all.

Spectra are kept exactly as they came, odd values included, so that quality control sees what the marshal sent.
"""

import gzip
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.domain import HumanLabel, LightCurve, RawSpectrum, Target

PIECE: Final = 100
"""Spectra per file: what a kill can cost at most."""
_TUPLES: Final = ("group_ids", "band", "notes", "observers", "reducers")


class SpectrumCache:
    """A folder of fetched spectra and objects. Use it as a context: what is in hand is written at the end.

    Parameters
    ----------
    folder : Path
        Made when it is not there; what is in it already is read, and half-written pieces are not.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._pending: dict[str, list[dict[str, Any]]] = {"spectra": [], "objects": []}
        self.versions = {r["spectrum_id"]: "" if r["trouble"] else r["modified"] or "" for r in self._rows("spectra")}
        """Spectrum id to the version that is here; empty for one that could not be read: it is asked for again."""
        self.objects = {row["target"]["target_id"] for row in self._rows("objects")}
        """Ids of the objects that are here."""

    def __enter__(self) -> "SpectrumCache":
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def put_spectrum(self, raw: RawSpectrum) -> None:
        """Keep one spectrum; a newer version of one that is here replaces it."""
        self._put("spectra", _plain(asdict(raw)))
        self.versions[raw.spectrum_id] = raw.modified or ""

    def put_object(self, target: Target, curve: LightCurve | None) -> None:
        """Keep what is known of one object."""
        self._put(
            "objects",
            {
                "target": asdict(replace(target, given=())),
                "light_curve": None if curve is None else _plain(asdict(curve)),
            },
        )
        self.objects.add(target.target_id)

    def flush(self) -> None:
        """Write what is in hand."""
        for kind, rows in self._pending.items():
            if rows:
                self._write(kind, rows)
                rows.clear()

    def spectra(self) -> Iterator[RawSpectrum]:
        """Every spectrum once, in its newest version, by id."""
        newest = {row["spectrum_id"]: (path, i) for path, i, row in self._numbered("spectra")}
        for path in self._pieces("spectra"):
            for i, row in enumerate(_read(path)):
                if newest[row["spectrum_id"]] == (path, i):
                    yield RawSpectrum(**_tuples(row))

    def known(self) -> Mapping[str, tuple[Target, LightCurve | None]]:
        """Every object with its light curve."""
        return {row["target"]["target_id"]: _object(row) for row in self._rows("objects")}

    def _put(self, kind: str, row: dict[str, Any]) -> None:
        self._pending[kind].append(row)
        if len(self._pending[kind]) >= PIECE:
            self.flush()

    def _write(self, kind: str, rows: list[dict[str, Any]]) -> None:
        number = len(self._pieces(kind)) + 1
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        path = self._folder / f"{kind}-{number:06d}.jsonl.gz"
        half = path.with_suffix(".part")
        half.write_bytes(gzip.compress(text.encode(), 6, mtime=0))
        half.replace(path)

    def _rows(self, kind: str) -> Iterator[dict[str, Any]]:
        return (row for _, _, row in self._numbered(kind))

    def _numbered(self, kind: str) -> Iterator[tuple[Path, int, dict[str, Any]]]:
        for path in self._pieces(kind):
            for i, row in enumerate(_read(path)):
                yield path, i, row

    def _pieces(self, kind: str) -> list[Path]:
        return sorted(self._folder.glob(f"{kind}-*.jsonl.gz"))


def _read(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _object(row: dict[str, Any]) -> tuple[Target, LightCurve | None]:
    curve = row["light_curve"]
    if curve is None:
        return _target(row["target"]), None
    columns: dict[str, Any] = {
        name: tuple(values) if name == "band" else np.array([math.nan if v is None else v for v in values])
        for name, values in curve.items()
    }
    return _target(row["target"]), LightCurve(**columns)


def _target(row: dict[str, Any]) -> Target:
    """An object; the labels of earlier caches are bare names, which nobody had doubted."""
    given = row["classifications"]
    labels = tuple(HumanLabel(one) if isinstance(one, str) else HumanLabel(**one) for one in given)
    return Target(**{**row, "group_ids": tuple(row["group_ids"]), "classifications": labels, "given": ()})


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Arrays as lists; NaN as null, which JSON has."""
    return {name: _listed(value) for name, value in row.items()}


def _listed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [None if math.isnan(v) else v for v in value.tolist()]
    return value


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if name in _TUPLES else value for name, value in row.items()}

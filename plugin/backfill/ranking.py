"""The answers of a run in an order: the most anomalous first, by each family of scores, by what they resemble, or by
how much they are like one of them.

Ranking needs no threshold: whoever looks at the first hundred has looked at the hundred strangest (ASTRANet paper, the
retrospective search).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np

from iris_client.files.spectra import read_spectra
from models.sentinel.scores import FAMILIES
from models.similar.shelf import Query, Shelf, Way, shape_of, stacked, unit_from_text
from plugin.backfill import tables
from plugin.backfill.asked import Asked, analyst_of
from plugin.backfill.folder import RunFolder
from plugin.batch.classify import asked as as_asked

By = Literal["anomaly", "family", "resembles"]
BYS: Final[tuple[By, ...]] = get_args(By)
SHOWN: Final = (
    "spectrum_id",
    "object_id",
    "label",
    "p",
    "set",
    "policy",
    "anomaly",
    "p_mondrian",
    "fired",
    "resembles",
    "redshift",
    "observed_at",
    "instrument",
)
"""Columns of the table, in order."""
_KEPT: Final = (*SHOWN, "file", "place", *(f"family_{name}" for name in FAMILIES))


class NotThere(Exception):
    """What is asked for is not among the answers; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Some of the answers, best first.

    Parameters
    ----------
    title : str
        What they are ordered by.
    rows : sequence of mapping
        Columns of the answers; `shape` and `network` too where they are ordered by likeness.
    """

    title: str
    rows: Sequence[Mapping[str, Any]] = field(repr=False)


def ranked(folder: RunFolder, by: By, number: int) -> list[Ranking]:
    """The first of all answers with a class; by family or resemblance the first of each.

    Parameters
    ----------
    number : int
        How many of each.
    """
    score, strange = ("anomaly", "descending"), ("p_mondrian", "ascending")
    ties = [strange, ("spectrum_id", "ascending"), ("place", "ascending")]
    if by == "family":
        return [
            Ranking(
                title=f"family {name}",
                rows=tables.best(folder.answers, _KEPT, [(f"family_{name}", "descending"), score, *ties], number),
            )
            for name in FAMILIES
        ]
    order = [score, *ties]
    if by == "anomaly":
        return [Ranking(title="anomaly", rows=tables.best(folder.answers, _KEPT, order, number))]
    kinds = sorted(kind for kind in tables.counted(folder.answers, "resembles") if kind is not None)
    return [
        Ranking(title=f"resembles {kind}", rows=tables.best(folder.answers, _KEPT, order, number, resembles=kind))
        for kind in kinds
    ]


def total(folder: RunFolder) -> int:
    """How many answers have a class."""
    return sum(number for label, number in tables.counted(folder.answers, "label").items() if label is not None)


def like(folder: RunFolder, name: str, number: int, *, way: Way = "both") -> Ranking:
    """The objects most like one of the answers, by the id of a spectrum or of an object.

    Raises
    ------
    NotThere
        If no answer with a class has this name.
    """
    shelf, rows = _shelf(folder)
    found = next((i for i, row in enumerate(rows) if name in (row["spectrum_id"], row["object_id"])), None)
    if found is None:
        raise NotThere(f"no answer with a class is of {name}")
    codes = shelf.shape[found]
    unit = shelf.unit[found]
    query = Query(
        shape=np.where(codes == 255, np.nan, codes.astype(float)), unit=None if np.isnan(unit).any() else unit
    )
    return _like(shelf, rows, query, f"like {name}", number, way, without=shelf.objects[found])


def like_file(folder: RunFolder, path: Path, number: int, asked: Asked, *, way: Way = "both") -> Ranking:
    """The objects most like the first spectrum of a file, answered by the models of the run.

    Raises
    ------
    NotThere
        If that spectrum cannot be answered.
    """
    raw = next(read_spectra(path), None)
    if raw is None:
        raise NotThere(f"{path} holds no spectrum")
    item = as_asked(raw, asked.rules)
    (report,) = analyst_of(asked)[0].run_many([item])
    spectrum = item[0].spectrum
    if report.verdict is None or spectrum is None:
        raise NotThere(f"{path}: {report.reason}")
    query = Query(shape=shape_of(spectrum.wavelength_A, spectrum.flux), unit=unit_from_text(report.embedding))
    shelf, rows = _shelf(folder)
    return _like(shelf, rows, query, f"like {path.name}", number, way)


def _like(
    shelf: Shelf,
    rows: Sequence[Mapping[str, Any]],
    query: Query,
    title: str,
    number: int,
    way: Way,
    without: str | None = None,
) -> Ranking:
    found = shelf.nearest(query, number, way=way, without=without)
    return Ranking(title=title, rows=[{**rows[one.row], "shape": one.shape, "network": one.network} for one in found])


def _shelf(folder: RunFolder) -> tuple[Shelf, list[dict[str, Any]]]:
    table = tables.answered(folder.answers, [*_KEPT, "shape", "embedding"])
    shapes, units = (table.column(name).to_pylist() for name in ("shape", "embedding"))
    rows: list[dict[str, Any]] = table.select(list(_KEPT)).to_pylist()
    objects = tuple(row["object_id"] or row["spectrum_id"] for row in rows)
    shelf = Shelf(
        shape=np.stack([np.frombuffer(s, np.uint8) for s in shapes]) if shapes else np.empty((0, 200), np.uint8),
        unit=stacked([None if u is None else np.frombuffer(u, "<f2") for u in units]),
        objects=objects,
        entries=tuple(range(len(rows))),
    )
    return shelf, rows

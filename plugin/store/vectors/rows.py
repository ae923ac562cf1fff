"""Shapes and embeddings of the spectra that were answered."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, select

from plugin.store.context import Context, canonical
from plugin.store.filed import Filed
from plugin.store.subject import ASTRANET
from plugin.store.tables import reports
from plugin.store.vectors.tables import vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """One answered spectrum, as a search sees it.

    Parameters
    ----------
    shape : bytes
        Flux in 200 even bins of 3850-9000 A, 0 to 254; 255 where missing.
    embedding : bytes or None
        192 numbers of unit length, little-endian half precision.
    model : str
        Whose networks the embedding is of.
    """

    spectrum_id: str
    target_id: str
    label: str
    observed_at: str | None
    instrument: str | None
    group_ids: tuple[int, ...]
    model: str
    shape: bytes
    embedding: bytes | None

    def seen_by_all_of(self, group_ids: Iterable[int]) -> bool:
        """Whether each of these groups sees this spectrum. Where nobody is named, nobody is known to see it."""
        groups = set(group_ids)
        return bool(groups) and groups <= set(self.group_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """An answered spectrum with what its answer says in numbers; None where it says nothing of that."""

    vector: Vector
    probability: float | None
    anomaly: float | None
    policy: str | None


@dataclass(frozen=True, slots=True)
class Vectors:
    """The questions about them."""

    context: Context

    def put(self, filed: Filed, *, shape: bytes, embedding: bytes | None) -> None:
        """Keep those of a spectrum with a class, in place of what was kept of it before.

        Raises
        ------
        ValueError
            If the report has no class.
        """
        if filed.report.verdict is None:
            raise ValueError(f"{filed.subject}: only a spectrum with a class is kept for searches")
        self.drop(filed.subject.id)
        self.context.connection.execute(
            vectors.insert().values(
                marshal=self.context.marshal,
                subject_id=filed.subject.id,
                target_id=filed.target_id,
                label=filed.report.verdict.label,
                observed_at=filed.observed_at,
                instrument=filed.instrument,
                group_ids=canonical(sorted(filed.group_ids)),
                model=filed.report.bundle,
                shape=shape,
                embedding=embedding,
            )
        )

    def drop(self, spectrum_id: str) -> None:
        """Forget those of a spectrum."""
        here = (vectors.c.marshal == self.context.marshal) & (vectors.c.subject_id == spectrum_id)
        self.context.connection.execute(delete(vectors).where(here))

    def of(self, name: str) -> list[Vector]:
        """Those of a spectrum, or of every spectrum of a source, oldest observation first."""
        return self._list((vectors.c.subject_id == name) | (vectors.c.target_id == name))

    def every(self) -> list[Vector]:
        """All of them."""
        return self._list(vectors.c.subject_id.is_not(None))

    def on_map(self, model: str, most: int, group: int | None = None) -> list[Scored]:
        """Those with an embedding of a model, as points of a map: the most recently observed first, up to `most`.

        Parameters
        ----------
        group : int, optional
            Only what this marshal group sees.
        """
        told = (reports.c.probability, reports.c.anomaly, reports.c.policy)
        query = (
            select(vectors, *told)
            .select_from(vectors.outerjoin(reports, _answer()))
            .where(*self._mapped(model, group))
            .order_by(vectors.c.observed_at.is_(None), vectors.c.observed_at.desc(), vectors.c.subject_id)
        )
        return [
            Scored(vector=_vector(row), probability=row.probability, anomaly=row.anomaly, policy=row.policy)
            for row in self.context.connection.execute(query.limit(most))
        ]

    def count_on_map(self, model: str, group: int | None = None) -> int:
        """How many there are in all."""
        query = select(func.count()).select_from(vectors).where(*self._mapped(model, group))
        return int(self.context.connection.execute(query).scalar_one())

    def _mapped(self, model: str, group: int | None) -> list[ColumnElement[bool]]:
        which = [
            vectors.c.marshal == self.context.marshal,
            vectors.c.model == model,
            vectors.c.embedding.is_not(None),
        ]
        if group is not None:  # "[6,23]": canonical, so that commas tell where a number ends
            inner = func.replace(func.replace(vectors.c.group_ids, "[", ","), "]", ",")
            which.append(inner.contains(f",{group},"))
        return which

    def _list(self, which: Any) -> list[Vector]:
        mine = vectors.c.marshal == self.context.marshal
        order = (vectors.c.observed_at, vectors.c.subject_id)
        found = self.context.connection.execute(select(vectors).where(mine, which).order_by(*order))
        return [_vector(row) for row in found]


def _answer() -> ColumnElement[bool]:
    """The report that a vector is of."""
    return and_(
        reports.c.marshal == vectors.c.marshal,
        reports.c.subject == "spectrum",
        reports.c.subject_id == vectors.c.subject_id,
        reports.c.producer == ASTRANET,
        reports.c.is_current,
    )


def _vector(row: Any) -> Vector:
    return Vector(
        spectrum_id=row.subject_id,
        target_id=row.target_id,
        label=row.label,
        observed_at=row.observed_at,
        instrument=row.instrument,
        group_ids=tuple(json.loads(row.group_ids)),
        model=row.model,
        shape=row.shape,
        embedding=row.embedding,
    )

"""Which spectra are most like one: of the archive that the bundle brings, and of those answered for the marshal.

A spectrum of the marshal is shown beside another only where every group that sees the other sees it too. Embeddings are
compared among answers of the same bundle.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.similar.archive import Archive
from models.similar.shelf import DIMENSIONS, Found, Query, Shelf, Way, stacked
from plugin.store import Unit
from plugin.store.vectors import Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Like:
    """One spectrum like the one that was asked about.

    Parameters
    ----------
    name : str
        Object of the archive, or source of the marshal.
    label : str
        The class the archive has; of the marshal's, the one that was answered.
    spectrum_id : str
        The archive's or the marshal's.
    is_ours : bool
        Whether it is one of the marshal's.
    shape, network : float or None
        Correlation of the shapes, cosine of the embeddings.
    bytes_of : ndarray of uint8, shape (200,)
        Its shape, to draw.
    """

    name: str
    label: str
    spectrum_id: str
    is_ours: bool
    shape: float | None
    network: float | None
    phase_days: float | None
    redshift: float | None
    bytes_of: NDArray[np.uint8]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        return {
            "object": self.name,
            "class": self.label,
            "spectrum": self.spectrum_id,
            "of": "marshal" if self.is_ours else "archive",
            "shape": self.shape,
            "network": self.network,
            "phase_days": self.phase_days,
            "redshift": self.redshift,
        }


def like_vector(
    unit: Unit, vector: Vector, archive: Archive | None, *, k: int = 10, way: Way = "both", everything: bool = False
) -> list[Like]:
    """What is like an answered spectrum of the marshal, other objects only.

    Parameters
    ----------
    everything : bool
        True: whoever sees them, for the operator; else only spectra that every group sees which sees this one.
    """
    shown = [v for v in unit.vectors.every() if everything or v.seen_by_all_of(vector.group_ids)]
    return search(query_of(vector), vector.model, shown, archive, k=k, way=way, without=vector.target_id)


def search(
    query: Query,
    model: str,
    ours: Sequence[Vector],
    archive: Archive | None,
    *,
    k: int = 10,
    way: Way = "both",
    without: str | None = None,
) -> list[Like]:
    """The objects most like a query, of the archive and of the marshal's spectra, best first.

    Parameters
    ----------
    model : str
        The bundle whose embedding the query has.
    """
    shelf = _shelf_of(ours, model)
    if archive is not None:
        theirs = archive.shelf
        if archive.bundle != model:
            unknown = np.full((len(theirs), DIMENSIONS), np.nan, np.float16)
            theirs = Shelf(shape=theirs.shape, unit=unknown, objects=theirs.objects, entries=theirs.entries)
        shelf = theirs.beside(shelf)
    return [_like(shelf, one) for one in shelf.nearest(query, k, way=way, without=without)]


def query_of(vector: Vector) -> Query:
    """An answered spectrum as what is looked for."""
    codes = np.frombuffer(vector.shape, np.uint8)
    return Query(shape=np.where(codes == 255, np.nan, codes.astype(float)), unit=_unit(vector))


def _shelf_of(found: Iterable[Vector], model: str) -> Shelf:
    vectors = list(found)
    shapes = [np.frombuffer(v.shape, np.uint8) for v in vectors]
    return Shelf(
        shape=np.stack(shapes) if shapes else np.empty((0, 200), np.uint8),
        unit=stacked([_unit(v) if v.model == model else None for v in vectors]),
        objects=tuple(v.target_id for v in vectors),
        entries=tuple(vectors),
    )


def _unit(vector: Vector) -> NDArray[np.float16] | None:
    return None if vector.embedding is None else np.frombuffer(vector.embedding, "<f2")


def _like(shelf: Shelf, found: Found) -> Like:
    entry, scores = found.entry, {"shape": found.shape, "network": found.network, "bytes_of": shelf.shape[found.row]}
    if isinstance(entry, Vector):
        return Like(
            name=entry.target_id,
            label=entry.label,
            spectrum_id=entry.spectrum_id,
            is_ours=True,
            phase_days=None,
            redshift=None,
            **scores,
        )
    return _of_archive(entry, scores)


def _of_archive(entry: Mapping[str, Any], scores: Mapping[str, Any]) -> Like:
    return Like(
        name=entry["object"],
        label=entry["class"],
        spectrum_id=entry["spectrum"],
        is_ours=False,
        phase_days=entry["phase_days"],
        redshift=entry["redshift"],
        **scores,
    )

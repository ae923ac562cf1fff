"""Maps of embeddings, made from the archive that a bundle brings and from the spectra answered for the marshal."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.similar.archive import Archive
from models.similar.plane import MOST, SEED, MapWay, Plane, sample
from models.similar.shelf import DIMENSIONS
from plugin.store.vectors import Scored
from plugin.web.look.map import Point, map_svg

MAP_FILE: Final = "map.safetensors"
"""In the output folder: what the page draws by."""


def fit_map(
    archive: Archive, found: Sequence[Scored] = (), *, way: MapWay, seed: int = SEED, most: int = MOST
) -> Plane:
    """A map of the archive and of answered spectra, on at most `most` of them all.

    Answered spectra go first, up to half of them; the archive has the rest. Those left out are drawn at random, the
    same ones for the same seed.

    Raises
    ------
    ValueError
        If there are too few spectra, or `umap` is asked for and not installed.
    """
    ours = sample(len(found), max(most // 2, most - len(archive.shelf)), seed=seed)
    theirs = sample(len(archive.shelf), most - len(ours), seed=seed)
    chosen = [found[i] for i in ours]
    names = archive_keys(archive)
    unit = np.concatenate([archive.analogs.unit[theirs], embeddings(chosen)])
    keys = [*(names[i] for i in theirs), *keys_of(chosen)]
    return Plane.fit(unit, keys, bundle=archive.bundle, way=way, seed=seed)


def archive_plane(archive: Archive) -> Plane:
    """The map that there is without any preparation: a PCA of the archive."""
    return fit_map(archive, way="pca")


def archive_keys(archive: Archive) -> list[str]:
    """What archive spectra are called on a map."""
    return [f"archive {spectrum}" for spectrum in archive.analogs.spectra]


def keys_of(found: Sequence[Scored]) -> list[str]:
    """What answered spectra are called on a map."""
    return [f"marshal {one.vector.spectrum_id}" for one in found]


def embeddings(found: Sequence[Scored]) -> NDArray[np.float16]:
    """The embeddings of answered spectra, shape (n, 192)."""
    rows = [np.frombuffer(one.vector.embedding or b"", "<f2") for one in found]
    return np.stack(rows).astype(np.float16) if rows else np.empty((0, DIMENSIONS), np.float16)


def points_of(plane: Plane, found: Sequence[Scored]) -> list[Point]:
    """Answered spectra as points, in the same order."""
    at = plane.place(embeddings(found), keys_of(found)) if found else np.empty((0, 2), np.float32)
    return [
        Point(
            name=one.vector.target_id,
            label=one.vector.label,
            words=words(one),
            is_alert=one.policy == "ALERT",
            xy=(float(x), float(y)),
        )
        for one, (x, y) in zip(found, at, strict=True)
    ]


def words(one: Scored) -> str:
    """What is said of a point."""
    p = "" if one.probability is None else f" {one.probability:.2f}"
    odd = "" if one.anomaly is None else f", anomaly {one.anomaly:.2f}"
    policy = "" if one.policy is None else f", {one.policy}"
    return f"{one.vector.target_id}: {one.vector.label}{p}{odd}{policy}; spectrum {one.vector.spectrum_id}"


def alt_of(plane: Plane, archived: int, ours: int) -> str:
    """What the picture shows, in words."""
    over = f", and {ours} of the marshal's over them" if ours else ""
    return f"{plane.way.upper()} of {archived} archive spectra, by class{over}"


def map_picture(plane: Plane, archive: Archive, found: Sequence[Scored] = ()) -> str:
    """The map as a file of its own."""
    at, labels = plane.place(archive.analogs.unit, archive_keys(archive)), archive.analogs.classes
    points = points_of(plane, found)[::-1]
    return str(map_svg(at, labels, points, alt=alt_of(plane, len(labels), len(points)), alone=True)) + "\n"

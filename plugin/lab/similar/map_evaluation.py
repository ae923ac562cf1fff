"""The map of the archive: how much of the embeddings' neighbourhoods each way of drawing it keeps."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.domain import FINE_CLASSES
from models.similar.archive import Archive
from models.similar.plane import NEIGHBOURS, SEED, MapWay, has_umap
from plugin.batch.map import archive_keys, fit_map, map_picture
from plugin.lab.spectra.markdown import table

Floats = NDArray[np.float32]
_CHUNK: Final = 512
WAYS: Final[tuple[MapWay, ...]] = ("umap", "pca")
TITLES: Final = {"embeddings": "the embeddings themselves (192 numbers)", "umap": "UMAP", "pca": "PCA"}


def evaluate_map(archive: Archive, out: Path, *, seed: int = SEED) -> dict[str, Any]:
    """Draw the archive in every way there is, and say how much each keeps; figures as plain JSON."""
    unit, labels = archive.analogs.unit.astype(np.float32), np.array(archive.analogs.classes)
    objects = np.array(archive.analogs.names)
    true = list(_nearest(unit, objects, cosine=True))
    figures: dict[str, Any] = {
        "spectra": len(labels),
        "objects": len(set(objects.tolist())),
        "class_mix": {c: int((labels == c).sum()) for c in FINE_CLASSES},
        "seed": seed,
        "ways": {"embeddings": _figures(true, true, labels)},
    }
    out.mkdir(parents=True, exist_ok=True)
    for way in WAYS if has_umap() else WAYS[1:]:
        made = fit_map(archive, way=way, seed=seed)
        (out / f"map-{way}.svg").write_text(map_picture(made, archive), encoding="utf-8")
        found = list(_nearest(made.place(unit, archive_keys(archive)), objects, cosine=False))
        figures["ways"][way] = _figures(found, true, labels)
    return figures


def _nearest(at: Floats, objects: NDArray[np.str_], *, cosine: bool) -> Iterator[NDArray[np.int64]]:
    """The nearest spectra of other objects, `NEIGHBOURS` of them, of each spectrum in turn."""
    square = (at**2).sum(1)
    for start in range(0, len(at), _CHUNK):
        rows = at[start : start + _CHUNK]
        far = -(rows @ at.T) if cosine else square - 2 * rows @ at.T
        far[objects[start : start + _CHUNK, None] == objects[None]] = np.inf
        near = np.argpartition(far, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        yield from np.take_along_axis(near, np.argsort(np.take_along_axis(far, near, 1), axis=1), 1)


def _figures(found: list[NDArray[np.int64]], true: list[NDArray[np.int64]], labels: NDArray[np.str_]) -> dict[str, Any]:
    kept = np.array([len(set(a.tolist()) & set(b.tolist())) / NEIGHBOURS for a, b in zip(found, true, strict=True)])
    same = np.array([(labels[near] == own).mean() for near, own in zip(found, labels, strict=True)])
    return {
        "kept": round(float(kept.mean()), 4),
        "same_class": {c: round(float(same[labels == c].mean()), 4) for c in FINE_CLASSES if (labels == c).any()},
    }


def write_page(out: Path, bundle_id: str, figures: Mapping[str, Any]) -> Path:
    """Write `map.md` and its figures as JSON; returns the page's path."""
    (out / "map.json").write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    path = out / "map.md"
    path.write_text(page(bundle_id, figures))
    return path


def page(bundle_id: str, figures: Mapping[str, Any]) -> str:
    """The page as Markdown."""
    mix = ", ".join(f"{c} {n}" for c, n in figures["class_mix"].items() if n)
    classes = [c for c, n in figures["class_mix"].items() if n]
    rows = [
        [TITLES[way], f"{f['kept']:.3f}", *(f"{f['same_class'][c]:.2f}" for c in classes)]
        for way, f in figures["ways"].items()
    ]
    parts = [
        "# Map of the archive",
        f"Bundle `{bundle_id}`: the {figures['spectra']:,} public archive spectra that it brings, of "
        f"{figures['objects']:,} objects ({mix}), by their embeddings without redshift and phase. The networks learned "
        f"from most of them, so that this is a picture of what they know and no test of it. Seed {figures['seed']}. "
        "Made by",
        "    .venv/bin/astranet evaluate map --out docs/results",
    ]
    parts += [f"![{TITLES[way]} of the archive's embeddings](map-{way}.svg)" for way in figures["ways"] if way in WAYS]
    parts += [
        f"**How much a picture keeps.** Of the {NEIGHBOURS} spectra of other objects that are nearest to a spectrum by "
        "their embeddings, the share that is among its nearest in the picture; and the share of its nearest that are "
        "of its class, averaged over the spectra of the class.",
        table(["where", "neighbours kept", *classes], rows),
        "So an island is worth a look, and who a spectrum's neighbours are is better asked of the embeddings: "
        "[more like this](similar.md).",
    ]
    return "\n\n".join(parts) + "\n"

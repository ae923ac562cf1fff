"""A page about a set: what came in, what was kept, what was not and why, and what it looks like. One file."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
from markupsafe import Markup
from numpy.typing import NDArray

from models.domain import FINE_CLASSES
from plugin.lab.dataset.drawing import COLOURS, bars, histogram, spectrum
from plugin.lab.dataset.write import MANIFEST
from plugin.ops.templates import html_templates

EXAMPLES: Final = 3
"""Drawn per class, the same ones for the same set."""
_TEMPLATES: Final = Path(__file__).parent / "templates"
_COLUMNS: Final = ("spec_id", "object_id", "fine_class", "rare_class", "semi_real", "redshift", "phase_days", "snr_est")


def render(folder: Path) -> str:
    """The page as HTML; everything that came from data is escaped.

    Raises
    ------
    FileNotFoundError
        If there is no set in `folder`.
    """
    if not (folder / MANIFEST).exists():
        raise FileNotFoundError(f"no set in {folder}: run `astranet iris build` first")
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    rows = pq.read_table(folder / "spectra.parquet", columns=list(_COLUMNS)).to_pylist()
    environment = html_templates(_TEMPLATES)
    return environment.get_template("iris.html").render(
        manifest=manifest,
        table=_table(manifest),
        rejections=_rejections(folder),
        distributions=_distributions(rows),
        examples=_examples(folder, rows),
        total=len(rows),
        rejected=sum(manifest["rejected"].values()),
        colours=COLOURS,
    )


def _table(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """One line per class: read, kept, by split; the seven first."""
    found = []
    for name in sorted(manifest["read"], key=_place):
        kept = manifest["kept"].get(name, {})
        found.append({"name": name, **manifest["read"][name], "kept": sum(kept.values()), "sides": kept})
    return found


def _place(name: str) -> tuple[int, str]:
    plain = name.removesuffix(" (semi-real)")
    return (FINE_CLASSES.index(plain) if plain in FINE_CLASSES else 99, name)


def _rejections(folder: Path) -> list[dict[str, Any]]:
    """Each rule with its count, the classes it took from, and one sentence as an example."""
    counts: Counter[str] = Counter()
    classes: dict[str, Counter[str]] = {}
    examples: dict[str, str] = {}
    with (folder / "rejected.jsonl").open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            counts[row["rule"]] += 1
            classes.setdefault(row["rule"], Counter())[row["class"]] += 1
            examples.setdefault(row["rule"], f"{row['spectrum_id']}: {row['reason']}")
    most = max(counts.values(), default=1)
    return [
        {
            "rule": rule,
            "n": n,
            "classes": ", ".join(f"{name} {k}" for name, k in classes[rule].most_common(4)),
            "example": examples[rule],
            "bar": bars(n / most),
        }
        for rule, n in counts.most_common()
    ]


def _distributions(rows: Sequence[dict[str, Any]]) -> list[tuple[str, Markup]]:
    real = [r for r in rows if not r["semi_real"]]
    return [
        ("Signal to noise per pixel", _drawn(real, "snr_est", np.geomspace(1, 300, 26), log=True)),
        ("Redshift", _drawn(real, "redshift", np.linspace(0, 0.5, 26))),
        ("Phase, rest-frame days from maximum", _drawn(real, "phase_days", np.linspace(-30, 120, 31))),
    ]


def _drawn(rows: Sequence[dict[str, Any]], key: str, edges: NDArray[np.float64], *, log: bool = False) -> Markup:
    known = [(r["fine_class"] or "rare", r[key]) for r in rows if r[key] is not None and np.isfinite(r[key])]
    layers = {
        name: np.histogram([v for c, v in known if c == name], bins=edges)[0].astype(float)
        for name in (*FINE_CLASSES, "rare")
    }
    outside = len(known) - int(sum(counts.sum() for counts in layers.values()))
    return histogram(edges, layers, log=log, note=f"{len(rows) - len(known)} unknown, {outside} outside")


def _examples(folder: Path, rows: Sequence[dict[str, Any]]) -> list[tuple[str, list[Markup]]]:
    """A few spectra of each class, evenly spread over its signal to noise."""
    chosen: dict[str, list[int]] = {}
    for name in sorted({_class(r) for r in rows}, key=_place):
        members = sorted((i for i, r in enumerate(rows) if _class(r) == name), key=lambda i: rows[i]["snr_est"] or 0.0)
        places = np.linspace(0, len(members) - 1, 2 * min(EXAMPLES, len(members)) + 1)[1::2]
        chosen[name] = sorted({members[round(p)] for p in places})
    wanted = sorted({i for members in chosen.values() for i in members})
    arrays = dict(zip(wanted, _arrays(folder / "spectra.parquet", wanted), strict=True))
    return [(name, [spectrum(rows[i], *arrays[i]) for i in members]) for name, members in chosen.items()]


def _class(row: dict[str, Any]) -> str:
    name = row["fine_class"] or f"rare: {row['rare_class']}"
    return name + (" (semi-real)" if row["semi_real"] else "")


def _arrays(path: Path, wanted: Sequence[int]) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """The arrays of some rows, ascending, without reading the rest into memory at once."""
    found, start = [], 0
    todo = iter(wanted)
    row = next(todo, None)
    for batch in pq.ParquetFile(path).iter_batches(256, columns=["wavelength", "flux"]):
        while row is not None and row < start + batch.num_rows:
            wave, flux = (batch.column(k)[row - start].values.to_numpy(zero_copy_only=False) for k in range(2))
            found.append((wave, flux))
            row = next(todo, None)
        start += batch.num_rows
    return found

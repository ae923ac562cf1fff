"""The set on disk: parquet, tensors, splits, what was rejected, and a manifest that names every byte.

The manifest holds neither time nor place nor source: the same spectra give the same bytes.
"""

import hashlib
import json
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from iris_client.taxonomy.kinds import category, ten_class
from models.training.dataset import build
from plugin.lab.dataset.assemble import Assembled, Kept, rules_broken
from plugin.lab.dataset.identity.splits import DEFAULT_FRACTIONS, splits_hash
from plugin.lab.dataset.tensors import rows

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
SPLITS_FILE: Final = "splits.json"
_ROWS_PER_GROUP: Final = 512


def write(assembled: Assembled, folder: Path) -> dict[str, Any]:
    """Write the set into `folder` and return its manifest.

    Files
    -----
    spectra.parquet
        Every kept spectrum in its own sampling, with class, split and all that is known of it.
    dataset.safetensors, rare.safetensors
        The seven classes and the rare ones on the network's grid (`models.training.dataset.Dataset`).
    splits.json, rejected.jsonl, duplicates.json, manifest.json
    """
    folder.mkdir(parents=True, exist_ok=True)
    ordered = sorted(assembled.kept, key=lambda k: k.spectrum.spectrum_id)
    files = [
        _spectra(assembled, ordered, folder / "spectra.parquet"),
        *_tensors(assembled, ordered, folder),
        _json(folder / SPLITS_FILE, dict(assembled.splits.assignment)),
        _rejected(assembled, folder / "rejected.jsonl"),
        _json(folder / "duplicates.json", _duplicates(assembled)),
    ]
    manifest = _manifest(assembled, files)
    _json(folder / MANIFEST, manifest)
    return manifest


def earlier_splits(folder: Path) -> dict[str, str]:
    """The assignment of the set in `folder`; empty when there is none yet.

    Raises
    ------
    ValueError
        If the file is damaged or is not what the manifest says.
    """
    path = folder / SPLITS_FILE
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        named = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["splits"]["hash"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder}: splits or manifest cannot be read ({type(error).__name__})") from error
    if not isinstance(found, dict) or splits_hash(found) != named:
        raise ValueError(f"{path} is not the one of {MANIFEST}: which object stands where is not certain")
    return {str(name): str(split) for name, split in found.items()}


def _manifest(assembled: Assembled, files: Sequence[Path]) -> dict[str, Any]:
    assignment = assembled.splits.assignment
    unknown = Counter(r.record.label.raw for r in assembled.rejected if r.rule == "unknown_label")
    return {
        "format": FORMAT,
        "rules": asdict(assembled.rules),
        "seed": assembled.seed,
        "fractions": dict(DEFAULT_FRACTIONS),
        "read": assembled.census,
        "kept": _kept(assembled),
        "rejected": dict(sorted(rules_broken(assembled).items())),
        "unknown_labels": dict(sorted(unknown.items())),
        "duplicates": {
            "identical": rules_broken(assembled)["duplicate"],
            "near": len(assembled.near),
            "objects_linked": len(assembled.links),
        },
        "splits": {
            "hash": splits_hash(assignment),
            "objects": dict(sorted(Counter(assignment.values()).items())),
            "conflicts": [list(names) for names in assembled.splits.conflicts],
        },
        "redshift_origins": dict(sorted(Counter(k.record.redshift_origin or "none" for k in assembled.kept).items())),
        "phases": sum(k.spectrum.phase_days is not None for k in assembled.kept),
        "files": {path.name: {"sha256": _sha256(path), "bytes": path.stat().st_size} for path in files},
    }


def _kept(assembled: Assembled) -> dict[str, dict[str, int]]:
    """Class to spectra per split; rare classes stand in none."""
    table: dict[str, Counter[str]] = {}
    for k in assembled.kept:
        name = k.record.class_name + (" (semi-real)" if k.record.semi_real else "")
        side = assembled.split_of(k.record) if k.record.label.fine else "rare"
        table.setdefault(name, Counter())[side] += 1
    return {name: dict(sorted(table[name].items())) for name in sorted(table)}


def _spectra(assembled: Assembled, kept: Sequence[Kept], path: Path) -> Path:
    with pq.ParquetWriter(path, _SCHEMA, compression="zstd") as writer:
        for start in range(0, len(kept), _ROWS_PER_GROUP):
            piece = [_row(assembled, k) for k in kept[start : start + _ROWS_PER_GROUP]]
            writer.write_table(pa.Table.from_pylist(piece, schema=_SCHEMA))
    return path


_SCHEMA: Final = pa.schema(
    [
        *((name, pa.string()) for name in ("spec_id", "object_id", "split_group", "split", "fine_class", "rare_class")),
        *((name, pa.string()) for name in ("coarse_class", "ten_class", "category", "raw_type")),
        *((name, pa.string()) for name in ("instrument", "source", "observed_at")),
        ("redshift", pa.float64()),
        ("redshift_origin", pa.string()),
        ("mjd", pa.float64()),
        ("phase_days", pa.float64()),
        ("phase_error_days", pa.float64()),
        ("phase_reason", pa.string()),
        ("snr_est", pa.float64()),
        ("coverage", pa.float64()),
        ("semi_real", pa.bool_()),
        ("notes", pa.list_(pa.string())),
        ("wavelength", pa.list_(pa.float64())),
        ("flux", pa.list_(pa.float64())),
    ]
)


def _row(assembled: Assembled, kept: Kept) -> dict[str, Any]:
    record, spectrum = kept.record, kept.spectrum
    return {
        "spec_id": spectrum.spectrum_id,
        "object_id": record.raw.target_id or record.group,
        "split_group": assembled.group_of(record),
        "split": assembled.split_of(record) if record.label.fine else None,
        "fine_class": record.label.fine,
        "rare_class": record.label.rare,
        "coarse_class": record.label.coarse,
        "ten_class": ten_class(record.label.raw, record.label.fine),
        "category": category(record.label),
        "raw_type": record.label.raw,
        "instrument": spectrum.instrument,
        "source": record.source or None,
        "observed_at": spectrum.observed_at,
        "redshift": spectrum.redshift,
        "redshift_origin": record.redshift_origin,
        "mjd": record.mjd,
        "phase_days": spectrum.phase_days,
        "phase_error_days": record.phase_error_days,
        "phase_reason": record.phase_reason,
        "snr_est": kept.snr,
        "coverage": kept.coverage,
        "semi_real": record.semi_real,
        "notes": list(kept.notes),
        "wavelength": spectrum.wavelength_A,
        "flux": spectrum.flux,
    }


def _tensors(assembled: Assembled, kept: Sequence[Kept], folder: Path) -> list[Path]:
    paths = []
    for name, fine in (("dataset", True), ("rare", False)):
        chosen = [k for k in kept if bool(k.record.label.fine) is fine]
        path = folder / f"{name}.safetensors"
        path.unlink(missing_ok=True)
        if chosen:
            build(rows(assembled, chosen)).save(path)
            sort_header(path)
            paths.append(path)
    return paths


def sort_header(path: Path) -> None:
    """Put the header of a safetensors file into one order: the library writes its metadata in a random one."""
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.dumps(json.loads(content[8 : 8 + size]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    path.write_bytes(struct.pack("<Q", len(header)) + header + content[8 + size :])


def _rejected(assembled: Assembled, path: Path) -> Path:
    found = sorted(assembled.rejected, key=lambda r: (r.record.raw.spectrum_id, r.rule))
    lines = (
        {
            "spectrum_id": r.record.raw.spectrum_id,
            "object_id": r.record.raw.target_id or r.record.group,
            "class": r.record.class_name,
            "rule": r.rule,
            "reason": r.reason,
        }
        for r in found
    )
    return _lines(path, lines)


def _duplicates(assembled: Assembled) -> dict[str, Any]:
    return {
        "near": [{"spectra": sorted(pair[:2]), "correlation": pair[2]} for pair in sorted(assembled.near)],
        "objects_linked": [asdict(link) for link in sorted(assembled.links, key=lambda x: (x.first, x.second))],
    }


def _lines(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def _json(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

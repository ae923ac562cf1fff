"""Labelled spectra of a data folder as a training set: quality control, splits, the network's grid."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from iris_client.quality import QualityRules, examine
from iris_client.splits import assign_splits, splits_hash
from models.domain import RawSpectrum
from models.training.dataset import Dataset, Row, build

TRAINED_FILES = ("spectra_pool.parquet", "spectra_pool_extra.parquet", "spectra_semireal.parquet")
COLUMNS = (
    "spec_id", "object_id", "split_group", "fine_class", "raw_type", "redshift", "phase_days", "instrument", "source",
    "snr_est", "ambiguous", "semi_real", "wavelength", "flux",
)  # fmt: skip
TRAINING_COVERAGE = 0.6
"""Narrower spectra than the service accepts still teach; they stay out of every figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """The training set, how it was split, and what was left out and why."""

    data: Dataset
    splits_hash: str
    rejected: Counter[str]


def load_labelled(folder: Path, *, seed: int = 42, progress: Callable[[str], None] = lambda _: None) -> Labelled:
    """Read `FOLDER/spectra/*.parquet` with labels and objects.

    Raises
    ------
    FileNotFoundError
        If none of the files is there.
    """
    records = list(_records(folder / "spectra"))
    # Semi-real spectra are dealt out apart, so that each split has its share of the real ones.
    strata = [r["fine_class"] + (" (semi-real)" if r["semi_real"] else "") for r in records]
    assignment = assign_splits([_group(r) for r in records], strata, seed=seed)
    rejected: Counter[str] = Counter()
    rows = []
    rules = QualityRules(min_coverage=TRAINING_COVERAGE)
    for record in records:
        examined = examine(_raw(record), rules)
        if examined.spectrum is None:
            rejected[str(next(c.code for c in examined.caveats if c.refuses))] += 1
            continue
        rows.append(
            Row(
                spectrum=examined.spectrum,
                label=record["fine_class"],
                group=_group(record),
                split=assignment[_group(record)],
                snr=float(record["snr_est"] if record["snr_est"] is not None else "nan"),
                semi_real=bool(record["semi_real"]),
                source=record["source"] or "",
                kind=record["raw_type"] or "",
            )
        )
        progress(record["spec_id"])
    return Labelled(data=build(rows), splits_hash=splits_hash(assignment), rejected=rejected)


def _records(folder: Path) -> Iterator[dict[str, Any]]:
    paths = [folder / name for name in TRAINED_FILES if (folder / name).exists()]
    if not paths:
        raise FileNotFoundError(f"no labelled spectra in {folder}: expected {', '.join(TRAINED_FILES)}")
    for path in paths:
        file = pq.ParquetFile(path)
        columns = [c for c in COLUMNS if c in file.schema_arrow.names]
        for batch in file.iter_batches(batch_size=500, columns=columns):
            arrays = {name: batch.column(name) for name in ("wavelength", "flux")}
            for i, record in enumerate(batch.drop_columns(list(arrays)).to_pylist()):
                full = dict.fromkeys(COLUMNS) | record
                if full["fine_class"] and not full["ambiguous"]:
                    # Lists of Python floats would cost more than everything else together.
                    yield full | {name: column[i].values.to_numpy() for name, column in arrays.items()}


def _group(record: dict[str, Any]) -> str:
    return str(record["split_group"] or record["object_id"])


def _raw(record: dict[str, Any]) -> RawSpectrum:
    return RawSpectrum(
        spectrum_id=record["spec_id"],
        target_id=record["object_id"],
        wavelengths=record["wavelength"],
        fluxes=record["flux"],
        redshift=record["redshift"],
        phase_days=record["phase_days"],
        instrument=record["instrument"],
    )

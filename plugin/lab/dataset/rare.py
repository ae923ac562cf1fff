"""Rare and out-of-taxonomy spectra of a data folder: what the anomaly layer is fitted to see and measured on."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from iris_client.quality.control import QualityRules, examine
from models.conformal.domains import FULL_COVERAGE
from models.domain import RawSpectrum
from models.training.dataset import Dataset, Row, build
from plugin.lab.dataset.records import RARE_FILES, catalogue_files

FILES = (*RARE_FILES, "spectra_semireal*.parquet")
COLUMNS = (
    "spec_id", "object_id", "split_group", "fine_class", "rare_class", "redshift", "phase_days", "instrument", "source",
    "snr_est", "ambiguous", "semi_real", "wavelength", "flux",
)  # fmt: skip


def load_rare(folder: Path, *, progress: Callable[[str], None] = lambda _: None) -> tuple[Dataset, Counter[str]]:
    """Read the rare rows of `FOLDER/spectra/*.parquet` that the service would accept.

    Returns
    -------
    Dataset
        `kinds` holds the rare class, `label` is -1, `semi_real` tells made ones; the split means nothing.
    Counter of str
        How many were left out, by the code of the refusing caveat.

    Raises
    ------
    FileNotFoundError
        If there is no rare spectrum.
    """
    rejected: Counter[str] = Counter()
    rows = []
    for record in _records(folder / "spectra"):
        examined = examine(_raw(record), QualityRules(min_coverage=FULL_COVERAGE))
        if examined.spectrum is None:
            rejected[str(next(c.code for c in examined.caveats if c.refuses))] += 1
            continue
        rows.append(
            Row(
                spectrum=examined.spectrum,
                label=None,
                group=str(record["split_group"] or record["object_id"]),
                split="test",
                snr=float(record["snr_est"] if record["snr_est"] is not None else "nan"),
                semi_real=bool(record["semi_real"]),
                source=record["source"] or "",
                kind=record["rare_class"],
            )
        )
        progress(record["spec_id"])
    if not rows:
        raise FileNotFoundError(f"no rare spectra in {folder / 'spectra'}: none of {', '.join(FILES)} has any")
    return build(rows), rejected


def _records(folder: Path) -> Iterator[dict[str, Any]]:
    for path in catalogue_files(folder, FILES):
        file = pq.ParquetFile(path)
        columns = [c for c in COLUMNS if c in file.schema_arrow.names]
        for record in file.read(columns=columns).to_pylist():
            full = dict.fromkeys(COLUMNS) | record
            if full["rare_class"] and not full["ambiguous"]:
                yield full


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

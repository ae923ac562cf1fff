"""Reading the real spectra from which the simulator's summary is learned: training objects only."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from models.simulation.summary import Summary
from models.training.simulation.fit import Sample, fit
from plugin.lab.dataset.identity.splits import assign_splits, splits_hash
from plugin.sandbox.parquet import rows

FILES = ("spectra_pool.parquet", "spectra_pool_extra.parquet", "spectra_semireal.parquet")
_KEYS = ["spec_id", "object_id", "split_group", "fine_class", "ambiguous", "semi_real"]
_MORE = ["main_set", "redshift", "phase_days", "raw_type", "recipe", "snr_est", "wavelength", "flux"]
LEAST_SNR = 6.0


def train_simulator(data: Path, *, seed: int = 0) -> Summary:
    """Learn the summary from `data`/spectra.

    Real spectra of the training split with coverage of 0.8 and more; semi-real ones for CV only, of which there are
    next to no real spectra. The split is the one of the classifier's training: all unambiguous rows of the three
    files, semi-real objects dealt out by themselves.
    """
    folder = data / "spectra"
    split = _splits(folder)
    samples = [s for s in _samples(folder, split) if s.semi_real == (s.label == "CV")]
    provenance = {
        "files": " ".join(FILES),
        "rows": "main_set, not ambiguous, train split of assign_splits (plugin.lab.dataset.identity.splits) by default",
        "splits_sha256": splits_hash(split),
        "CV": "components come from semi-real spectra, because real ones are lacking",
    }
    return fit(samples, provenance, seed=seed)


def _splits(folder: Path) -> dict[str, str]:
    groups, classes = [], []
    for name in FILES:
        for row in rows(folder / name, _KEYS):
            if row["fine_class"] is not None and not row["ambiguous"]:
                groups.append(row["split_group"] or row["object_id"])
                classes.append(row["fine_class"] + ("*" if row["semi_real"] else ""))
    return assign_splits(groups, classes)


def _samples(folder: Path, split: dict[str, str]) -> Iterator[Sample]:
    for name in FILES:
        for row in rows(folder / name, _KEYS + _MORE):
            group = row["split_group"] or row["object_id"]
            if split.get(group) == "train" and _usable(row):
                yield _sample(row, group)


def _usable(row: dict[str, Any]) -> bool:
    known = row["fine_class"] is not None and not row["ambiguous"] and row["redshift"] is not None
    return known and bool(row["main_set"]) and (row["snr_est"] or 0.0) >= LEAST_SNR


def _sample(row: dict[str, Any], group: str) -> Sample:
    return Sample(
        wavelength_A=np.asarray(row["wavelength"], dtype=float),
        flux=np.asarray(row["flux"], dtype=float),
        label=row["fine_class"],
        redshift=float(row["redshift"]),
        group=group,
        snr=float(row["snr_est"]),
        phase_days=row["phase_days"],
        raw_type=row["raw_type"] or "",
        recipe=row["recipe"] or "",
        semi_real=bool(row["semi_real"]),
    )

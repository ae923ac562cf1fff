"""Labelled spectra on the network's grid, as arrays."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from models.domain import FINE_CLASSES, Spectrum
from models.spectral.prepare import GRID_SIZE, on_grid, prepare

SPLITS = ("train", "select", "calibrate", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Spectra and what is known of them; one row each.

    Parameters
    ----------
    flux : ndarray of float16, shape (n, 4096)
        Percentile-scaled, zero where missing.
    mask : ndarray of uint8, shape (n, 512)
        Validity, packed eight pixels to a byte.
    floor : ndarray of float32, shape (n,)
        How far zero flux lies below the scaled flux's zero.
    label : ndarray of int64, shape (n,)
        Index into `FINE_CLASSES`; -1 for rare classes.
    redshift, phase_days, snr, coverage : ndarray of float32, shape (n,)
        NaN where unknown.
    spacing : ndarray of float32, shape (n,)
        Median distance of the spectrum's own pixels, Angstrom: 1 for an archive's, 25 for the SED Machine's.
    split : ndarray of int64, shape (n,)
        Index into `SPLITS`.
    semi_real : ndarray of bool, shape (n,)
        Made from components, not observed.
    disputed : ndarray of bool, shape (n,)
        The sources disagree on the class: in the training split only, and in no figure.
    ids, groups, sources, instruments, kinds : tuple of str, length n
        Spectrum, object (the unit of every split), archive, spectrograph, raw or rare type.
    """

    flux: NDArray[np.float16]
    mask: NDArray[np.uint8]
    floor: NDArray[np.float32]
    label: NDArray[np.int64]
    redshift: NDArray[np.float32]
    phase_days: NDArray[np.float32]
    snr: NDArray[np.float32]
    coverage: NDArray[np.float32]
    spacing: NDArray[np.float32]
    split: NDArray[np.int64]
    semi_real: NDArray[np.bool_]
    disputed: NDArray[np.bool_]
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    sources: tuple[str, ...]
    instruments: tuple[str, ...]
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.label)

    def rows(self, where: NDArray[np.bool_] | NDArray[np.int64]) -> "Dataset":
        """The same columns for some rows, by boolean mask or index."""
        index = np.flatnonzero(where) if where.dtype == bool else where
        columns: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        picked: dict[str, Any] = {
            k: tuple(v[i] for i in index) if isinstance(v, tuple) else v[index] for k, v in columns.items()
        }
        return Dataset(**picked)

    def part(self, split: str, *, real: bool = True, min_coverage: float = 0.8) -> "Dataset":
        """The labelled rows of one split; by default real, undisputed spectra that cover 80 % of the window."""
        keep = (self.split == SPLITS.index(split)) & (self.label >= 0) & (self.coverage >= min_coverage)
        return self.rows(keep & ~self.semi_real & ~self.disputed if real else keep)

    def masks(self) -> NDArray[np.bool_]:
        """Validity unpacked, shape (n, 4096)."""
        return np.unpackbits(self.mask, axis=1, count=GRID_SIZE).astype(bool)

    def counts(self) -> dict[str, dict[str, int]]:
        """Spectra and objects per class."""
        groups = np.array(self.groups)
        return {
            name: {"spectra": int((self.label == k).sum()), "objects": len(set(groups[self.label == k]))}
            for k, name in enumerate(FINE_CLASSES)
        }

    def hash(self) -> str:
        """SHA-256 over ids, labels and splits: which data a model has seen."""
        text = "\n".join(f"{i} {k} {s}" for i, k, s in zip(self.ids, self.label, self.split, strict=True))
        return hashlib.sha256(text.encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Write one safetensors file."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if not isinstance(getattr(self, f.name), tuple)}
        texts = {f.name: json.dumps(getattr(self, f.name)) for f in fields(self) if f.name not in arrays}
        save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, path, metadata=texts)

    @classmethod
    def load(cls, path: Path) -> "Dataset":
        """Read what `save` wrote."""
        with safe_open(path, framework="numpy") as file:
            texts = {k: tuple(json.loads(v)) for k, v in file.metadata().items()}
        columns: dict[str, Any] = {**load_file(path), **texts}
        return cls(**columns)


def joined(parts: Sequence[Dataset]) -> Dataset:
    """The rows of several sets, one after the other."""
    columns: dict[str, Any] = {}
    for name in (f.name for f in fields(Dataset)):
        values = [getattr(p, name) for p in parts]
        columns[name] = sum(values, ()) if isinstance(values[0], tuple) else np.concatenate(values)
    return Dataset(**columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One labelled spectrum before it is put on the grid."""

    spectrum: Spectrum
    label: str | None
    group: str
    split: str
    snr: float
    semi_real: bool
    source: str
    kind: str
    disputed: bool = False


def build(rows: Sequence[Row]) -> Dataset:
    """Put labelled spectra on the grid.

    Raises
    ------
    ValueError
        If a spectrum cannot be prepared; quality control comes before.
    """
    prepared = [prepare(r.spectrum) for r in rows]

    def numbers(values: Sequence[float | None]) -> NDArray[np.float32]:
        return np.array([np.nan if v is None else v for v in values], np.float32)

    return Dataset(
        flux=np.stack([np.clip(p.flux, -6e4, 6e4) for p in prepared]).astype(np.float16),
        mask=np.packbits(np.stack([p.mask for p in prepared]), axis=1),
        floor=np.array([_floor(r.spectrum) for r in rows], np.float32),
        label=np.array([FINE_CLASSES.index(r.label) if r.label else -1 for r in rows], np.int64),
        redshift=numbers([r.spectrum.redshift for r in rows]),
        phase_days=numbers([r.spectrum.phase_days for r in rows]),
        snr=numbers([r.snr for r in rows]),
        coverage=numbers([p.coverage for p in prepared]),
        spacing=numbers([p.spacing_A for p in prepared]),
        split=np.array([SPLITS.index(r.split) for r in rows], np.int64),
        semi_real=np.array([r.semi_real for r in rows], bool),
        disputed=np.array([r.disputed for r in rows], bool),
        ids=tuple(r.spectrum.spectrum_id for r in rows),
        groups=tuple(r.group for r in rows),
        sources=tuple(r.source for r in rows),
        instruments=tuple(r.spectrum.instrument or "" for r in rows),
        kinds=tuple(r.kind for r in rows),
    )


def _floor(spectrum: Spectrum) -> float:
    """`p5 / (p95 - p5)` of the flux in the window, within what a continuum can have."""
    flux, mask = on_grid(spectrum.wavelength_A, spectrum.flux)
    low, high = np.percentile(flux[mask], (5.0, 95.0))
    return float(np.clip(low / (high - low), 0.02, 3.0))

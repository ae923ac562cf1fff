"""The bank: archive and SED Machine spectra of training objects, brought to rest, in coarse bins."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from models.matching.grid import BINS, Bools

_TEXTS = ("ids", "objects", "sources")


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchBank:
    """Spectra at rest and what is known of them; one row each.

    Parameters
    ----------
    values : ndarray of float16, shape (n, BINS)
        Mean flux of each bin in units of the spectrum's median, zero where missing.
    mask : ndarray of uint8, shape (n, ceil(BINS / 8))
        Which bins were measured, packed.
    label, subtype : ndarray of int64, shape (n,)
        Index into `FINE_CLASSES` and into `models.matching.subtypes.SUBTYPES` of that class; -1 where unknown.
    redshift, phase_days : ndarray of float32, shape (n,)
        NaN where a phase is not known.
    ids, objects, sources : tuple of str, length n
        Spectrum, object, archive.
    """

    values: NDArray[np.float16]
    mask: NDArray[np.uint8]
    label: NDArray[np.int64]
    subtype: NDArray[np.int64]
    redshift: NDArray[np.float32]
    phase_days: NDArray[np.float32]
    ids: tuple[str, ...]
    objects: tuple[str, ...]
    sources: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.label)

    def masks(self) -> Bools:
        """Measured bins, shape (n, BINS)."""
        return np.unpackbits(self.mask, axis=1, count=BINS).astype(bool)

    def save(self, path: Path) -> None:
        """Write one safetensors file."""
        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in self._arrays()}
        save_file(arrays, path, metadata={name: json.dumps(getattr(self, name)) for name in _TEXTS})

    @classmethod
    def load(cls, path: Path) -> "MatchBank":
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If rows are missing or numbers are not finite.
        """
        with safe_open(path, framework="numpy") as file:
            columns: dict[str, Any] = {k: tuple(json.loads(v)) for k, v in file.metadata().items() if k in _TEXTS}
            columns |= {name: file.get_tensor(name) for name in cls._arrays()}
        bank = cls(**columns)
        if any(len(getattr(bank, name)) != len(bank) for name in (*_TEXTS, *cls._arrays())):
            raise ValueError(f"{path.name}: columns of different lengths")
        if bank.values.shape[1] != BINS or not np.isfinite(bank.values).all() or not np.isfinite(bank.redshift).all():
            raise ValueError(f"{path.name}: not a bank of {BINS} finite bins")
        return bank

    @staticmethod
    def _arrays() -> tuple[str, ...]:
        return ("values", "mask", "label", "subtype", "redshift", "phase_days")


def described(bank: MatchBank, classes: tuple[str, ...]) -> Mapping[str, Mapping[str, int]]:
    """Spectra and objects of each class, for the card."""
    objects = np.array(bank.objects)
    return {
        name: {"spectra": int((bank.label == k).sum()), "objects": len(set(objects[bank.label == k]))}
        for k, name in enumerate(classes)
    }

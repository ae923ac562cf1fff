"""The archive spectra most like one (ASTRANet paper, App. H): cosine distance between embeddings, exact search."""

import json
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

Floats = NDArray[np.float64]
ANALOGS = "analogs.safetensors"
"""The file of a bundle."""
SKETCH = 200
"""Points of a stored spectrum: enough to draw it."""
_LOW, _HIGH = -0.5, 2.0


@dataclass(frozen=True, kw_only=True)
class Analogs:
    """Public archive spectra that may be named to anybody.

    Parameters
    ----------
    unit : ndarray of float16, shape (m, 192)
        Ensemble-mean embeddings, unit length.
    sketch : ndarray of uint8, shape (m, 200)
        Percentile-scaled flux over the window in 200 points; 255 where missing.
    phase_days, redshift : ndarray of float32, shape (m,)
        NaN where unknown.
    names, classes, spectra, sources : tuple of str, length m
        Object, fine class, spectrum, archive.
    """

    unit: NDArray[np.float16]
    sketch: NDArray[np.uint8]
    phase_days: NDArray[np.float32]
    redshift: NDArray[np.float32]
    names: tuple[str, ...]
    classes: tuple[str, ...]
    spectra: tuple[str, ...]
    sources: tuple[str, ...]

    @cached_property
    def _wide(self) -> Floats:
        return self.unit.astype(np.float64)

    def nearest(self, embedding: Floats, k: int = 5) -> list[dict[str, object]]:
        """The nearest spectrum of each of the k nearest objects to one embedding (192,), nearest first."""
        distance = 1.0 - self._wide @ (embedding / np.linalg.norm(embedding))
        found: dict[str, dict[str, object]] = {}
        for i in np.argsort(distance, kind="stable"):
            if len(found) == k:
                break
            found.setdefault(self.names[i], {**self.entry(int(i)), "distance": round(max(float(distance[i]), 0.0), 4)})
        return list(found.values())

    def drawn(self, spectrum: str) -> Floats:
        """The stored sketch of one spectrum over 3850-9000 A, NaN where missing, shape (200,).

        Raises
        ------
        ValueError
            If there is no such spectrum.
        """
        stored = self.sketch[self.spectra.index(spectrum)]
        return np.where(stored == 255, np.nan, stored / 254 * (_HIGH - _LOW) + _LOW)

    def entry(self, i: int) -> dict[str, object]:
        """What is known of one spectrum."""
        phase, z = float(self.phase_days[i]), float(self.redshift[i])
        return {
            "object": self.names[i],
            "class": self.classes[i],
            "phase_days": round(phase, 1) if np.isfinite(phase) else None,
            "redshift": round(z, 4) if np.isfinite(z) else None,
            "spectrum": self.spectra[i],
            "source": self.sources[i],
        }

    def save(self, path: Path) -> None:
        """Write one safetensors file."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        texts = {k: json.dumps(v, ensure_ascii=False) for k, v in values.items() if isinstance(v, tuple)}
        save_file({k: np.ascontiguousarray(v) for k, v in values.items() if k not in texts}, path, metadata=texts)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        with safe_open(path, framework="numpy") as file:
            texts = {k: tuple(json.loads(v)) for k, v in file.metadata().items()}
        columns: dict[str, Any] = {**load_file(path), **texts}
        return cls(**columns)


def unit_rows(embedding: Floats) -> NDArray[np.float16]:
    """Rows of unit length in half precision."""
    return (embedding / np.linalg.norm(embedding, axis=1, keepdims=True)).astype(np.float16)


def sketches(flux: NDArray[np.floating], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Flux on the network's grid (n, 4096), in 200 bins of a byte each; 255 where a bin holds no pixel."""
    edges = np.linspace(0, flux.shape[1], SKETCH + 1).astype(int)[:-1]
    count = np.add.reduceat(mask.astype(float), edges, axis=1)
    total = np.add.reduceat(np.where(mask, flux, 0.0).astype(float), edges, axis=1)
    scaled = (total / np.maximum(count, 1) - _LOW) / (_HIGH - _LOW) * 254
    return np.where(count > 0, np.clip(np.round(scaled), 0, 254), 255).astype(np.uint8)


def object_name(spectrum_id: str) -> str:
    """`SN2011fe` of `SN2011fe__003`."""
    return spectrum_id.rsplit("__", 1)[0]

"""Everything about the training embeddings that the scores compare a spectrum with, per seed; plain arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.sentinel.forest import Forest
from models.sentinel.gaussians import Gaussians
from models.sentinel.mixtures import Mixtures
from models.sentinel.neighbours import References
from models.sentinel.subspaces import Subspaces

PARTS: Mapping[str, type] = {
    "gaussians": Gaussians,
    "references": References,
    "mixtures": Mixtures,
    "forest": Forest,
    "pca": Subspaces,
    "manifolds": Subspaces,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """What one seed's scores know of the training spectra.

    Parameters
    ----------
    projection_centres : ndarray, shape (classes, 128)
        Mean fine projection of each class.
    """

    gaussians: Gaussians
    references: References
    mixtures: Mixtures
    forest: Forest
    pca: Subspaces
    manifolds: Subspaces
    projection_centres: NDArray[np.float64]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As named arrays: float16 where they are large, float32 elsewhere."""
        out = {"projection_centres": _small(self.projection_centres)}
        for part in PARTS:
            value = getattr(self, part)
            out |= {f"{part}.{f.name}": _small(np.asarray(getattr(value, f.name))) for f in fields(value)}
        return out

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Bank":
        """Read what `arrays` gave.

        Raises
        ------
        KeyError
            If an array is missing.
        """
        parts = {
            name: kind(**{f.name: _wide(arrays[f"{name}.{f.name}"]) for f in fields(kind)})
            for name, kind in PARTS.items()
        }
        return cls(projection_centres=_wide(arrays["projection_centres"]), **parts)


def _small(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype != np.float64:
        return values
    # Half precision is good to 0.05 %, far below what separates two spectra; log-weights of -inf survive it.
    return values.astype(np.float16 if values.size > 100_000 else np.float32)


def _wide(values: NDArray[Any]) -> Any:
    if values.size == 1:  # a count; safetensors gives scalars back as arrays of one
        return int(values.reshape(-1)[0])
    return values.astype(np.float64) if values.dtype == np.float16 or values.dtype == np.float32 else values

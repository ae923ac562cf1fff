"""The generative summary: what is kept of the real spectra, and its file (safetensors, metadata in the header)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save as to_bytes

from models.simulation.grid import COLUMNS, FIRST_A, LAST_A, FloatArray

FORMAT = 1
_ARRAYS = ("mean", "vectors", "coefficients", "redshift", "phase_days")


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """One class in one stage, such as SN Ia around maximum.

    Parameters
    ----------
    name : str
        Such as `SN Ia/max`.
    label : str
        One of the seven fine classes.
    mean : ndarray, shape (columns,)
        Normalised rest-frame flux; NaN where unknown.
    vectors : ndarray, shape (k, columns)
        Principal components.
    coefficients : ndarray, shape (m, k)
        A sample of those of real spectra: their scatter, without assuming its shape.
    redshift, phase_days : ndarray, shape (m,)
        Of the same real spectra; `phase_days` is NaN where unknown.
    semi_real : bool
        Whether the components come from semi-real spectra.
    spectra, objects : int
        How many it was learned from.
    """

    name: str
    label: str
    mean: FloatArray
    vectors: FloatArray
    coefficients: FloatArray
    redshift: FloatArray
    phase_days: FloatArray
    semi_real: bool = False
    spectra: int = 0
    objects: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Every population, by name, and where they come from."""

    populations: Mapping[str, Population]
    provenance: Mapping[str, str] = field(default_factory=dict)


def save(summary: Summary, path: Path) -> None:
    """Write the summary: half-precision arrays, names and counts as JSON in the header."""
    tensors: dict[str, np.ndarray] = {}
    about = []
    for i, p in enumerate(summary.populations.values()):
        tensors |= {f"{i}.{name}": np.ascontiguousarray(getattr(p, name), dtype=np.float16) for name in _ARRAYS}
        about.append(
            {
                "name": p.name,
                "label": p.label,
                "semi_real": p.semi_real,
                "spectra": p.spectra,
                "objects": p.objects,
            }
        )
    header = {
        "format": FORMAT,
        "grid": [FIRST_A, LAST_A, COLUMNS],
        "populations": about,
        "provenance": dict(summary.provenance),
    }
    path.write_bytes(to_bytes(tensors, metadata={"simulator": json.dumps(header, sort_keys=True)}))


def load(path: Path | None = None) -> Summary:
    """Read a summary; without a path the one that is shipped.

    Raises
    ------
    ValueError
        If the file is of another format or grid.
    """
    if path is None:
        with resources.as_file(resources.files("models").joinpath("data", "simulator.safetensors")) as shipped:
            return load(shipped)
    with safe_open(str(path), framework="np") as file:
        header = json.loads((file.metadata() or {}).get("simulator", "{}"))
        if header.get("format") != FORMAT or header.get("grid") != [FIRST_A, LAST_A, COLUMNS]:
            raise ValueError(f"{path.name}: not a simulator summary of format {FORMAT}")
        found = {}
        for i, about in enumerate(header["populations"]):
            arrays = {name: file.get_tensor(f"{i}.{name}").astype(np.float64) for name in _ARRAYS}
            found[about["name"]] = Population(**about, **arrays)
    return Summary(populations=found, provenance=header["provenance"])

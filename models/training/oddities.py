"""Spectra that are no spectra: made from ordinary ones, to teach the anomaly layer and to try it. All simulated."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from models.spectral.prepare import GRID_A, percentile_scaled
from models.training.dataset import Dataset

Floats = NDArray[np.float64]
BLOCK = 16
"""Pixels that stay together when a spectrum is shuffled: about one SEDM pixel, or it would look like mere noise."""


def shuffled(flux: Floats, mask: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Blocks of pixels in another order: the same values, no lines, no continuum."""
    blocks = flux.reshape(-1, BLOCK)
    return blocks[rng.permutation(len(blocks))].reshape(-1)


def noise(flux: Floats, mask: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Residuals about zero with a random walk below them: the extraction missed the object."""
    walk = np.cumsum(rng.normal(size=flux.size)) / np.sqrt(flux.size)
    width = int(rng.choice([1, 4, 16]))
    grain = np.repeat(rng.normal(size=-(-flux.size // width)), width)[: flux.size]
    return grain + 0.5 * (walk - walk.mean())


def artefact(flux: Floats, mask: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """A lamp instead of the object: a smooth hump with fringes that grow to the red, and a jump between two arms."""
    x = (GRID_A - GRID_A[0]) / (GRID_A[-1] - GRID_A[0])
    hump = np.exp(-(((x - rng.uniform(0.3, 0.7)) / rng.uniform(0.2, 0.4)) ** 2))
    fringes = 1 + rng.uniform(0.1, 0.4) * x**2 * np.sin(2 * np.pi * rng.uniform(60, 160) * x + rng.uniform(0, 6))
    jump = np.where(x > rng.uniform(0.3, 0.7), rng.uniform(1.5, 3.0), 1.0)
    return hump * fringes * jump + 0.02 * rng.normal(size=flux.size)


ODDITIES: Mapping[str, Callable[[Floats, NDArray[np.bool_], np.random.Generator], Floats]] = MappingProxyType(
    {"shuffled": shuffled, "noise": noise, "artefact": artefact}
)


def odd_ones(data: Dataset, kind: str, n: int, seed: int) -> Dataset:
    """`n` oddities of one kind, each with the mask of a random row of `data`; `kinds` says what they are.

    Raises
    ------
    KeyError
        If there is no such kind.
    """
    make, rng = ODDITIES[kind], np.random.default_rng(seed)
    rows = data.rows(rng.choice(len(data), n, replace=n > len(data)).astype(np.int64))
    masks = rows.masks()
    pairs = zip(rows.flux.astype(float), masks, strict=True)
    made = [percentile_scaled(make(flux, mask, rng), mask) for flux, mask in pairs]
    names = tuple(f"{kind}-{seed}-{i}" for i in range(n))
    columns = {name: getattr(rows, name) for name in rows.__dataclass_fields__}
    changed = {
        "flux": np.clip(np.stack(made), -6e4, 6e4).astype(np.float16),
        "label": np.full(n, -1, np.int64),
        "semi_real": np.ones(n, bool),
        "ids": names,
        "groups": names,
        "kinds": (kind,) * n,
    }
    return Dataset(**{**columns, **changed})

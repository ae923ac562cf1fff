"""Spectra that are no spectra: made from ordinary ones, to teach the anomaly layer and to try it. All simulated."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.spectral.prepare import GRID_A, percentile_scaled
from models.training.dataset import Dataset

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
RNG = np.random.Generator
Make = Callable[[Floats, Bools, RNG], Floats]
BLOCK = 16
"""Pixels that stay together when a spectrum is shuffled: about one SEDM pixel, or it would look like mere noise."""
X = (GRID_A - GRID_A[0]) / (GRID_A[-1] - GRID_A[0])


def shuffled(flux: Floats, mask: Bools, rng: RNG) -> Floats:
    """Blocks of pixels in another order: the same values, no lines, no continuum."""
    blocks = flux.reshape(-1, BLOCK)
    return blocks[rng.permutation(len(blocks))].reshape(-1)


def noise(flux: Floats, mask: Bools, rng: RNG) -> Floats:
    """Residuals about zero with a random walk below them: the extraction missed the object."""
    walk = np.cumsum(rng.normal(size=flux.size)) / np.sqrt(flux.size)
    width = int(rng.choice([1, 4, 16]))
    grain = np.repeat(rng.normal(size=-(-flux.size // width)), width)[: flux.size]
    return grain + 0.5 * (walk - walk.mean())


def artefact(flux: Floats, mask: Bools, rng: RNG) -> Floats:
    """A lamp instead of the object: a smooth hump with fringes that grow to the red, and a jump between two arms."""
    hump = np.exp(-(((X - rng.uniform(0.3, 0.7)) / rng.uniform(0.2, 0.4)) ** 2))
    fringes = 1 + rng.uniform(0.1, 0.4) * X**2 * np.sin(2 * np.pi * rng.uniform(60, 160) * X + rng.uniform(0, 6))
    jump = np.where(rng.uniform(0.3, 0.7) < X, rng.uniform(1.5, 3.0), 1.0)
    return hump * fringes * jump + 0.02 * rng.normal(size=flux.size)


def scattered(flux: Floats, mask: Bools, rng: RNG) -> Floats:
    """Every single pixel in another place."""
    out = flux.copy()
    out[mask] = rng.permutation(flux[mask])
    return out


def arc_lamp(flux: Floats, mask: Bools, rng: RNG) -> Floats:
    """Ten to forty unresolved emission lines anywhere, on next to nothing."""
    out = 0.02 * rng.normal(size=flux.size)
    for at in rng.uniform(0, 1, int(rng.integers(10, 40))):
        out = out + rng.lognormal() * np.exp(-0.5 * ((X - at) / 8e-4) ** 2)
    return out


def sky(flux: Floats, mask: Bools, rng: RNG) -> Floats:
    """The object under badly subtracted sky: residuals of either sign in bands that crowd towards the red."""
    out = flux.copy()
    for at in np.concatenate([1 - rng.uniform(0, 0.55, 60) ** 1.5, [(5577 - 3850) / 5150, (6300 - 3850) / 5150]]):
        out = out + rng.normal() * rng.uniform(0.5, 2) * np.exp(-0.5 * ((X - at) / rng.uniform(5e-4, 2e-3)) ** 2)
    return out


def backwards(flux: Floats, mask: Bools, rng: RNG) -> Floats:
    """Red to blue: a wavelength axis read the wrong way round, with everything a real spectrum has."""
    out = flux.copy()
    out[mask] = flux[mask][::-1]
    return out


ODDITIES: Mapping[str, Make] = MappingProxyType({"shuffled": shuffled, "noise": noise, "artefact": artefact})
"""Kinds the anomaly layer is exposed to."""
UNSEEN: Mapping[str, Make] = MappingProxyType(
    {"scattered": scattered, "arc lamp": arc_lamp, "sky residuals": sky, "backwards": backwards}
)
"""Kinds it is only tried on: whether garbage it has not been shown is seen too."""


def odd_ones(data: Dataset, kind: str, n: int, seed: int) -> Dataset:
    """`n` oddities of one kind, each with the mask of a random row of `data`; `kinds` says what they are.

    Raises
    ------
    KeyError
        If there is no such kind.
    """
    make, rng = {**ODDITIES, **UNSEEN}[kind], np.random.default_rng(seed)
    rows = data.rows(rng.choice(len(data), n, replace=n > len(data)).astype(np.int64))
    pairs = zip(rows.flux.astype(float), rows.masks(), strict=True)
    made = [_scaled(make, flux, mask, rng) for flux, mask in pairs]
    return made_up(rows, np.stack(made), kind, f"{kind}-{seed}")


def _scaled(make: Make, flux: Floats, mask: Bools, rng: RNG) -> Floats:
    try:
        return percentile_scaled(make(flux, mask, rng), mask)
    except ValueError:  # nearly all of the spectrum is one value: whatever is made of its pixels may be constant
        return percentile_scaled(noise(flux, mask, rng), mask)


def made_up(rows: Dataset, flux: Floats, kind: str, name: str) -> Dataset:
    """The rows with another flux inside their masks: of no class, no real object."""
    names = tuple(f"{name}-{i}" for i in range(len(rows)))
    changed: dict[str, Any] = {
        "flux": np.clip(flux, -6e4, 6e4).astype(np.float16),
        "label": np.full(len(rows), -1, np.int64),
        "semi_real": np.ones(len(rows), bool),
        "ids": names,
        "groups": names,
        "kinds": (kind,) * len(rows),
    }
    return replace(rows, **changed)

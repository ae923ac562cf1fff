"""Other scalings of a spectrum than by percentiles, for the ablation (ASTRANet paper, App. D a, which names them)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.spectral.prepare import GRID_SIZE, PIXEL_A
from models.training.dataset import Dataset
from models.training.spectral.augment import rescale

PERCENTILE: Final = "percentile"
BIN: Final = 16
"""Pixels averaged before the rolling median: about 20 Angstrom, less than a resolution element of the SED Machine."""
MEDIAN_BINS: Final = 51
"""Width of the rolling median: about 1000 Angstrom, wider than any feature of a supernova."""
MEDIAN_A: Final = MEDIAN_BINS * BIN * PIXEL_A


def z_score(flux: Tensor, mask: Tensor) -> Tensor:
    """Mean zero and standard deviation one over the measured pixels of each row; zero where missing."""
    n = mask.sum(1, keepdim=True).clamp_min(1)
    mean = (flux * mask).sum(1, keepdim=True) / n
    centred = (flux - mean) * mask
    return centred / (centred.square().sum(1, keepdim=True) / n).sqrt().clamp_min(1e-6)


def min_max(flux: Tensor, mask: Tensor) -> Tensor:
    """From zero to one over the measured pixels of each row; zero where missing."""
    hidden = mask == 0
    low = flux.masked_fill(hidden, torch.inf).amin(1, keepdim=True)
    high = flux.masked_fill(hidden, -torch.inf).amax(1, keepdim=True)
    return ((flux - low) / (high - low).clamp_min(1e-6)).masked_fill(hidden, 0.0)


def continuum_removed(flux: Tensor, mask: Tensor) -> Tensor:
    """What is left of each row when a rolling median is taken off, by percentiles; zero where missing."""
    share = F.avg_pool1d(mask[:, None], BIN)[:, 0]
    bins = F.avg_pool1d((flux * mask)[:, None], BIN)[:, 0] / share
    half = MEDIAN_BINS // 2
    wide = F.pad(torch.where(share > 0, bins, torch.nan), (half, half), value=torch.nan)
    continuum = wide.unfold(1, MEDIAN_BINS, 1).nanmedian(dim=2).values.nan_to_num()
    smooth = F.interpolate(continuum[:, None], GRID_SIZE, mode="linear", align_corners=False)[:, 0]
    return rescale(flux - smooth, mask)


SCALINGS: Final[Mapping[str, Callable[[Tensor, Tensor], Tensor]]] = MappingProxyType(
    {
        PERCENTILE: lambda flux, _mask: flux,
        "z-score": z_score,
        "min-max": min_max,
        "continuum removed": continuum_removed,
    }
)
"""Each takes percentile-scaled flux and mask of shape (batch, 4096), so `percentile` leaves it alone."""


def scaled(data: Dataset, how: str, *, chunk: int = 256) -> Dataset:
    """The same spectra in another scaling; the very same for `percentile`.

    Raises
    ------
    KeyError
        If `how` is none of `SCALINGS`.
    """
    change = SCALINGS[how]
    if how == PERCENTILE or not len(data):
        return data
    masks = data.masks()
    parts = [
        change(torch.from_numpy(data.flux[i : i + chunk]).float(), torch.from_numpy(masks[i : i + chunk]).float())
        for i in range(0, len(data), chunk)
    ]
    return replace(data, flux=torch.cat(parts).clamp(-6e4, 6e4).numpy().astype(np.float16))

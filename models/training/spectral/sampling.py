"""Which spectra a training epoch shows, and with which metadata."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.domain import FINE_CLASSES
from models.spectral.instruments import instrument_number
from models.spectral.prepare import LOW_RESOLUTION_A
from models.training.dataset import Dataset


def effective_number(counts: NDArray[np.int64], beta: float = 0.9999) -> NDArray[np.float64]:
    """Weight per spectrum of each class, `(1 - beta) / (1 - beta^n)` (Cui et al. 2019), zero for empty classes."""
    return np.where(counts > 0, (1 - beta) / np.maximum(1 - beta ** counts.astype(float), 1e-12), 0.0)


def tempered(counts: NDArray[np.int64], power: float = 0.7) -> NDArray[np.float64]:
    """Weight per spectrum of each class, `n^-power`: between the natural mix (0) and full balance (1)."""
    return np.where(counts > 0, np.maximum(counts, 1).astype(float) ** -power, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingConfig:
    """How often a spectrum is shown.

    Parameters
    ----------
    balance : str
        `effective` (the paper) or `tempered`.
    power : float
        For `tempered`.
    per_object : bool
        Divide by the root of the object's number of spectra, so that one well-observed object does not dominate.
    semi_real : float
        Factor on semi-real spectra of classes that have real ones.
    disputed : float
        Factor on spectra whose class the sources disagree on.
    low_resolution : float
        How much more often a real spectrum of the SED Machine's sampling is shown than another of its class.
    """

    balance: str = "effective"
    power: float = 0.7
    per_object: bool = False
    semi_real: float = 1.0
    disputed: float = 0.0
    low_resolution: float = 1.0


PAPER_SAMPLING = SamplingConfig()
SURVEY_SAMPLING = SamplingConfig(balance="tempered", per_object=True, semi_real=0.25, disputed=0.5, low_resolution=3.0)


ENOUGH_REAL = 20
"""Real spectra of a class; with fewer it is known from semi-real ones."""


def real_counts(data: Dataset) -> NDArray[np.int64]:
    """Spectra of each class that were observed, shape (7,)."""
    return np.bincount(data.label[~data.semi_real], minlength=len(FINE_CLASSES))


def weights(data: Dataset, config: SamplingConfig) -> Tensor:
    """Probability weight of each row, shape (n,)."""
    counts = np.bincount(data.label, minlength=len(FINE_CLASSES))
    per_class = effective_number(counts) if config.balance == "effective" else tempered(counts, config.power)
    weight = per_class[data.label]
    if config.per_object:
        _, group, size = np.unique(np.array(data.groups), return_inverse=True, return_counts=True)
        # Weight moves between objects of a class, not between classes.
        share = 1 / np.sqrt(size[group])
        mean = np.bincount(data.label, share, len(FINE_CLASSES)) / np.maximum(counts, 1)
        weight = weight * share / mean[data.label]
    real = real_counts(data) >= ENOUGH_REAL
    weight = weight * np.where(data.semi_real & real[data.label], config.semi_real, 1.0)
    weight = weight * np.where(data.disputed, config.disputed, 1.0)
    # As above: between the spectrographs of a class, not between classes.
    coarse = np.where((data.spacing > LOW_RESOLUTION_A) & ~data.semi_real, config.low_resolution, 1.0)
    before, after = (np.bincount(data.label, w, len(FINE_CLASSES)) for w in (weight, weight * coarse))
    weight = weight * coarse * (before / np.where(after > 0, after, 1.0))[data.label]
    return torch.tensor(weight / weight.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataConfig:
    """How often each piece of metadata is shown in training.

    Whether a catalogue knows a phase depends on the class (half of the SNe Ia, next to no AGN): shown as it is, the
    validity bit alone would give the class away. So each class shows its phase equally often, and AGN and CV, which
    have none, are shown random ones. The instrument is confounded with the class in public archives (SDSS: AGN) and
    is not shown at all by the default.
    """

    none: float = 0.5
    phase: float = 0.25
    redshift: float = 0.7
    instrument: float = 0.0


def metadata(data: Dataset, index: Tensor, config: MetadataConfig, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Values and validity of (phase, redshift, instrument) for some rows, randomly masked; each (batch, 3)."""
    rows = index.numpy()
    n = len(rows)
    rate = _phase_rate(data)
    phase = data.phase_days[rows].copy()
    known = np.isfinite(phase)
    made_up = rate[data.label[rows]] < 0.02
    pool = data.phase_days[np.isfinite(data.phase_days)]
    drawn = torch.randint(len(pool), (n,), generator=generator).numpy() if len(pool) else np.zeros(n, int)
    if len(pool):
        phase = np.where(made_up, pool[drawn], phase)
    keep = np.where(made_up, config.phase, config.phase / np.maximum(rate[data.label[rows]], config.phase))
    numbers = np.array([instrument_number(data.instruments[i]) if data.instruments[i] else None for i in rows], float)
    values = np.stack([phase, data.redshift[rows], numbers], 1)
    valid = np.isfinite(values)
    valid[:, 0] = (known | made_up) & bool(len(pool))
    chance = torch.rand(n, 3, generator=generator).numpy()
    valid &= chance < np.stack([keep, np.full(n, config.redshift), np.full(n, config.instrument)], 1)
    valid &= (torch.rand(n, 1, generator=generator) >= config.none).numpy()
    valid &= data.label[rows, None] >= 0  # an out-of-distribution example has nothing of its own
    return torch.tensor(np.nan_to_num(values), dtype=torch.float32), torch.tensor(valid, dtype=torch.float32)


def _phase_rate(data: Dataset) -> NDArray[np.float64]:
    """Share of the spectra of each class whose phase is known."""
    labelled = data.label >= 0
    counts = np.bincount(data.label[labelled], minlength=len(FINE_CLASSES))
    known = np.bincount(data.label[labelled & np.isfinite(data.phase_days)], minlength=len(FINE_CLASSES))
    return known / np.maximum(counts, 1)


def mixup(
    flux: Tensor, mask: Tensor, targets: Tensor, alpha: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Blend each spectrum with another of the batch, `lambda = max(l, 1 - l)`, `l ~ Beta(alpha, alpha)` (App. B b).

    Where only one of the two was measured the blend counts as missing.
    """
    seed = int(torch.randint(2**31, (1,), generator=generator))
    share = float(np.random.default_rng(seed).beta(alpha, alpha))
    share = max(share, 1 - share)
    partner = torch.randperm(len(flux), generator=generator).to(flux.device)
    both = mask * mask[partner]
    blend = (share * flux + (1 - share) * flux[partner]) * both
    return blend, both, share * targets + (1 - share) * targets[partner]

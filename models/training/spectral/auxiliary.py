"""More to learn from each spectrum than its class: subtype, redshift, phase, and whether it is out of distribution.

Beyond the paper. The heads sit on the embedding, exist in training only, and are not shipped: what is kept is an
embedding that had to find the lines, not just tell seven classes apart. A quantity that the network is given is not
asked of it. Out-of-distribution examples are of no class and have a part in this loss alone; all are simulated, so that
real rare spectra stay unseen.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from models.domain import FINE_CLASSES
from models.training.dataset import Dataset, joined
from models.training.spectral.oddities import ODDITIES, odd_ones
from models.training.spectral.simulated import TEMPLATES, simulated

SUBTYPES: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("SN Ia", "91T", ("91T", "99aa")),
    ("SN Ia", "91bg", ("91bg",)),
    ("SN Ia", "02cx", ("02cx", "Iax")),
    ("SN Ia", "super-Chandrasekhar", ("Ia-SC",)),
    ("SN Ia", "normal", ("Ia-norm",)),
    ("SN Ibc", "Ibn", ("Ibn",)),
    ("SN Ibc", "Ic-BL", ("BL",)),
    ("SN Ibc", "Ib", ("Ib",)),
    ("SN Ibc", "Ic", ("Ic",)),
    ("SLSN", "SLSN-II", ("SLSN-II",)),
    ("SLSN", "SLSN-I", ("SLSN-I", "SLSN-R")),
    ("SN II", "IIn", ("IIn", "csm", "02ic")),
    ("SN II", "IIb", ("IIb",)),
    ("SN II", "IIP", ("IIP", "II P", "II-P", "IIL", "II L")),
    ("TDE", "H+He", ("H+He",)),
    ("TDE", "He", ("TDE-He",)),
    ("TDE", "featureless", ("featureless",)),
    ("TDE", "H", ("TDE-H",)),
)
"""Class, subtype, and how the sources write it; the first that fits counts."""

REDSHIFT_BINS = torch.linspace(0.0, 0.5, 26)
"""Centres in `ln(1 + z)`."""
PHASE_EDGES = torch.tensor([-10.0, -5.0, 0.0, 5.0, 10.0, 20.0, 35.0, 60.0, 100.0])
"""Rest-frame days from maximum light."""
OOD_KINDS: Final = (*TEMPLATES, *ODDITIES)
"""Kinds of simulated spectra that are none of the classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuxiliaryConfig:
    """Weights of the cross-entropies in the loss; all zero: as in the paper.

    Parameters
    ----------
    kind : float
        Of which class or kind of out-of-distribution example a spectrum is.
    out_of_distribution : float
        Share of simulated out-of-distribution examples among the spectra shown.
    """

    subtype: float = 0.0
    redshift: float = 0.0
    phase: float = 0.0
    kind: float = 0.0
    out_of_distribution: float = 0.0

    @property
    def used(self) -> bool:
        """Whether any of them counts."""
        return max(self.subtype, self.redshift, self.phase, self.kind) > 0


ALL_AUXILIARY = AuxiliaryConfig(subtype=0.5, redshift=0.3, phase=0.2, kind=0.3, out_of_distribution=0.15)


class Auxiliary(nn.Module):
    """One linear head for each quantity."""

    def __init__(self, embedding: int) -> None:
        super().__init__()
        self.subtype = nn.Linear(embedding, len(SUBTYPES))
        self.redshift = nn.Linear(embedding, len(REDSHIFT_BINS))
        self.phase = nn.Linear(embedding, len(PHASE_EDGES) + 1)
        self.kind = nn.Linear(embedding, len(FINE_CLASSES) + len(OOD_KINDS))

    def terms(
        self, embedding: Tensor, kind: Tensor, subtype: Tensor, redshift: Tensor, phase: Tensor, valid: Tensor
    ) -> dict[str, Tensor]:
        """Cross-entropy of each quantity, over the spectra where it is known and was not given.

        Parameters
        ----------
        embedding : Tensor, shape (batch, embedding)
        kind : Tensor of int, shape (batch,)
            Index into `FINE_CLASSES`, then `OOD_KINDS`.
        subtype : Tensor of int, shape (batch,)
            Index into `SUBTYPES`, -1 where unknown.
        redshift, phase : Tensor, shape (batch,)
            NaN where unknown.
        valid : Tensor, shape (batch, 3)
            What the network was given: phase, redshift, instrument.
        """
        # A neighbouring bin is nearly right: a Gaussian of one bin's width.
        log_z = redshift.nan_to_num().log1p().clamp(0, float(REDSHIFT_BINS[-1]))
        distance = (log_z[:, None] - REDSHIFT_BINS.to(log_z)) / float(REDSHIFT_BINS[1])
        bins = torch.bucketize(phase.nan_to_num(), PHASE_EDGES.to(phase))
        ordinary = kind < len(FINE_CLASSES)
        losses = {
            "kind": (F.cross_entropy(self.kind(embedding), kind, reduction="none"), torch.ones_like(ordinary)),
            "subtype": (F.cross_entropy(self.subtype(embedding), subtype.clamp_min(0), reduction="none"), subtype >= 0),
            "redshift": (
                F.cross_entropy(self.redshift(embedding), (-0.5 * distance**2).softmax(-1), reduction="none"),
                redshift.isfinite() & (valid[:, 1] == 0) & ordinary,
            ),
            "phase": (
                F.cross_entropy(self.phase(embedding), bins, reduction="none"),
                phase.isfinite() & (valid[:, 0] == 0) & ordinary,
            ),
        }
        return {name: (loss * known).sum() / known.sum().clamp_min(1) for name, (loss, known) in losses.items()}


def subtypes(data: Dataset) -> NDArray[np.int64]:
    """Index into `SUBTYPES` for every row, -1 where the sources name none (or another class's)."""
    return np.array([_subtype(FINE_CLASSES[k], kind) for k, kind in zip(data.label, data.kinds, strict=True)], int)


def kinds(data: Dataset) -> NDArray[np.int64]:
    """Index into `FINE_CLASSES`, then `OOD_KINDS`, for every row."""
    return np.array(
        [
            k if k >= 0 else len(FINE_CLASSES) + OOD_KINDS.index(kind)
            for k, kind in zip(data.label, data.kinds, strict=True)
        ],
        int,
    )


def out_of_distribution(data: Dataset, each: int, seed: int) -> Dataset:
    """`each` simulated spectra of every kind in `OOD_KINDS`, with masks of rows of `data`."""
    parts = [simulated(data, k, each, seed) for k in TEMPLATES] + [odd_ones(data, k, each, seed) for k in ODDITIES]
    return joined(parts)


def _subtype(fine: str, kind: str) -> int:
    fits = (i for i, (name, _, texts) in enumerate(SUBTYPES) if name == fine and any(t in kind for t in texts))
    return next(fits, -1)

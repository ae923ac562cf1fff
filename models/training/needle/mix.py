"""The kinds of supernovae in a magnitude-limited survey, and weights that bring a sample to them.

Shares of the supernovae brighter than 18.5 mag at peak in the list of the ZTF Bright Transient Survey that the data
folder has (3,368 classified ones; complete to 95 % there, Perley et al. 2020, ApJ 904, 35). The survey's SLSNe-I and
TDEs of that depth are 20 and 16: the paper's 14 and 15 of 2,588, within chance.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

COUNTED: Final = {"SN Ia": 2576, "SN II": 459, "SN Ibc": 166, "SN IIn": 90, "SN IIb": 55, "SN Ibn/Icn": 22}
KINDS: Final = tuple(COUNTED)
SURVEY: Final = np.array(list(COUNTED.values())) / sum(COUNTED.values())
_UNDER: Final = {"SN IIn/Ibn": "SN IIn", "Ca-rich": "SN Ibc"}
OTHER: Final = -1


def kind_index(kinds: Sequence[str]) -> NDArray[np.int64]:
    """Index in `KINDS` of each kind; -1 for what is no supernova of the class SN."""
    return np.array([KINDS.index(k) if (k := _UNDER.get(kind, kind)) in KINDS else OTHER for kind in kinds], int)


def survey_weights(weight: Floats, kind: NDArray[np.int64]) -> Floats:
    """The weights with the kinds of SN in the survey's shares; their total and all other rows stay as they are.

    Parameters
    ----------
    kind : ndarray of int, shape (n,)
        From `kind_index`. Kinds without a row give their share to the others.
    """
    out = weight.astype(float).copy()
    totals = np.array([weight[kind == k].sum() for k in range(len(KINDS))])
    wanted = np.where(totals > 0, SURVEY, 0.0)
    for k in np.flatnonzero(totals > 0):
        out[kind == k] *= totals.sum() * wanted[k] / wanted.sum() / totals[k]
    return out


def in_proportion(kind: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which rows to keep, at random, so that the kinds of SN have about the survey's shares; all others stay.

    The kind that is rarest against its share stays whole, unless it has fewer than twenty rows.
    """
    counts = np.array([(kind == k).sum() for k in range(len(KINDS))])
    enough = counts >= 20
    if enough.sum() < 2:
        return np.ones(len(kind), bool)
    total = (counts[enough] / SURVEY[enough]).min()
    share = np.where(counts > 0, np.minimum(1.0, SURVEY * total / np.maximum(counts, 1)), 1.0)
    return np.asarray((kind == OTHER) | (rng.random(len(kind)) < share[kind]))

"""Calibration spectra of one's own in place of the shipped ones, domain by domain, without losing a class.

A domain (low or high resolution, which end is missing) with enough spectra of one's own is calibrated on those; every
other keeps the shipped ones. A class with hardly any of one's own keeps shipped ones as well, in the share that it had
there, so that an answer about it is compared with something.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.domain import FINE_CLASSES
from models.recalibration.rows import Rows
from models.spectral.prepare import Extent

SMALLEST: Final = 100
"""Spectra of one's own from which on a domain is calibrated on them: a threshold at 0.01 needs 99."""
FEWEST: Final = 5
"""Objects of one's own from which on a class needs no shipped spectra beside them."""


def combined(shipped: Rows, own: Rows, *, smallest: int = SMALLEST) -> Rows:
    """The calibration spectra of every domain.

    Parameters
    ----------
    own : Rows
        Without rare types.
    """
    theirs, ours = shipped.domain_names, own.domain_names
    enough = own_domains(own, smallest)
    parts = [shipped.rows(~np.isin(theirs, enough))]
    for name in enough:
        mine, like = own.rows(ours == name), shipped.rows(theirs == name)
        if not len(like):  # no calibration spectra of this domain were shipped: those it was compared with stand in
            like = shipped.rows(_consulted(shipped, mine))
        parts += [mine, like.rows(_kept(mine, like))]
    return Rows.joined(parts)


def own_domains(own: Rows, smallest: int = SMALLEST) -> list[str]:
    """Domains with enough spectra of one's own."""
    names, counts = np.unique(own.domain_names, return_counts=True)
    return [str(name) for name, count in zip(names, counts, strict=True) if name and count >= smallest]


def consulted(calibration: Rows, rows: Rows) -> list[NDArray[np.bool_]]:
    """For each row which calibration spectra it is compared with: those of each domain that counts, shape (n, m)."""
    domains, found = calibration.domains(), []
    ends = zip(rows.spacing, rows.coverage, rows.blue_end, rows.red_end, strict=True)
    for spacing, *told in ends:
        names = domains.consulted(float(spacing), Extent(*map(float, told)))
        found.append(np.array([domains.masks[name] for name in names]))
    return found


def _consulted(shipped: Rows, mine: Rows) -> NDArray[np.bool_]:
    return np.asarray(consulted(shipped, mine.rows(np.arange(1)))[0].any(0))


def _kept(mine: Rows, like: Rows) -> NDArray[np.int64]:
    """Which shipped spectra stay beside one's own: of classes with few objects, thinned to the share they had."""
    kept: list[int] = []
    for k in range(len(FINE_CLASSES)):
        of_class = np.flatnonzero(like.label == k)
        if not of_class.size or mine.rows(mine.label == k).count_objects() >= FEWEST:
            continue
        wanted = min(of_class.size, max(int(np.ceil(len(mine) * of_class.size / len(like))), 1))
        ordered = of_class[np.argsort(like.nonconformity[of_class], kind="stable")]
        places = (np.arange(wanted) + 0.5) * of_class.size / wanted  # evenly over the scores: the same distribution
        kept += ordered[places.astype(int)].tolist()
    return np.array(sorted(kept), np.int64)

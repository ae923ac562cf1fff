"""From which probability on a class is as pure as somebody asks for, on calibration spectra of the same domain.

Purity of a class at a threshold: of the calibration spectra that are called so with at least that probability, the
share that are so. The threshold is the lowest from which on every higher one also holds (a lucky dip does not count),
so it errs to the cautious side. The calibration spectra have a class mix of their own and several spectra of one
object; for a survey with another mix the purity is another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.conformal.domains import Domains
from models.conformal.sets import LAC, nonconformity
from models.domain import FINE_CLASSES

FEWEST: Final = 20
"""Calibration spectra of a domain called so at or above the threshold; fewer say nothing about a purity of 0.95."""
COLUMNS: Final = ("fine", "label", "spacing", "coverage", "blue_end", "red_end")
_Z: Final = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A threshold and what it was measured on.

    Parameters
    ----------
    threshold : float
        Least probability of the class.
    purity, low, high : float
        At this threshold, with its 95 % interval (Wilson).
    spectra : int
        Calibration spectra called so at or above it.
    domain : str
        Which calibration spectra.
    """

    threshold: float
    purity: float
    low: float
    high: float
    spectra: int
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """How a choice of answers does for one class and domain, counted on calibration spectra.

    Parameters
    ----------
    right, chosen, members : int
        Those of the class that are chosen as it; all that are chosen as it; all of the class.
    """

    right: int
    chosen: int
    members: int

    @property
    def purity(self) -> tuple[float, float, float] | None:
        """Share of the chosen ones that are right, with its 95 % interval (Wilson); None where none is chosen."""
        return _share(self.right, self.chosen)

    @property
    def recall(self) -> tuple[float, float, float] | None:
        """Share of the class that is chosen, likewise; None where there is none of the class."""
        return _share(self.right, self.members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purities:
    """The calibration spectra of a bundle.

    Parameters
    ----------
    fine : ndarray, shape (n, 7)
        Probabilities.
    label : ndarray of int, shape (n,)
        What they are.
    domains : Domains
        Which of them stand for which domain.
    bundle_id : str
        Whose answers this holds for.
    """

    fine: NDArray[np.floating[Any]]
    label: NDArray[np.integer[Any]]
    domains: Domains
    bundle_id: str = ""

    def cut(self, name: str, domains: Sequence[str], at_least: float) -> Cut | None:
        """The threshold of a class; None where it is never so pure, or too few calibration spectra are called so.

        Parameters
        ----------
        domains : sequence of str
            Whose calibration spectra count: of several the highest threshold.
        at_least : float
            The purity asked for.
        """
        found = [self._of_domain(name, domain, at_least) for domain in domains]
        cuts = [one for one in found if one is not None]
        return max(cuts, key=lambda one: one.threshold) if cuts and len(cuts) == len(found) else None

    def chosen(self, name: str, domain: str, *, least: float, alpha: float) -> Chosen | None:
        """What is right of the answers that have at least a probability and a set with nothing but their class in it.

        Sets are calibrated on the same spectra, which moves these counts by less than one spectrum in the whole domain.

        Parameters
        ----------
        least : float
            Probability of the class.
        alpha : float
            Error rate of the sets.

        Returns
        -------
        Chosen or None
            None for a domain without calibration spectra of its own.
        """
        mask = self.domains.masks.get(domain)
        if mask is None:
            return None
        fine, label, column = self.fine[mask].astype(float), self.label[mask].astype(np.int64), FINE_CLASSES.index(name)
        sets = LAC(nonconformity(fine, label)).members(fine, alpha)
        taken = (sets.sum(1) == 1) & sets[:, column] & (fine.argmax(1) == column) & (fine[:, column] >= least)
        truly = label == column
        return Chosen(right=int((taken & truly).sum()), chosen=int(taken.sum()), members=int(truly.sum()))

    def _of_domain(self, name: str, domain: str, at_least: float) -> Cut | None:
        mask = self.domains.masks.get(domain)
        if mask is None:
            return None
        column = FINE_CLASSES.index(name)
        called = mask & (self.fine.argmax(1) == column)
        p, right = self.fine[called, column], self.label[called] == column
        order = np.argsort(-p, kind="stable")
        p, right = p[order], right[order]
        count = np.arange(1, p.size + 1)
        purity = np.cumsum(right) / count
        last = np.append(p[1:] < p[:-1], True)  # a threshold takes all of equal probability, or none
        counts = last & (count >= FEWEST)
        failed = counts & (purity < at_least)
        good = counts & (np.cumsum(failed) == 0)
        if not good.any():
            return None
        i = int(np.flatnonzero(good)[-1])
        low, high = wilson(int(right[: i + 1].sum()), i + 1)
        return Cut(threshold=float(p[i]), purity=float(purity[i]), low=low, high=high, spectra=i + 1, domain=domain)


def purities_of(calibration: Mapping[str, NDArray[Any]], bundle_id: str = "") -> Purities:
    """From the columns `COLUMNS` of a bundle's calibration, of which only the first two need to be there."""
    label = np.asarray(calibration["label"])
    ends = {name: calibration.get(name) for name in ("coverage", "blue_end", "red_end")}
    domains = Domains.of(calibration.get("spacing"), label.size, **ends)
    return Purities(fine=np.asarray(calibration["fine"]), label=label, domains=domains, bundle_id=bundle_id)


def _share(part: int, whole: int) -> tuple[float, float, float] | None:
    return (part / whole, *wilson(part, whole)) if whole else None


def wilson(right: int, n: int) -> tuple[float, float]:
    """95 % interval of a share, by Wilson's formula."""
    share, z2 = right / n, _Z**2 / n
    centre, half = share + z2 / 2, _Z * float(np.sqrt(share * (1 - share) / n + z2 / (4 * n)))
    low, high = (centre - half) / (1 + z2), (centre + half) / (1 + z2)
    return min(low, share), max(high, share)  # rounding must not leave the share outside

"""Conformal p-values of an anomaly score, over everything and per predicted class (ASTRANet paper, Eq. 1 and 2).

They are valid for spectra exchangeable with the calibration set, and for no others: no guarantee survives a shift.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def p_values(calibration: Floats, scores: Floats) -> Floats:
    """`(|{i : s_i >= s}| + 1) / (n + 1)`, shape of `scores`; 1 where the calibration set is empty.

    Parameters
    ----------
    calibration : ndarray, shape (n,)
        Scores of calibration spectra, higher = more anomalous.
    scores : ndarray
    """
    ordered = np.sort(calibration)
    at_least = len(ordered) - np.searchsorted(ordered, scores, "left")
    return np.asarray((at_least + 1) / (len(ordered) + 1), dtype=float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mondrian:
    """Calibration scores in cells of the predicted class.

    Parameters
    ----------
    scores : ndarray, shape (n,)
    predicted : ndarray of int, shape (n,)
    classes : int
    smallest : int
        A class with fewer calibration spectra is answered from all of them: with three spectra the smallest possible
        p-value is 0.25, and with none it is always 1, which would hide every anomaly that is given this class.
    """

    scores: Floats
    predicted: Ints
    classes: int
    smallest: int = 10

    @property
    def sizes(self) -> Ints:
        """Calibration spectra of each predicted class."""
        return np.bincount(self.predicted, minlength=self.classes)

    def marginal(self, scores: Floats) -> Floats:
        """Eq. 1."""
        return p_values(self.scores, scores)

    def per_class(self, scores: Floats, predicted: Ints) -> Floats:
        """Eq. 2; Eq. 1 for classes with too few calibration spectra (`falls_back`)."""
        out = self.marginal(scores)
        for k in np.flatnonzero(~self.falls_back(np.arange(self.classes))):
            mine = predicted == k
            out[mine] = p_values(self.scores[self.predicted == k], scores[mine])
        return out

    def falls_back(self, predicted: Ints) -> NDArray[np.bool_]:
        """Whether a class is answered from all calibration spectra."""
        return self.sizes[predicted] < self.smallest

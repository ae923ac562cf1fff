"""All spectra of one object as one answer: probabilities combined, sets calibrated by object."""

from collections.abc import Mapping
from copy import copy
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.conformal.sets import LAC
from models.decision import PLAIN, Decision
from models.domain import FINE_CLASSES

EXPONENT: Final = 0.65
"""Spectra of one object err together: the sum of n log-probabilities counts as that of n to the power of 0.35 spectra.
Fitted by the likelihood of objects with several spectra in `select` and `calibrate` (docs/lab-notes.md)."""
SMALLEST: Final = 50
"""Calibration objects; a domain with fewer has no thresholds of its own."""
_LOWEST: Final = 1e-4


def combined(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """`prod(p_i) ** (n ** -0.65)`, normalised: a product of experts that knows they are not independent.

    Parameters
    ----------
    probabilities : ndarray, shape (n, 7)
        Of each spectrum; below 1e-4 counts as that, for no single spectrum can rule a class out.

    Returns
    -------
    ndarray, shape (7,)
    """
    logs = np.log(np.maximum(probabilities, _LOWEST)).sum(axis=0) * len(probabilities) ** -EXPONENT
    raised = np.exp(logs - logs.max())
    return np.asarray(raised / raised.sum())


class Together:
    """Prediction sets of objects with several spectra.

    Parameters
    ----------
    nonconformity : ndarray, shape (n,)
        `1 - p(true class)` of the combined answer about each calibration object.
    low : ndarray of bool, shape (n,)
        Whether most of its spectra are of low resolution.
    """

    decision: Decision = PLAIN
    """Which class of the combined probabilities is named."""

    def __init__(self, nonconformity: NDArray[np.float64], low: NDArray[np.bool_]) -> None:
        self._lac: Mapping[bool, LAC] = {
            name: LAC(nonconformity[mask] if int(mask.sum()) >= SMALLEST else nonconformity)
            for name, mask in ((True, low), (False, ~low))
        }
        self.size = len(nonconformity)

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> "Together | None":
        """From a bundle's arrays; None where it was never calibrated by object."""
        if "together_nonconformity" not in arrays:
            return None
        return cls(arrays["together_nonconformity"], arrays["together_low"].astype(bool))

    def deciding(self, decision: Decision) -> "Together":
        """The same with another way to name the class."""
        other = copy(self)
        other.decision = decision
        return other

    def members(self, probabilities: NDArray[np.float64], alpha: float, *, low: bool) -> tuple[str, ...]:
        """The prediction set of one object's combined answer."""
        kept = self._lac[low].members(probabilities[None], alpha)[0]
        return tuple(np.array(FINE_CLASSES)[kept].tolist())


def calibrated(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], groups: tuple[str, ...], low: NDArray[np.bool_]
) -> dict[str, NDArray[Any]]:
    """The arrays of `Together.of`, from held-back spectra: one value of each object that has several.

    Parameters
    ----------
    probabilities : ndarray, shape (n, 7)
    labels, low : ndarray, shape (n,)
    groups : tuple of str, length n
        The object of each spectrum.
    """
    rows: dict[str, list[int]] = {}
    for i, group in enumerate(groups):
        rows.setdefault(group, []).append(i)
    several = [np.array(mine) for mine in rows.values() if len(mine) > 1]
    scores = [1.0 - combined(probabilities[mine])[labels[mine[0]]] for mine in several]
    return {
        "together_nonconformity": np.array(scores, np.float64),
        "together_low": np.array([low[mine].mean() > 0.5 for mine in several], np.uint8),
    }

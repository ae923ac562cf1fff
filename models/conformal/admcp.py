"""AD-stratified Mondrian conformal prediction (ASTRANet paper, Eq. 6 and 7).

Cells of predicted class times anomaly-score quintile, each with its own threshold on `1 - p(predicted class)`: the
quintile of the strangest spectra, where alerts come from, gets the same error rate as the others. A cell with too few
calibration spectra shares a threshold with the other small cells of its quintile. (The paper falls back to the whole
class, most of whose spectra are ordinary: then the strangest quintile, which is made of small cells, is missed more
often than promised.)
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.conformal.domains import smallest_cell
from models.conformal.sets import quantile

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
QUANTILES = 5
Level = Literal["cell", "quintile", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Where one spectrum falls, and what it is compared with.

    Parameters
    ----------
    predicted : int
        Class number.
    quintile : int
        1 (least anomalous) to 5.
    size : int
        Calibration spectra in the cell itself.
    level : str
        `cell`; `quintile` when the cell has too few: the small cells of its quintile together, or the whole quintile
        when they are too few too; `all` when even that has too few.
    used : int
        Calibration spectra behind the threshold.
    threshold : float
        Infinite when they are too few for alpha: then nothing fires.
    fires : bool
        Whether `1 - p(predicted class)` exceeds the threshold.
    """

    predicted: int
    quintile: int
    size: int
    level: Level
    used: int
    threshold: float
    fires: bool

    def to_dict(self, classes: tuple[str, ...]) -> Mapping[str, object]:
        """As plain JSON; an infinite threshold is None."""
        return {
            "cell": f"{classes[self.predicted]}|Q{self.quintile}",
            "predicted": classes[self.predicted],
            "quintile": self.quintile,
            "size": self.size,
            "level": self.level,
            "used": self.used,
            "threshold": round(self.threshold, 6) if math.isfinite(self.threshold) else None,
            "fires": self.fires,
        }


class ADMCP:
    """Thresholds of every cell.

    Parameters
    ----------
    nonconformity : ndarray, shape (n,)
        `1 - p(predicted class)` of the calibration spectra.
    anomaly : ndarray, shape (n,)
        Their anomaly scores; the bin edges are their quantiles.
    predicted : ndarray of int, shape (n,)
    alpha : float
    strata : int
        Q of the paper. One stratum gives plain Mondrian thresholds per class.
    smallest : int, optional
        n_min of the paper, which has 10; by default also as many as a finite threshold at `alpha` needs, or a cell
        could never fire.
    """

    def __init__(
        self,
        nonconformity: Floats,
        anomaly: Floats,
        predicted: Ints,
        *,
        alpha: float,
        strata: int = QUANTILES,
        smallest: int | None = None,
    ) -> None:
        self.alpha, self.strata = alpha, strata
        self.smallest = smallest_cell(alpha) if smallest is None else smallest
        self.edges = np.quantile(anomaly, np.arange(1, strata) / strata)
        self._scores, self._predicted, self._stratum = nonconformity, predicted, self.stratum(anomaly)
        self._cells: dict[tuple[int, int], tuple[int, Level, int, float]] = {}

    def stratum(self, anomaly: Floats) -> Ints:
        """Which quintile, 0 to Q - 1."""
        return np.searchsorted(self.edges, anomaly, "left").astype(np.int64)

    def cell(self, nonconformity: float, anomaly: float, predicted: int) -> Cell:
        """Where one spectrum falls and whether it fires."""
        stratum = int(self.stratum(np.array([anomaly]))[0])
        size, level, used, threshold = self._threshold(predicted, stratum)
        fires = bool(nonconformity > threshold)
        return Cell(
            predicted=predicted,
            quintile=stratum + 1,
            size=size,
            level=level,
            used=used,
            threshold=threshold,
            fires=fires,
        )

    def covered(self, nonconformity: Floats, anomaly: Floats, predicted: Ints) -> NDArray[np.bool_]:
        """Whether each spectrum stays within its threshold, shape (n,)."""
        strata = self.stratum(anomaly)
        limits = [self._threshold(int(c), int(q))[3] for c, q in zip(predicted, strata, strict=True)]
        return np.asarray(nonconformity <= np.array(limits))

    def _threshold(self, predicted: int, stratum: int) -> tuple[int, Level, int, float]:
        key = (predicted, stratum)
        if key not in self._cells:
            used, level = self._compared(predicted, stratum)
            size = int(((self._predicted == predicted) & (self._stratum == stratum)).sum())
            self._cells[key] = (size, level, int(used.sum()), quantile(self._scores[used], self.alpha))
        return self._cells[key]

    def _compared(self, predicted: int, stratum: int) -> tuple[NDArray[np.bool_], Level]:
        """Which calibration spectra stand behind a cell's threshold."""
        in_quintile = self._stratum == stratum
        sizes = np.bincount(self._predicted[in_quintile], minlength=predicted + 1)
        if sizes[predicted] >= self.smallest:
            return in_quintile & (self._predicted == predicted), "cell"
        small = in_quintile & (sizes < self.smallest)[np.minimum(self._predicted, len(sizes) - 1)]
        for used in (small, in_quintile):
            if used.sum() >= self.smallest:
                return used, "quintile"
        return np.ones_like(in_quintile), "all"

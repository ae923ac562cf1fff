"""Prediction sets of many rows at once, as the analyst makes them."""

import numpy as np
from numpy.typing import NDArray

from models.conformal.sets import quantile
from models.domain import FINE_CLASSES
from models.recalibration.rows import Rows
from models.spectral.prepare import Extent


def members(calibration: Rows, rows: Rows, alpha: float) -> NDArray[np.bool_]:
    """Which classes belong to each row's set at `alpha`, shape (n, 7); of several domains what any of them keeps."""
    domains, scores = calibration.domains(), calibration.nonconformity
    limits = {name: quantile(scores[mask], alpha) for name, mask in domains.masks.items()}
    found = np.zeros((len(rows), len(FINE_CLASSES)), bool)
    ends = zip(rows.spacing, rows.coverage, rows.blue_end, rows.red_end, strict=True)
    for i, (spacing, *told) in enumerate(ends):
        names = domains.consulted(float(spacing), Extent(*map(float, told)))
        found[i] = 1.0 - rows.fine[i] <= max(limits[name] for name in names)
    return found


def held(calibration: Rows, rows: Rows, alpha: float) -> NDArray[np.bool_]:
    """Whether each row's set holds its true class, shape (n,); a rare type is in no set."""
    sets = members(calibration, rows, alpha)
    return np.asarray(sets[np.arange(len(rows)), np.maximum(rows.label, 0)] & (rows.label >= 0))

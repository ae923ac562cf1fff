"""Prediction sets of single spectra, each by the calibration spectra that are like it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from models.conformal.domains import Domains
from models.conformal.sets import APS, LAC, aps_scores, nonconformity
from models.domain import FINE_CLASSES
from models.sentinel.detector import Calibration

ALPHAS: Final = (0.01, 0.025, 0.05, 0.1, 0.2)
SetMethod = Literal["lac", "aps"]
SET_METHODS: Final[tuple[SetMethod, ...]] = get_args(SetMethod)
"""Those that can be served. Randomised APS cannot: the same spectrum would get another set another time."""

Floats = NDArray[np.float64]


class SetLayer:
    """The sets by domain.

    Parameters
    ----------
    calibration : mapping of str to ndarray
        A bundle's: `nonconformity`, and what tells the domains apart.
    kept : Calibration or None
        The same spectra with their probabilities, which `aps` needs: those of the bundle's anomaly layer.
    method : str
        One of `SET_METHODS`.

    Raises
    ------
    ValueError
        If the sets cannot be calibrated on what the bundle keeps.
    """

    def __init__(
        self, calibration: Mapping[str, NDArray[Any]], kept: Calibration | None = None, method: SetMethod = "lac"
    ) -> None:
        scores = calibration["nonconformity"]
        self.method: SetMethod = method
        self.domains = Domains.of(
            calibration.get("spacing"),
            len(scores),
            coverage=calibration.get("coverage"),
            blue_end=calibration.get("blue_end"),
            red_end=calibration.get("red_end"),
            cut=calibration.get("cut"),
        )
        masks = self.domains.masks
        self._lac = {name: LAC(scores[mask]) for name, mask in masks.items()}
        self._served: Mapping[str, LAC | APS] = self._lac
        if method == "aps":
            reach = _reach(scores, kept)
            self._served = {name: APS(reach[mask]) for name, mask in masks.items()}

    def members(self, fine: Floats, consulted: Sequence[str], alpha: float) -> tuple[str, ...]:
        """The set of probabilities of shape (7,) at `alpha`; of several domains each class that any of them keeps."""
        kept = np.any([self._served[name].members(fine[None], alpha)[0] for name in consulted], axis=0)
        return tuple(np.array(FINE_CLASSES)[kept].tolist())

    def widest(self, fine: Floats, consulted: Sequence[str]) -> NDArray[np.bool_]:
        """Which classes the threshold set at the smallest alpha keeps, whatever is served, shape (7,)."""
        return np.any([self._lac[name].members(fine[None], min(ALPHAS))[0] for name in consulted], axis=0)


def _reach(scores: Floats, kept: Calibration | None) -> Floats:
    """APS scores of the very spectra that the threshold sets are calibrated on."""
    if kept is None:
        raise ValueError("this bundle keeps no probabilities of its calibration spectra: aps needs them, lac does not")
    known = len(kept.label) == len(scores) and bool((kept.label >= 0).all())
    if not known or not np.allclose(nonconformity(kept.fine, kept.label), scores, atol=1e-6):
        raise ValueError(
            "this bundle keeps the probabilities of other spectra than its sets are calibrated on: aps cannot be served"
        )
    return aps_scores(kept.fine, kept.label)

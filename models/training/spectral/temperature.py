"""One number that makes the probabilities mean what they say (Guo et al. 2017)."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from models.spectral.ensemble import within_then_across
from models.spectral.readout import Readout


def fit_temperature(
    readout: Readout, logits: NDArray[np.float64], seeds: tuple[int, ...], labels: NDArray[np.int64]
) -> float:
    """Temperature of a readout, its odds given, that minimises the ensemble's negative log-likelihood.

    Focal loss, label smoothing and averaging all make an ensemble too modest.

    Parameters
    ----------
    logits : ndarray, shape (members, n, classes)
        Of spectra that neither trained the networks nor calibrate the prediction sets.
    seeds : tuple of int, length members
    labels : ndarray, shape (n,)
    """

    def loss(log_temperature: float) -> float:
        p = within_then_across(replace(readout, temperature=float(np.exp(log_temperature)))(logits), seeds)
        return float(-np.log(np.clip(p[np.arange(len(labels)), labels], 1e-12, None)).mean())

    best = minimize_scalar(loss, bounds=(np.log(0.1), np.log(5.0)), method="bounded")
    return float(np.exp(best.x))

"""How much each recipe's evidence and the prior of redshifts count: fitted to training objects."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from models.matching.grid import REDSHIFTS, Floats

RIGHT: Final = 0.01
"""A redshift is right within this."""
_RIDGE: Final = 1e-4
_BEGIN: Final = 20.0


def fit_weights(evidences: Floats, log_priors: Floats, redshifts: Floats, importance: Floats) -> tuple[Floats, float]:
    """Conditional logit (McFadden 1974): the weights under which the true redshift is most probable.

    Parameters
    ----------
    evidences : ndarray, shape (n, recipes, redshifts)
        Of each spectrum's own class, its own object left out.
    log_priors : ndarray, shape (n, redshifts)
        Of its class.
    redshifts, importance : ndarray, shape (n,)
        The true redshift, and how much the spectrum counts.

    Returns
    -------
    recipes : ndarray, shape (recipes,)
    prior : float
    """
    near = np.abs(REDSHIFTS[None] - redshifts[:, None]) < RIGHT
    known = near.any(axis=1)
    features = np.concatenate([evidences, log_priors[:, None]], axis=1)[known].astype(np.float64)
    near, share = near[known], importance[known] / importance[known].sum()

    def loss(weights: Floats) -> tuple[float, Floats]:
        logits = np.einsum("r,nrs->ns", weights, features)
        everywhere, there = _softmax(logits), _softmax(np.where(near, logits, -np.inf))
        value = -float(share @ (_logsumexp(np.where(near, logits, -np.inf)) - _logsumexp(logits)))
        slope = np.einsum("n,ns,nrs->r", share, everywhere - there, features)
        return value + _RIDGE * float(weights @ weights), slope + 2 * _RIDGE * weights

    begin = np.full(features.shape[1], _BEGIN)
    begin[-1] = 0.5
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(begin))
    return np.asarray(found.x[:-1]), float(found.x[-1])


def balanced(labels: NDArray[np.int64]) -> Floats:
    """Importance of spectra by the root of how rare their class is."""
    counts = np.bincount(labels)
    return np.asarray(1.0 / np.sqrt(counts[labels]))


def _logsumexp(logits: Floats) -> Floats:
    top = logits.max(axis=1)
    return np.asarray(top + np.log(np.exp(logits - top[:, None]).sum(axis=1)))


def _softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))

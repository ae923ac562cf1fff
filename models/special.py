"""Three functions of scipy.special, a line each: importing that takes as long as ten spectra take to answer."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def softmax(logits: Floats) -> Floats:
    """`exp(x) / sum(exp(x))` along the last axis, of the shape of the logits."""
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def logsumexp(values: Floats) -> Floats:
    """`log(sum(exp(x)))` along the last axis; minus infinity where all of them are."""
    top = values.max(axis=-1, keepdims=True)
    shift = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(values - shift).sum(axis=-1)) + shift[..., 0])


def expit(odds: Floats) -> Floats:
    """`1 / (1 + exp(-x))`, without overflow."""
    e = np.exp(-np.abs(odds))
    return np.asarray(np.where(odds >= 0, 1.0, e) / (1.0 + e))

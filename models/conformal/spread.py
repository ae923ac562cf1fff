"""What the members agree on and what they do not (ASTRANet paper, Eq. 4 and 5)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decomposition:
    """Entropy in nats, each of shape (n,): `total = aleatoric + epistemic`; the last is never below zero."""

    total: Floats
    aleatoric: Floats
    epistemic: Floats


def decompose(member_fine: Floats) -> Decomposition:
    """Eq. 4 on member probabilities of shape (members, n, classes)."""
    total = _entropy(member_fine.mean(0))
    aleatoric = _entropy(member_fine).mean(0)
    return Decomposition(total=total, aleatoric=aleatoric, epistemic=np.maximum(total - aleatoric, 0.0))


def intervals(fine: Floats, spread: Floats) -> Floats:
    """`p -+ sigma` of each class (Eq. 5), within 0 and 1; shape (n, classes, 2).

    Parameters
    ----------
    fine, spread : ndarray, shape (n, classes)
        Mean and standard deviation over the members.
    """
    return np.clip(np.stack([fine - spread, fine + spread], axis=2), 0.0, 1.0)


def _entropy(p: Floats) -> Floats:
    return np.asarray(-(p * np.log(np.clip(p, 1e-12, None))).sum(-1))

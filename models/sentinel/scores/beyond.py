"""Scores the paper does not have: one for each term of the outlier exposure, from an adapter behind the network."""

import numpy as np
from numpy.typing import NDArray

from models.sentinel.bank import Bank
from models.sentinel.features import Features
from models.sentinel.scores.registry import BEYOND, score

Floats = NDArray[np.float64]


@score("exposure", BEYOND)
def exposure(x: Features, bank: Bank) -> Floats:
    """Log-odds of being like the exposed anomalies rather than ordinary."""
    return x.exposure[:, 0]


@score("exposed_entropy", BEYOND)
def exposed_entropy(x: Features, bank: Bank) -> Floats:
    """Entropy of the tuned softmax, nats: the entropy term flattens it for what is like the exposed anomalies."""
    return x.exposure[:, 1]


@score("exposed_margin", BEYOND)
def exposed_margin(x: Features, bank: Bank) -> Floats:
    """Distance of the tuned embedding from the nearest class centre, which the margin term makes large."""
    return x.exposure[:, 2]

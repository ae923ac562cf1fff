"""Hand-made stamps: sky noise, a transient in the centre, stars."""

import numpy as np

LEVEL, SIGMA = 150.0, 8.0


def sky(seed: int = 0, size: int = 60):
    return np.random.default_rng(seed).normal(LEVEL, SIGMA, (size, size))


def star(y: float, x: float, counts: float, width: float = 1.3, size: int = 60):
    rows, columns = np.mgrid[:size, :size]
    return counts * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * width**2))


def field(seed: int = 0, transient: float = 600.0):
    """A transient, a host touching it, two unrelated stars."""
    return sky(seed) + star(30, 30, transient) + star(32, 33, 250, 3.0) + star(10, 12, 3000) + star(48, 50, 1500, 1.5)

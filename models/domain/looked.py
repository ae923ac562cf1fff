"""Where the networks looked for an answer: what hiding each piece of a spectrum does to it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WINDOW_A: Final = 200.0
"""Full width of what is hidden at a time: a broad line of a supernova at 10,000 km/s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What hiding each window did.

    Parameters
    ----------
    label : int
        Index of the class that was asked about.
    wavelength_A : ndarray, shape (windows,)
        Middle of each window, observed; those that are hardly measured are left out.
    change : ndarray, shape (windows,)
        Log-odds of the class with the whole spectrum less those with the window hidden, in nats: positive where what is
        there speaks for the class.
    log_odds : float
        With the whole spectrum.
    """

    label: int
    wavelength_A: Floats
    change: Floats
    log_odds: float

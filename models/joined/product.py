"""The product of experts: probabilities by the spectrum, and evidence of the source, each to its power."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.joined.evidence import EVIDENCE
from models.luminosity_law import weighed

SPECTRUM = "spectrum"
POWERS = (SPECTRUM, *EVIDENCE)
LEAST_P = 1e-4
"""No spectrum rules a class out."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Product:
    """To which power each expert counts.

    Parameters
    ----------
    powers : mapping of str to float
        Of the spectrum's probabilities and of each evidence's likelihood; 0 leaves one out.
    """

    powers: Mapping[str, float]

    def __call__(self, fine: Floats, likely: Mapping[str, Floats]) -> Floats:
        """Join, shape (n, 7); each row sums to 1.

        Parameters
        ----------
        fine : ndarray, shape (n, 7)
            Probabilities by the spectrum.
        likely : mapping of str to ndarray, shape (n, 7)
            Log-likelihood of the evidence under each class. A class without a law (NaN) keeps its probability, and a
            row of none is as if the evidence were not there.
        """
        logs = self.powers[SPECTRUM] * np.log(np.maximum(fine, LEAST_P))
        found = np.exp(logs - logs.max(1, keepdims=True))
        found = found / found.sum(1, keepdims=True)
        for name in EVIDENCE:
            if self.powers[name]:
                found = weighed(found, likely[name], self.powers[name])
        return np.asarray(found / found.sum(1, keepdims=True))

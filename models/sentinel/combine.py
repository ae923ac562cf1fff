"""Ranks to one number: gradient-boosted trees (paper, Sec. IV D)."""

import numpy as np
from numpy.typing import NDArray

from models.sentinel.scores import FAMILIES, SCORES, names
from models.special import expit
from models.trees import Trees

Floats = NDArray[np.float64]


class Combiner:
    """A trained combiner; `text` is LightGBM's own text form, the only one that is stored.

    Raises
    ------
    ValueError
        If the text is no model, or one of unknown scores.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._trees = Trees.from_text(text)
        self.scores = self._trees.names
        if not set(self.scores) <= set(SCORES):
            raise ValueError(f"a combiner of unknown scores: {set(self.scores) - set(SCORES)}")

    def __call__(self, ranks: Floats, start: Floats | None = None) -> Floats:
        """Anomaly score of each row of ranks (n, scores), between 0 and 1; no probability.

        Parameters
        ----------
        start : ndarray, shape (n,), optional
            Log-odds that the trees add to; see `models.training.sentinel.combine.fit_combiner`.
        """
        odds = self._trees.raw(ranks)[:, 0]
        return expit(odds if start is None else odds + start)

    @property
    def importances(self) -> dict[str, float]:
        """Share of the total gain each score brings."""
        gain = self._trees.gain
        return dict(zip(self.scores, (gain / max(gain.sum(), 1e-12)).tolist(), strict=True))


def families(ranks: Floats) -> Floats:
    """Mean rank within each family, shape (n, 4): the family-only mini-ensembles (Sec. V C).

    Parameters
    ----------
    ranks : ndarray, shape (n, 16 or more)
        Of the paper's sixteen scores first.
    """
    every = names()
    return np.stack([ranks[:, [every.index(s) for s in names(f)]].mean(1) for f in FAMILIES], axis=1)

"""Ranks to one number: gradient-boosted trees (paper, Sec. IV D)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.sentinel.scores import FAMILIES, SCORES, names, unknown
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
        if missing := unknown(self.scores):
            raise ValueError(f"a combiner of scores that this version does not know: {', '.join(missing)}")

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


def families(ranks: Floats, scores: Sequence[str] | None = None) -> Floats:
    """Average the ranks within each family, shape (n, 4): the family-only mini-ensembles (Sec. V C).

    Parameters
    ----------
    ranks : ndarray, shape (n, scores)
    scores : sequence of str, optional
        What the columns are; every registered one of the four families unless said otherwise.

    Raises
    ------
    ValueError
        If a family has no score among them.
    """
    of_family = [SCORES[s].family for s in (names() if scores is None else scores)]
    columns = {f: [j for j, family in enumerate(of_family) if family == f] for f in FAMILIES}
    if empty := [f for f, own in columns.items() if not own]:
        raise ValueError(f"no score of the family {', '.join(empty)}")
    return np.stack([ranks[:, own].mean(1) for own in columns.values()], axis=1)

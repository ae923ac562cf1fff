"""Ranks to one number: gradient-boosted trees (paper, Sec. IV D), and simpler ways to compare them with."""

from collections.abc import Sequence

import lightgbm
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from models.sentinel.scores import FAMILIES, SCORES, names, unknown

Floats = NDArray[np.float64]
TREES, RATE, LEAVES = 300, 0.05, 31
DECORRELATED = ("mahal_global", "lof", "msp")


class Combiner:
    """A trained combiner; `text` is LightGBM's own text form, the only one that is stored.

    Raises
    ------
    ValueError
        If the text is no model, or one of unknown scores.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._booster = lightgbm.Booster(model_str=text)
        except lightgbm.basic.LightGBMError as error:
            raise ValueError(f"not a LightGBM model: {error}") from error
        self.scores: tuple[str, ...] = tuple(self._booster.feature_name())
        if missing := unknown(self.scores):
            raise ValueError(f"a combiner of scores that this version does not know: {', '.join(missing)}")

    def __call__(self, ranks: Floats, start: Floats | None = None) -> Floats:
        """Anomaly score of each row of ranks (n, scores), between 0 and 1; no probability.

        Parameters
        ----------
        start : ndarray, shape (n,), optional
            Log-odds that the trees add to; see `fit_combiner`.
        """
        if not len(ranks):
            return np.zeros(0)
        odds = np.asarray(self._booster.predict(ranks, num_threads=1, raw_score=True), dtype=float)
        return np.asarray(expit(odds if start is None else odds + start))

    @property
    def importances(self) -> dict[str, float]:
        """Share of the total gain each score brings."""
        gain = self._booster.feature_importance("gain")
        return dict(zip(self.scores, (gain / max(gain.sum(), 1e-12)).tolist(), strict=True))


def fit_combiner(
    ranks: Floats,
    anomalous: NDArray[np.bool_],
    *,
    scores: Sequence[str] | None = None,
    start: Floats | None = None,
    seed: int = 0,
) -> Combiner:
    """300 trees of 31 leaves, learning rate 0.05, both sides weighted alike.

    Parameters
    ----------
    ranks : ndarray, shape (n, scores)
        Ranks of the in-distribution rows should come from a pool they are part of.
    anomalous : ndarray of bool, shape (n,)
    scores : sequence of str, optional
        What the columns are; every registered one of the four families unless said otherwise.
    start : ndarray, shape (n,), optional
        Log-odds to begin with, such as those of exposure: trees alone are constant beyond the last split, and would
        rank all that is very strange alike.

    Raises
    ------
    ValueError
        If one side is missing.
    """
    if anomalous.all() or not anomalous.any():
        raise ValueError("the combiner needs ordinary and anomalous spectra")
    model = lightgbm.LGBMClassifier(
        n_estimators=TREES,
        learning_rate=RATE,
        num_leaves=LEAVES,
        class_weight="balanced",
        random_state=seed,
        deterministic=True,
        force_row_wise=True,
        n_jobs=1,
        verbosity=-1,
    )
    model.fit(ranks, anomalous.astype(int), feature_name=list(scores or names()), init_score=start)
    return Combiner(model.booster_.model_to_string(num_iteration=TREES))


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


def weighted_rank_average(ranks: Floats, anomalous: NDArray[np.bool_], fresh: Sequence[Floats]) -> list[Floats]:
    """First baseline: ranks weighted by how far each score's AUROC on the training rows lies above one half."""
    weight = np.array([max(roc_auc_score(anomalous, column) - 0.5, 0.0) for column in ranks.T])
    return [rows @ (weight / weight.sum()) for rows in fresh]


def logistic(
    ranks: Floats, anomalous: NDArray[np.bool_], fresh: Sequence[Floats], which: Sequence[str] | None = None
) -> list[Floats]:
    """Second and third baseline: logistic regression on some scores (`DECORRELATED`), or on all."""
    columns = [names().index(s) for s in which] if which else list(range(ranks.shape[1]))
    model = LogisticRegression(class_weight="balanced", max_iter=2000).fit(ranks[:, columns], anomalous)
    return [model.predict_proba(rows[:, columns])[:, 1] for rows in fresh]

"""Training the combiner of ranks, and simpler ways of combining to compare it with (paper, Sec. IV D)."""

from collections.abc import Sequence

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from models.sentinel.combine import Combiner
from models.sentinel.scores import names

Floats = NDArray[np.float64]
TREES, RATE, LEAVES = 300, 0.05, 31
DECORRELATED = ("mahal_global", "lof", "msp")


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

"""The eight ways to combine members of App. G, for the evaluation; the service uses the within-seed mean.

Those with parameters are tuned on the selection split and never see the test split.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import softmax
from sklearn.linear_model import LogisticRegressionCV

from models.spectral.ensemble import EnsemblePrediction, within_then_across
from models.training.metrics import confusion_matrix, macro_recall

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Strategy = Callable[[EnsemblePrediction, Ints, EnsemblePrediction], Floats]


def _score(p: Floats, labels: Ints) -> float:
    return macro_recall(confusion_matrix(labels, p.argmax(1), p.shape[1]))


def single_best(tune: EnsemblePrediction, labels: Ints, test: EnsemblePrediction) -> Floats:
    """The member with the highest macro recall."""
    return test.member_fine[int(np.argmax([_score(p, labels) for p in tune.member_fine]))]


def cross_seed(tune: EnsemblePrediction, labels: Ints, test: EnsemblePrediction) -> Floats:
    """Mean over seeds of each seed's better member."""
    seeds = np.array(tune.seeds)
    best = [
        max(np.flatnonzero(seeds == s), key=lambda i: _score(tune.member_fine[i], labels)) for s in dict.fromkeys(seeds)
    ]
    return test.member_fine[best].mean(0)


def within_seed(tune: EnsemblePrediction, labels: Ints, test: EnsemblePrediction) -> Floats:
    """Mean within each seed, then across seeds: the deployed choice."""
    return test.fine


def super_ensemble(tune: EnsemblePrediction, labels: Ints, test: EnsemblePrediction) -> Floats:
    """Mean over all members at once."""
    return test.member_fine.mean(0)


def cost_sensitive(tune: EnsemblePrediction, labels: Ints, test: EnsemblePrediction) -> Floats:
    """Within-seed mean times one factor per class, by coordinate descent on macro recall."""
    factors = np.ones(tune.fine.shape[1])
    for _ in range(3):
        for k in range(len(factors)):
            trials = [np.where(np.arange(len(factors)) == k, f, factors) for f in np.geomspace(0.3, 3.0, 25)]
            factors = max(trials, key=lambda f: (_score(tune.fine * f, labels), -abs(np.log(f)).sum()))
    scaled = test.fine * factors
    return scaled / scaled.sum(1, keepdims=True)


def per_class_weights(tune: EnsemblePrediction, labels: Ints, test: EnsemblePrediction) -> Floats:
    """One weight vector over members for each class, by Nelder-Mead on the log-likelihood."""
    members, _, classes = tune.member_fine.shape

    def combined(x: Floats, p: Floats) -> Floats:
        weights = softmax(x.reshape(members, classes), axis=0)
        out = np.einsum("mc,mnc->nc", weights, p)
        return out / out.sum(1, keepdims=True)

    def loss(x: Floats) -> float:
        p = combined(x, tune.member_fine)
        return float(-np.log(np.clip(p[np.arange(len(labels)), labels], 1e-12, None)).mean())

    found = minimize(loss, np.zeros(members * classes), method="Nelder-Mead", options={"maxiter": 600})
    return combined(found.x, test.member_fine)


def stacking(tune: EnsemblePrediction, labels: Ints, test: EnsemblePrediction) -> Floats:
    """Class-balanced logistic regression on all members' probabilities."""
    model = LogisticRegressionCV(
        Cs=[0.01, 0.1, 1.0, 10.0],
        cv=int(np.clip(np.bincount(labels)[np.unique(labels)].min(), 2, 5)),
        class_weight="balanced",
        scoring="balanced_accuracy",
        max_iter=2000,
        l1_ratios=(0.0,),
        use_legacy_attributes=False,
    )
    model.fit(_flat(tune), labels)
    out = np.zeros_like(test.fine)
    out[:, model.classes_] = model.predict_proba(_flat(test))
    return out


def selective_per_class(tune: EnsemblePrediction, labels: Ints, test: EnsemblePrediction) -> Floats:
    """For each class only the members whose recall of it exceeds a common threshold."""
    classes = range(tune.member_fine.shape[2])
    recall = np.array([[_recall(p, labels, k) for k in classes] for p in tune.member_fine])

    def combined(threshold: float, p: Floats) -> Floats:
        use = recall >= np.minimum(threshold, recall.max(0))
        return np.einsum("mc,mnc->nc", use / use.sum(0), p)

    best = max(np.arange(0.0, 0.86, 0.05), key=lambda t: _score(combined(t, tune.member_fine), labels))
    return combined(best, test.member_fine)


def temperatures(tune: EnsemblePrediction, labels: Ints, test: EnsemblePrediction) -> Floats:
    """One temperature per member, by coordinate descent on macro recall, then on the log-likelihood."""
    grid, t = np.arange(0.3, 3.01, 0.15), np.ones(len(tune.seeds))

    def combined(t: Floats, prediction: EnsemblePrediction) -> Floats:
        told = np.log(np.clip(prediction.member_fine, 1e-12, None))
        return within_then_across(softmax(told / t[:, None, None], axis=-1), prediction.seeds)

    def merit(t: Floats) -> tuple[float, float]:
        p = combined(t, tune)
        return _score(p, labels), float(np.log(np.clip(p[np.arange(len(labels)), labels], 1e-12, None)).mean())

    for _ in range(2):
        for m in range(len(t)):
            t = max((np.where(np.arange(len(t)) == m, value, t) for value in grid), key=merit)
    return combined(t, test)


STRATEGIES: dict[str, Strategy] = {
    "single best": single_best,
    "cross-seed": cross_seed,
    "within-seed (deployed)": within_seed,
    "super-ensemble": super_ensemble,
    "cost-sensitive": cost_sensitive,
    "per-class weights": per_class_weights,
    "stacking": stacking,
    "selective per class": selective_per_class,
    "temperature per member": temperatures,
}


def _recall(p: Floats, labels: Ints, k: int) -> float:
    """Recall of one class; 1 for a class without members, so that it excludes nobody."""
    members = labels == k
    return float((p[members].argmax(1) == k).mean()) if members.any() else 1.0


def _flat(prediction: EnsemblePrediction) -> Floats:
    return np.concatenate(list(prediction.member_fine), axis=1)

"""Which of several classifiers is better: the same spectra, the same draws of objects."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.training.evaluate import SMALLEST_CLASS
from models.training.metrics import RESAMPLES, bootstrap

Floats = NDArray[np.float64]
FIGURES = ("log loss, mean over classes", "log loss", "accuracy", "macro recall", "macro recall, frequent classes")


def compare(
    answers: Mapping[str, Sequence[Floats]],
    labels: NDArray[np.int64],
    groups: Sequence[str],
    *,
    once: bool = False,
    resamples: int = RESAMPLES,
) -> dict[str, dict[str, Any]]:
    """Figures of each classifier, and how far each is from the first.

    Parameters
    ----------
    answers : mapping of name to sequence of ndarray, each of shape (n, classes)
        Probabilities of one or several views of the same spectra, such as draws of noise, over which figures are
        averaged. The first classifier is what the others are compared with.
    groups : sequence of str, length n
        Object of each spectrum: the unit that is drawn, the same draws for all.
    once : bool
        Give every object the same weight, however many spectra it has.

    Returns
    -------
    dict
        For each name, `value` and, but for the first, `difference`, both by figure; the latter with its 95 % interval.
    """
    per_object = np.stack([_sums(views, labels, groups) for views in answers.values()], axis=1)
    frequent = (per_object[:, 0, :, 0] > 0).sum(0) >= SMALLEST_CLASS
    if once:
        per_object /= per_object[:, :, :, :1].sum(2, keepdims=True)

    def each(total: Floats) -> Floats:
        levels = np.stack([_figures(t, frequent) for t in total])
        return np.concatenate([levels, levels - levels[0]]).ravel()

    found = np.array(bootstrap(per_object, each, resamples=resamples)).reshape(2, len(answers), len(FIGURES))
    out: dict[str, dict[str, Any]] = {}
    for i, name in enumerate(answers):
        out[name] = {"value": {f: e.to_dict()["value"] for f, e in zip(FIGURES, found[0, i], strict=True)}}
        if i:
            out[name]["difference"] = {f: e.to_dict() for f, e in zip(FIGURES, found[1, i], strict=True)}
    return out


def _sums(views: Sequence[Floats], labels: NDArray[np.int64], groups: Sequence[str]) -> Floats:
    """Spectra, log loss and right answers of each object by class, means of the views; shape (objects, classes, 3)."""
    p = np.stack(views)
    loss = -np.log(np.clip(p[:, np.arange(len(labels)), labels], 1e-12, None)).mean(0)
    right = (p.argmax(2) == labels).mean(0)
    _, index = np.unique(np.array(groups), return_inverse=True)
    out = np.zeros((index.max() + 1, p.shape[2], 3))
    np.add.at(out, (index, labels), np.stack([np.ones(len(labels)), loss, right], axis=1))
    return out


def _figures(total: Floats, frequent: NDArray[np.bool_]) -> Floats:
    """Those of `FIGURES` from sums by class, shape (classes, 3); means over the classes that have spectra."""
    some = total[frequent & (total[:, 0] > 0)]
    total = total[total[:, 0] > 0]
    loss, right = (total[:, i] / total[:, 0] for i in (1, 2))
    _, overall_loss, overall_right = total.sum(0) / total[:, 0].sum()
    often = (some[:, 2] / some[:, 0]).mean() if len(some) else np.nan
    return np.array([loss.mean(), overall_loss, overall_right, right.mean(), often])

"""Which of several classifiers is better: the same spectra, the same draws of objects."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.training.metrics import RESAMPLES, Estimate

Floats = NDArray[np.float64]
FIGURES = ("log loss, mean over classes", "log loss", "accuracy", "macro recall")


def figures(views: Sequence[Floats], labels: NDArray[np.int64]) -> Floats:
    """The four of `FIGURES`, averaged over several views of the same spectra; shape (4,).

    Parameters
    ----------
    views : sequence of ndarray, each of shape (n, classes)
        Probabilities, for example for several draws of noise.
    labels : ndarray, shape (n,)
    """
    present = [labels == k for k in np.unique(labels)]
    rows = []
    for p in views:
        loss = -np.log(np.clip(p[np.arange(len(labels)), labels], 1e-12, None))
        right = p.argmax(1) == labels
        rows.append(
            (
                np.mean([loss[k].mean() for k in present]),
                loss.mean(),
                right.mean(),
                np.mean([right[k].mean() for k in present]),
            )
        )
    return np.mean(rows, axis=0)


def compare(
    answers: Mapping[str, Sequence[Floats]],
    labels: NDArray[np.int64],
    groups: Sequence[str],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, dict[str, Any]]:
    """Figures of each classifier, and how far each is from the first.

    Parameters
    ----------
    answers : mapping of name to views as in `figures`
        The first is what the others are compared with.
    groups : sequence of str, length n
        Object of each spectrum: the unit that is drawn, the same draws for all.

    Returns
    -------
    dict
        For each name, `value` and, but for the first, `difference`, both by figure; the latter with its 95 % interval.
    """
    _, index = np.unique(np.array(groups), return_inverse=True)
    rows_of = [np.flatnonzero(index == i) for i in range(index.max() + 1)]
    rng = np.random.default_rng(seed)
    draws = [
        np.concatenate([rows_of[i] for i in rng.integers(len(rows_of), size=len(rows_of))]) for _ in range(resamples)
    ]
    values = {name: figures(views, labels) for name, views in answers.items()}
    drawn = {
        name: np.array([figures([p[rows] for p in views], labels[rows]) for rows in draws])
        for name, views in answers.items()
    }
    first = next(iter(answers))
    out: dict[str, dict[str, Any]] = {}
    for name in answers:
        out[name] = {"value": dict(zip(FIGURES, np.round(values[name], 4).tolist(), strict=True))}
        if name != first:
            low, high = np.percentile(drawn[name] - drawn[first], (2.5, 97.5), axis=0)
            three = zip(values[name] - values[first], low, high, strict=True)
            out[name]["difference"] = {
                f: Estimate(*map(float, e)).to_dict() for f, e in zip(FIGURES, three, strict=True)
            }
    return out

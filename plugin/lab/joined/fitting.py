"""The powers of the experts, by the likelihood of held-back objects.

How strongly they are held to the spectrum alone is chosen on folds inside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from models.joined.product import POWERS, SPECTRUM, Product

HELD: Final = (0.003, 0.01, 0.03)
"""Penalties on the squared distance of the powers from those of the spectrum alone."""
FOLDS: Final = 5
MOST: Final = 2.0
TOLERANCE: Final = 1e-7
ALONE: Final = {name: 1.0 if name == SPECTRUM else 0.0 for name in POWERS}
LEAST_P: Final = 1e-4
"""Log loss counts no probability as smaller."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Material:
    """What powers are fitted on.

    Parameters
    ----------
    fine : ndarray, shape (n, 7)
        Probabilities by the spectrum, of networks that did not learn from it.
    likely : mapping of str to ndarray, shape (n, 7)
        Log-likelihoods of the evidence.
    label, group : ndarray of int, shape (n,)
        The class, and which object it is of. Each object counts once, shared among its spectra.
    """

    fine: Floats
    likely: Mapping[str, Floats]
    label: NDArray[np.int64]
    group: NDArray[np.int64]

    def rows(self, where: NDArray[np.bool_]) -> "Material":
        """Some of the rows."""
        likely = {name: found[where] for name, found in self.likely.items()}
        return Material(self.fine[where], likely, self.label[where], self.group[where])

    @property
    def weight(self) -> Floats:
        """Of each row, shape (n,): one for each object."""
        _, index, counts = np.unique(self.group, return_inverse=True, return_counts=True)
        return np.asarray(1.0 / counts[index])


def stacked(parts: Sequence[Material]) -> Material:
    """The rows of several, one after the other."""
    likely = {name: np.concatenate([part.likely[name] for part in parts]) for name in parts[0].likely}
    arrays = [np.concatenate([getattr(part, k) for part in parts]) for k in ("fine", "label", "group")]
    return Material(arrays[0], likely, arrays[1], arrays[2])


def losses(found: Floats, label: NDArray[np.int64]) -> Floats:
    """Log loss of each row."""
    return np.asarray(-np.log(np.maximum(found[np.arange(len(label)), label], LEAST_P)))


def fitted(material: Material, held: float) -> Product:
    """The powers with the least log loss of objects, held to the spectrum alone."""
    weight, start = material.weight, np.array([ALONE[name] for name in POWERS])

    def loss(powers: Floats) -> float:
        joined = Product(dict(zip(POWERS, powers.tolist(), strict=True)))(material.fine, material.likely)
        mean = np.average(losses(joined, material.label), weights=weight)
        return float(mean + held * ((powers - start) ** 2).sum())

    begin = np.where(start > 0, start, 0.3)
    found = minimize(loss, begin, method="L-BFGS-B", bounds=[(0.0, MOST)] * len(begin), options={"ftol": TOLERANCE}).x
    return Product({name: round(float(p), 4) for name, p in zip(POWERS, found, strict=True)})


def chosen(material: Material, seed: int) -> tuple[float, dict[str, float]]:
    """The penalty with the least log loss over folds of objects, and each one's."""
    means = {}
    for held in HELD:
        out = np.zeros(len(material.label))
        for _, rest, mine in folds(material, seed):
            part = material.rows(mine)
            out[mine] = losses(fitted(material.rows(rest), held)(part.fine, part.likely), part.label)
        means[f"{held:g}"] = round(float(np.average(out, weights=material.weight)), 5)
    return min(HELD, key=lambda h: means[f"{h:g}"]), means


def nested(material: Material, seed: int) -> Product:
    """Fit with the penalty that folds of the same objects choose."""
    return fitted(material, chosen(material, seed)[0])


def crossed(material: Material, seed: int = 0) -> Floats:
    """Joined probabilities of each row by powers of other objects, shape (n, 7); penalties chosen inside each fold."""
    out = np.zeros_like(material.fine)
    for k, rest, mine in folds(material, seed):
        part = material.rows(mine)
        out[mine] = nested(material.rows(rest), seed + k + 1)(part.fine, part.likely)
    return out


def folds(material: Material, seed: int) -> list[tuple[int, NDArray[np.bool_], NDArray[np.bool_]]]:
    """Number, the rows of other objects and its own rows, of each fold; classes are dealt out evenly by object."""
    objects, first = np.unique(material.group, return_index=True)
    order = np.random.default_rng(seed).permutation(len(objects))
    order = order[np.argsort(material.label[first][order], kind="stable")]
    fold_of = dict(zip(objects[order].tolist(), (np.arange(len(order)) % FOLDS).tolist(), strict=True))
    fold = np.array([fold_of[g] for g in material.group.tolist()])
    return [(k, fold != k, fold == k) for k in range(FOLDS)]

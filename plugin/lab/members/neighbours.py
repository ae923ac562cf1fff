"""Whether the embedding alone carries the class: its nearest neighbours against the head (ASTRANet paper, App. H)."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.neighbors import KNeighborsClassifier

from models.domain import FINE_CLASSES
from models.sentinel.analogs import Analogs, unit_rows
from models.spectral.ensemble import EnsemblePrediction
from models.training.dataset import Dataset
from models.training.metrics import accuracy, bootstrap, macro_recall, per_object
from models.training.sentinel.protocol import domain_names
from plugin.lab.members.agreement import known

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NEIGHBOURS: Final = 15
FOLDS: Final = 5
K = len(FINE_CLASSES)


def in_folds(embedding: Floats, data: Dataset, *, seed: int = 0) -> Ints:
    """Class of each spectrum by the neighbours among those of other objects, fold by fold; shape (n,).

    No spectrum of an object helps to classify another of it: it would find its own twin.
    """
    unit, out = unit_rows(embedding).astype(np.float64), np.empty(len(data), np.int64)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for others, held in folds.split(unit, data.label, groups=np.array(data.groups)):
        out[held] = by_neighbours(unit[others], data.label[others], unit[held])
    return out


def in_archive(embedding: Floats, archive: Analogs) -> Ints:
    """Class of each spectrum by its neighbours among the training spectra that a bundle brings, shape (n,)."""
    label = np.array([FINE_CLASSES.index(c) for c in archive.classes])
    return by_neighbours(archive.unit.astype(np.float64), label, unit_rows(embedding).astype(np.float64))


def by_neighbours(known_unit: Floats, label: Ints, unit: Floats) -> Ints:
    """The class that most of the nearest by cosine distance have; of equals the first of the classes."""
    k = min(NEIGHBOURS, len(label))
    model = KNeighborsClassifier(n_neighbors=k, metric="cosine", algorithm="brute").fit(known_unit, label)
    return np.asarray(model.predict(unit), np.int64)


def beside_the_head(answered: Ints, prediction: EnsemblePrediction, data: Dataset) -> list[dict[str, Any]]:
    """Accuracy and macro recall of both on the same spectra, by domain, with paired intervals by object."""
    rows = []
    names = domain_names(data.spacing)
    head = prediction.fine.argmax(1)
    for name in sorted(set(names.tolist()) - {""}):
        here = names == name
        part = data.rows(here)
        both = [per_object(part.label, said[here], part.groups, K) for said in (answered, head)]
        found = iter(bootstrap(np.stack(both, axis=1), _figures))
        figures = {f"{what} {who}": known(next(found)) for who in ("neighbours", "head") for what in _NAMES}
        figures |= {f"{what} difference": known(next(found)) for what in _NAMES}
        mix = {c: n["spectra"] for c, n in part.counts().items()}
        rows.append({"domain": name, "spectra": len(part), "objects": len(set(part.groups)), "mix": mix, **figures})
    return rows


_NAMES: Final = ("accuracy", "macro_recall")


def _figures(pair: Floats) -> Floats:
    one, other = ([accuracy(matrix), macro_recall(matrix)] for matrix in pair)
    return np.array([*one, *other, one[0] - other[0], one[1] - other[1]])

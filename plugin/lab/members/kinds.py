"""Which kinds of a class are lost, and to what: the ten classes, the six categories, and subtypes that sources name."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iris_client.taxonomy.kinds import ten_class
from models.domain import CATEGORY_OF, FINE_CLASSES, FINE_OF_TEN, SIX_CATEGORIES, TEN_CLASSES
from models.training.dataset import Dataset
from models.training.metrics import binomial_interval
from models.training.spectral.auxiliary import SUBTYPES, subtypes

Ints = NDArray[np.int64]


def ten_classes(data: Dataset) -> list[str]:
    """Class of ten of each spectrum, by what its source calls it."""
    pairs = zip(data.kinds, data.label, strict=True)
    return [ten_class(kind.rpartition(":")[2], FINE_CLASSES[k]) or FINE_CLASSES[k] for kind, k in pairs]


def recalls_by_kind(predicted: Ints, data: Dataset) -> dict[str, list[dict[str, Any]]]:
    """What each kind of the catalogue is taken for.

    Parameters
    ----------
    predicted : ndarray of int, shape (n,)
        Index into `FINE_CLASSES`.

    Returns
    -------
    dict
        `ten`, `six` and `subtypes`: a row for every kind that has spectra, with `recall` over spectra, `by_object`
        with each object once, and `said`: spectra by what they were taken for.
    """
    ten = np.array(ten_classes(data))
    said = np.array(FINE_CLASSES)[predicted]
    six, said_six = (
        np.array([CATEGORY_OF[c] for c in column]) for column in (np.array(FINE_CLASSES)[data.label], said)
    )
    own = subtypes(data)
    rows = [_row(name, FINE_OF_TEN[name], ten == name, said, data.groups, FINE_CLASSES) for name in TEN_CLASSES]
    categories = [_row(name, name, six == name, said_six, data.groups, SIX_CATEGORIES) for name in SIX_CATEGORIES]
    finer = [
        _row(f"{fine}: {name}", fine, own == i, said, data.groups, FINE_CLASSES)
        for i, (fine, name, _) in enumerate(SUBTYPES)
    ]
    return {
        what: [row for row in found if row["spectra"]]
        for what, found in (("ten", rows), ("six", categories), ("subtypes", finer))
    }


def _row(
    name: str, wanted: str, here: NDArray[np.bool_], said: NDArray[np.str_], groups: Sequence[str], order: Sequence[str]
) -> dict[str, Any]:
    hit = (said == wanted)[here]
    if not len(hit):
        return {"kind": name, "spectra": 0}
    _, index, size = np.unique(np.array(groups)[here], return_inverse=True, return_counts=True)
    share = float((np.bincount(index, hit) / size).mean())
    low, high = binomial_interval(round(share * len(size)), len(size))
    return {
        "kind": name,
        "class": wanted,
        "spectra": len(hit),
        "objects": len(size),
        "recall": round(float(hit.mean()), 4),
        "by_object": {"value": round(share, 4), "low": round(low, 4), "high": round(high, 4)},
        "said": {c: int((said[here] == c).sum()) for c in order},
    }

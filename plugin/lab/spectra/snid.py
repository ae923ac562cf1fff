"""The answer of SNID, as the SED Machine's pipeline ran it, beside that of a bundle on the same spectra."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.domain import FINE_CLASSES
from models.training.dataset import Dataset
from models.training.evaluate import HEADLINE, summary_of
from plugin.lab.dataset.headers import Header

RLAPS = (0.0, 5.0, 10.0)
"""Quality of SNID's match: all spectra, those it calls good, and the best. Chosen by SNID, which favours it."""
NO_CLASS = len(FINE_CLASSES)
"""No match, or one with a galaxy, a star or an impostor: always wrong, since every spectrum here is of a class."""


def snid_beside(
    data: Dataset, headers: Mapping[str, Header], answers: Mapping[str, NDArray[np.int64]]
) -> dict[str, Any] | None:
    """Figures of SNID and of others on the spectra whose headers have its answer; None where there are too few.

    Parameters
    ----------
    answers : mapping of str to ndarray of int, shape (n,)
        What else answered, and the classes it gave to the rows of `data`.
    """
    index = np.array([i for i, name in enumerate(data.ids) if name in headers], np.int64)
    if len(index) < 2:
        return None
    rows = data.rows(index)
    found = [headers[name] for name in rows.ids]
    snid = np.array([NO_CLASS if h.snid is None else FINE_CLASSES.index(h.snid) for h in found], np.int64)
    rlap = np.nan_to_num([h.rlap for h in found])
    told = {"SNID": snid, **{name: predicted[index] for name, predicted in answers.items()}}
    parts = []
    for limit in RLAPS:
        where = rlap >= limit
        if where.sum() > 1:
            part = rows.rows(where)
            parts.append(
                {
                    "rlap": limit,
                    "spectra": len(part),
                    "objects": len(set(part.groups)),
                    "answers": {name: _short(summary_of(p[where], part)) for name, p in told.items()},
                }
            )
    whole = summary_of(snid, rows)
    # Counted here: a table with a column for no class, also where every spectrum has a match.
    matrix = np.zeros((len(FINE_CLASSES), NO_CLASS + 1), int)
    np.add.at(matrix, (rows.label, snid), 1)
    return {
        "spectra": len(rows),
        "objects": whole["objects"],
        "no_class": round(float((snid == NO_CLASS).mean()), 4),
        "confusion": matrix.tolist(),
        "by_rlap": parts,
    }


def _short(found: Mapping[str, Any]) -> dict[str, Any]:
    return {k: found[k] for k in (*HEADLINE, "recall", "by_object")}

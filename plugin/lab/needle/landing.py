"""Where each kind of object lands: subclasses of SN one by one, and kinds that no model was taught (SLSN-II)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from models.domain import NEEDLE_CLASSES
from models.training.needle.examples import Examples, Labelled

Floats = NDArray[np.float64]
THRESHOLD: Final = 0.8
FEWEST: Final = 3
"""A subclass with fewer objects counts as its kind."""
_PLAIN: Final = {"SN Ia-norm": "SN Ia", "SN Ia?": "SN Ia", "IIb": "SN IIb", "Ibn": "SN Ibn", "SN Ib/c": "SN Ibc"}


def subclasses(objects: Sequence[Labelled]) -> list[str]:
    """The type of each object as the catalogue has it, or its kind where it is rare or is not told."""
    fine = [_fine(one) for one in objects]
    counts = Counter(fine)
    return [name if counts[name] >= FEWEST else one.kind for name, one in zip(fine, objects, strict=True)]


def landing(objects: Sequence[Labelled], epochs: Examples, p: Floats) -> dict[str, dict[str, Any]]:
    """By subclass of SN: how many objects, and the share that is called each class at or above 0.8, and most probably.

    Parameters
    ----------
    p : ndarray, shape (n, 3)
        The answer at every epoch. An object counts once.

    Returns
    -------
    dict of str to dict
        `objects`; `said`, by class the share above the threshold, low and high; `most`, by class the share of which it
        is the most probable. The intervals are those of a share of so many objects (Clopper and Pearson).
    """
    names = np.array(subclasses(objects))[epochs.object_index]
    out = {}
    for name in sorted(set(names[epochs.label == 0])):
        rows = (names == name) & (epochs.label == 0)
        n = len(np.unique(epochs.object_index[rows]))
        best, weight = p[rows].argmax(1), epochs.weight[rows] / epochs.weight[rows].sum()
        decided = p[rows].max(1) >= THRESHOLD
        said = [float(weight @ (decided & (best == k))) for k in range(len(NEEDLE_CLASSES))]
        most = [float(weight @ (best == k)) for k in range(len(NEEDLE_CLASSES))]
        out[name] = {
            "objects": n,
            "said": {c: _share(s, n) for c, s in zip(NEEDLE_CLASSES, said, strict=True)},
            "most": {c: round(s, 4) for c, s in zip(NEEDLE_CLASSES, most, strict=True)},
        }
    return out


def markdown(title: str, rows: Mapping[str, Mapping[str, Any]], note: Sequence[str]) -> list[str]:
    """A table of `landing`."""
    lines = [
        f"## {title}",
        "",
        "| type | objects | said SN | said SLSN-I | said TDE | most probably SN / SLSN-I / TDE |",
    ]
    lines += ["|---|---|---|---|---|---|"]
    for name, row in rows.items():
        said = (row["said"][c] for c in NEEDLE_CLASSES)
        cells = " | ".join(f"{c['value']:.3f} [{c['low']:.3f}, {c['high']:.3f}]" for c in said)
        most = " / ".join(f"{row['most'][c]:.2f}" for c in NEEDLE_CLASSES)
        lines.append(f"| {name} | {row['objects']} | {cells} | {most} |")
    return [*lines, "", *note, ""]


def _fine(one: Labelled) -> str:
    name = _PLAIN.get(one.subclass, one.subclass) or one.kind
    return one.kind if one.kind.startswith("SN ") and not name.startswith("SN ") else name


def _share(share: float, n: int) -> dict[str, float]:
    hits = share * n
    low = float(beta.ppf(0.025, hits, n - hits + 1)) if hits > 1e-9 else 0.0
    high = float(beta.ppf(0.975, hits + 1, n - hits)) if n - hits > 1e-9 else 1.0
    return {"value": round(share, 4), "low": round(low, 4), "high": round(high, 4)}

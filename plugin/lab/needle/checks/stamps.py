"""The plain CNN beside ResNet-18 on which stamps are good (NEEDLE paper, Fig. 5 and 6)."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.needle.images.quality import Checker
from models.training.metrics import by_objects
from models.training.needle.quality_training import folds
from plugin.lab.members.agreement import known
from plugin.lab.needle.quality import FOLDS, TEST_FOLD, Labelled, measure, spoiled

Floats = NDArray[np.float64]
POINTS: Final = 100
RESAMPLES: Final = 400


def side_by_side(data: Labelled, checkers: Mapping[str, Checker]) -> dict[str, Any]:
    """Each network on the same real stamps of objects that neither was trained on, by itself and with the facts.

    Returns
    -------
    dict
        `networks`: for each the figures of `quality.measure`, `curve` (recall of bad stamps against false alarms as
        the threshold rises) and `area` under it; `difference`: of the areas of the second and the first network, on the
        same objects.
    """
    tested = folds(data.stamps.object_id, FOLDS) == TEST_FOLD
    part = data.stamps.part(tested)
    p = {name: np.where(tested, checker.p_good(data.stamps.images), np.nan) for name, checker in checkers.items()}
    columns = np.stack([values[tested] for values in p.values()])

    def figures(rows: NDArray[np.int64]) -> Floats:
        areas = np.array([area(column[rows], part.good[rows]) for column in columns])
        return np.append(areas, areas[-1] - areas[0])

    found = [known(f) for f in by_objects(part.object_id, figures, resamples=RESAMPLES)]
    return {
        "networks": {
            name: {
                **measure(data, values),
                "spoiled": spoiled(part, checkers[name]),
                "area": found[i],
                "curve": curve(values[tested], part.good),
            }
            for i, (name, values) in enumerate(p.items())
        },
        "difference": found[-1],
    }


def area(p_good: Floats, good: NDArray[np.bool_]) -> float:
    """Probability that a good stamp has a higher P(good) than a bad one, ties counting half; NaN without either."""
    if good.all() or not good.any():
        return float("nan")
    bad = np.sort(p_good[~good])
    sides = [np.searchsorted(bad, p_good[good], side=side) for side in ("left", "right")]
    return float(np.mean(sides) / len(bad))


def curve(p_good: Floats, good: NDArray[np.bool_]) -> list[list[float]]:
    """False alarms and recall of bad stamps at every threshold that changes them, from none to all called bad."""
    limits = np.append(np.unique(p_good), np.inf)
    if len(limits) > POINTS:
        limits = np.append(np.quantile(p_good, np.linspace(0, 1, POINTS)), np.inf)
    shares = [[float((p_good[good] < t).mean()), float((p_good[~good] < t).mean())] for t in limits]
    return [[round(a, 4), round(b, 4)] for a, b in shares]

"""Which inputs of Table 1 say the same: rank correlations (NEEDLE paper, Fig. 1)."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.domain import NEEDLE_CLASSES
from models.needle.lightcurves.features import COMMON_HOST, TRANSIENT, features, vector
from models.needle.lightcurves.lightcurve import as_of
from models.training.metrics import by_objects
from models.training.needle.examples import ExampleRules, Labelled, epochs, reddening
from plugin.lab.members.agreement import known, spearman

Floats = NDArray[np.float64]
EARLY: Final = ExampleRules()
SHOWN: Final = TRANSIENT + COMMON_HOST
FEWEST: Final = 30
"""Objects in which both inputs are known; fewer say nothing."""
ALIKE: Final = 0.9
RESAMPLES: Final = 400


def one_epoch_each(objects: Sequence[Labelled], rules: ExampleRules = EARLY, *, seed: int = 0) -> Floats:
    """Table 1 of each object as it was at one random early epoch, shape (n, inputs); NaN where it has none."""
    out = np.full((len(objects), len(SHOWN)), np.nan)
    for i, one in enumerate(objects):
        dates = np.unique(epochs(one, rules))
        if not len(dates):
            continue
        mjd = float(np.random.default_rng([seed, i]).choice(dates))
        points = as_of(one.curve, mjd, reddening(one), rules.clean)
        if len(points):
            out[i] = vector(features(points, one.host, reddening(one)), SHOWN)
    return out


def input_correlations(objects: Sequence[Labelled], x: Floats) -> dict[str, Any]:
    """Spearman's correlation of every two inputs over the objects in which both are known.

    Parameters
    ----------
    objects : sequence of Labelled, length n
    x : ndarray, shape (n, inputs)
        In the order of `SHOWN`.

    Returns
    -------
    dict
        `inputs`; `matrix`, None where fewer than `FEWEST` objects have both; `alike`: the pairs of at least `ALIKE`,
        either sign, with intervals by object; the classes' `mix`.
    """
    there: NDArray[np.bool_] = np.asarray(np.isfinite(x).any(1))
    groups = np.array([o.object_id for o in objects])
    matrix = np.full((len(SHOWN), len(SHOWN)), np.nan)
    np.fill_diagonal(matrix, 1.0)
    alike = []
    for i, j in combinations(range(len(SHOWN)), 2):
        both = np.isfinite(x[:, i]) & np.isfinite(x[:, j])
        if both.sum() < FEWEST or np.ptp(x[both, i]) == 0 or np.ptp(x[both, j]) == 0:
            continue
        matrix[i, j] = matrix[j, i] = float(spearman(x[both][:, [i, j]].T)[0, 1])
        if abs(matrix[i, j]) >= ALIKE:
            alike.append((i, j, both))
    pairs = [
        {
            "inputs": [SHOWN[i], SHOWN[j]],
            "objects": int(both.sum()),
            "rho": known(_rho(x[both][:, [i, j]], groups[both])),
        }
        for i, j, both in sorted(alike, key=lambda a: -abs(matrix[a[0], a[1]]))
    ]
    mix = Counter(NEEDLE_CLASSES[o.label] for o, seen in zip(objects, there.tolist(), strict=True) if seen)
    return {
        "inputs": list(SHOWN),
        "objects": int(there.sum()),
        "mix": {c: mix[c] for c in NEEDLE_CLASSES},
        "matrix": [[round(float(v), 3) if np.isfinite(v) else None for v in row] for row in matrix],
        "alike": pairs,
    }


def _rho(pair: Floats, groups: NDArray[np.str_]) -> Any:
    def figures(rows: NDArray[np.int64]) -> Floats:
        return np.array([spearman(pair[rows].T)[0, 1]])

    return by_objects(groups.tolist(), figures, resamples=RESAMPLES)[0]

"""What a candidate gained and lost against the bundle it came from, on objects that taught and calibrated neither."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.conformal.domains import Domains
from models.conformal.sets import quantile
from models.domain import FINE_CLASSES
from models.training.dataset import Dataset
from models.training.evaluate import predict_dataset
from models.training.metrics import bootstrap
from models.training.spectral.compare import compare

ALPHAS: Final = (0.05, 0.1, 0.2)
Floats = NDArray[np.float64]


def judge(before: Bundle, after: Bundle, data: Dataset) -> dict[str, Any]:
    """Paired figures, every object once, with 95 % intervals by bootstrap of objects.

    Parameters
    ----------
    data : Dataset
        Only the split `test` of it is looked at.

    Returns
    -------
    dict
        `figures` (accuracy, macro recall, log loss), `recall` of each class, `sets` at each alpha: `before`, `after`
        and `difference`, the last with its interval. `class_mix`, `spectra`, `objects`.
    """
    real = data.part("test")
    answers = {
        "before": predict_dataset(before.ensemble, real).fine,
        "after": predict_dataset(after.ensemble, real).fine,
    }
    compared = compare({k: [p] for k, p in answers.items()}, real.label, real.groups, once=True)
    members = {
        "before": {a: sets(before, answers["before"], real, a) for a in ALPHAS},
        "after": {a: sets(after, answers["after"], real, a) for a in ALPHAS},
    }
    objects = real.groups
    right = [answers[k].argmax(1) == real.label for k in ("before", "after")]
    return {
        "bundles": {"before": before.bundle_id, "after": after.bundle_id},
        "spectra": len(real),
        "objects": len(set(real.groups)),
        "class_mix": real.counts(),
        "figures": {
            name: {
                "before": _known(compared["before"]["value"][name]),
                "after": _known(compared["after"]["value"][name]),
                "difference": _finite(difference),
            }
            for name, difference in compared["after"]["difference"].items()
        },
        "recall": {
            c: _paired(right[0][real.label == k], right[1][real.label == k], real.rows(real.label == k).groups)
            for k, c in enumerate(FINE_CLASSES)
            if (real.label == k).any()
        },
        "sets": {
            f"{a:g}": {
                "coverage": _paired(
                    _hit(members["before"][a], real.label), _hit(members["after"][a], real.label), objects
                ),
                "size": _paired(members["before"][a].sum(1), members["after"][a].sum(1), objects),
            }
            for a in ALPHAS
        },
    }


def sets(bundle: Bundle, probabilities: Floats, data: Dataset, alpha: float) -> NDArray[np.bool_]:
    """Prediction sets as the bundle gives them, each spectrum compared with calibration spectra of its resolution."""
    told = bundle.calibration
    scores = told["nonconformity"]
    domains = Domains.of(
        told.get("spacing"),
        len(scores),
        coverage=told.get("coverage"),
        blue_end=told.get("blue_end"),
        red_end=told.get("red_end"),
        cut=told.get("cut"),
    )
    limits = {name: quantile(scores[mask], alpha) for name, mask in domains.masks.items()}
    # Of a spectrum that is like none the more cautious threshold counts.
    limit = np.array([max(limits[name] for name in domains.consulted(float(s))) for s in data.spacing])
    return np.asarray(1.0 - probabilities <= limit[:, None])


def _hit(members: NDArray[np.bool_], label: NDArray[np.int64]) -> Floats:
    return members[np.arange(len(label)), label].astype(float)


def _paired(before: NDArray[Any], after: NDArray[Any], groups: Sequence[str]) -> dict[str, Any]:
    """Mean of each over objects and the mean difference with its interval."""
    _, index, size = np.unique(np.array(groups), return_inverse=True, return_counts=True)
    both = np.stack([np.bincount(index, v) / size for v in (before, after)] + [np.ones(len(size))], axis=1)

    def figures(total: Floats) -> Floats:
        one, other = total[0] / total[2], total[1] / total[2]
        return np.array([one, other, other - one], float)

    one, other, apart = bootstrap(both, figures)
    return {
        "objects": len(size),
        "before": round(one.value, 4),
        "after": round(other.value, 4),
        "difference": _finite(apart.to_dict()),
    }


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _finite(found: Mapping[str, float]) -> dict[str, float] | None:
    return dict(found) if np.isfinite(list(found.values())).all() else None

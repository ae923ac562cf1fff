"""Figures of what an operator can choose: which class is named, and which prediction sets are served."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.conformal.domains import ANSWERED
from models.decision import STRATEGIES, Decision
from models.domain import FINE_CLASSES
from models.set_layer import ALPHAS, SET_METHODS, SetLayer, SetMethod
from models.training.dataset import Dataset
from models.training.evaluate import predict_dataset, summary_of
from models.training.metrics import (
    accuracy,
    binomial_band,
    binomial_interval,
    bootstrap,
    confusion_matrix,
    macro_recall_of,
    per_object,
    precisions,
    recalls,
)
from plugin.lab.spectra.partial import domains_of, extents, real_partial

Started = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
POWERS: Final = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
TDE_FACTORS: Final = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0)
MOST_LOST: Final = 0.01
"""Accuracy on `select` that giving priority to TDEs may cost."""
SMALLEST: Final = 5
"""Objects of a class that counts in the macro recall that a power is chosen by."""
TDE: Final = FINE_CLASSES.index("TDE")
K: Final = len(FINE_CLASSES)


def evaluate_choices(bundle: Bundle, data: Dataset, *, split: str, started: Started) -> dict[str, Any]:
    """Every figure of `astranet evaluate choices`, as plain JSON.

    Parameters
    ----------
    split : str
        On which the strategies and sets are measured; they are chosen on `select` whatever it is.

    Raises
    ------
    ValueError
        If the bundle does not hold what one of the choices needs.
    """
    shares = bundle.card.get("prior", {}).get("answered")
    if shares is None:
        raise ValueError("this bundle does not say for which mix of classes it answers")

    kept = None if bundle.sentinel is None else bundle.sentinel.calibration
    layers = {method: SetLayer(bundle.calibration, kept, method) for method in SET_METHODS}

    def ask(what: str, rows: Dataset) -> Floats:
        with started(what, len(rows)) as advance:
            return predict_dataset(bundle.ensemble, rows, progress=advance).fine

    select = data.part("select")
    fine = ask("select", select)
    real, partial = data.part(split), real_partial(data, split)
    told = ask(split, real)
    parts = [(told, real)] + ([(ask(f"{split}, partial", partial), partial)] if len(partial) else [])
    return {
        "split": split,
        "spectra": len(real),
        "objects": len(set(real.groups)),
        "class_mix": real.counts(),
        "chosen": {
            "mix": {"spectra": len(select), "objects": len(set(select.groups)), "class_mix": select.counts()},
            "powers": [_tried(p, Decision.of("cost_sensitive", shares, power=p), fine, select) for p in POWERS],
            "factors": [_tried(f, Decision.of("tde_priority", tde_factor=f), fine, select) for f in TDE_FACTORS],
        },
        "strategies": _strategies(told, real, shares),
        "sets": _sets(layers, parts),
    }


def chosen_power(rows: list[dict[str, float]]) -> float:
    """The power with the highest macro recall, each object once; of equal ones the smallest."""
    return float(max(rows, key=lambda r: (r["macro_recall"], -r["value"]))["value"])


def chosen_factor(rows: list[dict[str, float]]) -> float:
    """The largest factor that costs no more accuracy than `MOST_LOST` against no factor at all."""
    plain = next(r["accuracy"] for r in rows if r["value"] == 1.0)
    return max(r["value"] for r in rows if plain - r["accuracy"] <= MOST_LOST)


def _tried(value: float, decision: Decision, fine: Floats, data: Dataset) -> dict[str, float]:
    named = decision.named(fine)
    matrix = confusion_matrix(data.label, named, K)
    objects = per_object(data.label, named, data.groups, K)
    once = (objects / objects.sum((1, 2), keepdims=True)).sum(0)
    frequent = np.array([row["objects"] >= SMALLEST for row in data.counts().values()])
    found = {
        "accuracy": accuracy(matrix),
        "macro_recall": macro_recall_of(once, frequent),
        "tde_recall": float(recalls(matrix)[TDE]),
        "tde_purity": float(precisions(matrix)[TDE]),
    }
    return {"value": value, **{k: round(v, 4) if np.isfinite(v) else 0.0 for k, v in found.items()}}


def _strategies(fine: Floats, data: Dataset, shares: dict[str, float]) -> dict[str, Any]:
    """Each strategy on each domain, and how far it is from the plain one."""
    names = domains_of(data)
    out: dict[str, Any] = {}
    for domain in dict.fromkeys(n for n in ANSWERED if (names == n).any()):
        rows = names == domain
        part = data.rows(rows)
        named = {s: Decision.of(s, shares).named(fine[rows]) for s in STRATEGIES}
        plain = named[STRATEGIES[0]]
        out[domain] = {
            "spectra": len(part),
            "objects": len(set(part.groups)),
            "class_mix": part.counts(),
            "strategies": {
                s: summary_of(n, part) | {"difference": _difference(plain, n, part), "others": _others(plain, n)}
                for s, n in named.items()
            },
        }
    return out


def _others(plain: Ints, named: Ints) -> int:
    """How many spectra are named otherwise."""
    return int((plain != named).sum())


def _difference(plain: Ints, named: Ints, data: Dataset) -> dict[str, dict[str, float]]:
    """Of accuracy, TDE recall and the recall of all other spectra, from the same draws of objects."""
    both = np.stack([per_object(data.label, n, data.groups, K) for n in (plain, named)], axis=1)
    figures = ("accuracy", "TDE recall", "recall of all others")

    def each(total: Floats) -> Floats:
        rows = []
        for matrix in total:
            others = np.delete(np.arange(K), TDE)
            with np.errstate(invalid="ignore", divide="ignore"):
                rest = np.diag(matrix)[others].sum() / matrix[others].sum()
            rows.append([accuracy(matrix), float(recalls(matrix)[TDE]), float(rest)])
        less: Floats = np.diff(np.array(rows), axis=0)[0]
        return less

    found = bootstrap(both, each)
    return {n: e.to_dict() for n, e in zip(figures, found, strict=True) if np.isfinite(e.value)}


def _sets(layers: Mapping[SetMethod, SetLayer], parts: list[tuple[Floats, Dataset]]) -> dict[str, Any]:
    """Coverage and size of the sets that the bundle serves, by domain: the very thresholds of the service."""
    out: dict[str, Any] = {}
    for domain, fine, data in _by_domain(parts):
        domains = layers[SET_METHODS[0]].domains
        _, calibrated = domains.named(domains.consulted(float(data.spacing[0]), extents(data)[0]))
        rows = {m: [_covered(layer, domain, fine, data, a) for a in ALPHAS] for m, layer in layers.items()}
        out[domain] = {"spectra": len(data), "objects": len(set(data.groups)), "calibrated_on": calibrated, **rows}
    return out


def _by_domain(parts: list[tuple[Floats, Dataset]]) -> Iterator[tuple[str, Floats, Dataset]]:
    for fine, data in parts:
        names = domains_of(data)
        for domain in ANSWERED:
            if (rows := names == domain).any():
                yield domain, fine[rows], data.rows(rows)


def _covered(layer: SetLayer, domain: str, fine: Floats, data: Dataset, alpha: float) -> dict[str, Any]:
    """Coverage with its binomial interval, and where it lies in 95 % of right tests; size, singletons, empty ones."""
    ends = zip(data.spacing, extents(data), strict=True)
    sets = [
        layer.members(row, layer.domains.consulted(float(spacing), extent), alpha)
        for row, (spacing, extent) in zip(fine, ends, strict=True)
    ]
    hits = sum(FINE_CLASSES[int(k)] in one for k, one in zip(data.label, sets, strict=True))
    sizes = np.array([len(one) for one in sets])
    (low, high), band = binomial_interval(hits, len(sets)), binomial_band(1 - alpha, len(sets))
    found = {"value": hits / len(sets), "low": low, "high": high, "band_low": band[0], "band_high": band[1]}
    found |= {"size": sizes.mean(), "single": (sizes == 1).mean(), "empty": (sizes == 0).mean()}
    return {"alpha": alpha, **{k: round(float(v), 4) for k, v in found.items()}}

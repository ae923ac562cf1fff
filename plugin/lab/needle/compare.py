"""Two sets of answers to the same epochs: how well each ranks the rare classes, and whether the difference is chance.

No threshold and no shift goes in, so that nothing has to be chosen: figures are of the order in which the epochs stand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.domain import NEEDLE_CLASSES
from models.needle.metadata import PAPER_MIX, PREFERENCES, mean_of, shifted, with_hosts
from models.needle.model import Needle
from models.training.needle.examples import Examples, Labelled, object_weights, owners, training
from models.training.needle.figures import class_weights, with_intervals
from models.training.needle.mix import OTHER, survey_weights
from plugin.lab.needle.data import NeedleData, folds
from plugin.lab.needle.evaluate import RARE, counted, coverage, deployed, epochs_of, finite
from plugin.lab.needle.landing import THRESHOLD
from plugin.lab.needle.tables import ALERT
from plugin.lab.needle.train import (
    Tell,
    TrainRules,
    host_model,
    kinds,
    make_bank,
    out_of_fold,
    prepared,
)

Floats = NDArray[np.float64]
NAMES: Final = ("area", "purity at half found", "found at purity 0.5")
RESAMPLES: Final = 400
RULES: Final = TrainRules()


def against(
    before: Needle, after: Needle, tests: Mapping[str, Sequence[Labelled]], *, keep: Path | None = None
) -> dict[str, Any]:
    """Two models on the same objects: their order, their answers at the threshold, and how often their sets hold SN.

    Parameters
    ----------
    tests : mapping of str to sequence of Labelled
        Objects that neither model saw, by what they are called. Kinds of SN weigh as in a magnitude-limited survey.
    """
    found: dict[str, Any] = {}
    for name, objects in tests.items():
        answered: dict[str, Any] = {}
        part: dict[str, Any] = {}
        for when, model in (("before", before), ("after", after)):
            epochs = epochs_of(model, objects, keep=keep)
            kind = kinds(objects, epochs)
            rows = replace(epochs, weight=survey_weights(epochs.weight, kind))
            answered[when] = model.model.balanced(epochs.x, epochs.galaxies)
            part[when] = {prefer: _at_threshold(deployed(model, epochs, prefer), rows) for prefer in PREFERENCES}
            part[when]["sets"] = coverage(model, objects, epochs)
        order = compare(answered["before"], answered["after"], rows, kind)
        found[name] = {**part, "order": order, "objects": counted(objects)}
    return {"model": before.model_id, "tests": found}


def out_of_fold_against(
    before: Needle, first: NeedleData, after: Needle, data: NeedleData, rows: Path | None, *,
    rules: TrainRules = RULES, tell: Tell = lambda _: None,
) -> dict[str, Any]:  # fmt: skip
    """Two models on the objects that trained the later one, each epoch answered by members that never saw the object.

    The earlier model's members stand for the folds of its own objects; what it never saw all of them answer. Its host
    model is the one it ships, which saw its objects: that is in its favour. This decides which model ships; no
    object of a test is in it.

    Parameters
    ----------
    first, data : NeedleData
        What each of the two was trained on.
    rows : Path or None
        The later training's file of examples.
    rules : TrainRules
        Of both trainings.

    Raises
    ------
    ValueError
        If a model was trained on other objects.
    """
    for model, known in ((before, first), (after, data)):
        if model.card.get("training", {}).get("splits_hash") != known.splits_hash:
            raise ValueError(f"{model.model_id} was trained on other objects")
    objects = data.develop
    own = dict(zip((o.object_id for o in reversed(objects)), reversed(owners(objects)), strict=True))
    bank = make_bank(first.develop, rules)
    bank = replace(bank, owner=np.array([own.get(first.develop[i].object_id, -1) for i in bank.owner]))
    early = training(objects, replace(rules.examples, per_object=0), bank, seed=rules.seed)
    fold = dict(zip((o.object_id for o in first.develop), folds(first.develop, rules.folds), strict=True))
    of = np.array([fold.get(o.object_id, -1) for o in objects])[early.object_index]
    answers = np.zeros((len(early.x), len(NEEDLE_CLASSES)))
    for k in range(-1, rules.folds):
        mine = of == k
        members = before.model.members if k < 0 else [before.model.members[k]]
        if mine.any():
            x, galaxies = early.x[mine], early.galaxies[mine]
            answers[mine] = with_hosts(mean_of(members, x), x, galaxies, before.model.hosts)
    tell("the earlier model has answered")
    _, examples = prepared(data, rules, rows, tell)
    fold_of = np.array(folds(objects, rules.folds, seed=rules.seed))[examples.object_index]
    hosts = [host_model(examples.rows(fold_of != k)) for k in range(rules.folds)]
    found = out_of_fold(objects, after.model.members, hosts, examples, rules)
    answers = answers[np.array([o.survey for o in objects])[early.object_index]]
    kind, epochs = kinds(objects, found.epochs), found.epochs
    alert = np.array([o.phot_type == ALERT for o in objects])[epochs.object_index] | (epochs.label == len(RARE))
    parts = {
        "all": np.ones(len(kind), bool),
        "hosted": found.hosted,
        "hostless": ~found.hosted,
        "alerts alone, and TDEs": alert,
    }
    out: dict[str, Any] = {}
    for name, mine in parts.items():
        weight = survey_weights(object_weights(epochs.object_index), np.where(mine, kind, OTHER))
        part = replace(epochs, weight=weight).rows(mine)
        out[name] = compare(answers[mine], found.balanced[mine], part, kind[mine])
    return out


def _at_threshold(p: Floats, rows: Examples) -> dict[str, Any]:
    figures = {name: with_intervals(p, rows.label, rows.object_index, rows.weight, k, THRESHOLD) for k, name in RARE}
    return {name: {key: finite(v.to_dict()) for key, v in row.items()} for name, row in figures.items()}


def compare(
    before: Floats, after: Floats, rows: Examples, strata: NDArray[np.int64], *, seed: int = 0
) -> dict[str, Any]:
    """Each figure of `NAMES` before and after, and their difference, with 95 % intervals by resampling objects.

    Parameters
    ----------
    before, after : ndarray, shape (n, 3)
        Probabilities for equal class shares.
    rows : Examples
        With the weights that the figures are for; a class counts by the paper's mix.
    strata : ndarray of int, shape (n,)
        Objects are resampled within these, such as the kinds of SN.

    Returns
    -------
    dict
        By class that is there, and figure: `before`, `after` and `difference`, each value, low and high.
    """
    ids, index = np.unique(rows.object_index, return_inverse=True)
    of = np.zeros(len(ids), int)
    of[index] = rows.label * 1000 + strata
    rng = np.random.default_rng(seed)
    counts = np.ones((RESAMPLES + 1, len(ids)))
    for stratum in np.unique(of):
        members = np.flatnonzero(of == stratum)
        counts[1:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=RESAMPLES)
    weight = class_weights(rows.label, rows.weight)
    out: dict[str, Any] = {}
    for k, name in (pair for pair in RARE if (rows.label == pair[0]).any()):
        pair = [_figures(p, rows.label == k, k, weight, counts, index) for p in (before, after)]
        columns = {"before": pair[0], "after": pair[1], "difference": pair[1] - pair[0]}
        out[name] = {
            figure: {what: _estimate(values[:, i]) for what, values in columns.items()}
            for i, figure in enumerate(NAMES)
        }
    return out


def markdown(found: dict[str, Any]) -> list[str]:
    """The comparison as a table."""
    lines = ["| class | figure | before | after | difference |", "|---|---|---|---|---|"]
    for name, row in found.items():
        for figure, cells in row.items():
            said = " | ".join(
                f"{c['value']:{sign}.2f} [{c['low']:{sign}.2f}, {c['high']:{sign}.2f}]"
                for c, sign in zip(cells.values(), ("", "", "+"), strict=True)
            )
            lines.append(f"| {name} | {figure} | {said} |")
    return lines


def _figures(p: Floats, true: NDArray[np.bool_], target: int, weight: Floats, counts: Floats, index: Any) -> Floats:
    order = np.argsort(-shifted(p, np.log(PAPER_MIX))[:, target], kind="stable")
    sorted_true, sorted_weight, sorted_index = true[order], weight[order], index[order]
    rows = [_of_one(sorted_weight * c[sorted_index], sorted_true) for c in counts]
    return np.array(rows)


def _of_one(weight: Floats, true: NDArray[np.bool_]) -> Sequence[float]:
    hits, said = np.cumsum(weight * true), np.cumsum(weight)
    purity, share = hits / np.maximum(said, 1e-12), hits / hits[-1]
    step = np.diff(share, prepend=0.0)
    return (
        float(purity @ step),
        float(purity[share >= 0.5].max()),
        float(share[purity >= 0.5].max(initial=0.0)),
    )


def _estimate(values: Floats) -> dict[str, float]:
    low, high = np.percentile(values[1:], (2.5, 97.5))
    return {"value": round(float(values[0]), 4), "low": round(float(low), 4), "high": round(float(high), 4)}

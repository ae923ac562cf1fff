"""Train the NEEDLE metadata model: folds by object, members, out-of-fold answers, shifts, calibration, the card."""

import gzip
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from lightgbm import Booster
from numpy.typing import NDArray
from safetensors.numpy import save_file

from models.domain import NEEDLE_CLASSES
from models.needle.examples import (
    ExampleRules,
    Examples,
    Labelled,
    concatenate,
    fit_all,
    histories,
    offset_laws,
    training,
    up_sampled,
)
from models.needle.figures import choose_shift
from models.needle.metadata import FEATURES, PARAMETERS, PREFERENCES, balance, blend, mean_of, train_member
from models.needle.model import write_card
from plugin.needle_data import NeedleData, folds

Floats = NDArray[np.float64]
LOOSE_PURITIES = (0.15, 0.15)
"""What the completeness-first answers are set to: about one candidate in seven is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRules:
    """Settings of a training.

    Parameters
    ----------
    folds, rounds, seed : int
        Folds by object, boosting rounds of each member, and the seed of everything.
    up_samples : int
        Re-sampled light curves for each of SLSN-I, TDE and core-collapse SN, over all folds; 0 for none.
    core_collapse_share : float
        Their share of the SN class in training.
    purities : (float, float)
        Purity that the threshold 0.8 shall give on out-of-fold answers, SLSN-I and TDE.
    """

    folds: int = 10
    rounds: int = 80
    seed: int = 42
    up_samples: int = 400
    core_collapse_share: float = 0.28
    purities: tuple[float, float] = (0.5, 0.5)
    examples: ExampleRules = field(default_factory=ExampleRules)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfFold:
    """Every early epoch of every training object of the survey, answered by the member that never saw the object.

    Parameters
    ----------
    hosted : ndarray of bool
        Of each epoch's object.
    balanced : mapping of str to ndarray, shape (n, 3)
        For each variant; those of `TH` count for hosted objects only.
    """

    epochs: Examples
    hosted: NDArray[np.bool_]
    balanced: Mapping[str, Floats]


def fold_examples(
    objects: Sequence[Labelled], rules: TrainRules, tell: Callable[[str], None] = lambda _: None
) -> list[Examples]:
    """The training examples of each fold, made from the fold's own objects alone: nothing is lent across folds."""
    fold = np.array(folds(objects, rules.folds, seed=rules.seed))
    rare = [o for o in objects if core_collapse(o) or o.label > 0]
    fits = dict(fit_all(rare, rules.examples)) if rules.up_samples else {}
    tell(f"{len(fits)} of {len(rare)} objects have a good Gaussian process")
    offsets = offset_laws(objects)
    out = []
    for k in range(rules.folds):
        (index,) = np.nonzero(fold == k)
        mine = [objects[int(i)] for i in index]
        rng = np.random.default_rng([rules.seed, k])
        parts = [training(mine, rules.examples, rng, offsets=offsets)]
        for label in range(len(NEEDLE_CLASSES)) if rules.up_samples else ():
            count = round(rules.up_samples / rules.folds)
            drawn = up_sampled(mine, label, count, rules.examples, rng, fits=fits, offsets=offsets)
            parts += [drawn] if drawn is not None else []
        found = concatenate(parts)
        out.append(Examples(**{**_columns(found), "object_index": index[found.object_index]}))
    return out


def train_folds(
    objects: Sequence[Labelled], examples: Sequence[Examples], rules: TrainRules, variants: Sequence[str] = ("TH", "T")
) -> dict[str, list[Booster]]:
    """A member per fold and variant, each trained on all other folds."""
    collapse = np.array([core_collapse(o) for o in objects])
    members: dict[str, list[Booster]] = {variant: [] for variant in variants}
    for k in range(rules.folds):
        rows = concatenate([e for i, e in enumerate(examples) if i != k])
        weight = balance(rows.label, rows.weight, collapse[rows.object_index], rules.core_collapse_share)
        for variant in variants:
            seed = rules.seed + k
            members[variant].append(train_member(rows.x, rows.label, weight, variant, seed=seed, rounds=rules.rounds))
    return members


def out_of_fold(
    objects: Sequence[Labelled], members: Mapping[str, Sequence[Booster]], epochs: Examples, rules: TrainRules
) -> OutOfFold:
    """Answer every epoch with the one member that did not see the object."""
    fold = np.array(folds(objects, rules.folds, seed=rules.seed))
    by_kind = {kind: np.zeros((len(epochs.x), len(NEEDLE_CLASSES))) for kind in members}
    for kind, boosters in members.items():
        for k, member in enumerate(boosters):
            mine = fold[epochs.object_index] == k
            if mine.any():
                by_kind[kind][mine] = mean_of([member], kind, epochs.x[mine])
    balanced = {variant: blend(by_kind, variant) for variant in FEATURES}
    hosted = np.array([o.host is not None for o in objects])[epochs.object_index]
    return OutOfFold(epochs=epochs, hosted=hosted, balanced=balanced)


def survey_epochs(objects: Sequence[Labelled], rules: ExampleRules) -> Examples:
    """Every early epoch of the objects that count in figures."""
    every = histories(objects, rules)
    return every.rows(np.array([o.survey for o in objects])[every.object_index])


def train(
    data: NeedleData, out: Path, rules: TrainRules, *, today: date, tell: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Train and write the folder `out` with card, members and calibration; return the card."""
    objects = data.develop
    examples = fold_examples(objects, rules, tell)
    tell(f"{sum(len(e.x) for e in examples)} training examples")
    members = train_folds(objects, examples, rules)
    tell("members trained")
    answers = out_of_fold(objects, members, survey_epochs(objects, rules.examples), rules)
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.txt.gz"):
        old.unlink()
    files = {v: [_written(m, out / f"{v}-{i}.txt.gz") for i, m in enumerate(found)] for v, found in members.items()}
    held_out = calibration(answers, rules.seed)
    save_file(held_out, out / "calibration.safetensors")
    return write_card(
        out,
        {
            "name": "needle-1",
            "made": today.isoformat(),
            "members": files,
            "calibration": "calibration.safetensors",
            "clean": asdict(rules.examples.clean),
            "shift": {variant: shifts(held_out, variant, rules.purities) for variant in FEATURES},
            "importance": {variant: _importance(found) for variant, found in members.items()},
            "training": {
                "objects": dict(Counter(NEEDLE_CLASSES[o.label] for o in objects)),
                "kinds": dict(Counter(o.kind for o in objects)),
                "splits_hash": data.splits_hash,
                "rules": asdict(rules),
                "parameters": dict(PARAMETERS),
            },
        },
    )


def calibration(answers: OutOfFold, seed: int) -> dict[str, NDArray[Any]]:
    """One random early epoch of each held-out object: as exchangeable with a new object as a calibration set can be."""
    rng = np.random.default_rng(seed)
    out: dict[str, NDArray[Any]] = {}
    for variant in FEATURES:
        rows = np.flatnonzero(_counts_for(answers, variant))
        shuffled = rng.permutation(rows)
        _, first = np.unique(answers.epochs.object_index[shuffled], return_index=True)
        chosen = shuffled[first]
        out[f"{variant}.probabilities"] = answers.balanced[variant][chosen].astype(np.float32)
        out[f"{variant}.label"] = answers.epochs.label[chosen].astype(np.int8)
    return out


def core_collapse(one: Labelled) -> bool:
    """Whether it is a supernova of the class SN other than Ia."""
    return one.label == 0 and one.kind != "SN Ia"


def shifts(held_out: Mapping[str, NDArray[Any]], variant: str, purities: tuple[float, float]) -> dict[str, list[float]]:
    """The shift of each preference, from the calibration objects."""
    p, label = held_out[f"{variant}.probabilities"].astype(float), held_out[f"{variant}.label"].astype(int)
    wanted = {"purity": purities, "completeness": LOOSE_PURITIES}
    chosen = {prefer: choose_shift(p, label, np.ones(len(p)), wanted[prefer]) for prefer in PREFERENCES}
    return {prefer: [round(float(s), 4) for s in shift] for prefer, shift in chosen.items()}


def _counts_for(answers: OutOfFold, variant: str) -> NDArray[np.bool_]:
    return answers.hosted if variant == "TH" else np.ones(len(answers.hosted), bool)


def _importance(members: Sequence[Booster]) -> dict[str, float]:
    gains = np.mean([m.feature_importance("gain") for m in members], axis=0)
    ranked = sorted(zip(members[0].feature_name(), gains / gains.sum(), strict=True), key=lambda pair: -pair[1])
    return {name: round(float(gain), 4) for name, gain in ranked}


def _written(member: Booster, path: Path) -> str:
    # Without a time in the header the same model gives the same bytes, and the same SHA-256.
    path.write_bytes(gzip.compress(member.model_to_string().encode(), mtime=0))
    return path.name


def _columns(examples: Examples) -> dict[str, Any]:
    return {name: getattr(examples, name) for name in Examples.__dataclass_fields__}

"""Case studies: one real rare spectrum for each way of being odd, and some that were missed (Table X, Fig. cards).

Every number comes from the fold whose detectors never saw the object.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from models.conformal.policy import FailureMode, failure_mode, fit_thresholds
from models.conformal.sets import predictor
from models.conformal.spread import decompose, intervals
from models.domain import FINE_CLASSES
from models.sentinel.scores import FAMILIES, names
from models.spectral.prepare import GRID_A
from models.training.sentinel.fitting import Material
from models.training.sentinel.protocol import Held
from plugin.lab.anomaly.evaluation_conformal import held_p_values
from plugin.lab.anomaly.evaluation_sentinel import family_map

mpl.use("agg")
import matplotlib.pyplot as plt

ALPHA = 0.05
MISSED = "missed"
LIKELY = 3
SHOWN = ("typicality", "mahal_within", "iforest", "hec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One spectrum: its row among the rare ones, what kind of case it is, and what is said of it.

    Parameters
    ----------
    likely : sequence of str
        The most probable classes with what the members make of each (Eq. 5).
    """

    row: int
    kind: str
    said: Mapping[str, Any]
    likely: Sequence[str]


def cases(material: Material, plain: Held, held: Held) -> list[Case]:
    """The two highest-scored real rare spectra of different classes for each failure mode, and the two lowest."""
    rare, prediction = material.rare.data, material.rare.prediction
    score, found = held.rare.mean(1), held.detected("anchor")
    kinds = _kinds(material, plain, held)
    order = np.argsort(-score, kind="stable")
    order = order[~rare.semi_real[order]]
    chosen: list[tuple[int, str]] = []
    for mode in FailureMode:
        chosen += [(i, str(mode)) for i in _of_two_classes(order[found[order]], rare.kinds, kinds == str(mode))]
    chosen += [(i, MISSED) for i in _of_two_classes(order[::-1], rare.kinds, ~found)]
    p = held_p_values(held)
    ranks = plain.rare_ranks
    fired = family_map(plain)
    entropy = decompose(prediction.member_fine).total
    reach = intervals(prediction.fine, prediction.spread)
    out = []
    for i, kind in chosen:
        top = int(prediction.fine[i].argmax())
        said = {
            "spectrum": rare.ids[i],
            "class": rare.kinds[i],
            "predicted": FINE_CLASSES[top],
            "confidence": round(float(prediction.fine[i, top]), 3),
            "entropy": round(float(entropy[i]), 3),
            **{name: round(float(ranks[i, names().index(name)]), 3) for name in SHOWN},
            "families": int(fired[i].sum()),
            "score": round(float(score[i]), 3),
            "p": round(float(p[i]), 4),
        }
        out.append(Case(row=i, kind=kind, said=said, likely=_likely(prediction.fine[i], reach[i])))
    return out


def _of_two_classes(order: NDArray[np.int64], kinds: Sequence[str], where: NDArray[np.bool_]) -> list[int]:
    first: dict[str, int] = {}
    for i in order[where[order]]:
        first.setdefault(kinds[i], int(i))
    return list(first.values())[:2]


def _kinds(material: Material, plain: Held, held: Held) -> NDArray[np.str_]:
    """Which failure mode each rare spectrum resembles."""
    rare = material.rare
    epistemic = decompose(rare.prediction.member_fine).epistemic
    fired = [[f for f, hit in zip(FAMILIES, row, strict=True) if hit] for row in family_map(plain)]
    out = np.empty(len(rare.data), dtype="<U32")
    for rows, masks in held.compared(held.rare_spacing):
        like = np.any(masks, axis=0)
        cal, anomaly = material.calibrate.rows(like), held.calibrate[:, like].mean((0, 2))
        cut = fit_thresholds(cal.prediction.fine.max(1), anomaly, decompose(cal.prediction.member_fine).epistemic)
        members = predictor("lac", cal.prediction.fine, cal.data.label).members(rare.prediction.fine[rows], ALPHA)
        for i, size in zip(np.flatnonzero(rows), members.sum(1), strict=True):
            out[i] = str(failure_mode(int(size), float(epistemic[i]), fired[i], cut))
    return out


def case_rows(found: Sequence[Case]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table."""
    head = ["resembles", *found[0].said] if found else []
    return head, [[c.kind, *map(str, c.said.values())] for c in found]


def _likely(p: NDArray[np.float64], reach: NDArray[np.float64]) -> list[str]:
    """The most probable classes with the interval of each, (7,) and (7, 2)."""
    first = np.argsort(-p, kind="stable")[:LIKELY]
    return [f"{FINE_CLASSES[k]} {p[k]:.3f} [{reach[k, 0]:.3f}, {reach[k, 1]:.3f}]" for k in first]


def interval_rows(found: Sequence[Case]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of intervals."""
    head = ["resembles", "spectrum", "class", *(f"class {i + 1}" for i in range(LIKELY)), "p"]
    return head, [[c.kind, c.said["spectrum"], c.said["class"], *c.likely, f"{c.said['p']:.4f}"] for c in found]


def draw_cases(material: Material, plain: Held, found: Sequence[Case], path: Path) -> None:
    """Each case as a card: the spectrum, the classes' probabilities with their spread, the ranks of the scores."""
    n = max(len(found), 1)
    figure, axes = plt.subplots(
        n, 3, figsize=(13, 1.75 * n), layout="constrained", width_ratios=(2.2, 1, 1.4), squeeze=False
    )
    rare, prediction = material.rare.data, material.rare.prediction
    for (left, middle, right), case in zip(axes, found, strict=False):
        i, said = case.row, case.said
        inside = np.unpackbits(rare.mask[i], count=len(GRID_A)).astype(bool)
        left.plot(GRID_A, np.where(inside, rare.flux[i].astype(float), np.nan), color="0.2", lw=0.6)
        left.set_ylim(-0.4, 1.6)
        left.set_title(f"{case.kind}: {said['spectrum']}, a {said['class']}", fontsize=8, loc="left")
        middle.barh(
            range(len(FINE_CLASSES)), prediction.fine[i], xerr=prediction.spread[i], color="#33658a", ecolor="0.3"
        )
        middle.set_yticks(range(len(FINE_CLASSES)), FINE_CLASSES, fontsize=6)
        middle.invert_yaxis()
        middle.set_xlim(0, 1)
        middle.set_title(
            f"{said['predicted']} {said['confidence']:.2f}, score {said['score']:.2f}, p {said['p']:.3f}", fontsize=8
        )
        right.bar(range(len(names())), plain.rare_ranks[i, : len(names())], color="#4477aa")
        right.axhline(0.99, color="0.4", lw=0.8, ls="--")
        right.set_ylim(0, 1.05)
        right.set_xticks(range(len(names())), names() if case is found[-1] else [], rotation=70, ha="right", fontsize=6)
    figure.savefig(path, dpi=110)
    plt.close(figure)

"""Programs side by side on the same spectra: accuracy, macro recall, redshift, subtype, seconds."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.domain import FINE_CLASSES
from models.training.metrics import accuracy, bootstrap, macro_recall
from plugin.lab.peers.cases import Case, labels_of
from plugin.lab.peers.peer import Peer, PeerAnswer, PeerError

RIGHT: Final = 0.01
"""How near a redshift must be."""
K: Final = len(FINE_CLASSES)
MOVING: Final = np.array([name != "CV" for name in FINE_CLASSES])


def compare(
    cases: Sequence[Case], peers: Sequence[Peer], scratch: Path, *, said: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Ask every program that is there, and say of the others in a sentence why they are not.

    Parameters
    ----------
    scratch : Path
        An empty folder; each program gets one of its own in it.
    """
    rows: list[dict[str, Any]] = []
    skipped: list[str] = []
    for number, peer in enumerate(peers):
        if (why := peer.missing()) is not None:
            said(why)
            skipped.append(why)
            continue
        folder = scratch / str(number)
        folder.mkdir(parents=True)
        try:
            told = peer.ask(cases, folder)
        except PeerError as error:
            said(str(error))
            skipped.append(f"{peer.name} was asked and did not answer: {error}")
            continue
        found = figures(cases, told.answers)
        rows.append({"name": peer.name, "seconds": told.seconds / len(cases), "notes": list(told.notes), **found})
    mix = np.bincount(labels_of(cases), minlength=K)
    return {
        "spectra": len(cases),
        "objects": len({case.group for case in cases}),
        "mix": {name: int(n) for name, n in zip(FINE_CLASSES, mix, strict=True) if n},
        "programs": rows,
        "skipped": skipped,
    }


def figures(cases: Sequence[Case], answers: Sequence[PeerAnswer]) -> dict[str, Any]:
    """Each figure with a 95 % interval, by drawing objects. No answer is a wrong one."""
    label = labels_of(cases)
    groups = {g: i for i, g in enumerate(dict.fromkeys(case.group for case in cases))}
    rows = np.array([groups[case.group] for case in cases])
    said = np.array([K if a.label is None else FINE_CLASSES.index(a.label) for a in answers])
    matrices = np.zeros((len(groups), K, K + 1))
    np.add.at(matrices, (rows, label, said), 1)
    exact, macro = bootstrap(matrices, lambda total: np.array([accuracy(total), macro_recall(total)]))
    known = np.array([case.redshift is not None for case in cases]) & MOVING[label]
    near = np.array([_near(case, answer) for case, answer in zip(cases, answers, strict=True)])
    named = np.array([c.subtype is not None and a.label == c.label for c, a in zip(cases, answers, strict=True)])
    same = np.array([a.subtype == c.subtype for c, a in zip(cases, answers, strict=True)])
    return {
        "answered": round(float(np.mean(said < K)), 4),
        "accuracy": exact.to_dict(),
        "macro_recall": macro.to_dict(),
        "recall": {c: round(float((said == label)[label == k].mean()), 4) for k, c in enumerate(FINE_CLASSES)
                   if (label == k).any()},
        "redshift": _by_class(near, known, label, rows, len(groups)),
        "redshift_spectra": int(known.sum()),
        "subtype": _by_class(same, named, label, rows, len(groups)),
        "subtype_spectra": int(named.sum()),
    }  # fmt: skip


def _near(case: Case, answer: PeerAnswer) -> bool:
    if case.redshift is None or answer.redshift is None:
        return False
    return abs(answer.redshift - case.redshift) < RIGHT


def _by_class(
    hit: NDArray[np.bool_], where: NDArray[np.bool_], label: NDArray[np.int64], rows: NDArray[np.int64], objects: int
) -> dict[str, float] | None:
    """Mean over classes of the share that is right."""
    if not where.any():
        return None
    counts = np.zeros((objects, K, 2))
    np.add.at(counts, (rows[where], label[where], hit[where].astype(int)), 1)

    def mean(total: NDArray[np.float64]) -> NDArray[np.float64]:
        seen = total.sum(axis=1) > 0
        return np.array([(total[seen, 1] / total[seen].sum(axis=1)).mean() if seen.any() else np.nan])

    return bootstrap(counts, mean)[0].to_dict()

"""Figures of a bundle as tables people read: Markdown, and pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from models.analyst import ALPHAS
from models.bundle import Bundle
from models.domain import FINE_CLASSES
from models.training.dataset import Dataset
from models.training.evaluate import PHASE_EDGES, SNR_EDGES, believe, binned, breakdown, set_coverage, summary

mpl.use("agg")
import matplotlib.pyplot as plt

Started = Callable[[str, int], Any]


def evaluate_spectra(bundle: Bundle, data: Dataset, *, split: str, started: Started) -> dict[str, Any]:
    """Every figure of `astranet evaluate spectra` on the real spectra of one split, as plain JSON.

    Parameters
    ----------
    started : callable
        `started(what, total)` gives a context manager whose value is told of progress.
    """
    real = data.part(split)
    with started("no redshift, no phase", len(real)) as advance:
        alone = believe(bundle.ensemble, real, progress=advance).fine
    with started("with redshift and phase", len(real)) as advance:
        told = believe(bundle.ensemble, real, redshift=True, phase=True, progress=advance).fine
    semi = data.rows((data.split == data_split(split)) & data.semi_real & (data.coverage >= 0.8))
    with started("semi-real", len(semi)) as advance:
        made = believe(bundle.ensemble, semi, progress=advance).fine
    scores = bundle.calibration["nonconformity"]
    return {
        "split": split,
        "conditions": "real spectra, coverage >= 0.8; intervals: 95 %, bootstrap by object",
        "real": summary(alone, real),
        "real_with_redshift_and_phase": summary(told, real),
        "semi_real": summary(made, semi),
        "prediction_sets": set_coverage(scores, alone, real.label, ALPHAS),
        "by_source": breakdown(alone, real, real.sources),
        "by_instrument": breakdown(alone, real, real.instruments),
        "by_snr": breakdown(alone, real, binned(real.snr, SNR_EDGES, "")),
        "by_phase": breakdown(alone, real, binned(real.phase_days, PHASE_EDGES, "d")),
    }


def data_split(split: str) -> int:
    """Number of a split."""
    from models.training.dataset import SPLITS

    return SPLITS.index(split)


def markdown(figures: dict[str, Any], bundle_id: str) -> str:
    """The tables as one Markdown page."""
    parts = [f"# {bundle_id} on the {figures['split']} split", figures["conditions"] + "."]
    for title, key in (
        ("Real spectra, no redshift, no phase", "real"),
        ("Real spectra, redshift and phase given where known", "real_with_redshift_and_phase"),
        ("Semi-real spectra (not observations)", "semi_real"),
    ):
        parts += [f"## {title}", _headline(figures[key]), _classes(figures[key]), _confusion(figures[key])]
    parts += ["## Prediction sets (LAC, Eq. 3), real spectra", _sets(figures["prediction_sets"])]
    for title, key in (
        ("archive", "by_source"),
        ("instrument", "by_instrument"),
        ("SNR", "by_snr"),
        ("phase", "by_phase"),
    ):
        parts += [f"## By {title}", _parts(figures[key])]
    return "\n\n".join(parts) + "\n"


def _headline(s: dict[str, Any]) -> str:
    lines = [f"{s['spectra']} spectra of {s['objects']} objects; expected calibration error {s['ece']:.3f}.", ""]
    rows = [[k.replace("_", " "), _interval(s[k])] for k in ("accuracy", "macro_recall", "macro_f1")]
    return "\n".join(lines) + _table(["figure", "value [95 %]"], rows)


def _classes(s: dict[str, Any]) -> str:
    rows = [
        [c, str(s["class_mix"][c]["spectra"]), str(s["class_mix"][c]["objects"]), _interval(s["recall"][c]),
         _interval(s["precision"][c])]
        for c in FINE_CLASSES
    ]  # fmt: skip
    return _table(["class", "spectra", "objects", "recall [95 %]", "precision [95 %]"], rows)


def _confusion(s: dict[str, Any]) -> str:
    rows = [[f"**{c}**", *map(str, row)] for c, row in zip(FINE_CLASSES, s["confusion"], strict=True)]
    return _table(["true \\ predicted", *FINE_CLASSES], rows)


def _sets(sets: dict[str, dict[str, float]]) -> str:
    rows = [
        [a, f"{1 - float(a):g}", f"{f['coverage']:.3f} [{f['low']:.3f}, {f['high']:.3f}]", f"{f['size']:.2f}",
         f"{f['empty']:.3f}"]
        for a, f in sets.items()
    ]  # fmt: skip
    return _table(["alpha", "nominal", "coverage [binomial 95 %]", "mean size", "empty"], rows)


def _parts(rows: list[dict[str, Any]]) -> str:
    body = [
        [r["part"] or "unknown", str(r["spectra"]), f"{r['accuracy']:.3f} [{r['low']:.3f}, {r['high']:.3f}]",
         f"{r['macro_recall']:.3f}", str(r["classes"])]
        for r in rows
    ]  # fmt: skip
    return _table(["part", "spectra", "accuracy [binomial 95 %]", "macro recall", "over classes"], body)


def _interval(value: dict[str, float] | None) -> str:
    return "-" if value is None else f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def draw_confusion(figures: dict[str, Any], path: Path) -> None:
    """Confusion matrix of the real spectra: recall as colour, counts as text."""
    counts = np.array(figures["real"]["confusion"])
    share: NDArray[np.float64] = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure, axes = plt.subplots(figsize=(6.4, 5.4), layout="constrained")
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i, row in enumerate(counts):
        for j, n in enumerate(row):
            if n:
                colour = "white" if share[i, j] > 0.55 else "black"
                axes.text(j, i, f"{n}\n{share[i, j]:.0%}", ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(FINE_CLASSES)), FINE_CLASSES, rotation=35, ha="right")
    axes.set_yticks(range(len(FINE_CLASSES)), FINE_CLASSES)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    real = figures["real"]
    axes.set_title(
        f"{real['spectra']} real spectra of {real['objects']} objects, {figures['split']} split\n"
        f"accuracy {_interval(real['accuracy'])}, macro recall {_interval(real['macro_recall'])}",
        fontsize=9,
    )
    figure.savefig(path, dpi=130)
    plt.close(figure)

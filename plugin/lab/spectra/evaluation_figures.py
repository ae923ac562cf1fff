"""The pictures of `astranet evaluate spectra`."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from models.domain import FINE_CLASSES
from plugin.lab.spectra.tables import interval

mpl.use("agg")
import matplotlib.pyplot as plt


def draw_all(figures: dict[str, Any], folder: Path) -> None:
    """Confusion matrix, reliability diagram, and recall against noise at SEDM's resolution."""
    draw_confusion(figures, folder / "confusion.png")
    draw_reliability(figures, folder / "reliability.png")
    draw_degraded(figures, folder / "sedm.png")


def draw_confusion(figures: dict[str, Any], path: Path) -> None:
    """Real spectra: recall as colour, counts as text."""
    counts = np.array(figures["real"]["confusion"])
    share: NDArray[np.float64] = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure, axes = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i, row in enumerate(counts):
        for j, n in enumerate(row):
            if n:
                colour = "white" if share[i, j] > 0.55 else "black"
                axes.text(j, i, f"{n}\n{share[i, j]:.0%}", ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(FINE_CLASSES)), FINE_CLASSES, rotation=35, ha="right")
    axes.set_yticks(range(len(FINE_CLASSES)), FINE_CLASSES)
    axes.set(xlabel="predicted", ylabel="true")
    real = figures["real"]
    axes.set_title(
        f"{real['spectra']} real spectra of {real['objects']} objects, {figures['split']} split\n"
        f"accuracy {interval(real['accuracy'])}, macro recall {interval(real['macro_recall'])}",
        fontsize=9,
    )
    _save(figure, path)


def draw_reliability(figures: dict[str, Any], path: Path) -> None:
    """Accuracy against confidence in bins, with how many spectra stand behind each."""
    bins = figures["reliability"]
    figure, axes = plt.subplots(figsize=(5.2, 4.6), layout="constrained")
    axes.plot([0, 1], [0, 1], color="0.6", lw=1, ls="--", label="honest")
    x = [b["confidence"] for b in bins]
    y = np.array([b["accuracy"] for b in bins])
    error = np.abs(np.array([[b["low"], b["high"]] for b in bins]).T - y)
    axes.errorbar(x, y, yerr=error, fmt="o", color="#0072b2", capsize=2, ms=4, label="observed, binomial 95 %")
    for b in bins:
        axes.annotate(
            str(b["spectra"]), (b["confidence"], b["high"]), fontsize=7, ha="center", va="bottom", color="0.3"
        )
    axes.set(xlabel="probability of the top class", ylabel="share that is right", xlim=(0.2, 1.02), ylim=(0, 1.08))
    axes.set_title(f"expected calibration error {figures['real']['ece']:.3f} (numbers: spectra)", fontsize=9)
    axes.legend(loc="lower right", fontsize=8, frameon=False)
    _save(figure, path)


def draw_degraded(figures: dict[str, Any], path: Path) -> None:
    """Macro recall and accuracy at R 100 against signal-to-noise, the undegraded figures as lines."""
    rows, real = figures["sedm"], figures["real"]
    figure, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
    once = [{"macro_recall": r["by_object"]["macro_recall"]} for r in rows]
    for label, name, found, level, colour, marker, aside in (
        ("accuracy", "accuracy", rows, real, "#0072b2", "s", 0.96),
        ("macro recall, each object once", "macro_recall", once, real["by_object"], "#009e73", "D", 1.0),
        ("macro recall", "macro_recall", rows, real, "#d55e00", "o", 1.04),
    ):
        y = np.array([r[name]["value"] for r in found])
        error = np.abs(np.array([[r[name]["low"], r[name]["high"]] for r in found]).T - y)
        at = np.array([r["snr"] for r in rows]) * aside
        axes.errorbar(at, y, yerr=error, color=colour, marker=marker, capsize=2, label=label)
        axes.axhline(level[name]["value"], color=colour, lw=0.8, ls=":")
    axes.set(xlabel="signal-to-noise per 25 A pixel", ylabel="real test spectra", ylim=(0.4, 1.0))
    axes.set_title("brought to R 100; dotted: as observed; bars: 95 %", fontsize=9)
    axes.legend(loc="lower right", fontsize=8, frameon=False)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=130)
    plt.close(figure)

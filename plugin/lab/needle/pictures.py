"""Pictures of the NEEDLE metadata model: Fig. 17-20 in shape."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from models.domain import NEEDLE_CLASSES
from models.needle.metadata import PREFERENCES
from models.training.needle.figures import THRESHOLDS
from plugin.batch.history import pyplot
from plugin.lab.needle.evaluate import RARE

CURVES = ("f1", "completeness", "purity", "coverage", "found")


def draw_thresholds(figures: Mapping[str, Any], path: Path) -> None:
    """Fig. 17 and 18 in shape: figures against the threshold, with intervals, for both ways of asking."""
    plt = pyplot()
    canvas, axes = plt.subplots(2, 5, figsize=(17, 6.5), sharex=True, layout="constrained")
    for row, (_, name) in zip(axes, RARE, strict=True):
        for ax, key in zip(row, CURVES, strict=True):
            for prefer in PREFERENCES:
                _band(ax, figures[prefer]["all"][name], key, prefer)
            ax.set(title=f"{name}: {key}", ylim=(-0.02, 1.02), xlabel="threshold")
    axes[0, 0].legend(loc="upper left")
    canvas.savefig(path, dpi=90)
    plt.close(canvas)


def draw_ablation(study: Mapping[str, Any], pair: tuple[str, str], path: Path) -> None:
    """Fig. 20 in shape: purity and found against the threshold with and without one part of the training."""
    plt = pyplot()
    canvas, axes = plt.subplots(1, 4, figsize=(15, 3.6), layout="constrained")
    shown = [(name, key) for _, name in RARE for key in ("purity", "found")]
    for ax, (name, key) in zip(axes, shown, strict=True):
        for label in pair:
            table = study["ablation"][label]["thresholds"][name]
            ax.plot(THRESHOLDS, _column(table, key, "value"), marker="o", label=label)
        ax.set(title=f"{name}: {key}", ylim=(-0.02, 1.02), xlabel="threshold")
    axes[0].legend()
    canvas.savefig(path, dpi=90)
    plt.close(canvas)


def draw_learning(study: Mapping[str, Any], path: Path) -> None:
    """What is found at the paper's purities against the number of training objects of the class."""
    plt = pyplot()
    canvas, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    for ax, (_, name) in zip(axes, RARE, strict=True):
        points = [(row["objects"][name], row["found"][name]) for row in study["learning"]]
        for purity in points[0][1]:
            ax.plot([n for n, _ in points], [found[purity] for _, found in points], "o", label=f"purity {purity}")
        ax.axhline(0.5, color="grey", lw=0.8, ls="--")
        ax.set(title=name, xlabel="training objects of the class", ylim=(-0.02, 1.02))
        ax.legend()
    axes[0].set_ylabel("found, out of fold")
    canvas.savefig(path, dpi=90)
    plt.close(canvas)


def draw_confusion(figures: Mapping[str, Any], path: Path, prefer: str) -> None:
    """Fig. 19 in shape: expected objects, rows true and columns said, at three thresholds."""
    plt = pyplot()
    canvas, axes = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained")
    for ax, (threshold, table) in zip(axes, figures[prefer]["confusion"].items(), strict=True):
        counts = np.array(table)
        ax.imshow(np.log10(counts + 0.3), cmap="Blues")
        for (i, j), value in np.ndenumerate(counts):
            dark = value > 0.1 * counts.max()
            ax.text(j, i, f"{value:.1f}", ha="center", va="center", color="white" if dark else "black")
        names = list(NEEDLE_CLASSES)
        ax.set(xticks=range(3), yticks=range(3), xticklabels=names, yticklabels=names, xlabel="said")
        ax.set_title("most probable" if threshold == "0" else f"threshold {threshold}")
    axes[0].set_ylabel("true")
    canvas.savefig(path, dpi=90)
    plt.close(canvas)


def _band(ax: Any, table: Mapping[str, Any], key: str, label: str) -> None:
    value, low, high = (_column(table, key, part) for part in ("value", "low", "high"))
    ax.plot(THRESHOLDS, value, marker="o", label=label)
    ax.fill_between(THRESHOLDS, low, high, alpha=0.2)


def _column(table: Mapping[str, Any], key: str, part: str) -> np.ndarray:
    return np.array([np.nan if cell[key][part] is None else cell[key][part] for cell in table.values()])

"""The pictures of `astranet evaluate spectra`."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from models.conformal.domains import HIGH, LOW
from models.domain import FINE_CLASSES
from plugin.lab.spectra.domain_tables import NAMES, TITLES
from plugin.lab.spectra.markdown import interval

mpl.use("agg")
import matplotlib.pyplot as plt

COLOURS = {LOW: "#d55e00", HIGH: "#0072b2"}


def draw_all(figures: dict[str, Any], folder: Path) -> None:
    """Confusion matrices, reliability, coverage of the sets, and recall against noise at SEDM's resolution."""
    draw_confusion(figures, folder / "confusion.png")
    draw_reliability(figures, folder / "reliability.png")
    draw_sets(figures, folder / "sets.png")
    if figures["sedm"]:
        draw_degraded(figures, folder / "sedm.png")


def draw_confusion(figures: dict[str, Any], path: Path) -> None:
    """Real spectra of each domain: recall as colour, counts as text."""
    found = figures["domains"]
    figure, panels = plt.subplots(1, len(found), figsize=(6.2 * len(found), 5.8), layout="constrained", squeeze=False)
    for axes, (name, of_domain) in zip(panels[0], found.items(), strict=True):
        real = of_domain["real"]
        counts = np.array(real["confusion"])
        share: NDArray[np.float64] = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for i, row in enumerate(counts):
            for j, n in enumerate(row):
                if n:
                    colour = "white" if share[i, j] > 0.55 else "black"
                    axes.text(j, i, f"{n}\n{share[i, j]:.0%}", ha="center", va="center", fontsize=8, color=colour)
        axes.set_xticks(range(len(FINE_CLASSES)), FINE_CLASSES, rotation=35, ha="right")
        axes.set_yticks(range(len(FINE_CLASSES)), FINE_CLASSES)
        axes.set(xlabel="predicted", ylabel="true")
        axes.set_title(
            f"{TITLES[name]}: {real['spectra']} of {real['objects']} objects, {figures['split']} split\n"
            f"accuracy {interval(real['accuracy'])}, macro recall {interval(real['macro_recall'])}",
            fontsize=9,
        )
    _save(figure, path)


def draw_reliability(figures: dict[str, Any], path: Path) -> None:
    """Accuracy against confidence in bins, with how many spectra stand behind each."""
    figure, axes = plt.subplots(figsize=(5.2, 4.6), layout="constrained")
    axes.plot([0, 1], [0, 1], color="0.6", lw=1, ls="--", label="honest")
    for name, found in figures["domains"].items():
        bins = found["reliability"]
        y = np.array([b["accuracy"] for b in bins])
        error = np.abs(np.array([[b["low"], b["high"]] for b in bins]).T - y)
        label = f"{TITLES[name]} (calibration error {found['real']['ece']:.3f})"
        x = [b["confidence"] for b in bins]
        axes.errorbar(x, y, yerr=error, fmt="o", color=COLOURS[name], capsize=2, ms=4, label=label)
        for b, at in zip(bins, x, strict=True):
            axes.annotate(str(b["spectra"]), (at, b["high"]), fontsize=7, ha="center", va="bottom", color=COLOURS[name])
    axes.set(xlabel="probability of the top class", ylabel="share that is right", xlim=(0.2, 1.02), ylim=(0, 1.08))
    axes.set_title("bars: binomial 95 %; numbers: spectra", fontsize=9)
    axes.legend(loc="lower right", fontsize=8, frameon=False)
    _save(figure, path)


def draw_sets(figures: dict[str, Any], path: Path) -> None:
    """How far coverage of the sets is from nominal at every alpha, calibrated on their like and on all together."""
    found = figures["domains"]
    figure, panels = plt.subplots(
        1, len(found), figsize=(4.4 * len(found), 3.8), layout="constrained", squeeze=False, sharey=True
    )
    for axes, (name, of_domain) in zip(panels[0], found.items(), strict=True):
        own = of_domain["prediction_sets"]
        x = np.arange(len(own))
        target = np.array([1 - float(a) for a in own])
        low, high = (np.array([f[k] for f in own.values()]) - target for k in ("band_low", "band_high"))
        axes.bar(x, high - low, bottom=low, width=0.8, color="0.88", label="95 % band")
        for key, marker, label in (
            ("prediction_sets", "o", "calibrated on their like"),
            ("prediction_sets_one_calibration", "x", "one calibration for all"),
        ):
            axes.plot(
                x,
                np.array([f["coverage"] for f in of_domain[key].values()]) - target,
                marker=marker,
                ls="",
                color=COLOURS[name] if marker == "o" else "0.3",
                label=label,
            )
        axes.axhline(0, color="0.5", lw=0.8)
        axes.set_xticks(x, own)
        axes.set(xlabel="alpha", title=TITLES[name])
        axes.legend(fontsize=8, frameon=False)
    panels[0, 0].set_ylabel("coverage less nominal")
    _save(figure, path)


def draw_degraded(figures: dict[str, Any], path: Path) -> None:
    """Recall of frequent classes and accuracy at R 100 against signal-to-noise, the undegraded figures as lines."""
    rows, real = figures["sedm"], figures["domains"][HIGH]["real"]
    key = "macro_recall_frequent" if real["frequent_classes"] else "macro_recall"
    figure, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
    once = [{key: r["by_object"][key]} for r in rows]
    for label, name, found, level, colour, marker, aside in (
        ("accuracy", "accuracy", rows, real, "#0072b2", "s", 0.96),
        (f"{NAMES[key]}, each object once", key, once, real["by_object"], "#009e73", "D", 1.0),
        (NAMES[key], key, rows, real, "#d55e00", "o", 1.04),
    ):
        y = np.array([r[name]["value"] for r in found])
        error = np.abs(np.array([[r[name]["low"], r[name]["high"]] for r in found]).T - y)
        at = np.array([r["snr"] for r in rows]) * aside
        axes.errorbar(at, y, yerr=error, color=colour, marker=marker, capsize=2, label=label)
        axes.axhline(level[name]["value"], color=colour, lw=0.8, ls=":")
    axes.set(xlabel="signal-to-noise per 25 A pixel", ylabel="the archive's spectra", ylim=(0.4, 1.0))
    axes.set_title("brought to R 100; dotted: as observed; bars: 95 %", fontsize=9)
    axes.legend(loc="lower right", fontsize=8, frameon=False)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=130)
    plt.close(figure)

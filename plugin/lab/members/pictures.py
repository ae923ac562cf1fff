"""Pictures of the members: their spread on errors, and what each of the ten classes is taken for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from models.domain import FINE_CLASSES
from plugin.lab.spectra.domain_tables import TITLES

mpl.use("agg")
import matplotlib.pyplot as plt

WRONG, RIGHT = "#d55e00", "#0072b2"
"""Told apart by the colour-blind, and by the shape of their marks."""


def draw_spread(figures: Mapping[str, Any], path: Path) -> None:
    """Figure 5: mean spread of the predicted class's probability on errors and on right answers, with intervals."""
    domains = figures["domains"]
    figure, panels = plt.subplots(
        len(domains), 1, figsize=(6.4, 3.6 * len(domains) + 0.5), layout="constrained", sharex=True, squeeze=False
    )
    for axes, (name, found) in zip(panels[:, 0], domains.items(), strict=True):
        for what, colour, mark, shift in (("wrong", WRONG, "o", -0.16), ("right", RIGHT, "s", 0.16)):
            points = [(i + shift, r[what]["spread"]) for i, r in enumerate(found["spread"]) if r[what]["spread"]]
            at = [y for y, _ in points]
            value = np.array([p["value"] for _, p in points])
            reach = [[max(p["value"] - p.get("low", p["value"]), 0) for _, p in points]]
            reach.append([max(p.get("high", p["value"]) - p["value"], 0) for _, p in points])
            face = colour if what == "wrong" else "white"
            axes.errorbar(value, at, xerr=reach, fmt=mark, color=colour, mfc=face, capsize=3, ms=7, label=what)
        labels = [f"{r['class']}  ({r['wrong']['spectra']} wrong)" for r in found["spread"]]
        axes.set_yticks(range(len(labels)), labels, fontsize=11)
        axes.invert_yaxis()
        axes.set_xlim(left=0)
        axes.grid(axis="x", alpha=0.3)
        axes.tick_params(labelbottom=True)
        axes.set_title(f"{TITLES[name]}, by predicted class", fontsize=12, loc="left")
    panels[-1, 0].set_xlabel("mean spread over the members, 95 % interval", fontsize=11)
    panels[0, 0].legend(fontsize=11, title="prediction is", loc="best")
    figure.savefig(path, dpi=130)
    plt.close(figure)


def draw_kinds(figures: Mapping[str, Any], path: Path) -> None:
    """Which class of the network each of the ten classes is given, in per cent of its spectra."""
    domains = figures["domains"]
    heights = [len(f["kinds"]["ten"]) for f in domains.values()]
    figure, panels = plt.subplots(
        len(domains), 1, figsize=(6.8, 0.46 * sum(heights) + 2.4), layout="constrained", height_ratios=heights,
        squeeze=False,
    )  # fmt: skip
    for axes, (name, found) in zip(panels[:, 0], domains.items(), strict=True):
        rows = found["kinds"]["ten"]
        counts = np.array([[row["said"][c] for c in FINE_CLASSES] for row in rows])
        share = counts / counts.sum(1, keepdims=True)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (i, j), n in np.ndenumerate(counts):
            if n:
                colour = "white" if share[i, j] > 0.55 else "black"
                said = f"{share[i, j]:.0%}" if share[i, j] >= 0.005 else "<1%"
                axes.text(j, i, said, ha="center", va="center", fontsize=11, color=colour)
        axes.set_xticks(range(len(FINE_CLASSES)), FINE_CLASSES, fontsize=10)
        axes.set_yticks(range(len(rows)), [f"{r['kind']}  ({r['spectra']})" for r in rows], fontsize=11)
        axes.set_ylabel("kind (spectra)", fontsize=11)
        axes.set_title(f"{TITLES[name]}: what each kind is taken for", fontsize=12, loc="left")
    panels[-1, 0].set_xlabel("class that the networks give", fontsize=11)
    figure.savefig(path, dpi=130)
    plt.close(figure)

"""Pictures of NEEDLE's checks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("agg")
import matplotlib.pyplot as plt

COLOURS = ("#d55e00", "#0072b2")
"""Told apart by the colour-blind."""
LINES = ("--", "-")


def draw_inputs(found: Mapping[str, Any], path: Path) -> None:
    """Figure 1: the matrix of rank correlations; grey where too few objects have both inputs."""
    names = found["inputs"]
    matrix = np.array([[np.nan if v is None else v for v in row] for row in found["matrix"]])
    figure, axes = plt.subplots(figsize=(8.6, 8.0), layout="constrained")
    colours = plt.get_cmap("RdBu_r").with_extremes(bad="0.8")
    image = axes.imshow(np.ma.masked_invalid(matrix), cmap=colours, vmin=-1, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=9)
    axes.set_yticks(range(len(names)), names, fontsize=9)
    grey = " (grey: too few have both)" if np.isnan(matrix).any() else ""
    axes.set_title(f"Which inputs say the same, {found['objects']} objects{grey}", fontsize=14, loc="left")
    bar = figure.colorbar(image, ax=axes, shrink=0.75)
    bar.set_label("Spearman's rank correlation", fontsize=11)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_up_sampling(found: Mapping[str, Any], path: Path) -> None:
    """Figure 16: apparent magnitude against redshift, observed and up-sampled."""
    figure, panels = plt.subplots(
        len(found), 1, figsize=(6.4, 4.2 * len(found)), layout="constrained", squeeze=False, sharey=True
    )
    for axes, (name, f) in zip(panels[:, 0], found.items(), strict=True):
        made, seen = (np.array(f["points"][what]).reshape(-1, 2) for what in ("drawn", "observed"))
        axes.plot(*made.T, "x", color=COLOURS[0], ms=5, alpha=0.6, label=f"up-sampled ({len(made)} of {f['drawn']})")
        axes.plot(*seen.T, "o", color=COLOURS[1], ms=6, mec="white", label=f"observed ({len(seen)})")
        axes.set_title(f"{name}: observed and up-sampled light curves", fontsize=12, loc="left")
        axes.set_xlabel("redshift", fontsize=11)
        axes.set_ylabel("brightest early magnitude", fontsize=11)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=11, loc="upper right")
    if not panels[0, 0].yaxis_inverted():
        panels[0, 0].invert_yaxis()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_stamps(found: Mapping[str, Any], path: Path) -> None:
    """Figure 6 in shape: recall of bad stamps against false alarms of both networks, and where each is used."""
    figure, axes = plt.subplots(figsize=(6.4, 5.0), layout="constrained")
    for (name, f), colour, line in zip(found["networks"].items(), COLOURS, LINES, strict=True):
        x, y = np.array(f["curve"]).T
        area = f["area"]
        label = f"{name}: area {area['value']:.3f} [{area['low']:.3f}, {area['high']:.3f}]"
        axes.step(x, y, where="post", color=colour, ls=line, lw=2, label=label)
        at = f["at_threshold"]["network"]
        axes.plot(at["false_alarms"]["share"], at["recall_bad"]["share"], "o", color=colour, ms=9, mec="black")
    axes.set(xlim=(-0.01, 0.4), ylim=(0, 1.02))
    axes.set_xlabel("good stamps called bad (false alarms)", fontsize=11)
    axes.set_ylabel("bad stamps found", fontsize=11)
    axes.set_title("Image quality, network alone (dots: threshold 0.75)", fontsize=12, loc="left")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=10, loc="lower right")
    figure.savefig(path, dpi=130)
    plt.close(figure)

"""The score history of one object as a picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.domain import NEEDLE_CLASSES
from models.needle.model import History

COLOURS = {"SN": "tab:grey", "SLSN-I": "tab:blue", "TDE": "tab:orange"}


def draw_history(histories: Mapping[str, History], title: str, path: Path) -> None:
    """Every answer of one object as it would have been given then, by the way of asking."""
    plt = pyplot()
    canvas, axes = plt.subplots(1, len(histories), figsize=(5.5 * len(histories), 4), sharey=True, squeeze=False)
    for ax, (prefer, history) in zip(axes[0], histories.items(), strict=True):
        for k, name in enumerate(NEEDLE_CLASSES):
            ax.plot(history.days, history.probabilities[:, k], marker="o", ms=4, label=name, color=COLOURS[name])
        ax.axhline(0.8, color="grey", lw=0.8, ls="--")
        ax.set(title=f"{title}, {prefer}", xlabel="days from discovery", ylim=(-0.02, 1.02))
    axes[0, 0].set_ylabel("score")
    axes[0, 0].legend()
    canvas.tight_layout()
    canvas.savefig(path, dpi=90)
    plt.close(canvas)


def pyplot() -> Any:
    """Matplotlib without a window; loaded with the first picture and not before."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt

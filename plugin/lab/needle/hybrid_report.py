"""The hybrid model's figures as text and pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from models.bundle import write_card
from models.domain import NEEDLE_CLASSES
from models.needle.hybrid.inputs import FEATURES, Images, Samples
from models.needle.hybrid.model import PREFERENCES, SHIPPED, Hybrid
from models.needle.hybrid.net import HybridNet
from models.training.needle.attention import heat_maps
from models.training.needle.figures import THRESHOLDS
from models.training.needle.hybrid_training import columns
from plugin.lab.needle.hybrid_data import Part
from plugin.lab.needle.hybrid_evaluate import RARE
from plugin.lab.needle.hybrid_train import network_of, run_of
from plugin.lab.needle.sheets import Panel, draw

KEYS = ("purity", "completeness", "coverage", "found")
SAMPLES = ("all", "hosted", "hostless", "against core-collapse only")
SHOWN_OF_EACH = 3
ROWS_OF = {
    "plain": "no / no",
    "masking": "yes / no",
    "full": "yes / yes",
    "nofocal": "yes / yes, no focal loss",
    "blind": "yes, no images at all",
}


def markdown(figures: Mapping[str, Any], model: Hybrid) -> str:
    """All tables."""
    epochs = run_of(model.card).samples.test_epochs
    lines = [f"# NEEDLE hybrid model {model.model_id}: semi-real figures", "", *_what(epochs), "", *_table5(figures)]
    lines += ["", "## At the threshold 0.8", "", *_main(figures)]
    if "ablation" in figures:
        lines += ["", "## Ablation, hosted model", "", *_ablation(figures["ablation"])]
    lines += ["", "## Confusion, hosted model, purity first", "", *_confusion(figures)]
    lines += ["", "## Prediction sets", "", *_conformal(figures)]
    lines += ["", "## Limits", "", *(f"- {note}" for note in model.card["notes"])]
    return "\n".join(lines) + "\n"


def pictures(
    figures: Mapping[str, Any], parts: Mapping[str, Part], model: Hybrid, out: Path, run: Path | None = None
) -> None:
    """Curves of every figure, the ablation's curves, heat maps, and a sheet of semi-real pairs."""
    for prefer in PREFERENCES:
        _curves({prefer: figures[prefer]["all"]}, out / f"needle-hybrid-{prefer}.png")
    if "ablation" in figures:
        by_name = {ROWS_OF[name]: table["curves"] for name, table in figures["ablation"].items()}
        _curves(by_name, out / "needle-hybrid-ablation.png")
    draw(sample_panels(parts["TH"]), 8, out / "needle-hybrid-samples.png")
    draw(heat_panels(model, parts["TH"], run), 7 if run else 6, out / "needle-hybrid-heat.png")


def sample_panels(part: Part) -> list[Panel]:
    """Semi-real pairs of every class, as they are and masked, two to a row."""
    panels = []
    for i in chosen(part.samples, 2 * SHOWN_OF_EACH):
        named = ("science", "reference", "masked", "masked")
        images = (*part.plain[i], *part.samples.images[i])
        title = NEEDLE_CLASSES[part.samples.label[i]]
        panels += [Panel(image=im.astype(float), title=f"{title} {n}") for im, n in zip(images, named, strict=True)]
    return panels


def heat_panels(model: Hybrid, part: Part, run: Path | None) -> list[Panel]:
    """Fig. 12 in shape: attention to the true class, without masking (networks of the run) and with, before and after.

    An untrained network has random filters; its attention is what "before training" means.
    """
    rows = np.array(chosen(part.samples, SHOWN_OF_EACH))
    some = part.samples.rows(np.isin(np.arange(len(part.samples)), rows))
    plain = part.shown(masking=False).rows(np.isin(np.arange(len(part.samples)), rows))
    net = model.nets["TH.purity"]
    torch.manual_seed(0)
    blank = HybridNet(run_of(model.card).training.net, net.mean.tolist(), net.scale.tolist(), [1.0] * len(net.mean))
    looks = []
    if run is not None:
        fold = model.card["deployed"]["TH.purity"]["fold"]
        unmasked = network_of(run, "TH", "plain", fold, run_of(model.card))
        looks += [(plain, unmasked, "no masking")]
    looks += [(some, blank, "untrained"), (some, net, "masking")]
    panels = []
    heats = [_heat(looked, shown) for shown, looked, _ in looks]
    for i in range(len(some)):
        title = NEEDLE_CLASSES[some.label[i]]
        panels += [*_pair(plain.images[i], title), *_pair(some.images[i], "masked")]
        panels += [Panel(image=h[i], title=t, low=0, high=1) for h, (*_, t) in zip(heats, looks, strict=True)]
    return panels


def chosen(samples: Samples, count: int) -> list[int]:
    """The first rows of `count` objects of each class."""
    found: list[int] = []
    for k in range(len(NEEDLE_CLASSES)):
        mine = np.flatnonzero(samples.label == k)
        _, first = np.unique(samples.object_index[mine], return_index=True)
        found += mine[np.sort(first)][:count].tolist()
    return found


def with_metrics(model: Hybrid, figures: Mapping[str, Any], folder: Path | None) -> None:
    """Write the figures at the threshold 0.8 into the model's card."""
    short = {
        prefer: {s: {c: t["0.8"] for c, t in figures[prefer][s].items()} for s in SAMPLES} for prefer in PREFERENCES
    }
    tables = figures.get("ablation", {})
    ablation = {name: {k: v for k, v in table.items() if k != "curves"} for name, table in tables.items()}
    metrics = {"kind": "semi-real images", "threshold_0.8": short, "ablation": ablation, "objects": figures["table5"]}
    write_card(folder or SHIPPED, {**model.card, "metrics": metrics})


def _what(epochs: int) -> list[str]:
    return [
        "Real light curves and host catalogues of objects that were never trained on, **with semi-real images**: real "
        "ZTF fields that no training image had, a galaxy drawn with a real host's magnitude, size and offset, the "
        f"transient at its real magnitude. Up to {epochs} random early epochs of each object, which together count "
        "once; at the paper's class mix 2559 : 14 : 15; 95 % intervals by resampling objects. An interval without "
        "width means that no other test object came into it.",
    ]


def _table5(figures: Mapping[str, Any]) -> list[str]:
    lines = ["| test objects | hosted | hostless | sum |", "|---|---|---|---|"]
    for name, row in figures["table5"].items():
        lines.append(f"| {name} | {row['hosted']} | {row['hostless']} | {sum(row.values())} |")
    return lines


def _main(figures: Mapping[str, Any]) -> list[str]:
    lines = [
        "`completeness` counts only what is above the threshold, as the paper does; `found` is the share of all.",
        "",
        "| answer | sample | class | purity | completeness | coverage | found |",
        "|---|---|---|---|---|---|---|",
    ]
    for prefer in PREFERENCES:
        rows = [(sample, figures[prefer][sample]) for sample in SAMPLES]
        for sample, table in rows:
            for _, name in RARE:
                cells = " | ".join(_cell(table[name]["0.8"][key]) for key in KEYS)
                lines.append(f"| {prefer} | {sample} | {name} | {cells} |")
    return lines


def _ablation(table: Mapping[str, Any]) -> list[str]:
    lines = [
        "Mean and scatter over ten folds (Table 7), on the networks' own probabilities. `AP` is the area under purity "
        "against the share found at the paper's mix, which needs no threshold; `near` the share of the attention that "
        "lies within ten pixels of the transient.",
        "",
    ]
    head = "| masking / up-sampled | macro-confidence | b-confidence | b-entropy |"
    for split in ("validation", "test"):
        extra = split == "test"
        lines += ["", f"{split} objects:", ""]
        lines.append(head + (" AP SLSN-I | AP TDE | near |" if extra else ""))
        lines.append("|---|---|---|---|" + ("---|---|---|" if extra else ""))
        for name, title in ROWS_OF.items():
            cells = [_pm(v) for v in table[name][split].values()]
            if extra:
                cells += [_pm(table[name]["average_precision"][c]) for _, c in RARE]
                cells.append(_pm(table[name]["attention_near"]))
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return lines


def _confusion(figures: Mapping[str, Any]) -> list[str]:
    lines = ["Expected objects, rows true, columns said (Fig. 19), in the sample's own mix.", ""]
    heads = " | ".join(NEEDLE_CLASSES)
    lines += [f"| threshold | true | {heads} |", "|---|---|---|---|---|"]
    for threshold, matrix in figures["purity"]["confusion"].items():
        for name, row in zip(NEEDLE_CLASSES, matrix, strict=True):
            lines.append(f"| {threshold} | {name} | " + " | ".join(f"{v:.1f}" for v in row) + " |")
    return lines


def _conformal(figures: Mapping[str, Any]) -> list[str]:
    lines = ["| answer | alpha | class | true class in the set | mean size |", "|---|---|---|---|---|"]
    for prefer in PREFERENCES:
        for alpha, by_class in figures["conformal"][prefer].items():
            for name, row in by_class.items():
                lines.append(f"| {prefer} | {alpha} | {name} | {row['coverage']:.3f} | {row['set_size']:.2f} |")
    return lines


def _curves(tables: Mapping[str, Any], path: Path) -> None:
    """Fig. 17, 18 and 20 in shape; with intervals where the table has them."""
    figure = Figure(figsize=(15, 6.5), layout="constrained")
    axes = figure.subplots(2, 4, sharex=True)
    for row, (_, name) in zip(axes, RARE, strict=True):
        for ax, key in zip(row, ("f1", "completeness", "purity", "found"), strict=True):
            for title, table in tables.items():
                cells = [table[name][f"{t:g}"][key] for t in THRESHOLDS]
                values = [_number(c["value"] if isinstance(c, dict) else c) for c in cells]
                ax.plot(THRESHOLDS, values, marker="o", label=title)
                if isinstance(cells[0], dict):
                    low, high = ([_number(c[end]) for c in cells] for end in ("low", "high"))
                    ax.fill_between(THRESHOLDS, low, high, alpha=0.25)
            ax.set(title=f"{name}: {key} (semi-real)", ylim=(0, 1.02), xlabel="threshold")
    axes[0][0].legend(fontsize=8)
    figure.savefig(path, dpi=90)


def _heat(net: HybridNet, samples: Samples) -> np.ndarray:
    return heat_maps(net, samples.images, columns(samples.x, FEATURES["TH"]), samples.label)


def _pair(images: Images, title: str) -> list[Panel]:
    return [Panel(image=im.astype(float), title=f"{title} {n}") for im, n in zip(images, ("sci", "ref"), strict=True)]


def _pm(pair: Sequence[float]) -> str:
    return f"{pair[0]:.3f} ± {pair[1]:.3f}" if pair else "none"


def _cell(row: Mapping[str, float | None]) -> str:
    if row["value"] is None:
        return "none"
    ends = ("?" if row[k] is None else f"{row[k]:.2f}" for k in ("low", "high"))
    return f"{row['value']:.2f} [{', '.join(ends)}]"


def _number(value: float | None) -> float:
    return float("nan") if value is None else value

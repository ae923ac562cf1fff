"""The figures of the anomaly and conformal layers as pages and pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from models.sentinel.scores import FAMILIES
from models.training.protocol import Held
from models.training.sentinel import Believed
from plugin.evaluation_sentinel import family_map

mpl.use("agg")
import matplotlib.pyplot as plt


def sentinel_page(f: Mapping[str, Any], bundle_id: str) -> str:
    """Tables I, II, III, X (odd inputs) and XIII as Markdown."""
    real, semi = f["rare_real"], f["rare_semi_real"]
    head = (
        f"{real['spectra']} real rare spectra of {real['objects']} objects, {semi['spectra']} semi-real ones apart, "
        f"{f['ordinary_test']} ordinary test spectra. {f['conditions']}."
    )
    scores = [[r["family"], r["score"], _triple(r["auroc"]), _triple(r["auprc"])] for r in f["scores"]]
    families = [[r["family"], _share(r), f"{r['false_alarms']:.4f}"] for r in f["families"]]
    strategies = [
        [r["strategy"], *(_share(r[s][u]) for s in ("real", "transient", "semi") for u in ("spectra", "objects")),
         f"{r['false_alarms']:.4f}"]
        for r in f["strategies"]
    ]  # fmt: skip
    classes = [
        [r["class"] + (" (semi-real)" if r["semi_real"] else ""), _share(r["spectra"]), _share(r["objects"]),
         f"{r['mean_score']:.3f}"]
        for r in f["classes"]
    ]  # fmt: skip
    odd = [[f"{r['kind']} (simulated)", str(r["spectra"]), f"{r['flagged']:.3f}"] for r in f["odd"]]
    good = f["ordinary_good_sn_ia"]
    odd.append(["real SN Ia, SNR >= 20", str(good["spectra"]), f"{good['flagged']:.3f}"])
    c = f["complementarity"]
    by = ", ".join(f"{v} by {k}" for k, v in c["by_families"].items())
    return (
        "\n\n".join(
            [
                f"# Anomaly layer of {bundle_id}",
                head,
                "## Single scores and combinations (Table XIII)",
                _table(["family", "score", "AUROC [95 %]", "AUPRC [95 %]"], scores),
                "## Families alone at 1 % false alarms (Table I)",
                _table(["family", "real rare spectra detected", "false alarms, test"], families),
                f"Real rare spectra by number of families that flag them: {by}. The combination flags {c['combined']}, "
                f"of which {c['combined_without_any_family']} no family flags.",
                "## Operating regimes (Table II)",
                "Transients: without galaxies, M dwarfs and stars.",
                _table(
                    [
                        "strategy",
                        "real",
                        "objects",
                        "real transients",
                        "objects",
                        "semi-real",
                        "objects",
                        "false alarms",
                    ],
                    strategies,
                ),
                "## By class, anchor (Table III)",
                _table(["class", "spectra", "objects", "mean score"], classes),
                "## Inputs that are no spectra, and good ones",
                _table(["what", "spectra", "flagged"], odd),
            ]
        )
        + "\n"
    )


def conformal_page(f: Mapping[str, Any], bundle_id: str) -> str:
    """Tables IV, V, VII, VIII and IX as Markdown."""
    p = [
        [f"{r['alpha']:g}", f"{1 - r['alpha']:g}", f"{r['band'][0]:.3f}-{r['band'][1]:.3f}", _spread(r["marginal"]),
         _spread(r["mondrian"]), f"{r['rare_detected']:.3f}" if "rare_detected" in r else ""]
        for r in f["p_values"]
    ]  # fmt: skip
    per_class = [
        [
            r["class"],
            f"{r['calibration']:.0f}",
            f"{r['test']:.0f}",
            "" if r["coverage"] is None else f"{r['coverage']:.3f}",
        ]
        for r in f["per_class"]
    ]
    sets = [
        [m, f"{r['alpha']:g}", _spread(r["coverage"]), f"{r['size']['own']:.2f}", f"{r['single']['own']:.3f}",
         f"{r['empty']['own']:.3f}"]
        for m, rows in f["sets"].items()
        for r in rows
    ]  # fmt: skip
    quintiles = [[str(r["quintile"]), _spread(r["mondrian"]), _spread(r["admcp"])] for r in f["quintiles"]]
    errors = [[name, _triple(v)] for name, v in f["error_detection"].items()]
    selective = [
        [
            f"{r['coverage']:g}",
            f"{r['accuracy']:.3f}",
            f"{100 * r['gain']:+.1f}",
            f"{r['ad_low']:.3f}" if "ad_low" in r else "",
        ]
        for r in f["selective"]
    ]
    policy = [
        [k, f"{v['share']:.3f}", f"{v['accuracy']:.3f} [{v['low']:.3f}, {v['high']:.3f}]"]
        for k, v in f["policy"].items()
    ]
    head = (
        f"Calibrated on {f['calibration']['spectra']} spectra of {f['calibration']['objects']} objects, tested on "
        f"{f['test']['spectra']} of {f['test']['objects']}; {f['conditions']}."
    )
    cover = "coverage (mean +- std of random splits)"
    return (
        "\n\n".join(
            [
                f"# Conformal layer of {bundle_id}",
                head,
                "## P-values of the anomaly score (Table IV)",
                _table(
                    [
                        "alpha",
                        "target",
                        "95 % band",
                        f"marginal {cover}",
                        f"Mondrian {cover}",
                        "real rare, k-fold, p < alpha",
                    ],
                    p,
                ),
                "## By predicted class, alpha = 0.025 (Table V)",
                _table(["class", "calibration", "test", "coverage"], per_class),
                "## Prediction sets",
                _table(["method", "alpha", cover, "mean size", "singletons", "empty"], sets),
                "## By anomaly quintile, alpha = 0.05 (Table IX)",
                _table(["quintile", "Mondrian", "AD-MCP"], quintiles),
                "## Which signal knows of an error (Table VII)",
                _table(["signal", "AUROC [95 %]"], errors),
                "## Leaving out the least confident (Table VIII)",
                _table(["coverage", "accuracy", "gain, points", "rejected that are not odd"], selective),
                "## Policy on ordinary spectra",
                _table(["answer", "share", "accuracy [95 %]"], policy),
            ]
        )
        + "\n"
    )


def draw_map(held: Held, rare: Believed, path: Path) -> None:
    """Which rare spectrum is flagged by the combination and by each family (Fig. 3); real ones only."""
    real = ~rare.data.semi_real
    kinds = np.array(rare.data.kinds)[real]
    rows = np.concatenate([held.detected("anchor")[real][None], family_map(held)[real].T])
    order = np.lexsort((rows[1:].sum(0), kinds))
    figure, axes = plt.subplots(figsize=(11, 3.2), layout="constrained")
    axes.imshow(rows[:, order], aspect="auto", cmap="Blues", interpolation="nearest", vmin=0, vmax=1.3)
    axes.set_yticks(range(5), ["all 16", *FAMILIES])
    starts = [int(np.flatnonzero(kinds[order] == k)[0]) for k in sorted(set(kinds))]
    for start in starts[1:]:
        axes.axvline(start - 0.5, color="0.4", lw=0.6)
    wide = [(s, k) for s, k in zip(starts, sorted(set(kinds)), strict=True) if (kinds == k).sum() > 5]
    axes.set_xticks([s for s, _ in wide], [k.removeprefix("Other:") for _, k in wide], rotation=30, ha="right")
    axes.set_title("Real rare spectra flagged at 1 % false alarms, k-fold", fontsize=10)
    _save(figure, path)


def draw_p_values(f: Mapping[str, Any], path: Path) -> None:
    """Histogram of p-values (Fig. 4)."""
    figure, axes = plt.subplots(figsize=(5, 3.4), layout="constrained")
    edges = np.linspace(0, 1, 21)
    for name, colour in (("ordinary", "tab:blue"), ("rare", "tab:red")):
        if name in f["histogram"]:
            axes.stairs(f["histogram"][name], edges, label=f"{name} spectra", color=colour, lw=1.6)
    axes.axhline(0.05, color="0.5", lw=0.8, ls="--", label="uniform")
    axes.set(xlabel="conformal p-value", ylabel="share of spectra", yscale="log")
    axes.legend(frameon=False)
    _save(figure, path)


def draw_coverage(f: Mapping[str, Any], path: Path) -> None:
    """Coverage by anomaly quintile: plain Mondrian thresholds and AD-MCP."""
    figure, axes = plt.subplots(figsize=(5, 3.4), layout="constrained")
    for name, label in (("mondrian", "per class"), ("admcp", "per class and quintile (AD-MCP)")):
        rows = [r[name] for r in f["quintiles"]]
        axes.errorbar(
            range(1, 6), [r["mean"] for r in rows], [r["std"] for r in rows], marker="o", capsize=3, label=label
        )
    axes.axhline(0.95, color="0.5", lw=0.8, ls="--")
    axes.set(xlabel="anomaly quintile", ylabel="coverage", xticks=range(1, 6))
    axes.legend(frameon=False)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _share(row: Mapping[str, float]) -> str:
    if not row["of"]:
        return "-"
    return f"{row['detected']}/{row['of']} = {row['share']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def _triple(v: Mapping[str, float]) -> str:
    return f"{v['value']:.3f} [{v['low']:.3f}, {v['high']:.3f}]"


def _spread(v: Mapping[str, float]) -> str:
    return f"{v['own']:.3f} ({v['mean']:.3f} +- {v['std']:.3f})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

"""The figures of the anomaly and conformal layers as pages and pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from models.sentinel.scores import FAMILIES
from models.training.sentinel.fitting import Believed
from models.training.sentinel.protocol import Held, flagged
from plugin.lab.anomaly.evaluation_sentinel import family_map

mpl.use("agg")
import matplotlib.pyplot as plt


def sentinel_page(f: Mapping[str, Any], bundle_id: str) -> str:
    """Tables I, II, III, X (odd inputs) and XIII as Markdown."""
    real, semi = f["rare_real"], f["rare_semi_real"]
    head = (
        f"{real['spectra']} real rare spectra of {real['objects']} objects, {semi['spectra']} semi-real ones apart, "
        f"{f['ordinary_test']} ordinary test spectra. {f['conditions']}. Exposure of the networks: {f['exposure']}."
    )
    scores = [[r["family"], r["score"], _triple(r["auroc"]), _triple(r["auprc"])] for r in f["scores"]]
    families = [[r["family"], _share(r), f"{r['false_alarms']:.4f}"] for r in f["families"]]
    strategies = [
        [r["strategy"], *(_share(r[s][u]) for s in ("real", "transient", "contaminant", "semi")
                          for u in ("spectra", "objects")),
         f"{r['false_alarms']:.4f} [{r['false_alarms_low']:.4f}, {r['false_alarms_high']:.4f}]"]
        for r in f["strategies"]
    ]  # fmt: skip
    classes = [
        [r["class"] + (" (semi-real)" if r["semi_real"] else ""), _share(r["spectra"]), _share(r["objects"]),
         f"{r['mean_score']:.3f}"]
        for r in f["classes"]
    ]  # fmt: skip
    odd = [[f"{r['kind']} (simulated)", "new ones" if r["exposed"] else "none like it", _share(r)] for r in f["odd"]]
    good = f["ordinary_good_sn_ia"]
    odd.append(["real SN Ia, SNR >= 20", "", f"{good['flagged']:.4f} of {good['spectra']}"])
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
                "Transients: without galaxies, M dwarfs and stars, which are the contaminants.",
                _table(
                    [
                        "strategy",
                        "real",
                        "objects",
                        "real transients",
                        "objects",
                        "real contaminants",
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
                _table(["what", "exposed to", "flagged"], odd),
            ]
        )
        + "\n"
    )


def conformal_page(f: Mapping[str, Any], bundle_id: str, cases: tuple[list[str], list[list[str]]]) -> str:
    """Tables IV, V, VII, VIII, IX and X as Markdown; `cases` holds head and rows of the last."""
    p = [
        [f"{r['alpha']:g}", f"{1 - r['alpha']:g}", f"{r['band'][0]:.3f}-{r['band'][1]:.3f}",
         f"{r['whole_band'][0]:.3f}-{r['whole_band'][1]:.3f}", _spread(r["marginal"]),
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
    quintiles = [
        [str(r["quintile"]), _spread(r["mondrian"]), _spread(r["admcp"]), f"{r['size']['mean']:.0f}",
         f"{r['band'][0]:.3f}-{r['band'][1]:.3f}", f"{r['never']['mean']:.3f}"]
        for r in f["quintiles"]
    ]  # fmt: skip
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
                "Bands hold 95 % of right tests, if spectra were independent: of this many test spectra with a perfect "
                "threshold, and with one of this many calibration spectra.",
                _table(
                    [
                        "alpha",
                        "target",
                        "95 % band, test alone",
                        "with the calibration set's chance",
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
                "First the bundle's own split, in brackets 20 random splits by object in which four fifths calibrate, "
                "as in the paper's five-fold cross-validation. The last column: share in cells of too few spectra for "
                "alpha, where nothing fires.",
                _table(
                    ["quintile", "Mondrian", "AD-MCP", "spectra in a split", "95 % band of one split", "no threshold"],
                    quintiles,
                ),
                "## Which signal knows of an error (Table VII)",
                _table(["signal", "AUROC [95 %]"], errors),
                "## Leaving out the least confident (Table VIII)",
                _table(["coverage", "accuracy", "gain, points", "rejected that are not odd"], selective),
                "## Policy on ordinary spectra",
                _table(["answer", "share", "accuracy [95 %]"], policy),
                "## Case studies (Table X)",
                "Real rare spectra; scores and p-values by detectors that never saw the object, single scores as ranks "
                "among ordinary spectra.",
                _table(*cases),
            ]
        )
        + "\n"
    )


def draw_map(plain: Held, held: Held, rare: Believed, path: Path) -> None:
    """Which rare spectrum is flagged by the combination, each score and each family (Fig. 3); real ones only."""
    real = ~rare.data.semi_real
    kinds = np.array(rare.data.kinds)[real]
    by_score = [
        flagged(plain.rare_ranks[:, [j]], plain.calibrate_ranks[:, [j]], "anchor") for j in range(len(plain.scores))
    ]
    by_family = family_map(plain)[real].T
    rows = np.concatenate([held.detected("anchor")[real][None], np.array(by_score)[:, real], by_family])
    order = np.lexsort((by_family.sum(0), kinds))
    present = sorted(set(kinds))
    colour = {k: plt.get_cmap("tab20")(i % 20) for i, k in enumerate(present)}
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(12, 6.4), layout="constrained", height_ratios=(4, 1), sharex=True
    )
    top.imshow(rows[:, order], aspect="auto", cmap="Blues", interpolation="nearest", vmin=0, vmax=1.3)
    top.set_yticks(range(len(rows)), ["combined", *plain.scores, *(f"{f} family" for f in FAMILIES)], fontsize=7)
    for y in (0.5, len(by_score) + 0.5):
        top.axhline(y, color="0.3", lw=0.8)
    count = by_family.sum(0)[order]
    bottom.bar(range(len(count)), count + 0.1, width=1.0, color=[colour[k] for k in kinds[order]])
    bottom.set(ylabel="families", ylim=(0, len(FAMILIES) + 0.3))
    starts = [int(np.flatnonzero(kinds[order] == k)[0]) for k in present]
    for start in starts[1:]:
        top.axvline(start - 0.5, color="0.4", lw=0.6)
    wide = [(s, k) for s, k in zip(starts, present, strict=True) if (kinds == k).sum() > 5]
    bottom.set_xticks([s for s, _ in wide], [k.removeprefix("Other:") for _, k in wide], rotation=30, ha="left")
    top.set_title("Real rare spectra flagged at 1 % false alarms, k-fold", fontsize=10)
    _save(figure, path)


def draw_alphas(f: Mapping[str, Any], path: Path) -> None:
    """Coverage against the target, of p-values and of sets, with the band a right one stays in."""
    figure, axes = plt.subplots(figsize=(5.2, 4), layout="constrained")
    target = [1 - r["alpha"] for r in f["p_values"]]
    for name, label, shade in (("whole_band", "beta-binomial 95 % band", "0.92"), ("band", "test alone", "0.82")):
        low, high = zip(*(r[name] for r in f["p_values"]), strict=True)
        axes.fill_between(target, low, high, color=shade, label=label)
    for name in ("marginal", "mondrian"):
        axes.plot(target, [r[name]["own"] for r in f["p_values"]], marker="o", label=f"p-values, {name}")
    for method, rows in f["sets"].items():
        axes.plot(target, [r["coverage"]["own"] for r in rows], marker="s", ls="--", label=f"sets, {method}")
    axes.plot((0.78, 1), (0.78, 1), color="0.5", lw=0.8)
    axes.set(xlabel="1 - alpha", ylabel="coverage on test")
    axes.legend(frameon=False, fontsize=8)
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

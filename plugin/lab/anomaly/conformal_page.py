"""The figures of the conformal layer as a page and pictures, each domain by itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from plugin.lab.spectra.domain_tables import TITLES, policy
from plugin.lab.spectra.markdown import interval, table, yes_no

mpl.use("agg")
import matplotlib.pyplot as plt

COVER = "coverage (mean +- std of random splits)"


Table = tuple[list[str], list[list[str]]]
"""Head and rows."""


def conformal_page(f: Mapping[str, Any], bundle_id: str, cases: Table, intervals: Table) -> str:
    """Tables IV to X as Markdown; `cases` is Table X, `intervals` Table VI."""
    parts = [f"# Conformal layer of {bundle_id}", f"{f['conditions']}."[:1].upper() + f"{f['conditions']}."[1:]]
    parts += ["## What must hold", *_must_hold(f["domains"])]
    for name, found in f["domains"].items():
        parts += _of_domain(TITLES[name], found)
    parts += [
        "## Case studies (Table X)",
        "Real rare spectra; scores and p-values by detectors that never saw the object, single scores as ranks "
        "among ordinary spectra.",
        table(*cases),
        "## Intervals of the case studies (Table VI)",
        "The three most probable classes of the same spectra, with the mean of the members minus and plus their "
        "standard deviation (Eq. 5), cut at 0 and 1: how far the members agree, no 95 % interval.",
        table(*intervals),
    ]
    return "\n\n".join(parts) + "\n"


def _must_hold(domains: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rows, quintiles = [], []
    for name, f in domains.items():
        for what, found in (
            ("prediction set (LAC)", [(r["alpha"], r["band"], r["coverage"]) for r in f["sets"]["lac"]]),
            ("prediction set (APS)", [(r["alpha"], r["band"], r["coverage"]) for r in f["sets"]["aps"]]),
            ("p-value, marginal", [(r["alpha"], r["band"], r["marginal"]) for r in f["p_values"]]),
            ("p-value, Mondrian", [(r["alpha"], r["band"], r["mondrian"]) for r in f["p_values"]]),
        ):
            for alpha, band, c in found:
                cells = [TITLES[name], what, f"{alpha:g}", f"{band[0]:.3f}-{band[1]:.3f}"]
                cells += [f"{c['own']:.3f}", yes_no(c["inside"]), f"{c['mean']:.3f}", yes_no(c["mean_inside"])]
                rows.append([*cells, f"{c['splits_inside']:.0%}"])
        for r in f["quintiles"]:
            shown = _number(r["admcp"]["mean"])
            quintiles.append([TITLES[name], str(r["quintile"]), shown, yes_no(r["near"])])
    said = (
        "APS as `ASTRANET_SETS=aps` serves it is not randomised: it covers more than it promises wherever the most "
        "probable class alone is right more often than that, and there its coverage lies above the band."
    )
    head = ["spectra", "what", "alpha", "binomial 95 % band", "own split", "inside", "mean of random splits", "inside"]
    return [
        table([*head, "random splits inside"], rows),
        said,
        table(["spectra", "AD-MCP quintile", "coverage, mean of random splits", "within 0.03 of 0.95"], quintiles),
    ]


def _of_domain(title: str, f: Mapping[str, Any]) -> list[str]:
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
        [str(r["quintile"]), _spread(r["mondrian"]), _spread(r["admcp"]), _number(r['size']['mean'], 0),
         f"{r['band'][0]:.3f}-{r['band'][1]:.3f}", _number(r['never']['mean'])]
        for r in f["quintiles"]
    ]  # fmt: skip
    errors = [[name, interval(v)] for name, v in f["error_detection"].items()]
    selective = [
        [
            f"{r['coverage']:g}",
            f"{r['accuracy']:.3f}",
            f"{100 * r['gain']:+.1f}",
            f"{r['ad_low']:.3f}" if "ad_low" in r else "",
        ]
        for r in f["selective"]
    ]
    head = (
        f"Calibrated on {f['calibration']['spectra']} spectra of {f['calibration']['objects']} objects, tested on "
        f"{f['test']['spectra']} of {f['test']['objects']}."
    )
    return [
        f"## {title}",
        head,
        f"### {title}: p-values of the anomaly score (Table IV)",
        "Bands hold 95 % of right tests, if spectra were independent: of this many test spectra with a perfect "
        "threshold, and with one of this many calibration spectra.",
        table(
            [
                "alpha",
                "target",
                "95 % band, test alone",
                "with the calibration set's chance",
                f"marginal {COVER}",
                f"Mondrian {COVER}",
                "real rare, k-fold, p < alpha",
            ],
            p,
        ),
        f"### {title}: by predicted class, alpha = 0.025 (Table V)",
        table(["class", "calibration", "test", "coverage"], per_class),
        f"### {title}: prediction sets",
        table(["method", "alpha", COVER, "mean size", "singletons", "empty"], sets),
        f"### {title}: by anomaly quintile, alpha = 0.05 (Table IX)",
        "First the bundle's own split, in brackets 20 random splits by object in which four fifths calibrate, "
        "as in the paper's five-fold cross-validation. The last column: share in cells of too few spectra for "
        "alpha, where nothing fires.",
        table(
            ["quintile", "Mondrian", "AD-MCP", "spectra in a split", "95 % band of one split", "no threshold"],
            quintiles,
        ),
        f"### {title}: which signal knows of an error (Table VII)",
        table(["signal", "AUROC [95 %]"], errors),
        f"### {title}: leaving out the least confident (Table VIII)",
        table(["coverage", "accuracy", "gain, points", "rejected that are not odd"], selective),
        f"### {title}: policy on ordinary spectra",
        policy(f["policy"]),
    ]


def draw_alphas(f: Mapping[str, Any], path: Path) -> None:
    """Coverage against the target, of p-values and of sets, with the band a right one stays in."""
    figure, panels = _panels(f, 5.2, 4.0)
    for axes, (name, of_domain) in zip(panels, f["domains"].items(), strict=True):
        target = [1 - r["alpha"] for r in of_domain["p_values"]]
        for band, label, shade in (("whole_band", "beta-binomial 95 % band", "0.92"), ("band", "test alone", "0.82")):
            low, high = zip(*(r[band] for r in of_domain["p_values"]), strict=True)
            axes.fill_between(target, low, high, color=shade, label=label)
        for kind in ("marginal", "mondrian"):
            own = [r[kind]["own"] for r in of_domain["p_values"]]
            axes.plot(target, own, marker="o", label=f"p-values, {kind}")
        for method, rows in of_domain["sets"].items():
            axes.plot(target, [r["coverage"]["own"] for r in rows], marker="s", ls="--", label=f"sets, {method}")
        axes.plot((0.78, 1), (0.78, 1), color="0.5", lw=0.8)
        axes.set(xlabel="1 - alpha", ylabel="coverage on test", title=TITLES[name])
        axes.legend(frameon=False, fontsize=8)
    _save(figure, path)


def draw_p_values(f: Mapping[str, Any], path: Path) -> None:
    """Histogram of p-values (Fig. 4)."""
    figure, panels = _panels(f, 5.0, 3.4)
    edges = np.linspace(0, 1, 21)
    for axes, (name, of_domain) in zip(panels, f["domains"].items(), strict=True):
        for which, colour in (("ordinary", "tab:blue"), ("rare", "tab:red")):
            if which in of_domain["histogram"]:
                shares = of_domain["histogram"][which]
                axes.stairs(shares, edges, label=f"{which} spectra", color=colour, lw=1.6)
        axes.axhline(0.05, color="0.5", lw=0.8, ls="--", label="uniform")
        axes.set(xlabel="conformal p-value", ylabel="share of spectra", yscale="log", title=TITLES[name])
        axes.legend(frameon=False)
    _save(figure, path)


def draw_coverage(f: Mapping[str, Any], path: Path) -> None:
    """Coverage by anomaly quintile: plain Mondrian thresholds and AD-MCP."""
    figure, panels = _panels(f, 5.0, 3.4)
    for axes, (name, of_domain) in zip(panels, f["domains"].items(), strict=True):
        axes.axhspan(0.92, 0.98, color="0.92", label="within 0.03")
        for kind, label in (("mondrian", "per class"), ("admcp", "per class and quintile (AD-MCP)")):
            rows = [(r["quintile"], r[kind]) for r in of_domain["quintiles"] if r[kind]["mean"] is not None]
            mean, spread = ([r[k] for _, r in rows] for k in ("mean", "std"))
            axes.errorbar([q for q, _ in rows], mean, spread, marker="o", capsize=3, label=label)
        axes.axhline(0.95, color="0.5", lw=0.8, ls="--")
        axes.set(xlabel="anomaly quintile", ylabel="coverage", xticks=range(1, 6), title=TITLES[name])
        axes.legend(frameon=False, fontsize=8)
    _save(figure, path)


def _panels(f: Mapping[str, Any], width: float, height: float) -> tuple[Any, Sequence[Any]]:
    n = max(len(f["domains"]), 1)
    figure, panels = plt.subplots(1, n, figsize=(width * n, height), layout="constrained", squeeze=False)
    return figure, panels[0]


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _spread(v: Mapping[str, float | None]) -> str:
    return f"{_number(v['own'])} ({_number(v['mean'])} +- {_number(v['std'])})"

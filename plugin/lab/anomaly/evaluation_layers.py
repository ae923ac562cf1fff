"""The figures of the anomaly layer as a page and a picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from models.sentinel.scores import FAMILIES
from models.training.sentinel.fitting import PredictedSpectra
from models.training.sentinel.protocol import Held
from plugin.lab.anomaly.evaluation_sentinel import ALLOWED, family_map
from plugin.lab.anomaly.relations import relations_page
from plugin.lab.spectra.domain_tables import TITLES
from plugin.lab.spectra.markdown import interval, table, yes_no

mpl.use("agg")
import matplotlib.pyplot as plt


def sentinel_page(f: Mapping[str, Any], bundle_id: str) -> str:
    """Tables I, II, III, X (odd inputs) and XIII as Markdown."""
    real, semi = f["rare_real"], f["rare_semi_real"]
    head = (
        f"{real['spectra']} real rare spectra of {real['objects']} objects, {semi['spectra']} semi-real ones apart, "
        f"{f['ordinary_test']} ordinary test spectra. {f['conditions']}. Exposure of the networks: {f['exposure']}."
    )
    scores = [[r["family"], r["score"], interval(r["auroc"]), interval(r["auprc"])] for r in f["scores"]]
    families = [[r["family"], _share(r), f"{r['false_alarms']:.4f}"] for r in f["families"]]
    strategies = [
        [r["strategy"], *(_share(r[s][u]) for s in ("real", "transient", "contaminant", "semi")
                          for u in ("spectra", "objects")),
         f"{r['false_alarms']:.4f} [{r['false_alarms_low']:.4f}, {r['false_alarms_high']:.4f}]"]
        for r in f["strategies"]
    ]  # fmt: skip
    classes = [
        [r["class"] + (" (semi-real)" if r["semi_real"] else ""), _share(r["spectra"]), _share(r["objects"]),
         *(_short(part[u]) for part in r["domains"].values() for u in ("spectra", "objects")), f"{r['mean_score']:.3f}"]
        for r in f["classes"]
    ]  # fmt: skip
    apart = [
        [f"{TITLES[name]} ({part['test']} test, {part['calibration']} calibration)", r["strategy"],
         _share(r["spectra"]), _share(r["objects"]),
         f"{r['false_alarms']:.4f} [{r['low']:.4f}, {r['high']:.4f}]", yes_no(r["kept"])]
        for name, part in f["domains"].items() for r in part["strategies"]
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
                "## The SED Machine's spectra and the archive's apart",
                "Thresholds of each from its own calibration spectra, as served; rare spectra are real ones.",
                table(
                    ["spectra", "strategy", "rare spectra", "rare objects", "false alarms", f"at most {ALLOWED:g}"],
                    apart,
                ),
                "## Single scores and combinations (Table XIII)",
                table(["family", "score", "AUROC [95 %]", "AUPRC [95 %]"], scores),
                "## Families alone at 1 % false alarms (Table I)",
                table(["family", "real rare spectra detected", "false alarms, test"], families),
                f"Real rare spectra by number of families that flag them: {by}. The combination flags {c['combined']}, "
                f"of which {c['combined_without_any_family']} no family flags.",
                "## Operating regimes (Table II)",
                "Transients: without galaxies, M dwarfs and stars, which are the contaminants.",
                table(
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
                table(
                    [
                        "class",
                        "spectra",
                        "objects",
                        *(f"{name}, {unit}" for name in f["domains"] for unit in ("spectra", "objects")),
                        "mean score",
                    ],
                    classes,
                ),
                *relations_page(f, _share),
                "## Inputs that are no spectra, and good ones",
                table(["what", "exposed to", "flagged"], odd),
            ]
        )
        + "\n"
    )


def draw_map(plain: Held, held: Held, rare: PredictedSpectra, path: Path) -> None:
    """Which rare spectrum is flagged by the combination, each score and each family (Fig. 3); real ones only."""
    real = ~rare.data.semi_real
    kinds = np.array(rare.data.kinds)[real]
    by_score = [
        plain.flagged(plain.rare_ranks[:, [j]], plain.rare_spacing, plain.calibrate_ranks[:, [j]], "anchor")
        for j in range(len(plain.scores))
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


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _share(row: Mapping[str, float]) -> str:
    if not row["of"]:
        return "-"
    return f"{row['detected']}/{row['of']} = {row['share']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def _short(row: Mapping[str, float]) -> str:
    return f"{row['detected']}/{row['of']}" if row["of"] else "-"

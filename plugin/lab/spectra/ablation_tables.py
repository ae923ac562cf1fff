"""Short trainings with one part changed, as a table (the paper's Table XVII, and beyond) and a learning curve."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

from models.domain import FINE_CLASSES
from models.training.spectral.ablation import COMBINED, SCALED
from models.training.spectral.scaling import MEDIAN_A
from plugin.lab.spectra.domain_tables import TITLES
from plugin.lab.spectra.markdown import interval, table

mpl.use("agg")
import matplotlib.pyplot as plt

SHOWN = tuple(c for c in FINE_CLASSES if c != "CV")
_SHARE = "% of the training objects"


def markdown(results: list[dict[str, Any]]) -> str:
    """Every variant beside the full method, in the order of the log loss, and the learning curve."""
    variants = [r for r in results if _SHARE not in r["variant"]]
    full = next((r for r in variants if r["variant"] == "full"), None)
    if full is None:
        return "No variant `full` among the runs: train it first.\n"
    scored = full["scored"]
    counts = scored["class_mix"].items()
    mix = ", ".join(f"{c} {n['spectra']}/{n['objects']}" for c, n in counts if n["spectra"])
    sets = [(title, said, part) for title, chosen, said in _SETS if (part := _whole(variants, chosen))]
    elsewhere = {*COMBINED[4:], *SCALED[1:]} & {r["variant"] for _, _, part in sets for r in part}
    n = full.get("parts", 1)
    held = "the remaining fifth" if n == 1 else f"{n} fifths, each held out from a training of its own,"
    parts = [
        "# What each part is worth",
        f"Trainings of the preset `{full['preset']}` with {full['epochs']} epochs on four fifths of the training "
        f"objects, seed {full['seed']}, single averaged weights, without redshift and phase. Scored on "
        f"{scored['spectra']} real spectra of {scored['objects']} objects: {held} and the `select` split "
        f"(spectra/objects: {mix}). Neither `calibrate` nor `test` was looked at. Intervals: 95 %, by object: "
        "differences within them are not established, and a training this short may favour what learns fast.",
        "## One part changed (Table XVII, and beyond the paper)",
        _variants(full, [r for r in variants if r["variant"] not in elsewhere]),
    ]
    for title, said, part in sets:
        parts += [title, f"{said} {_mixes(part[0])}.", _together(part)]
    if curve := _curve(results):
        parts += ["## Learning curve", _learning(curve), "![learning curve](learning-curve.png)"]
    parts += ["## Can the archive be told from the embedding?", _probes(variants)]
    return "\n\n".join(parts) + "\n"


def _whole(variants: list[dict[str, Any]], chosen: tuple[str, ...]) -> list[dict[str, Any]]:
    """The chosen variants in their order; none where one is missing, for a table with a gap says nothing."""
    found = [r for name in chosen for r in variants if r["variant"] == name and "domains" in r]
    return found if len(found) == len(chosen) else []


_SETS = (
    (
        "## Parts taken out together (Table XVIII)",
        COMBINED,
        "The three parts without which the paper's macro recall rises, alone, in pairs and all at once. One "
        "seed each: a change has no interval of its own.",
    ),
    (
        "## Scalings of the spectrum (App. D a)",
        SCALED,
        "The percentiles of `full` beside a mean of zero and a deviation of one, a minimum of zero and a maximum of "
        f"one, and percentiles after a rolling median of {MEDIAN_A:.0f} A was taken off.",
    ),
)


def _together(part: list[dict[str, Any]]) -> str:
    """Variants in a given order, the first of them the reference."""
    reference = part[0]["scored"]["macro_recall"]["value"]
    rows = [
        [
            r["variant"],
            interval(r["scored"]["accuracy"]),
            interval(r["scored"]["macro_recall"]),
            f"{r['scored']['macro_recall']['value'] - reference:+.3f}",
            *(_recall(r["scored"]["recall"][c]) for c in FINE_CLASSES),
            *(interval(d["scored"][k]) for d in r["domains"].values() for k in ("accuracy", "macro_recall")),
        ]
        for r in part
    ]
    head = ["variant", "accuracy [95 %]", "macro recall [95 %]", "change", *FINE_CLASSES]
    head += [f"{TITLES[name]}: {what}" for name in part[0]["domains"] for what in ("accuracy", "macro recall")]
    return table(head, rows)


def _recall(value: Mapping[str, float] | None) -> str:
    return "-" if value is None else f"{value['value']:.2f}"


def _mixes(full: dict[str, Any]) -> str:
    """What the spectra of each domain are."""
    return "; ".join(
        f"{TITLES[name]}: {d['scored']['spectra']} of {d['scored']['objects']} objects ("
        + ", ".join(f"{c} {n['spectra']}/{n['objects']}" for c, n in d["scored"]["class_mix"].items() if n["spectra"])
        + ")"
        for name, d in full["domains"].items()
    )


def _variants(full: dict[str, Any], variants: list[dict[str, Any]]) -> str:
    reference = full["scored"]["macro_recall"]["value"]
    ordered = sorted(variants, key=lambda r: (r is not full, r["log_loss"]))
    rows = [
        [
            r["variant"],
            interval(r["scored"]["accuracy"]),
            interval(r["scored"]["macro_recall"]),
            f"{r['scored']['macro_recall']['value'] - reference:+.3f}",
            f"{r['log_loss']:.3f}",
            *(f"{r['scored']['recall'][c]['value']:.2f}" for c in SHOWN),
            interval(r["degraded"]["scored"]["macro_recall"]),
            f"{r['degraded']['log_loss']:.3f}",
        ]
        for r in ordered
    ]
    first = ["variant", "accuracy [95 %]", "macro recall [95 %]", "change", "log loss"]
    return table([*first, *SHOWN, "R 100, SNR 10: macro recall [95 %]", "log loss"], rows)


def _curve(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The runs on parts of the training objects, and the full one, from few objects to many."""
    chosen = [r for r in results if _SHARE in r["variant"] or r["variant"] == "full"]
    return sorted(chosen, key=_objects) if len(chosen) > 1 else []


def _objects(result: dict[str, Any]) -> int:
    return sum(v["objects"] for v in result["train"].values())


def _learning(curve: list[dict[str, Any]]) -> str:
    rows = [
        [
            "/".join(str(r["train"][c]["objects"]) for c in SHOWN),
            interval(r["scored"]["accuracy"]),
            interval(r["scored"]["macro_recall"]),
            *(f"{r['scored']['recall'][c]['value']:.2f}" for c in SHOWN),
        ]
        for r in curve
    ]
    return table([f"training objects ({'/'.join(SHOWN)})", "accuracy [95 %]", "macro recall [95 %]", *SHOWN], rows)


def _probes(variants: list[dict[str, Any]]) -> str:
    rows = [
        [r["variant"], p["class"], str(p["archives"]), str(p["spectra"])]
        + [f"{p[k]:.3f}" for k in ("chance", "input", "embedding")]
        for r in variants
        for p in r.get("source_probe", [])
    ]
    return (
        "Balanced accuracy of a logistic regression, five folds by object, within one class. `the paper's five "
        "augmentations` is the training before coverage, sampling, resolution and noise are made alike.\n\n"
        + table(["variant", "class", "archives", "spectra", "chance", "input", "embedding"], rows)
    )


def draw_learning_curve(results: list[dict[str, Any]], path: Path) -> None:
    """Recall of each class against the number of its training objects; nothing is drawn without shares."""
    curve = _curve(results)
    if not curve:
        return
    figure, axes = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
    for name in SHOWN:
        x = [r["train"][name]["objects"] for r in curve]
        points = [r["scored"]["recall"][name] for r in curve]
        y = [p["value"] for p in points]
        error = [[p["value"] - p["low"] for p in points], [p["high"] - p["value"] for p in points]]
        axes.errorbar(x, y, yerr=error, marker="o", ms=4, lw=1.2, capsize=2, label=name)
    axes.set(xscale="log", xlabel="training objects of the class", ylabel="recall", ylim=(0, 1.03))
    axes.legend(fontsize=8, ncols=2)
    figure.savefig(path, dpi=150)
    plt.close(figure)

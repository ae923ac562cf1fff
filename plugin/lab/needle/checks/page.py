"""`needle-checks.md`: the checks as text."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plugin.lab.needle.checks.inputs import ALIKE, FEWEST
from plugin.lab.needle.checks.pictures import draw_inputs, draw_stamps, draw_up_sampling
from plugin.lab.needle.checks.upsampled import NAMES
from plugin.lab.spectra.markdown import interval, table


def write_page(out: Path, figures: Mapping[str, Any]) -> Path:
    """Write the page, its figures as JSON and its pictures; returns the page's path."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "needle-checks.json").write_text(json.dumps(figures, allow_nan=False) + "\n")
    draw_inputs(figures["inputs"], out / "needle-inputs.png")
    draw_up_sampling(figures["up-sampled"], out / "needle-upsampled.png")
    if figures["stamps"]:
        draw_stamps(figures["stamps"], out / "needle-stamps.png")
    path = out / "needle-checks.md"
    path.write_text(page(figures))
    return path


def page(figures: Mapping[str, Any]) -> str:
    """The page as Markdown."""
    parts = [
        "# NEEDLE: checks of its inputs",
        "Training objects alone for inputs and up-sampling, the test fold for the stamps. Intervals are at 95 %, by "
        "drawing objects, but where it says binomial. Made by",
        "    .venv/bin/astranet evaluate needle-checks --data FOLDER --out docs/results",
        *_inputs(figures["inputs"]),
        *_up_sampled(figures["up-sampled"]),
        *(_stamps(figures["stamps"]) if figures["stamps"] else []),
    ]
    return "\n\n".join(parts) + "\n"


def _inputs(found: Mapping[str, Any]) -> list[str]:
    mix = ", ".join(f"{n} {c}" for c, n in found["mix"].items())
    rows = [[f"`{a}`", f"`{b}`", str(pair["objects"]), interval(pair["rho"])] for pair in found["alike"]
            for a, b in [pair["inputs"]]]  # fmt: skip
    return [
        "## Correlation of the inputs (Fig. 1)",
        f"Table 1 and the host inputs that every catalogue has, of {found['objects']} objects ({mix}), each once at "
        f"one random early epoch. Spearman's rank correlation over the objects in which both inputs are known, "
        f"{FEWEST} at least. Trees, unlike the paper's network, lose nothing by inputs that say the same.",
        "![Rank correlation of the inputs](needle-inputs.png)",
        f"Pairs of at least {ALIKE:g}, either sign:",
        table(["input", "and", "objects", "Spearman's rho [95 %]"], rows),
    ]


def _up_sampled(found: Mapping[str, Any]) -> list[str]:
    rows = []
    for name, f in found.items():
        if "distance" not in f:
            rows.append([name, f"{f['observed']} / {f['drawn']}", *("-",) * 5])
            continue
        for k in NAMES:
            sizes = f"{f['observed']} / {f['drawn']} of {f['count']}, from {f['from']} objects"
            cells = [interval(f[part][k]) for part in ("observed median", "drawn median")]
            rows.append([name, sizes, k, *cells, f"{f['distance'][k]:.3f}", f"{f['by chance'][k]:.3f}"])
    both = [
        [name, interval(f["observed correlation"]), interval(f["drawn correlation"])]
        for name, f in found.items()
        if "distance" in f
    ]
    head = ["class", "observed / up-sampled", "figure", "median observed", "median up-sampled", "distance"]
    head.append("by chance, up to")
    return [
        "## Up-sampled light curves (Fig. 15 and 16)",
        "A Gaussian process through each well-observed rise is sampled anew, moved to the redshift of another object's "
        "galaxy of the same class within 20 %, and observed anew; what is fainter than 20.5 mag is lost. Redshift and "
        "brightest magnitude up to ten days after the peak, beside those of all observed objects of the class. The "
        "distance is Kolmogorov's and Smirnov's, of the two distributions; by chance, two samples of as many objects "
        "of the observed ones lie apart by up to so much in 95 of 100 draws. Redshifts agree by construction, since "
        "they are those of the same objects' galaxies; for magnitudes it is a weak test.",
        table(head, rows),
        "Rank correlation of redshift and magnitude:",
        table(["class", "observed", "up-sampled"], both),
        "![Redshift and apparent magnitude of observed and up-sampled light curves](needle-upsampled.png)",
    ]


def _stamps(found: Mapping[str, Any]) -> list[str]:
    networks = found["networks"]
    first = next(iter(networks.values()))
    rows: list[list[str]] = [["area under the ROC curve", *(interval(f["area"]) for f in networks.values())]]
    for when, said in (("at_threshold", "at 0.75"), ("at_two_percent_false_alarms", "at 2 % false alarms")):
        for who, called in (("network", "network alone"), ("facts_or_network", "with the facts")):
            for what, name in _WHAT:
                cells = [_binomial(f[when][who][what]) for f in networks.values()]
                rows.append([f"{name}, {called}, {said}", *cells])
    rows += [
        [
            f"spoiled on purpose: {kind}, network alone, at 0.75",
            *(_binomial(f["spoiled"][kind]) for f in networks.values()),
        ]
        for kind in first["spoiled"]
    ]
    n = first["stamps"]
    made = ", ".join(f"{name} on {day}" for name, day in found["made"].items())
    names = list(networks)
    return [
        "## Two networks on the quality of stamps (Fig. 5 and 6)",
        f"Real stamps of {first['objects']} objects that neither network was trained on: {n['good']} good, {n['bad']} "
        f"bad, of which {n['bad_nothing_lost']} have every pixel and none saturated. Shares have binomial intervals. "
        "At 2 % false alarms the threshold is chosen on these very stamps. Both were trained by the same recipe, "
        f"seed 42, each from the stamps of other objects that there were then: {made}. The ResNet is the shipped one.",
        table(["figure", *names], rows),
        f"Area of {names[-1]} less that of {names[0]}, on the same objects: {interval(found['difference'])}.",
        "![Recall of bad stamps against false alarms, both networks](needle-stamps.png)",
    ]


_WHAT = (
    ("recall_bad", "bad stamps found"),
    ("recall_bad_nothing_lost", "bad stamps found, no pixel lost"),
    ("false_alarms", "false alarms"),
)


def _binomial(row: Mapping[str, Any]) -> str:
    return f"{row['k']}/{row['n']} [{row['low']:.3f}, {row['high']:.3f}]" if row["n"] else "-"

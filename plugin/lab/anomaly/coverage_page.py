"""The figures of partly covered spectra as a page."""

from collections.abc import Mapping
from typing import Any

from models.analyst import ALPHAS
from models.anomaly_layer import ALPHA
from plugin.lab.spectra.markdown import interval, share, table, yes_no

WHAT = {"sets": "prediction set", "marginal": "p-value, marginal", "mondrian": "p-value, Mondrian"}


def coverage_page(f: Mapping[str, Any], bundle_id: str) -> str:
    """Random splits, then each kind of test spectra by itself, then what it costs."""
    parts = [
        f"# Spectra that cover 70-80 % of 3850-9000 A: {bundle_id}",
        f"{f['conditions']}."[:1].upper() + f"{f['conditions']}."[1:],
        "Made by `astranet evaluate coverage --data FOLDER --out docs/results`.",
        "**Answered are those of high resolution that lack the red end, or most of it there and some of the blue "
        "end, as SPRAT's do; these are held against the cells of either end, and the more cautious threshold counts.** "
        "Refused stay those that lack the blue end (p-values of the real test spectra fail, and their sets run low), "
        "those of low resolution (hardly a real one to show it on), and those with a hole in the middle. This was "
        "decided with these figures at hand; cells and thresholds were fixed before.",
        "## Calibration spectra",
        table(
            ["domain", "spectra", "objects", "cut", "real"],
            [[name, *_counts(d["calibration"])] for name, d in f["domains"].items()],
        ),
        "## Over random splits by object",
        "Calibration and test spectra of a domain together, cut and real ones; `own split` is the bundle as it is. "
        "Inside: in the band that holds 95 % of right tests of so many spectra, if they were independent.",
        _splits(f["domains"]),
        "## The bundle as it is, each kind of test spectra by itself",
        "The share that is covered; **bold** where it lies below the band, in italics where above (larger sets than "
        "need be). Real ones are many spectra of few objects, so their bands are too narrow.",
        _by_kind(f["domains"]),
        "## What it costs",
        f"Accuracy with 95 % by object, mean size of the set at {ALPHA:g}, share that is flagged at a false-alarm rate "
        "of 0.01; beside it the same spectra whole, where they were cut.",
        _costs(f["domains"]),
    ]
    return "\n\n".join(parts) + "\n"


def _counts(c: Mapping[str, int]) -> list[str]:
    return [str(v) for v in (c["spectra"], c["objects"], c["cut"], c["spectra"] - c["cut"])]


def _splits(domains: Mapping[str, Any]) -> str:
    rows = []
    for name, f in domains.items():
        for what, found in (
            ("prediction set", [(r["alpha"], r["band"], r["coverage"]) for r in f["sets"]]),
            ("p-value, marginal", [(r["alpha"], r["band"], r["marginal"]) for r in f["p_values"]]),
            ("p-value, Mondrian", [(r["alpha"], r["band"], r["mondrian"]) for r in f["p_values"]]),
        ):
            for alpha, band, c in found:
                cells = [name, what, f"{alpha:g}", f"{band[0]:.3f}-{band[1]:.3f}", f"{c['own']:.3f}"]
                cells += [yes_no(c["inside"]), f"{c['mean']:.3f} +- {c['std']:.3f}", yes_no(c["mean_inside"])]
                rows.append([*cells, f"{c['splits_inside']:.0%}"])
    head = ["domain", "what", "alpha", "binomial 95 % band", "own split", "inside", "mean of random splits", "inside"]
    return table([*head, "random splits inside"], rows)


def _by_kind(domains: Mapping[str, Any]) -> str:
    rows = [
        [name, k["kind"], str(k["spectra"]), str(k["objects"]), WHAT[what], *map(_marked, k[what])]
        for name, f in domains.items()
        for k in f["kinds"]
        for what in WHAT
    ]
    return table(["domain", "kind", "spectra", "objects", "what", *(f"{1 - a:g}" for a in ALPHAS)], rows)


def _marked(c: Mapping[str, Any]) -> str:
    text = f"{c['coverage']:.3f}"
    return text if c["inside"] else f"*{text}*" if c["enough"] else f"**{text}**"


def _costs(domains: Mapping[str, Any]) -> str:
    rows = []
    for name, f in domains.items():
        for k in f["kinds"]:
            w = k.get("whole")
            cells = [name, k["kind"], interval(k["accuracy"]), f"{k['size']:.2f}", share(k["flagged"], "value")]
            cells += ["", "", ""] if w is None else _whole(w)
            rows.append(cells)
    head = ["domain", "kind", "accuracy", "set size", "flagged"]
    return table([*head, "accuracy, whole", "set size, whole", "flagged, whole"], rows)


def _whole(w: Mapping[str, Any]) -> list[str]:
    return [interval(w["accuracy"]), f"{w['size']:.2f}", share(w["flagged"], "value")]

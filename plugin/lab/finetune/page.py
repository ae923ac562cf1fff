"""A fine-tuning's report as Markdown."""

from collections.abc import Mapping
from typing import Any

from plugin.lab.spectra.markdown import interval, table


def verdict(difference: Mapping[str, float] | None, *, less_is_better: bool = False) -> str:
    """Gained, lost, or neither: the 95 % interval tells."""
    if difference is None:
        return "not known"
    sign = -1 if less_is_better else 1
    low, high = sorted((sign * difference["low"], sign * difference["high"]))
    return "gained" if low > 0 else "lost" if high < 0 else "cannot be told"


def page(found: Mapping[str, Any]) -> str:
    """What was learned from, what was gained and lost, what the candidate lacks, how to try it."""
    names, judged = found["judged"]["bundles"], found["judged"]
    lines = [
        f"# Fine-tuned: {names['after']} against {names['before']}",
        "",
        f"{judged['spectra']} spectra of {judged['objects']} objects judge both. None of them taught or calibrated the "
        "candidate, nor, so far as is known, the bundle before. Every object counts once; intervals: 95 %, bootstrap "
        "by object, the same draws for both. Of many figures one in twenty is called gained or lost by chance.",
        "",
        table(["figure", "before", "after", "difference", ""], _figures(judged["figures"])),
        "",
        "## Each class",
        "",
        table(["recall of", "objects", "before", "after", "difference", ""], _recall(judged["recall"])),
        "",
        "Classes that are missing here were not judged: nothing is known of what became of them.",
        "",
        "## Prediction sets",
        "",
        table(["sets that promise", "", "before", "after", "difference"], _sets(judged["sets"])),
        "",
        "Before: with its own calibration, as it is in use. A calibration on the marshal's spectra alone (`astranet "
        "calibration from-marshal`) mends coverage too, without other networks.",
        "",
        "## What it learned from",
        "",
        table(["class", "spectra (objects) that teach", "that calibrate", "that judge"], _mix(found["counts"])),
        "",
        f"{found['known_train']} of these objects had taught the bundle before: they teach again and do nothing else.",
        *(f"- left out: {n} spectra, {why.replace('_', ' ')}" for why, n in sorted(found["left_out"].items())),
        "",
        *found["notes"],
        "",
        "## What it does not have",
        "",
        *(f"- {what}" for what in found["dropped"]),
        "",
        "## Try it",
        "",
        "Nothing has been adopted. Set",
        "",
        f"    ASTRANET_SHADOW_BUNDLE={found['folder']}",
        "",
        "and it answers beside the bundle in use, without posting; `astranet shadow report` says what would change.",
    ]
    return "\n".join(lines) + "\n"


def _figures(figures: Mapping[str, Any]) -> list[list[str]]:
    return [
        [name, *_change(f), verdict(f["difference"], less_is_better=name.startswith("log loss"))]
        for name, f in figures.items()
    ]


def _recall(recall: Mapping[str, Any]) -> list[list[str]]:
    return [[name, str(f["objects"]), *_change(f), verdict(f["difference"])] for name, f in recall.items()]


def _sets(sets: Mapping[str, Any]) -> list[list[str]]:
    return [
        [f"{1 - float(alpha):g}", what, *_change(f[what])] for alpha, f in sets.items() for what in ("coverage", "size")
    ]


def _change(figure: Mapping[str, Any]) -> list[str]:
    return [_number(figure["before"]), _number(figure["after"]), interval(figure["difference"])]


def _mix(counts: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    return [
        [
            name,
            *(f"{counts[s][name]['spectra']} ({counts[s][name]['objects']})" for s in ("train", "calibrate", "test")),
        ]
        for name in counts["train"]
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"

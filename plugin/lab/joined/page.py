"""`joined.md`: what the source adds to the class of its spectrum."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.domain import FINE_CLASSES
from models.joined.stored import Joiner
from plugin.lab.joined.figures import FIGURES, SMALLEST
from plugin.lab.spectra.markdown import table


def write_page(out: Path, joiner: Joiner, figures: Mapping[str, Any]) -> Path:
    """Write the page and its figures as JSON; returns the page's path."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "joined.json").write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    path = out / "joined.md"
    path.write_text(joined_page(joiner, figures))
    return path


def joined_page(joiner: Joiner, figures: Mapping[str, Any]) -> str:
    """The page as Markdown."""
    card, training = joiner.card, joiner.card["training"]
    powers = [[name, f"{p:.2f}"] for name, p in card["powers"].items()]
    counts = [[name, *(str(row[c]) for c in FINE_CLASSES)] for name, row in training["law_objects"].items()]
    domains = [[name, str(d["objects"]), "yes" if d["better"] else "no"] for name, d in card["domains"].items()]
    parts = [
        "# Spectrum and source as one probability",
        f"What joins is `{joiner.model_id}`, for bundle `{card['bundle']}`. Made by",
        "    .venv/bin/astranet train joined --data FOLDER --out models/data/joined\n"
        f"    .venv/bin/astranet evaluate joined --data FOLDER --out docs/results --split {figures['split']}",
        "How it works, and what each evidence is: [Spectrum and source](../joined.md). Figures are of real spectra "
        "whose source says something, each object once; intervals are at 95 %, by drawing objects. *Without* is the "
        "spectrum alone, told the redshift where it is known.",
        "## What was fitted",
        f"Objects of each class behind each law ({training['laws_of']}):",
        table(["law", *FINE_CLASSES], counts),
        f"Powers of the experts ({training['powers_of']}; held to the spectrum alone by {training['held']:g}):",
        table(["expert", "power"], powers),
        "A domain is *better* where, with the redshift known and without, the interval of the difference in log loss "
        "lies below zero and macro recall loses nothing, both cross-fitted:",
        table(["domain", "objects", "better"], domains),
        "## Cross-fitted, on the objects that powers were fitted on",
        _counts(card["metrics"]["evidence"]),
        *_sections(card["metrics"]["cross-fitted"]),
        f"## Split `{figures['split']}`",
        _counts(figures["evidence"]),
        *_sections(figures["figures"]),
        _coverage(figures["coverage"]),
    ]
    return "\n\n".join(parts) + "\n"


def _counts(evidence: Mapping[str, Any]) -> str:
    rows = [[d, e, *(str(n[c]) for c in FINE_CLASSES)] for d, each in evidence.items() for e, n in each.items()]
    return "Objects with each evidence:\n\n" + table(["domain", "evidence", *FINE_CLASSES], rows)


def _sections(figures: Mapping[str, Any]) -> list[str]:
    rows, classes, notes = [], [], []
    for known, domains in figures.items():
        for domain, found in domains.items():
            size = f"{found['spectra']} ({found['objects']})"
            if "changed" not in found:
                notes.append(f"{domain}, {known}: {size} spectra (objects), fewer than {SMALLEST} objects, no figures.")
                continue
            for name in FIGURES:
                x = found[name]
                told = f"{x['difference']:+.3f} [{x['low']:+.3f}, {x['high']:+.3f}]"
                rows.append([domain, known, size, name, f"{x['without']:.3f}", f"{x['with']:.3f}", told])
            rows.append([domain, known, size, "ECE", *(f"{x:.3f}" for x in found["ece"]), ""])
            for c, x in found["classes"].items():
                (called, false), (called_with, false_with) = found["called"][c]
                counts = [f"{false} of {called}", f"{false_with} of {called_with}"]
                classes.append(
                    [domain, known, c, str(x["objects"]), f"{x['without']:.2f}", f"{x['with']:.2f}", *counts]
                )
            n = found["changed"]
            notes.append(
                f"{domain}, {known}: the class changes for {n['spectra']} spectra; {n['better']} become right, "
                f"{n['worse']} become wrong."
            )
    head = ["domain", "asked with", "spectra (objects)", "figure", "without", "with the source", "difference"]
    recall = ["domain", "asked with", "class", "objects", "recall without", "with", "false without", "false with"]
    return [table(head, rows), table(recall, classes), "\n".join(f"- {note}" for note in notes)]


def _coverage(coverage: Mapping[str, Any]) -> str:
    rows = [
        [domain, known, alpha, f"{x['coverage']:.3f}", f"{x['size']:.2f}"]
        for known, domains in coverage.items()
        for domain, each in domains.items()
        for alpha, x in each.items()
    ]
    return "Prediction sets, calibrated on cross-fitted answers where enough objects are:\n\n" + table(
        ["domain", "asked with", "alpha", "coverage", "mean size"], rows
    )

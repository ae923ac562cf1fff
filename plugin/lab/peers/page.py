"""`peers.md`: programs side by side."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.domain import FINE_CLASSES
from plugin.lab.spectra.markdown import interval, table

_HEAD = ("program", "answered", "accuracy", "macro recall", "redshift within 0.01", "subtype", "CPU seconds a spectrum")


def write_peers(out: Path, found: Mapping[str, Any], *, spectra: str, command: str) -> Path:
    """Write the page and its figures as JSON; returns the page's path."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "peers.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    path = out / "peers.md"
    path.write_text(peers_page(found, spectra=spectra, command=command))
    return path


def peers_page(found: Mapping[str, Any], *, spectra: str, command: str) -> str:
    """The page as Markdown.

    Parameters
    ----------
    spectra : str
        Which spectra these are, as a sentence.
    command : str
        What made it.
    """
    classes = [name for name in FINE_CLASSES if name in found["mix"]]
    mix = ", ".join(f"{name} {found['mix'][name]}" for name in classes)
    rows = [
        [
            row["name"],
            f"{row['answered']:.2f}",
            interval(row["accuracy"]),
            interval(row["macro_recall"]),
            interval(row["redshift"]),
            interval(row["subtype"]),
            f"{row['seconds']:.2f}",
        ]
        for row in found["programs"]
    ]
    recall = [[row["name"], *(f"{row['recall'][c]:.2f}" for c in classes)] for row in found["programs"]]
    counts = "; ".join(
        f"{row['name']}: {row['redshift_spectra']} with a redshift, {row['subtype_spectra']} with a subtype and the "
        "right class"
        for row in found["programs"]
    )
    parts = [
        "# Other programs on the same spectra",
        f"{spectra} {found['spectra']} spectra of {found['objects']} objects: {mix}. Every program gets the same "
        "files, cleaned by our quality control, and nothing else: no redshift, no phase. No answer counts as a wrong "
        "one. Redshift and subtype are means over classes, redshift without CVs, subtype given the right class; "
        "intervals are at 95 %, by drawing objects. Seconds are of one core, the program's start included. Made by",
        f"    {command}",
        table(_HEAD, rows),
        f"Counted on: {counts}.",
        "**Recall.**",
        table(["program", *classes], recall),
        *[f"{row['name']}: {note}." for row in found["programs"] for note in row["notes"]],
        *found["skipped"],
    ]
    return "\n\n".join(parts) + "\n"

"""`luminosity.md`: what the absolute magnitude adds to a spectrum's class."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from models.bundle import Bundle
from models.luminosity_law import ANYTHING, RANGE_MAG
from plugin.lab.luminosity.evaluation import FIGURES, SMALLEST
from plugin.lab.spectra.markdown import table

_KNOWN: Final = {"whole": "brightest detection of the whole light curve", "then": "brightest up to the spectrum"}
_WORDS: Final = {"macro_recall": "macro recall", "accuracy": "accuracy", "log_loss": "log loss"}


def write_page(out: Path, bundle: Bundle, figures: Mapping[str, Any]) -> Path:
    """Write the page and its figures as JSON; returns the page's path."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "luminosity.json").write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    path = out / "luminosity.md"
    path.write_text(luminosity_page(bundle, figures))
    return path


def luminosity_page(bundle: Bundle, figures: Mapping[str, Any]) -> str:
    """The page as Markdown."""
    laws = [[c, str(x["objects"]), f"{x['median']:.2f}", f"{x['spread']:.2f}"] for c, x in figures["laws"].items()]
    parts = [
        "# Luminosity as evidence",
        f"Bundle `{bundle.bundle_id}`, split `{figures['split']}`: real spectra whose object has a ZTF light curve and "
        "a catalogued redshift. Made by",
        f"    .venv/bin/astranet evaluate luminosity --data FOLDER --out docs/results --split {figures['split']}",
        "The networks' probabilities, told the redshift, times the law of each class's absolute magnitude to the power "
        f"of {figures['power']:g}. Laws are of training objects, each once; the power was chosen on `select`. "
        f"{ANYTHING:.0%} of each class may have any of {RANGE_MAG:.0f} magnitudes, so that none is ruled out. A class "
        "without a law keeps its probability. No K-correction; dust of the hosts is left in, and that of the Milky Way "
        "as the light curves have it.",
        table(["class", "training objects", "median M", "spread"], laws),
        *(_section(name, found) for name, found in figures["known"].items()),
        "Intervals of differences are at 95 %, by drawing objects. A light curve is rarely whole when a spectrum is "
        "taken; the second table shows what was known by then, where a phase tells when that was (time of the "
        "brightest detection plus the catalogued phase). Labels of SLSNe and TDEs rest in part on their luminosity, so "
        "that the gain is larger here than in truth. The mix of classes is that of these light curves, not that of a "
        "survey.",
    ]
    return "\n\n".join(parts) + "\n"


def _section(name: str, parts: Mapping[str, Any]) -> str:
    blocks = [f"## By the {_KNOWN[name]}"]
    rows, few = [], []
    for part, found in parts.items():
        if "changed" not in found:
            few.append(f"{part}: {found['spectra']} spectra of {found['objects']} objects")
            continue
        for figure in FIGURES:
            x = found[figure]
            difference = f"{x['difference']:+.3f} [{x['low']:+.3f}, {x['high']:+.3f}]"
            size = f"{found['spectra']} ({found['objects']})"
            rows.append([part, size, _WORDS[figure], f"{x['without']:.3f}", f"{x['with']:.3f}", difference])
    if rows:
        head = ["spectra", "number (objects)", "figure", "without", "with its luminosity", "difference"]
        blocks.append(table(head, rows))
    if few:
        blocks.append(f"Fewer than {SMALLEST} objects, so no figures: {'; '.join(few)}.")
    if "changed" in parts["all"]:
        blocks += [_classes(parts["all"]["classes"]), _changes(parts["all"]["changed"])]
    return "\n\n".join(blocks)


def _classes(classes: Mapping[str, Any]) -> str:
    rows = [
        [name, f"{x['spectra']} ({x['objects']})", f"{x['without']:.3f}", f"{x['with']:.3f}"]
        for name, x in classes.items()
        if x["spectra"]
    ]
    return table(["class", "number (objects)", "recall without", "with its luminosity"], rows)


def _changes(changed: Mapping[str, int]) -> str:
    return (
        f"The class changes for {changed['spectra']} spectra: {changed['better']} become right, "
        f"{changed['worse']} become wrong."
    )

"""`similar.md`: how well a search finds what it should."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plugin.lab.spectra.markdown import interval, table


def write_page(out: Path, bundle_id: str, figures: Mapping[str, Any]) -> Path:
    """Write the page and its figures as JSON; returns the page's path."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "similar.json").write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    path = out / "similar.md"
    path.write_text(page(bundle_id, figures))
    return path


def page(bundle_id: str, figures: Mapping[str, Any]) -> str:
    """The page as Markdown."""
    mix = ", ".join(f"{c} {n}" for c, n in figures["class_mix"].items() if n)
    rows = [[way, interval(told["copy"]), interval(told["class"])] for way, told in figures["ways"].items()]
    times = [[f"{int(n):,}", f"{ms:.0f}"] for n, ms in sorted(figures["milliseconds"].items(), key=lambda x: int(x[0]))]
    parts = [
        "# More like this",
        f"Bundle `{bundle_id}`, split `{figures['split']}`. One real spectrum of each of {figures['copies']} objects "
        f"({mix}), none of which the networks were trained on, was made as poor as the SED Machine's: resolution 100, "
        f"pixels of 25 A, noise of a tenth of the median flux. It was then looked for among {figures['spectra']:,} "
        "spectra: the archive that the bundle brings, and all real spectra of the split, its original among them. "
        "Intervals are binomial at 95 %. Made by",
        "    .venv/bin/astranet evaluate similar --data FOLDER --out docs/results",
        table(["what counts", "original among the first five objects", "nearest other object of the same class"], rows),
        "How the two are joined (the constant of the fusion) was chosen on the split `select`.",
        "**How long an exact search takes**, milliseconds of processor time on one core, all of it:",
        table(["spectra", "milliseconds"], times),
    ]
    return "\n\n".join(parts) + "\n"

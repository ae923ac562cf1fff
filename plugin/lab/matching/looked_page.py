"""`looked.md`: whether the map of where the networks looked can be trusted with a glance."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.bundle import Bundle
from models.domain.looked import WINDOW_A
from plugin.lab.spectra.markdown import table


def write_looked(out: Path, bundle: Bundle, figures: Mapping[str, Any]) -> Path:
    """Write the page and its figures as JSON; returns the page's path."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "looked.json").write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    path = out / "looked.md"
    path.write_text(looked_page(bundle, figures))
    return path


def looked_page(bundle: Bundle, figures: Mapping[str, Any]) -> str:
    """The page as Markdown."""
    classes = figures["classes"]
    rows = [
        [
            name,
            str(found["spectra"]),
            ", ".join(f"{band} {share:.2f}" for band, share in found["each"].items()),
            f"**{_rate(found['trained'])}**",
            f"{found['chance']:.2f}",
            f"{found['trained']['p']:.1g}",
            _rate(found["random"]),
        ]
        for name, found in classes.items()
    ]
    alike = [[name, _spread(found["halves_alike"]), _spread(found["random_alike"])] for name, found in classes.items()]
    bands = "; ".join(
        f"{name}: " + ", ".join(f"{band} {low:.0f}-{high:.0f} \u00c5" for band, (low, high) in found.items())
        for name, found in figures["bands"].items()
    )
    parts = [
        "# Where the networks looked",
        f"Bundle `{bundle.bundle_id}`, split `{figures['split']}`: real spectra, one of an object, that the networks "
        f"call by their right class. Pieces of {WINDOW_A:.0f} \u00c5 are hidden one after another; the map is what "
        "each costs the class in log-odds. It shows what these networks depend on and is no proof that a class is "
        "right. Made by",
        f"    .venv/bin/astranet evaluate looked --data FOLDER --out docs/results --split {figures['split']}",
        "**Does its maximum lie at a line that makes the class?** Within a step of these bands, at rest: "
        f"{bands}. Chance is the share of all windows that lie there; p is of so many hits or more by chance. "
        "Intervals are at 95 %, binomial.",
        table(["class", "spectra", "by line", "in a band", "chance", "p", "networks with random weights"], rows),
        "**Is the map of other networks another one?** Median (and quartiles) of the rank correlation of two maps of "
        "the same spectrum: of one half of the trained networks with the other, and of the trained networks with the "
        "same ones before training. A map that did not depend on what was learned would be as alike in both columns.",
        table(["class", "trained and trained", "trained and random"], alike),
    ]
    return "\n\n".join(parts) + "\n"


def _rate(found: Mapping[str, float]) -> str:
    return f"{found['rate']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"


def _spread(found: Mapping[str, float]) -> str:
    return f"{found['median']:.2f} ({found['low']:.2f} to {found['high']:.2f})"

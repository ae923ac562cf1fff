"""`choices.md`: what changes when an operator chooses another strategy or other prediction sets."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.decision import POWER, TDE_FACTOR
from models.domain import FINE_CLASSES
from plugin.lab.spectra.choices import MOST_LOST, chosen_factor, chosen_power
from plugin.lab.spectra.markdown import interval, table, yes_no

SETS = {"lac": "lac (the default)", "aps": "aps"}


def write_page(out: Path, bundle_id: str, figures: Mapping[str, Any]) -> Path:
    """Write the page and its figures as JSON; returns the page's path."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "choices.json").write_text(json.dumps(figures, indent=1, sort_keys=True, allow_nan=False) + "\n")
    path = out / "choices.md"
    path.write_text(page(bundle_id, figures))
    return path


def page(bundle_id: str, figures: Mapping[str, Any]) -> str:
    """The page as Markdown."""
    unseen = "" if figures["split"] == "select" else ", and nothing was chosen on them"
    parts = [
        "# What the operator can choose",
        f"Bundle `{bundle_id}`, split `{figures['split']}`: {figures['spectra']} real spectra of {figures['objects']} "
        f"objects ({_mix(figures['class_mix'])}; spectra/objects), no redshift, no phase, coverage of at least 0.8 "
        f"where nothing else is said. The networks learned from none of these objects{unseen}. "
        "Intervals are at 95 %: of shares by bootstrap over objects, of coverage binomial. Made by",
        "    .venv/bin/astranet evaluate choices --data FOLDER --out docs/results",
        *_strategies(figures),
        *_chosen(figures["chosen"]),
        *_sets(figures["sets"]),
    ]
    return "\n\n".join(parts) + "\n"


def _strategies(figures: Mapping[str, Any]) -> list[str]:
    parts = [
        "## Which class is named (`ASTRANET_STRATEGY`)",
        "All three take the mean of the members within each seed and then across seeds. `within_seed`, the default, "
        f"names the most probable class. `cost_sensitive` first divides each probability by the class's share to the "
        f"power {POWER:g}; `tde_priority` first multiplies that of TDE by {TDE_FACTOR:g}. Nothing else of an answer "
        "changes: probabilities, prediction sets, p-values and what they are calibrated on are the same, and a class "
        "that is named against a more probable one says so. Recall by spectrum, purity of what is called a TDE, and "
        "the difference from the default by the same draws of objects:",
    ]
    head = ["strategy", "named otherwise", "accuracy", *(f"recall, {c}" for c in FINE_CLASSES), "purity, TDE"]
    for domain, found in figures["strategies"].items():
        rows, gaps = [], []
        for name, f in found["strategies"].items():
            recall = [interval(f["recall"][c]) for c in FINE_CLASSES]
            rows.append([name, str(f["others"]), interval(f["accuracy"]), *recall, interval(f["precision"]["TDE"])])
            if f["others"] or name != "within_seed":
                gaps.append([name, *(_gap(v) for v in f["difference"].values())])
        what = f"{found['spectra']} spectra of {found['objects']} objects: {_mix(found['class_mix'])}"
        columns = list(next(iter(found["strategies"].values()))["difference"])
        parts += [f"### {domain[0].upper()}{domain[1:]}", what + ".", table(head, rows)]
        parts += [table(["less the default", *columns], gaps)]
    return parts


def _chosen(found: Mapping[str, Any]) -> list[str]:
    mix = found["mix"]
    rows = [[f"{r['value']:g}", *_figures(r)] for r in found["powers"]]
    more = [[f"{r['value']:g}", *_figures(r)] for r in found["factors"]]
    head = ["accuracy", "macro recall of frequent classes, each object once", "recall, TDE", "purity, TDE"]
    power, factor = chosen_power(found["powers"]), chosen_factor(found["factors"])
    fits = {
        "power": f"highest macro recall: {power:g}; served: {POWER:g}",
        "factor": f"largest that costs at most {MOST_LOST:g} of accuracy: {factor:g}; served: {TDE_FACTOR:g}",
    }
    return [
        "### How they were chosen",
        f"On the split `select`: {mix['spectra']} real spectra of {mix['objects']} objects ({_mix(mix['class_mix'])}). "
        "It has too few TDEs to choose by their recall, so the factor is chosen by what it costs. "
        "The differences between neighbouring powers and factors are within noise; the choice is by rule.",
        f"`cost_sensitive`, power ({fits['power']}):",
        table(["power", *head], rows),
        f"`tde_priority`, factor of TDE ({fits['factor']}):",
        table(["factor", *head], more),
    ]


def _sets(domains: Mapping[str, Any]) -> list[str]:
    parts = [
        "## Which sets are served (`ASTRANET_SETS`)",
        "The thresholds are those that the service uses, calibrated on the bundle's own calibration spectra of the "
        "domain. Intervals are as if spectra were independent, and too narrow where an object has several; the band "
        "holds the coverage of 95 % of right tests of so many independent spectra. `aps` is not "
        "randomised, so that a spectrum has one set: it is never empty, holds the most probable class, and covers "
        "more than it promises wherever that class alone is right more often than that.",
    ]
    head = ["sets", "alpha", "promised", "coverage [95 %]", "band", "not below it", "mean size", "one class", "empty"]
    for domain, found in domains.items():
        rows = []
        for method, name in SETS.items():
            for r in found[method]:
                band = f"{r['band_low']:.3f}-{r['band_high']:.3f}"
                cells = [name, f"{r['alpha']:g}", f"{1 - r['alpha']:g}", interval(r), band]
                cells += [yes_no(r["value"] >= r["band_low"]), f"{r['size']:.2f}", f"{r['single']:.3f}"]
                rows.append([*cells, f"{r['empty']:.3f}"])
        what = f"Tested on {found['spectra']} spectra of {found['objects']} objects, calibrated on "
        parts += [f"### Sets: {domain}", f"{what}{found['calibrated_on']} spectra.", table(head, rows)]
    return parts


def _figures(row: Mapping[str, float]) -> Sequence[str]:
    return [f"{row[k]:.3f}" for k in ("accuracy", "macro_recall", "tde_recall", "tde_purity")]


def _gap(d: Mapping[str, float]) -> str:
    return f"{d['value']:+.3f} [{d['low']:+.3f}, {d['high']:+.3f}]"


def _mix(counts: Mapping[str, Mapping[str, int]]) -> str:
    return ", ".join(f"{c} {n['spectra']}/{n['objects']}" for c, n in counts.items() if n["spectra"])

"""The figures of `astranet evaluate spectra` and `evaluate compare` as Markdown pages, in the paper's shape."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.domain import FINE_CLASSES
from models.training.spectral.compare import FIGURES
from plugin.lab.spectra.domain_tables import NAMES, TITLES, classes, confusion, domain_page, headline, recalls
from plugin.lab.spectra.markdown import interval, share, table
from plugin.lab.spectra.readme_table import readme_table

SUMMARIES = (
    ("The archive's spectra brought to one window, resolution and noise (4100-8200 A, R 130, SNR 30)", "harmonised"),
    ("Semi-real spectra (not observations)", "semi_real"),
    ("Semi-real spectra at R 100 and a signal-to-noise of 10", "semi_real_sedm"),
)


def markdown(figures: dict[str, Any], bundle_id: str) -> str:
    """Every table, headline first."""
    parts = [f"# {bundle_id} on the {figures['split']} split", figures["conditions"] + ".", readme_table(figures)]
    if n := figures["unlike_both"]:
        parts += [f"{n} spectra have pixels like neither and stand in no table but those of all together."]
    for name, found in figures["domains"].items():
        parts += domain_page(name, found)
    parts += ["## All together", headline(figures["real"]), classes(figures["real"])]
    for title, key in SUMMARIES:
        if figures[key] is not None:
            parts += [f"## {title}", headline(figures[key]), classes(figures[key]), confusion(figures[key])]
    if figures["sedm"]:
        parts += [
            "## The archive's spectra degraded to R 100 and a signal-to-noise per 25 A pixel",
            "Several draws of the noise together; the range of macro recall is that of single draws. Each object once: "
            "every object has the same weight, however many spectra it has.",
            _degraded(figures["sedm"]),
            "The same with the redshift given where known:",
            _degraded(figures["sedm_with_redshift"]),
        ]
    if figures["strategies"]:
        parts += ["## Ways to combine the members (Table XIX)", *_strategies(figures["strategies"])]
    parts += ["## Can the source be told from the embedding?", _probe(figures["source_probe"])]
    parts += ["## Other classes with the instruments and archives of TDE and AGN", _alarms(figures["false_alarms"])]
    return "\n\n".join(parts) + "\n"


def comparison(found: dict[str, Any]) -> str:
    """Several bundles side by side: the figures of each, and below them how far it is from the first."""
    left_out = f", without {', '.join(found['left_out'])}" if found["left_out"] else ""
    parts = [
        f"{found['spectra']} real spectra of {found['objects']} objects of the {found['split']} split{left_out}, no "
        "redshift, no phase. Below each bundle but the first: the difference from the first with its 95 % interval, "
        "from the same draws of objects for all. There is no loss where the interval of accuracy and of recall reaches "
        "above zero."
    ]
    for condition, one in found["conditions"].items():
        mix = ", ".join(f"{c} {m['spectra']}/{m['objects']}" for c, m in one["class_mix"].items() if m["spectra"])
        parts += [
            f"## {condition}",
            f"{one['spectra']} spectra of {one['objects']} objects (spectra/objects: {mix}).",
            _beside(one["by_spectrum"], "by spectrum"),
            _beside(one["by_object"], "each object once"),
        ]
    return "\n\n".join(parts) + "\n"


def _beside(bundles: Mapping[str, Mapping[str, Any]], what: str) -> str:
    rows = []
    for name, row in bundles.items():
        rows.append([name, *("-" if np.isnan(v) else f"{v:.3f}" for v in row["value"].values())])
        if "difference" in row:
            gaps = row["difference"].values()
            rows.append(["less the first", *map(_gap, gaps)])
    return table([f"bundle, {what}", *FIGURES], rows)


def _gap(d: Mapping[str, float]) -> str:
    return "-" if np.isnan(d["low"]) else f"{d['value']:+.3f} [{d['low']:+.3f}, {d['high']:+.3f}]"


def _degraded(rows: list[dict[str, Any]]) -> str:
    body = [
        [
            f"{r['snr']:g}",
            *(interval(r[k]) for k in ("accuracy", "macro_recall_frequent")),
            f"{min(r['macro_recall_of_draws']):.3f} to {max(r['macro_recall_of_draws']):.3f}",
            interval(r["by_object"]["macro_recall_frequent"]),
            *recalls(r),
        ]
        for r in rows
    ]
    head = ["SNR", "accuracy [95 %]", f"{NAMES['macro_recall_frequent']} [95 %]", "macro recall of single draws"]
    return table([*head, f"{NAMES['macro_recall_frequent']}, each object once", *FINE_CLASSES], body)


SCORED = ("accuracy", "macro_recall", "macro_recall_frequent")


def _strategies(rows: dict[str, dict[str, Any]]) -> list[str]:
    parts, head = [], ["strategy", *(f"{NAMES[k]} [95 %]" for k in SCORED), *FINE_CLASSES]
    for domain in next(iter(rows.values())):
        body = [[n, *(interval(r[domain][k]) for k in SCORED), *recalls(r[domain])] for n, r in rows.items()]
        parts += [f"{TITLES[domain]}:", table(head, body)]
    return parts


def _probe(rows: list[dict[str, Any]]) -> str:
    names = ("class", "archives", "spectra", "chance", "input", "embedding")
    return table(names, [[str(r[n]) for n in names] for r in rows])


def _alarms(found: dict[str, dict[str, Any]]) -> str:
    rows = [
        [c, what, str(r["others"]), str(r["taken_for_it"]), share(r, "rate")]
        for c, parts in found.items()
        for what, r in parts.items()
    ]
    return table(["class", "same", "spectra of other classes", "taken for it", "rate [binomial 95 %]"], rows)

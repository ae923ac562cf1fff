"""The table of the README: the SED Machine's and the archive's spectra side by side."""

from collections.abc import Mapping
from typing import Any

from models.conformal.domains import HIGH, LOW
from models.domain import FINE_CLASSES
from plugin.lab.spectra.markdown import interval, share, table

HEADS = {LOW: "SED Machine", HIGH: "archive"}


def readme_table(figures: Mapping[str, Any]) -> str:
    """What a user wants to know first, from the figures of `astranet evaluate spectra`; one column a domain."""
    # A card has them in the order of their names.
    found = {name: figures["domains"][name] for name in HEADS if name in figures["domains"]}
    real = {name: f["real"] for name, f in found.items()}
    head = [f"real {figures['split']} spectra, no redshift, no phase"]
    head += [f"{HEADS[n]}: {s['spectra']} of {s['objects']} objects" for n, s in real.items()]
    rows = [
        ["accuracy [95 %]", *(interval(s["accuracy"]) for s in real.values())],
        ["accuracy, each object once", *(interval(s["by_object"]["accuracy"]) for s in real.values())],
        *(_macro(real, *which) for which in (("macro_recall", "classes", ""), ("macro_recall_frequent", *FREQUENT))),
    ]
    for c in FINE_CLASSES:
        rows.append([f"recall {c} (spectra, objects)", *(_recall(s, c) for s in real.values())])
    snid = [f["snid"] for f in found.values()]
    if any(snid):
        rows.append(["SNID on the same spectra: accuracy; macro recall", *map(_snid, snid)])
    rows.append(
        [
            "true class in the set at alpha 0.05",
            *(share(f["prediction_sets"]["0.05"], "coverage") for f in found.values()),
        ]
    )
    if all(f["policy"] for f in found.values()):
        commit = [f["policy"]["COMMIT"] for f in found.values()]
        rows.append(["COMMIT: how often; right", *(f"{p['share']:.2f}; {share(p, 'accuracy')}" for p in commit)])
    return table(head, rows)


FREQUENT = ("frequent_classes", ", classes of at least five objects")


def _macro(real: Mapping[str, Mapping[str, Any]], figure: str, count: str, what: str) -> list[str]:
    cells = []
    for s in real.values():
        plain, once = s[figure], s["by_object"][figure]
        cells.append("-" if plain is None else f"{interval(plain)}; {interval(once)} ({s[count]} classes)")
    return [f"macro recall; each object once{what}", *cells]


def _recall(s: Mapping[str, Any], c: str) -> str:
    mix = s["class_mix"][c]
    return f"{interval(s['recall'][c])} ({mix['spectra']}, {mix['objects']})" if mix["spectra"] else "-"


def _snid(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "-"
    r = found["by_rlap"][0]["answers"]["SNID"]
    return f"{interval(r['accuracy'])}; {interval(r['macro_recall'])}"

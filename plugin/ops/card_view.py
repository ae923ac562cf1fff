"""A bundle's card for the terminal."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table

from models.conformal.domains import HIGH, LOW

if TYPE_CHECKING:
    from models.card_fields import BundleCard, IntervalFields, MetricsFields


def describe_card(card: "BundleCard", bundle_id: str) -> Group:
    """Name, data, headline figures and weaknesses on one screen."""
    training, calibration = card["training"], card["calibration"]
    lines = [
        f"[bold]{bundle_id}[/]  made {card['created']}",
        f"{len(card['members'])} members (seed/checkpoint): "
        + ", ".join(f"{m['seed']}/{m['kind']}" for m in card["members"]),
        f"trained on {training['device']} with torch {training['torch']}; split {training['split_hash'][:12]}",
        _calibrated(calibration),
    ]
    if prior := card.get("prior"):
        mix = ", ".join(f"{c} {v:.0%}" for c, v in prior["answered"].items())
        lines.append(f"probabilities are for a mix of {mix}")
    parts: list[Any] = ["\n".join(lines)]
    if metrics := card.get("metrics"):
        parts += [_figures(metrics)] if "domains" not in metrics else [_by_domain(metrics)]
    parts.append("\n".join(f"- {w}" for w in card["weaknesses"]))
    return Group(*parts)


def _calibrated(calibration: Mapping[str, Any]) -> str:
    """How many whole spectra, and how many that cover less."""
    partial = calibration.get("partial", {"domains": {}})["domains"].values()
    few, cut = (sum(d[name] for d in partial) for name in ("spectra", "cut"))
    more = f"; and on {few} that cover 70-80 %, {cut} of them cut to it" if few else ""
    whole = calibration["size"] - few
    return f"calibrated on {whole} spectra of {calibration['objects']} objects, {calibration['date']}{more}"


def _by_domain(metrics: Mapping[str, Any]) -> Table:
    """Spectra of low and of high resolution side by side."""
    domains = {name: metrics["domains"][name] for name in (LOW, HIGH) if name in metrics["domains"]}
    found = {name: f["real"] for name, f in domains.items()}
    counts = "; ".join(f"{name} {s['spectra']} spectra of {s['objects']} objects" for name, s in found.items())
    table = Table(title=f"{metrics['split']} split, real spectra: {counts}")
    table.add_column("figure")
    for name in found:
        for column in (f"{name} \\[95 %]", "each object once", "spectra, objects"):
            table.add_column(column)
    for key in ("accuracy", "macro_recall", "macro_recall_frequent", "macro_f1"):
        cells = [(_cell(s[key]), _cell(s["by_object"][key]), "") for s in found.values()]
        table.add_row(_NAMES.get(key, key.replace("_", " ")), *(c for row in cells for c in row))
    for label in next(iter(found.values()))["recall"]:
        cells = []
        for s in found.values():
            mix = s["class_mix"][label]
            once = s["by_object"]["recall"][label]
            cells.append((_cell(s["recall"][label]), _cell(once), f"{mix['spectra']}, {mix['objects']}"))
        table.add_row(f"recall {label}", *(c for row in cells for c in row))
    sets = [f["prediction_sets"]["0.05"] for f in domains.values()]
    cells = [(f"{s['coverage']:.3f} \\[{s['low']:.3f}, {s['high']:.3f}]", "", "") for s in sets]
    table.add_row("true class in the set at 0.05", *(c for row in cells for c in row))
    return table


_NAMES = {"macro_recall_frequent": "macro recall, classes of 5 objects or more"}


def _cell(value: Mapping[str, float] | None) -> str:
    return "-" if value is None else f"{value['value']:.3f} \\[{value['low']:.3f}, {value['high']:.3f}]"


def _figures(metrics: "MetricsFields") -> Table:
    real = metrics["real"]
    table = Table(title=f"{metrics['split']} split: {real['spectra']} real spectra of {real['objects']} objects")
    for column in ("figure", "value", "95 % interval", "spectra", "objects", "each object once"):
        table.add_column(column)
    once = real.get("by_object")  # cards of earlier versions have none
    for name in ("accuracy", "macro_recall", "macro_f1"):
        table.add_row(name.replace("_", " "), *_cells(real[name]), "", "", _cells(once and once[name])[0])
    for label, value in real["recall"].items():
        mix = real["class_mix"][label]
        if mix["spectra"]:
            counts = (str(mix["spectra"]), str(mix["objects"]))
            table.add_row(f"recall {label}", *_cells(value), *counts, _cells(once and once["recall"][label])[0])
    return table


def _cells(value: "IntervalFields | None") -> tuple[str, str]:
    return ("-", "-") if value is None else (f"{value['value']:.3f}", f"{value['low']:.3f} to {value['high']:.3f}")


def card_diff(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """One line per value that differs, `path: old -> new`."""
    for key in sorted(set(old) | set(new)):
        here = f"{path}.{key}" if path else key
        a, b = old.get(key), new.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            yield from card_diff(a, b, here)
        elif a != b:
            yield f"{here}: {_short(a)} -> {_short(b)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."

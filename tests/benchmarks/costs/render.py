"""The page of what things cost, made of the figures of a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from jinja2 import StrictUndefined, Template

from tests.benchmarks.costs.measure import SIZE, Figure
from tests.benchmarks.costs.scaling import said, table

_PARTS: Final = (
    ("Preparing", "prepare", None),
    ("Networks", "networks", "networks"),
    ("One network after the other, in padded sixteens", "plain_networks", "networks"),
    ("Anomaly scores and their combination", "scores", None),
    ("Conformal layer: sets, p-values, cell, policy", "conformal", None),
    ("Neighbours in the archive", "neighbours", None),
    ("Matching: redshift, phase, subtype", "matching", "matching"),
    ("**Whole answer**", "whole", None),
    ("Whole answer, one network after the other", "plain_whole", None),
    ("Where the networks looked (alerts only)", "looked", None),
    ("Card (alerts only)", "card", None),
)
_NEEDLE: Final = (
    ("Images: quality, repair, mask", "images"),
    ("Light curve and host: one answer of the metadata model", "metadata"),
    ("**Whole answer**, with the score of each earlier night", "object"),
    ("Image network: one answer (`ASTRANET_NEEDLE_MODEL=hybrid` or `both`)", "network"),
)

_PART_OF_WHOLE: Final = ("prepare", "networks", "scores", "conformal", "neighbours", "matching")
_WHOLE: Final = [key for _, key, _ in _PARTS].index("whole")
_ALONE: Final = ("looked", "card")
_ENGINES: Final = (("SQLite", "sqlite"), ("PostgreSQL", "postgresql"))
CARD: Final = "POST spectra/N/comments"
"""The request that takes a card to the marshal."""


def page(figures: Mapping[str, Any], backfill: Mapping[str, Any] | None = None) -> str:
    """The whole page as Markdown."""
    answer, cycle, store = figures["answer"], figures["cycle"], figures["store"]
    floor_ms, cycles = answer["parts"]["floor"]["ms"]["median"], cycle["cycles"]
    tables = {
        "answer": _answer(answer),
        "operators": table(
            ("Operators", "Share"), [(kind, f"{100 * share:.0f} %") for kind, share in answer["operators"].items()]
        ),
        "needle": _needle(figures["needle"]),
        "cycle": _cycle(cycle),
        "requests": table(("Request", "Number"), [(f"`{k}`", f"{n:,}") for k, n in cycles[0]["kinds"].items()]),
        "alerts": _alerts(figures["alerts"]),
        "memory": _memory(cycle),
        "search": _curve("Exact search by shape and embedding, spectra in memory, ms", figures["growth"]["search"]),
        "matching": _curve("Matching one spectrum, every class in question, ms", figures["growth"]["matching"]),
        **{key: _engine(name, store[key]) for name, key in _ENGINES if key in store},
        "backfill": _backfill(backfill),
    }
    template = Template(
        Path(__file__).with_name("page.md.jinja").read_text(encoding="utf-8"), undefined=StrictUndefined
    )
    return (
        template.render(
            **figures,
            tables=tables,
            size=SIZE,
            floor_ms=floor_ms,
            speed=answer["operations"]["product"] / floor_ms / 1e6,
            posts=sum(cycles[0]["posts"].values()),
            cards=sum(n for kind, n in cycles[0]["kinds"].items() if kind == CARD),
            became=", ".join(
                f"{n} {name.replace('_', ' ')}" for name, n in sorted(figures["alerts"]["objects"].items())
            ),
            memory_growth=100 * (cycles[-1]["resident_MiB"] / cycles[0]["resident_MiB"] - 1),
        )
        + "\n"
    )


def _answer(found: Mapping[str, Any]) -> str:
    parts, work = found["parts"], found["operations"]
    rows = []
    for name, key, counted in _PARTS:
        together, alone = parts.get(key), parts.get(f"{key}_alone")
        if key in _ALONE:
            together, alone = None, parts[key]
        some = together or alone
        ratio = "-"
        if counted is not None and together is not None:
            ratio = f"{together['floors']['median'] * work['product'] / work[counted]:.2f}"
            if alone is not None:
                own = work.get(f"{counted}_alone", work[counted])
                ratio = f"{alone['floors']['median'] * work['product'] / own:.1f} and {ratio}"
        rows.append((name, _ms(alone), _ms(together), said(some["floors"]["median"], 3), ratio))
    ms = {name: one["ms"]["median"] for name, one in parts.items()}
    rest = ms["whole"] - sum(ms[name] for name in _PART_OF_WHOLE)
    rows.insert(_WHOLE, ("The report and all else, by difference", "-", _short(rest), "-", "-"))
    return table(("Part", "Alone, ms", "Together, ms", "Floors", "Times its own operations"), rows)


def _needle(found: Mapping[str, Any]) -> str:
    parts = found["parts"]
    rows = [(name, _ms(parts[key]), said(parts[key]["floors"]["median"], 3)) for name, key in _NEEDLE]
    return table(("Part", "ms", "Floors"), rows)


def _cycle(found: Mapping[str, Any]) -> str:
    spectra, (first, *others) = found["spectra"], found["cycles"]
    asked = (
        ("Processor time of the service, ms", "processor_s", 1e3),
        ("The same in floors", "floors", 1.0),
        ("Wall clock, ms", "wall_s", 1e3),
        ("Requests (floor: 2, its arrays and one annotation)", "requests", 1.0),
        ("Bytes to the marshal", "bytes_sent", 1.0),
        ("Bytes from the marshal", "bytes_received", 1.0),
    )
    rows = [
        (name, *_with_and_without([scale * c[key] / spectra for c in found["cycles"]])) for name, key, scale in asked
    ]
    least = spectra * (found["floor_bytes"]["arrays"] + found["floor_bytes"]["annotation"])
    both = [(c["bytes_sent"] + c["bytes_received"]) / least for c in (first, *others)]
    rows.append(("Bytes both ways, times the floor (arrays and annotation as JSON)", *_with_and_without(both)))
    return table(("For one spectrum", "With cards of alerts", "Without cards"), rows)


def _with_and_without(values: Sequence[float]) -> tuple[str, str]:
    """The first cycle; and median, least and most of the others."""
    first, *others = values
    low, middle, high = (said(v, 3) for v in (min(others), median(others), max(others)))
    return said(first, 3), f"{middle} [{low}, {high}]"


def _alerts(found: Mapping[str, Any]) -> str:
    n = found["alerts"]
    rows = [
        ("Processor time of the service, ms", said(1e3 * found["processor_s"] / n, 3)),
        ("Calls to Lasair, annotations included", said(found["lasair_calls"] / n, 3)),
        ("Stamps", said(found["stamps"] / n, 3)),
        (f"Requests to the marshal ({found['saved']} objects were saved)", said(found["marshal_requests"] / n, 3)),
    ]
    return table(("For one alert", "Measured"), rows)


def _memory(found: Mapping[str, Any]) -> str:
    floor, spectra = found["imported_MiB"], found["spectra"]
    rows = [
        ("Interpreter with PyTorch (the floor)", floor),
        ("Models loaded", found["loaded_MiB"]),
        ("After the first few spectra and the first card", found["first_MiB"]),
        *(
            (
                f"After {spectra * (i + 1):,} spectra{'' if c['cards'] else ', the last without cards'}",
                c["resident_MiB"],
            )
            for i, c in enumerate(found["cycles"])
        ),
    ]
    shown = [(name, f"{mib:.0f}", f"{mib / floor:.2f}") for name, mib in rows]
    return table(("When", "Resident, MiB", "Times the floor"), shown)


def _curve(name: str, one: Mapping[str, Any]) -> str:
    return table(("What", *_sizes(one["sizes"]), "Floors at the largest", "Slope"), [_grown(name, one)])


def _engine(name: str, found: Mapping[str, Any]) -> str:
    rows: list[tuple[str, ...]] = [
        ("Rows of an answer", *(f"{v:.2f}" for v in found["rows_per_answer"]), "-", "-"),
        (
            "Bytes of an answer",
            *(f"{v:,.0f}" for v in found["bytes_per_answer"]),
            "-",
            f"{found['bytes_slope']:.2f} (of all)",
        ),
    ]
    rows += [_grown(f"{question[0].upper()}{question[1:]}, ms", one) for question, one in found["questions"].items()]
    return table((name, *_sizes(found["sizes"]), "Floors at the largest", "Slope"), rows)


def _backfill(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "Not measured yet."
    return table(("Figure", "Value"), [(f"`{name}`", value) for name, value in _plain(found)])


def _plain(found: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Names and values of a mapping, those of mappings in it included, with a dot between."""
    rows: list[tuple[str, str]] = []
    for name, value in found.items():
        if isinstance(value, Mapping):
            rows += _plain(value, f"{before}{name}.")
        elif isinstance(value, (list, tuple)):
            rows.append((f"{before}{name}", ", ".join(_value(v) for v in value)))
        else:
            rows.append((f"{before}{name}", _value(value)))
    return rows


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _sizes(sizes: Sequence[int]) -> list[str]:
    return [f"{size:,}" for size in sizes]


def _grown(name: str, one: Mapping[str, Any]) -> tuple[str, ...]:
    return (name, *(_spread(ms) for ms in one["ms"]), said(one["floors"][-1]["median"]), f"{one['slope']:.2f}")


def _ms(one: Mapping[str, Figure] | None) -> str:
    return "-" if one is None else _spread(one["ms"])


def _spread(one: Figure) -> str:
    return f"{_short(one['median'])} [{_short(one['low'])}, {_short(one['high'])}]"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"

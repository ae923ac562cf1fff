"""The tables of docs/scaling.md, made of the figures of a run; nothing on that page is counted by hand."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from plugin.truth.asking import MOST
from tests.benchmarks.costs.rates import (
    ALERTS,
    CORE_SECONDS,
    DAY_S,
    MARSHAL_PER_S,
    PACKET_BYTES,
    PRICE,
    SHELF_BYTES,
    SPECTRA,
    Limit,
    Rates,
    follow_up,
    of_alerts,
    of_spectra,
)


def tables(figures: Mapping[str, Any], backfill: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The tables of docs/scaling.md, by the name in their markers."""
    rates = Rates.of(figures, backfill)
    spectra, alerts = of_spectra(rates), of_alerts(rates)
    return {
        "measured": _measured(rates, from_backfill=CORE_SECONDS in (backfill or {})),
        "spectra": _limits(spectra, f"{SPECTRA:,} spectra"),
        "alerts": _limits(alerts, f"{ALERTS:,} alerts"),
        "workers": _workers(rates),
        "database": _database(rates),
        "growth": _growth(figures["store"]),
        "cost": _cost(rates),
        "first": _first(rates, spectra, alerts),
    }


def filled(text: str, made: Mapping[str, str]) -> str:
    """A page with every table put between its markers.

    Raises
    ------
    ValueError
        If a table has no markers on the page.
    """
    for name, table in made.items():
        between = re.compile(rf"(<!-- made: {name} -->\n\n).*?(<!-- end -->)", re.DOTALL)
        text, number = between.subn(lambda found, t=table: f"{found[1]}{t}\n\n{found[2]}", text)
        if number != 1:
            raise ValueError(f"the page has {number} places for the table {name!r}, not one")
    return text


def said(value: float, digits: int = 2) -> str:
    """A number for people: so many significant digits, thousands set apart."""
    exact = float(f"{value:.{digits}g}")
    if exact >= 10 ** (digits - 1):
        return f"{exact:,.0f}"
    return f"{exact:g}" if exact >= 1e-3 or not exact else f"{exact:.1e}"


def duration(days: float) -> str:
    """Days in the unit that fits."""
    for unit, length in (("years", 365.25), ("days", 1.0), ("hours", 1 / 24), ("minutes", 1 / 1440)):
        if days >= 1.5 * length:
            return f"{said(days / length)} {unit}"
    return f"{said(days * DAY_S)} seconds"


def _measured(rates: Rates, *, from_backfill: bool) -> str:
    source = "`astranet backfill` with one worker" if from_backfill else "whole answer, together"
    rows = [
        (f"Answer about a spectrum, among many ({source})", f"{1e3 * rates.answer_s:.0f} ms of a core"),
        ("Spectrum in the service: read, answered, filed, posted, cards", f"{1e3 * rates.service_s:.0f} ms of a core"),
        ("The same without cards (`ASTRANET_POST_CARDS=false`)", f"{1e3 * rates.plain_s:.0f} ms of a core"),
        ("Requests to the marshal for a spectrum", f"{rates.requests:.2f}"),
        ("Bytes to the marshal and from it for a spectrum", f"{rates.sent:,.0f} and {rates.received:,.0f}"),
        ("Database, an answer without its card (SQLite)", f"{rates.sqlite:,.0f} bytes"),
        *(
            [("Database, an answer without its card (PostgreSQL)", f"{rates.postgresql:,.0f} bytes")]
            if rates.postgresql is not None
            else []
        ),
        (
            "Card of an alert in the database",
            f"{rates.card_bytes:,.0f} bytes, {100 * rates.card_share:.1f} % of spectra",
        ),
        ("Alert in the service, most are let go", f"{1e3 * rates.alert_s:.0f} ms of a core"),
        ("Calls to Lasair for an alert", f"{rates.lasair:.2f}"),
        ("Requests to the marshal for an object that is saved", f"{rates.saved_requests:.1f}"),
        ("Memory of a worker: spectra, alerts", f"{rates.memory_MiB:.0f} and {rates.needle_MiB:.0f} MiB"),
    ]
    cards = (
        f"A card and the look at where the networks looked take {1e3 * rates.drawing_s:,.0f} ms of a core, and "
        f"{100 * rates.card_share:.1f} % of the spectra had one."
    )
    return f"{table(('What', 'Measured'), rows)}\n\n{cards}"


def _limits(limits: list[Limit], what: str) -> str:
    return table(
        ("Limit", f"{what} take", "What changes then"), [(one.name, duration(one.days), one.then) for one in limits]
    )


def _workers(rates: Rates) -> str:
    """How many workers finish in time, and how many the marshal can keep busy."""
    rows = []
    for name, days in (("an hour", 1 / 24), ("a night of ten hours", 10 / 24), ("a day", 1.0), ("a week", 7.0)):
        counts = [SPECTRA * rates.answer_s, SPECTRA * rates.service_s, ALERTS * rates.alert_s]
        rows.append((name, *(f"{max(1, -(-seconds // (days * DAY_S))):,.0f}" for seconds in counts)))
    busy = MARSHAL_PER_S / rates.requests * rates.service_s
    head = ("In", f"{SPECTRA:,} spectra from files", f"{SPECTRA:,} spectra in the service", f"{ALERTS:,} alerts")
    return (
        f"{table(head, rows)}\n\nThese are workers of one core each. At its pace the marshal keeps {said(busy)} of a "
        "worker busy with spectra: where answers are posted, the second one is for the case that the first one fails."
    )


def _database(rates: Rates) -> str:
    rows = []
    for number in (10**4, 10**5, SPECTRA):
        cards = number * rates.card_share * rates.card_bytes
        postgresql = "-" if rates.postgresql is None else _gigabytes(number * rates.postgresql)
        memory = number * SHELF_BYTES / 2**20
        rows.append(
            (
                f"{number:,}",
                _gigabytes(number * rates.sqlite),
                postgresql,
                _gigabytes(cards),
                f"{said(rates.search_s(number))} s, {said(memory)} MiB",
            )
        )
    head = ("Answers", "SQLite", "PostgreSQL", "and with cards, more", '"More like this"')
    most = rates.searchable(1.0)
    return (
        f"{table(head, rows)}\n\nAn exact search takes a second from {said(most)} spectra on. The packets of "
        f"{ALERTS:,} alerts, where they are read over Kafka and kept, take {_gigabytes(ALERTS * PACKET_BYTES)}."
    )


def _growth(store: Mapping[str, Any]) -> str:
    """Which questions grow with what is on file."""
    lines = []
    for name, key in (("SQLite", "sqlite"), ("PostgreSQL", "postgresql")):
        if key not in store:
            continue
        found = {question: one["slope"] for question, one in store[key]["questions"].items()}
        kinds = (
            ("in proportion (slope above 0.7)", [q for q, slope in found.items() if slope > 0.7]),
            ("less than that", [q for q, slope in found.items() if 0.2 < slope <= 0.7]),
            ("hardly (slope below 0.2)", [q for q, slope in found.items() if slope <= 0.2]),
        )
        told = "; ".join(f"{how}: {', '.join(which)}" for how, which in kinds if which)
        lines.append(f"- {name}: these grow {told}.")
    return "\n".join(lines)


def _cost(rates: Rates) -> str:
    works = (
        (f"{SPECTRA:,} spectra from files", SPECTRA * rates.answer_s),
        (f"{SPECTRA:,} spectra in the service", SPECTRA * rates.service_s),
        (f"{ALERTS:,} alerts in the service", ALERTS * rates.alert_s),
    )
    rows = [(name, said(s / 3600, 3), said(PRICE * s / 3600, 3)) for name, s in works]
    return table(("Work", "Core hours", f"Cost at {PRICE:g} a core hour"), rows)


def _first(rates: Rates, spectra: list[Limit], alerts: list[Limit]) -> str:
    sentences = []
    for what, limits in ((f"{SPECTRA:,} spectra", spectra), (f"{ALERTS:,} alerts", alerts)):
        first, *others = (limit for limit in limits if limit.holds_up)
        rest = ", ".join(f"{duration(limit.days)} {limit.phrase}" for limit in others)
        sentences.append(
            f"**{what}** take {duration(first.days)} {first.phrase}: that bites first. After it come {rest}."
        )
    per_night = 24 * MOST / follow_up() * rates.per_source
    late = f"What people say is read in time as long as no more than {said(per_night)} new spectra come a night."
    return "\n\n".join([*sentences, late])


def _gigabytes(count: float) -> str:
    return f"{said(count / 1e9)} GB" if count >= 1e9 else f"{said(count / 1e6)} MB"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

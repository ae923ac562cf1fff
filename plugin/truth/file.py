"""Labels from a file of an operator's own: a table with commas, whose every line is taken or refused in words."""

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from iris_client.taxonomy.names import translate
from iris_client.taxonomy.trust import LEAST
from plugin.clock import moment
from plugin.store import Store, Unit
from plugin.store.truth.truths import Told
from plugin.truth.hearing import OURS

COLUMNS: Final = ("name", "class", "probability", "date", "by")
NEEDED: Final = ("name", "class")
_DAY: Final = timedelta(days=1)


class NotATable(ValueError):
    """The file has no columns of these names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that can be taken.

    Parameters
    ----------
    number : int
        Of the line in the file.
    by : str
        Who says so.
    told_at : datetime or None
        Naive UTC; a date alone means its end, the latest that the label can have been given.
    """

    number: int
    name: str
    label: str
    probability: float | None
    told_at: datetime | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A line that is not taken, and why."""

    number: int
    why: str

    def __str__(self) -> str:
        return f"line {self.number}: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a file: labels that are new or changed, labels that were known, lines that were refused."""

    new: int
    known: int
    refused: tuple[Refusal, ...]


def read_lines(lines: Iterable[str], *, by: str, now: datetime) -> Iterator[Line | Refusal]:
    """Read a table with a head of names; what is not among `COLUMNS` is passed over.

    Parameters
    ----------
    by : str
        Who says so where the line names nobody.

    Raises
    ------
    NotATable
        If the head lacks one of `NEEDED`.
    """
    table = csv.DictReader(lines, skipinitialspace=True)
    head = [(name or "").strip().lower() for name in table.fieldnames or ()]
    if missing := [name for name in NEEDED if name not in head]:
        raise NotATable(f"no column {missing[0]!r}: the first line must name the columns, {', '.join(COLUMNS)}")
    table.fieldnames = head
    seen: dict[tuple[str, str], int] = {}
    try:
        for row in table:
            cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
            if not any(cells.values()):
                continue
            made = _line(table.line_num, cells, by, now)
            if isinstance(made, Line):
                first = seen.setdefault((made.name, made.by), made.number)
                if first != made.number:
                    made = Refusal(
                        number=made.number, why=f"{made.by} says what {made.name} is on line {first} already"
                    )
            yield made
    except csv.Error as error:
        yield Refusal(number=table.line_num, why=f"no line of a table: {error}")


def take(store: Store, lines: Iterable[Line | Refusal], now: datetime) -> Imported:
    """Write labels down, each in a transaction of its own: what can be taken is, whatever the other lines are."""
    new = known = 0
    refused = []
    for line in lines:
        if isinstance(line, Refusal):
            refused.append(line)
            continue
        with store.begin() as unit:
            target_id = target_of(unit, line.name)
            if target_id is None:
                refused.append(Refusal(number=line.number, why=f"no answer of ours is about {line.name!r}"))
                continue
            told = Told(
                key=line.by, name=line.label, told_by=line.by, probability=line.probability, told_at=line.told_at
            )
            if unit.truth.hear(target_id, "file", [told], now, whole=False).given:
                new += 1
            else:
                known += 1
    return Imported(new=new, known=known, refused=tuple(refused))


def target_of(unit: Unit, name: str) -> str | None:
    """The object of ours that the marshal or the TNS calls so; None when we have answered about none."""
    named = {filed.target_id for filed in unit.reports.named(name)}
    return name if name in named else unit.names.target_called(name)


def _line(number: int, cells: dict[str, str], by: str, now: datetime) -> Line | Refusal:
    try:
        who = cells["by"] or by
        if not cells["name"]:
            raise ValueError("no name")
        if who.lower() in OURS:
            raise ValueError(f"{who}'s answers are our own, and no truth")
        return Line(
            number=number,
            name=cells["name"],
            label=_class(cells["class"]),
            probability=_probability(cells["probability"]),
            told_at=_date(cells["date"], now),
            by=who,
        )
    except ValueError as error:
        return Refusal(number=number, why=str(error))


def _class(text: str) -> str:
    if not text:
        raise ValueError("no class; `astranet truth withdraw` takes a label back")
    status = translate(text).status
    if status == "unknown":
        raise ValueError(f"{text!r} is no type that we know")
    if status == "no_class":
        raise ValueError(f"{text!r} is too general for a class")
    return text


def _probability(text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"probability {text!r} is no number from 0 to 1")
    if value < LEAST:
        raise ValueError(f"probability {text} is below {LEAST:g}: that says what it may be, not what it is")
    return value


def _date(text: str, now: datetime) -> datetime | None:
    if not text:
        return None
    try:
        found = moment(text.removesuffix("Z") + ("+00:00" if text.endswith("Z") else ""))
    except ValueError:
        raise ValueError(f"date {text!r} is none such as 2026-06-10 or 2026-06-10T08:30:00") from None
    if len(text) <= 10:
        found += _DAY - timedelta(seconds=1)
    if found > now + _DAY:
        raise ValueError(f"date {text} is in the future")
    return found

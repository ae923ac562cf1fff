"""NEEDLE's live record: what crossed the threshold, when, how long before others knew, and what it turned out to be.

What an object is comes from people (`plugin.store.truth`): classes given on the marshal, types of the TNS, labels from
a file, in the order of the setting TRUST; of what nobody has saved, the TNS's type as it was looked up. Our own
annotations are read nowhere, and a type that came to the TNS by a report of ours is no truth.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final

from iris_client.taxonomy.names import Label, translate
from iris_client.taxonomy.trust import Voice, settle
from models.domain import Target
from plugin.clock import moment
from plugin.cycle.objects.discover import mjd
from plugin.cycle.objects.lasair import CANDIDATES
from plugin.store import Unit
from plugin.store.needle import Crossing, Noted
from plugin.store.truth.answered import Truth, Undecided

_UNSAID: Final = frozenset({"nobody", "withdrawn"})
"""Where nothing that was heard stands, the TNS's type counts as it was looked up: nobody asks the marshal about what it
does not have."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One crossing, and what is known of its object.

    Parameters
    ----------
    label : str
        What it was a candidate of: SLSN-I or TDE.
    after_discovery_days : float or None
        From its first detection to the crossing.
    before_spectrum_days, before_class_days : float or None
        From the crossing to its first spectrum on file, and to when people first gave the class that counts; negative
        where others were first.
    truth : str or None
        What it is: SLSN-I, SLSN-II, SLSN (which of the two is not said), TDE, SN, or another class of ours; None while
        nobody has said.
    """

    target_id: str
    label: str
    tns_name: str | None
    crossed_at: datetime
    crossed_mjd: float
    probability: float
    threshold: float
    model: str
    listed: bool
    after_discovery_days: float | None
    before_spectrum_days: float | None
    before_class_days: float | None
    truth: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """So many of so many, with the exact (Clopper-Pearson) 95 % interval; nothing of nothing has no share."""

    hits: int
    total: int

    @property
    def value(self) -> float | None:
        """The share."""
        return self.hits / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share lies, with 95 %."""
        if not self.total:
            return 0.0, 1.0
        from scipy.stats import binomtest

        found = binomtest(self.hits, self.total).proportion_ci(method="exact")
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        if self.value is None:
            return "none known yet"
        low, high = self.interval
        return f"{self.value:.2f} [{low:.2f}, {high:.2f}] ({self.hits} of {self.total})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one class, to date.

    Parameters
    ----------
    purity : Share
        Of its candidates that have a class by now, those that are it.
    completeness : Share
        Of the objects that NEEDLE gave any class, and that turned out to be it, those that became its candidates.
    unknown : int
        Candidates of which nobody has said what they are.
    """

    label: str
    purity: Share
    completeness: Share
    unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Every crossing, the newest first, and the figures of each class."""

    rows: tuple[Row, ...]
    figures: tuple[Figures, ...]
    answered: int
    """How many objects were ever given a class."""
    typed: int
    """Of how many of them it is known what they are."""


def read_record(unit: Unit, trust: Sequence[Voice]) -> Record:
    """The record to date.

    Parameters
    ----------
    trust : sequence of str
        Who is believed about what an object is.
    """
    objects = {one.target_id: one for one in unit.needle.objects()}
    crossings = unit.needle.crossings()
    said = unit.truth.settled(objects, trust)
    known = {name: _known(unit, name, said.get(name, "nobody"), trust) for name in objects}
    truths = {name: truth for name, (_, truth, _) in known.items() if truth is not None}
    spectra = unit.needle.first_spectra({one.target_id for one in crossings})
    rows = [_row(one, objects.get(one.target_id), spectra.get(one.target_id), known) for one in reversed(crossings)]
    figures = tuple(_figures(label, crossings, truths) for label in CANDIDATES)
    return Record(rows=tuple(rows), figures=figures, answered=len(objects), typed=len(truths))


def truth_of(label: Label) -> str | None:
    """What a name of a type means for NEEDLE; None for one that names no class."""
    if label.fine == "SLSN":
        plain = label.raw.upper().replace("SLSN", "").replace("SUPERLUMINOUS", "")
        return "SLSN-II" if "II" in plain else "SLSN-I" if "I" in plain else "SLSN"
    if label.fine is not None and label.fine.startswith("SN "):
        return "SN"
    return label.fine or label.rare


def as_csv(record: Record) -> str:
    """The rows as a table for other programs."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(_plain(row) for row in record.rows)
    return text.getvalue()


def as_plain(record: Record) -> dict[str, Any]:
    """Rows and figures as plain JSON types."""
    shares = {
        one.label: {
            name: {"hits": share.hits, "total": share.total, "value": share.value, "interval_95": list(share.interval)}
            for name, share in (("purity", one.purity), ("completeness", one.completeness))
        }
        | {"unknown": one.unknown}
        for one in record.figures
    }
    rows = [_plain(row) for row in record.rows]
    return {"rows": rows, "figures": shares, "answered": record.answered, "typed": record.typed}


def in_words(record: Record) -> str:
    """Rows and figures for a terminal."""
    head = f"{'object':<24} {'TNS':<14} {'as':<7} {'first (UTC)':<17} "
    head += f"{'after disc.':>11} {'to spectrum':>11} {'to class':>9} is"
    lines = [head] if record.rows else ["No object has crossed the threshold yet."]
    for row in record.rows:
        days = (row.after_discovery_days, row.before_spectrum_days, row.before_class_days)
        cells = [f"{'' if d is None else f'{d:+.1f} d':>{w}}" for d, w in zip(days, (11, 11, 9), strict=True)]
        lines.append(
            f"{row.target_id:<24} {row.tns_name or '':<14} {row.label:<7} {row.crossed_at:%Y-%m-%d %H:%M}  "
            f"{' '.join(cells)} {row.truth or '?'}"
        )
    lines.append("")
    for one in record.figures:
        lines.append(f"{one.label}: purity {one.purity}; completeness {one.completeness}; {one.unknown} not classified")
    lines.append(f"{record.answered} objects were given a class, and of {record.typed} people have said what they are.")
    return "\n".join(lines)


def _known(
    unit: Unit, name: str, said: Truth | Undecided, trust: Sequence[Voice]
) -> tuple[str | None, str | None, datetime | None]:
    """The TNS's name, what the object is, and when people first said so."""
    history = [one for one in unit.names.history(name) if one.name is not None]
    newest = history[-1].name if history else None
    called = None if newest is None else newest.name
    if isinstance(said, Truth):
        truth = truth_of(translate(said.subtype or said.label or said.rare or ""))
        return called, truth, None if truth is None else said.told_at
    if said not in _UNSAID or newest is None:
        return called, None, None
    truth = truth_of(settle(Target(target_id=name), newest, order=trust).label)
    typed = [one.since for one in history if one.name is not None and one.name.type]
    return called, truth, min(typed) if typed and truth is not None else None


def _row(
    one: Crossing,
    noted: Noted | None,
    spectrum: str | None,
    known: dict[str, tuple[str | None, str | None, datetime | None]],
) -> Row:
    name, truth, typed = known.get(one.target_id, (None, None, None))
    at, discovery = mjd(one.crossed_at), None if noted is None else noted.discovery_mjd
    taken = None if spectrum is None else moment(spectrum)
    return Row(
        target_id=one.target_id,
        label=one.label,
        tns_name=name,
        crossed_at=one.crossed_at,
        crossed_mjd=round(at, 5),
        probability=one.probability,
        threshold=one.threshold,
        model=one.model,
        listed=noted is None or noted.listed,
        after_discovery_days=None if discovery is None else round(at - discovery, 2),
        before_spectrum_days=None if taken is None else round((taken - one.crossed_at) / _DAY, 2),
        before_class_days=None if typed is None else round((typed - one.crossed_at) / _DAY, 2),
        truth=truth,
    )


def _figures(label: str, crossings: Sequence[Crossing], truths: dict[str, str]) -> Figures:
    ours = {one.target_id for one in crossings if one.label == label}
    said = {name: truths[name] for name in ours if name in truths}
    settled = {name: truth for name, truth in said.items() if not (label == "SLSN-I" and truth == "SLSN")}
    right = sum(truth == label for truth in settled.values())
    real = {name for name, truth in truths.items() if truth == label}
    return Figures(
        label=label,
        purity=Share(hits=right, total=len(settled)),
        completeness=Share(hits=len(real & ours), total=len(real)),
        unknown=len(ours) - len(settled),
    )


def _plain(row: Row) -> dict[str, Any]:
    return asdict(row) | {"crossed_at": row.crossed_at.isoformat(timespec="seconds")}

"""The draft of one AstroNote, before anybody has reviewed it.

The form follows the TNS (type, title, authors, source group, keywords, plain abstract of at most 1000 characters,
body, Related Objects). There is no interface to submit one: a person reviews, names themselves, and pastes.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from plugin.notes import wording
from plugin.notes.entries import Entry
from plugin.notes.period import Period
from plugin.notes.related import RelatedObject
from plugin.notes.rules import Judge, Selection, select

ABSTRACT_LIMIT: Final = 1000
"""Characters; the TNS sends the abstract by e-mail and to ADS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Byline:
    """Who speaks: authors as the TNS wants them, "A. Bee (Institute), C. Dee (Observatory)", and the source group."""

    authors: str = ""
    source_group: str = "None"
    marshal: str = "the marshal"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraTable:
    """A table below the body, of something else than the objects that the note announces."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An AstroNote that nobody has reviewed yet. All text is plain; escaping is the templates' work.

    Parameters
    ----------
    night : str
        Which nights it is about: `2026-06-10`, or the first and the last of a week, `2026-06-08_2026-06-14`.
    kind : str
        Which of our notes it is: classes, anomalies, candidates.
    type : str
        What the TNS calls the type of an AstroNote.
    columns : tuple of str
        The heads of the Related Objects table.
    tables : tuple of ExtraTable
        What follows the body.
    """

    night: str
    kind: str
    type: str
    title: str
    authors: str
    source_group: str
    keywords: tuple[str, ...]
    abstract: str
    body: tuple[str, ...]
    columns: tuple[str, ...]
    related: tuple[RelatedObject, ...]
    bundle: str
    as_of: str
    simulated: bool
    tables: tuple[ExtraTable, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What every kind of note says something of.

    Parameters
    ----------
    counts : mapping of str to int
        Rows of the table by what they are counted under, in its order; every number of objects in the text is from it.
    models : str
        Versions of the models, separated by commas.
    looked_up : str or None
        Since when at least the TNS's names and types are those of the table; None when the service cannot ask.
    """

    period: Period
    selection: Selection
    rows: tuple[RelatedObject, ...]
    counts: Mapping[str, int]
    models: str
    marshal: str
    as_of: str
    looked_up: str | None
    simulated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The words of one note; `title` without a mark of simulated data."""

    title: str
    abstract: Sequence[wording.Sentence]
    body: Sequence[str]
    keywords: tuple[str, ...]
    tables: Sequence[ExtraTable] = ()


class Kind(Judge, Protocol):
    """A kind of note."""

    @property
    def name(self) -> str:
        """As in the settings and in the names of folders."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The heads of its table."""

    def model(self, entry: Entry) -> str:
        """The version of the model that answered."""

    def row(self, entry: Entry) -> RelatedObject:
        """The row of an object that is listed."""

    def text(self, facts: Facts) -> Text:
        """The words."""


def compose(
    kind: Kind,
    period: Period,
    entries: Sequence[Entry],
    *,
    as_of: datetime,
    byline: Byline | None = None,
    noted: Mapping[str, str] | None = None,
    made_up: Callable[[Entry], bool] = lambda entry: entry.simulated,
    simulated: bool = False,
) -> Draft | None:
    """Write the draft of one period, or None when no object passes the rules.

    Parameters
    ----------
    entries : sequence of Entry
        Every answer of the period; the order does not matter.
    as_of : datetime
        UT at which types and redshifts were read from the marshal.
    noted : mapping of str to str, optional
        By object, what earlier notes of this kind announced it as.
    made_up : callable, optional
        Whether the data of an entry are simulated; asked of those that are listed.
    simulated : bool
        Whether anything else that the note tells of is.
    """
    byline = byline or Byline()
    chosen = select(kind, entries, period, noted)
    if not chosen.candidates:
        return None
    candidates = tuple(replace(e, simulated=made_up(e)) for e in chosen.candidates)
    rows = tuple(kind.row(entry) for entry in candidates)
    facts = Facts(
        period=period,
        selection=replace(chosen, candidates=candidates),
        rows=rows,
        counts=Counter(row.label for row in rows),
        models=", ".join(sorted({wording.plain(kind.model(e)) for e in candidates})),
        marshal=wording.brief(byline.marshal),
        as_of=f"{as_of:%Y-%m-%d %H:%M} UT",
        looked_up=_looked_up(candidates),
        simulated=simulated or any(e.simulated for e in candidates),
    )
    return _draft(kind, kind.text(facts), facts, byline)


def _draft(kind: Kind, text: Text, facts: Facts, byline: Byline) -> Draft:
    warning = (wording.MADE_UP,) if facts.simulated else ()
    lead = (wording.Sentence(wording.SIMULATED, wording.ESSENTIAL),) if facts.simulated else ()
    return Draft(
        night=str(facts.period),
        kind=kind.name,
        type="Object/s-Discovery/Classification",
        title=wording.plain(f"{'[SIMULATED] ' if facts.simulated else ''}{text.title}"),
        authors=wording.plain(", ".join(a for a in (wording.APPROVER, byline.authors) if a)),
        source_group=wording.plain(byline.source_group),
        keywords=text.keywords,
        abstract=wording.fit([*lead, *text.abstract], ABSTRACT_LIMIT),
        body=tuple(wording.plain(paragraph) for paragraph in (*warning, *text.body)),
        columns=kind.columns,
        related=facts.rows,
        bundle=facts.models,
        as_of=facts.as_of,
        simulated=facts.simulated,
        tables=tuple(_printable(table) for table in text.tables),
    )


def _printable(table: ExtraTable) -> ExtraTable:
    rows = tuple(tuple(map(wording.plain, row)) for row in table.rows)
    return replace(table, rows=rows)


def _looked_up(candidates: Sequence[Entry]) -> str | None:
    """The oldest time at which the TNS was asked about a row of the table; None when one was never asked about."""
    times = [entry.looked_up_at for entry in candidates]
    known = [when for when in times if when is not None]
    return f"{min(known):%Y-%m-%d %H:%M} UT" if known and len(known) == len(times) else None

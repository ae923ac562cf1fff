"""The draft of one AstroNote: a pure function of the night's reports. Every number in it is counted from its table.

The form follows the TNS (type, title, authors, source group, keywords, plain abstract of at most 1000 characters,
body, Related Objects). There is no interface to submit one: a person reviews, names themselves, and pastes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from plugin.notes import wording
from plugin.notes.entries import Entry, Figures
from plugin.notes.night import Night
from plugin.notes.related import COLUMNS, RelatedObject, row
from plugin.notes.rules import NoteRules, Selection, select

ABSTRACT_LIMIT = 1000
"""Characters; the TNS sends the abstract by e-mail and to ADS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Byline:
    """Who speaks: authors as the TNS wants them, "A. Bee (Institute), C. Dee (Observatory)", and the source group."""

    authors: str = ""
    source_group: str = "None"
    marshal: str = "the marshal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An AstroNote that nobody has reviewed yet. All text is plain; escaping is the templates' work.

    Parameters
    ----------
    kind : str
        Which of our notes it is, such as "classes".
    type : str
        What the TNS calls the type of an AstroNote.
    columns : tuple of str
        The heads of the Related Objects table.
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


def compose(
    night: Night,
    entries: Sequence[Entry],
    *,
    as_of: datetime,
    figures: Figures,
    rules: NoteRules | None = None,
    byline: Byline | None = None,
) -> Draft | None:
    """Write the draft of one night, or None when no object passes the rules.

    Parameters
    ----------
    night : Night
        Noon to noon UTC.
    entries : sequence of Entry
        Every spectrum of that night; the order does not matter.
    as_of : datetime
        UT at which types and redshifts were read from the marshal.
    figures : Figures
        Measured purity and recall, from the bundle's card.
    """
    rules, byline = rules or NoteRules(), byline or Byline()
    selection = select(entries, rules, night)
    if not selection.candidates:
        return None
    return _write(night, selection, f"{as_of:%Y-%m-%d %H:%M} UT", figures, rules, byline)


def _write(night: Night, selection: Selection, as_of: str, figures: Figures, rules: NoteRules, byline: Byline) -> Draft:
    related = tuple(row(entry, rules) for entry in selection.candidates)
    counts = Counter(r.label for r in related)
    bundle = ", ".join(sorted({e.report.bundle for e in selection.candidates}))
    simulated = any(e.simulated for e in selection.candidates)
    facts = wording.Facts(
        night=night,
        counts={c: counts[c] for c in rules.classes if counts[c]},
        selection=selection,
        rules=rules,
        figures=figures,
        bundle=bundle,
        as_of=as_of,
        marshal=byline.marshal,
        simulated=simulated,
        looked_up=_looked_up(selection),
    )
    return Draft(
        night=str(night),
        kind="classes",
        type="Object/s-Discovery/Classification",
        title=wording.title(facts),
        authors=wording.plain(", ".join(a for a in (wording.APPROVER, byline.authors) if a)),
        source_group=wording.plain(byline.source_group),
        keywords=wording.keywords(facts),
        abstract=wording.fit(wording.abstract(facts), ABSTRACT_LIMIT),
        body=wording.body(facts),
        columns=COLUMNS,
        related=related,
        bundle=bundle,
        as_of=as_of,
        simulated=simulated,
    )


def _looked_up(selection: Selection) -> str | None:
    """The oldest time at which the TNS was asked about a row of the table; None when one was never asked about."""
    times = [entry.looked_up_at for entry in selection.candidates]
    known = [when for when in times if when is not None]
    return f"{min(known):%Y-%m-%d %H:%M} UT" if known and len(known) == len(times) else None

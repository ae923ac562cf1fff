"""A note and its objects, as the page shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from markupsafe import Markup

from iris_client.protocols import Place
from models.domain import Target
from plugin.notes.checker import check
from plugin.notes.draft import ABSTRACT_LIMIT, Draft
from plugin.notes.related import RelatedObject
from plugin.notes.review.adding import choices
from plugin.notes.review.approval import signed
from plugin.notes.review.authors import Author
from plugin.notes.review.changes import texts_of
from plugin.notes.review.content import draft_of
from plugin.notes.review.differences import Differences, differences
from plugin.notes.review.export import tns_fields
from plugin.settings import Settings
from plugin.store import ASTRANET, NEEDLE, Unit, object_of, spectrum
from plugin.store.notes.drafts import Note, Step
from plugin.store.notes.others import NotedBy
from plugin.store.tns.names import in_words
from plugin.tns.others import noted_by_others
from plugin.web.look import slug
from plugin.web.pages.objects import NeedleView, SpectrumView

KINDS: Mapping[str, str] = {"classes": "classes", "anomalies": "anomalies", "candidates": "photometric candidates"}
"""Kinds of notes in words; another one is called by its own name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One object of a note.

    Parameters
    ----------
    headline, picture : optional
        From the answer on file; None where there is none any more.
    has_card : bool
        Whether a picture of it was drawn for the marshal.
    named : str or None
        What people call it, where the TNS has a type.
    noted : NotedBy or None
        Somebody's AstroNote that names it already.
    """

    row: RelatedObject
    cells: tuple[tuple[str, str], ...]
    headline: str | None = None
    picture: Markup | None = None
    has_card: bool = False
    named: str | None = None
    noted: NotedBy | None = None

    @property
    def colour(self) -> str:
        """Of its class."""
        return slug(self.row.label)


@dataclass(frozen=True, kw_only=True)
class NoteView:
    """One version of a note.

    Parameters
    ----------
    versions : tuple of Note
        Every version, the newest first.
    before : Draft or None
        The note of the night before, of the same kind.
    choices : tuple of str
        Objects that could be added.
    """

    note: Note
    draft: Draft
    cards: tuple[Card, ...] = ()
    versions: tuple[Note, ...] = ()
    steps: tuple[Step, ...] = ()
    before: Draft | None = None
    choices: tuple[str, ...] = ()
    authors: Sequence[Author] = field(default_factory=tuple)
    limit: int = ABSTRACT_LIMIT

    @property
    def address(self) -> str:
        """Of the note, without its version."""
        return f"/notes/{self.note.kind}/{self.note.night}"

    @property
    def kind(self) -> str:
        """In words."""
        return KINDS.get(self.note.kind, self.note.kind)

    @property
    def is_open(self) -> bool:
        """Whether it can be changed: the newest version, and not approved."""
        return self.note.state == "draft" and self.note.version == self.versions[0].version

    @property
    def can_be_revised(self) -> bool:
        """Whether a new version can be started from it."""
        return self.note.state == "approved" and self.note.version == self.versions[0].version

    @property
    def texts(self) -> dict[str, str]:
        """What can be written anew."""
        return texts_of(self.draft)

    @cached_property
    def trouble(self) -> list[str]:
        """What keeps it from being approved, besides the name of a person."""
        if self.draft.simulated:
            return ["The data are simulated: such a note is for demonstration, and nobody approves it.", *self._broken]
        return self._broken

    @property
    def _broken(self) -> list[str]:
        return check(signed(self.draft, "A. Person"), approved=True)

    @cached_property
    def since_machine(self) -> Differences:
        """What people have made of the service's draft."""
        return differences(draft_of(self.note.machine), self.draft)

    @cached_property
    def since_before(self) -> Differences | None:
        """Which objects came and went since the night before."""
        return None if self.before is None else differences(self.before, self.draft, texts=False)

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What goes into the TNS's form."""
        return tns_fields(self.draft)

    @property
    def missing_authors(self) -> list[tuple[int, Author]]:
        """Those of the file who are not among the authors, by their number in the file."""
        return [(n, one) for n, one in enumerate(self.authors) if one.name not in self.draft.authors]


def read_view(
    unit: Unit, settings: Settings, kind: str, night: str, version: int | None, authors: Sequence[Author] = ()
) -> NoteView | None:
    """Everything about a version of a note, by default the newest; None where there is none.

    Raises
    ------
    ValueError
        If what is kept is no draft of this version of the program.
    """
    versions = unit.notes.versions(kind, night)
    note = next((one for one in versions if version in (None, one.version)), None)
    if note is None:
        return None
    draft = draft_of(note.content)
    before = unit.notes.before(kind, night)
    return NoteView(
        note=note,
        draft=draft,
        cards=tuple(_card(unit, settings, draft, row) for row in draft.related),
        versions=tuple(versions),
        steps=tuple(unit.notes.steps(note)),
        before=None if before is None else draft_of(before.content),
        choices=tuple(choices(unit, draft)),
        authors=authors,
    )


def _card(unit: Unit, settings: Settings, draft: Draft, row: RelatedObject) -> Card:
    headline, picture = _answer(unit, settings, row)
    known = unit.names.of(row.target_id)
    name = None if known is None else known.name
    parcels = unit.outbox.at([Place(kind="spectrum", id=row.spectrum_id)]) if row.spectrum_id else []
    bare = row.name.partition(" [")[0] if "[" in row.name else None
    called = bare if name is None else name.name
    target = Target(target_id=row.target_id, ra_deg=_number(row.ra), dec_deg=_number(row.dec), tns_name=called)
    return Card(
        row=row,
        cells=tuple((c, text) for c, text in zip(draft.columns, row.cells(), strict=False) if text and c != "Name"),
        headline=headline,
        picture=picture,
        has_card=any(parcel.kind == "comment" and parcel.body for parcel in parcels),
        named=None if name is None or name.type is None else in_words(name),
        noted=noted_by_others(unit, target, server=settings.tns_url),
    )


def _answer(unit: Unit, settings: Settings, row: RelatedObject) -> tuple[str | None, Markup | None]:
    """What was said of it and its picture: of its spectrum, or of its alerts where the row is about none."""
    if row.spectrum_id:
        filed = unit.reports.of(spectrum(row.spectrum_id), ASTRANET)
        if filed is None or filed.report.verdict is None:
            return None, None
        view = SpectrumView(filed=filed, alpha=settings.alpha)
        return view.headline, view.picture
    filed = unit.reports.of(object_of(row.target_id), NEEDLE)
    if filed is None or filed.report.host_verdict is None:
        return None, None
    return f"{filed.report.host_verdict.label} from its alerts.", NeedleView(filed=filed, alpha=settings.alpha).picture


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

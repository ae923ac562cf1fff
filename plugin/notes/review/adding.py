"""An object that a person wants in a note: found by its name, with the same row that the service would write."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from iris_client.errors import NotFound, UpstreamError
from iris_client.protocols import SpectrumSource, TransientName
from iris_client.taxonomy.trust import ORDER, Voice, settle
from plugin.notes.draft import Draft
from plugin.notes.entries import Entry
from plugin.notes.night import Night
from plugin.notes.night_entries import SIMULATED, informed
from plugin.notes.related import row
from plugin.notes.review.changes import CannotBe, add
from plugin.notes.rules import NoteRules
from plugin.store import ASTRANET, Filed, Store, Unit

MOST_CHOICES = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Adding:
    """The use case with what it needs.

    Parameters
    ----------
    marshal : SpectrumSource
        Asked where the object is, and what it is called now.
    rules : NoteRules
        By which rows are written.
    order : sequence of str
        Who is believed first about what an object is.
    """

    store: Store
    marshal: SpectrumSource
    rules: NoteRules
    order: Sequence[Voice] = ORDER

    def __call__(self, draft: Draft, name: str) -> Draft:
        """The draft with the object of this name.

        Raises
        ------
        CannotBe
            If there is no such object, it has no class, it is in the note already, or the marshal does not answer.
        """
        with self.store.begin(to_read=True) as unit:
            filed = best_answer(unit, name, draft.night)
            known = None if filed is None else unit.names.of(filed.target_id)
        if filed is None:
            raise CannotBe(f"There is no object called {name} whose spectrum has a class.")
        if any(one.target_id == filed.target_id for one in draft.related):
            raise CannotBe(f"{filed.target_id} is in the note already.")
        entry = self._entry(filed, None if known is None else known.name)
        try:
            made = row(entry, self.rules)
        except (ValueError, KeyError):
            raise CannotBe(f"The answer about {filed.target_id} has no set of classes for this note.") from None
        return add(draft, made, bundle=entry.report.bundle, simulated=entry.simulated)

    def _entry(self, filed: Filed, known: TransientName | None) -> Entry:
        try:
            target = self.marshal.target(filed.target_id)
        except NotFound:
            raise CannotBe(f"{filed.target_id} is no longer on the marshal.") from None
        except UpstreamError:
            raise CannotBe(
                "The marshal does not answer, and where the object is cannot be looked up. Try later."
            ) from None
        entry = Entry(
            target=informed(target, known),
            settled=settle(target, known, order=self.order),
            report=filed.report,
            instrument=filed.instrument,
            observed_at=filed.observed_at,
        )
        try:
            return replace(entry, simulated=self.marshal.spectrum(filed.subject.id).origin == SIMULATED)
        except NotFound:
            return entry
        except UpstreamError:
            raise CannotBe("The marshal does not answer, and the spectrum cannot be looked at. Try later.") from None


def best_answer(unit: Unit, name: str, night: str) -> Filed | None:
    """The surest answer about an object: of the note's night, or any; None where no spectrum of it has a class."""
    target_id = _target_of(unit, " ".join(name.split())[:255])
    answered = [f for f in unit.reports.of_target(target_id, ASTRANET) if f.report.verdict is not None]
    of_night = [f for f in answered if str(Night.of(f.filed_at)) == night]
    return max(of_night or answered, key=_sure, default=None)


def choices(unit: Unit, draft: Draft) -> list[str]:
    """Objects of the note's night that could be added."""
    try:
        night = Night.parse(draft.night)
    except ValueError:
        return []
    start, end = (moment.replace(tzinfo=None) for moment in (night.start, night.end))
    there = {row.target_id for row in draft.related}
    found = {f.target_id for f in unit.reports.filed_between(start, end, ASTRANET) if f.report.verdict is not None}
    return sorted(found - there)[:MOST_CHOICES]


def _target_of(unit: Unit, name: str) -> str:
    """The marshal's name of an object that is called so there, or at the TNS with or without its prefix."""
    if unit.reports.of_target(name, ASTRANET):
        return name
    spelled = (name, *(f"{prefix} {name}" for prefix in ("AT", "SN", "TDE")))
    return next((found for one in spelled if (found := unit.names.target_called(one)) is not None), name)


def _sure(filed: Filed) -> float:
    return 0.0 if filed.report.verdict is None else filed.report.verdict.probability

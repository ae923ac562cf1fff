"""An object that a person wants in a note: found by its name, with the same row that the service would write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from iris_client.errors import UpstreamError
from iris_client.protocols import SpectrumSource
from iris_client.taxonomy.trust import ORDER, Voice
from plugin.notes.draft import Draft, Kind
from plugin.notes.gather import Gatherer
from plugin.notes.kinds import AnomaliesKind, CandidatesKind, ClassesKind
from plugin.notes.period import Period
from plugin.notes.review.changes import CannotBe, add
from plugin.store import ASTRANET, NEEDLE, Filed, Store, Unit

MOST_CHOICES: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Adding:
    """The use case with what it needs.

    Parameters
    ----------
    marshal : SpectrumSource
        Asked where the object is, and what it is called now.
    alpha : float
        The prediction set that is shown.
    trust : sequence of str
        Who is believed first about what an object is.
    """

    store: Store
    marshal: SpectrumSource
    alpha: float = 0.05
    trust: Sequence[Voice] = ORDER

    def __call__(self, draft: Draft, name: str) -> Draft:
        """The draft with the object of this name.

        Raises
        ------
        CannotBe
            If there is no such object, it has no answer for such a note, it is in the note already, or the marshal does
            not answer.
        """
        kind = self._kinds().get(draft.kind)
        if kind is None:
            raise CannotBe(f"Nothing can be added to a note of {draft.kind}.")
        with self.store.begin(to_read=True) as unit:
            filed = best_answer(unit, name, draft)
        if filed is None:
            raise CannotBe(f"There is no object called {name} with an answer for a note of {draft.kind}.")
        if any(one.target_id == filed.target_id for one in draft.related):
            raise CannotBe(f"{filed.target_id} is in the note already.")
        gatherer = Gatherer(store=self.store, marshal=self.marshal, trust=self.trust)
        try:
            entry = gatherer.entry(filed)
            entry = replace(entry, simulated=gatherer.is_made_up(entry))
        except UpstreamError:
            raise CannotBe("The marshal does not answer, so the object cannot be looked up. Try later.") from None
        return add(draft, kind.row(entry), bundle=kind.model(entry), simulated=entry.simulated)

    def _kinds(self) -> Mapping[str, Kind]:
        kinds: tuple[Kind, ...] = (
            ClassesKind(alpha=self.alpha),
            AnomaliesKind(alpha=self.alpha),
            CandidatesKind(),
        )
        return {kind.name: kind for kind in kinds}


def best_answer(unit: Unit, name: str, draft: Draft) -> Filed | None:
    """The surest answer about an object: of the note's nights, or any; None where there is none for such a note."""
    target_id = _target_of(unit, " ".join(name.split())[:255])
    answered = [f for f in unit.reports.of_target(target_id, producer_of(draft)) if is_fit(f, draft)]
    period = Period.parse(draft.night)
    start, end = (moment.replace(tzinfo=None) for moment in (period.start, period.end))
    return max([f for f in answered if start <= f.filed_at < end] or answered, key=_sure, default=None)


def choices(unit: Unit, draft: Draft) -> list[str]:
    """Objects of the note's nights that could be added."""
    period = Period.parse(draft.night)
    start, end = (moment.replace(tzinfo=None) for moment in (period.start, period.end))
    there = {row.target_id for row in draft.related}
    found = {f.target_id for f in unit.reports.filed_between(start, end, producer_of(draft)) if is_fit(f, draft)}
    return sorted(found - there)[:MOST_CHOICES]


def producer_of(draft: Draft) -> str:
    """Whose answers a note is made of."""
    return NEEDLE if draft.kind == "candidates" else ASTRANET


def is_fit(filed: Filed, draft: Draft) -> bool:
    """Whether an answer has what a row of such a note shows."""
    report = filed.report
    if draft.kind == "candidates":
        return report.host_verdict is not None
    return report.verdict is not None and (draft.kind != "anomalies" or report.anomaly is not None)


def _target_of(unit: Unit, name: str) -> str:
    """The marshal's name of an object that is called so there, or at the TNS with or without its prefix."""
    if any(unit.reports.of_target(name, producer) for producer in (ASTRANET, NEEDLE)):
        return name
    spelled = (name, *(f"{prefix} {name}" for prefix in ("AT", "SN", "TDE")))
    return next((found for one in spelled if (found := unit.names.target_called(one)) is not None), name)


def _sure(filed: Filed) -> float:
    verdict, other = filed.report.verdict, filed.report.host_verdict
    if verdict is not None:
        return verdict.probability
    return 0.0 if other is None else other.probabilities[other.label]

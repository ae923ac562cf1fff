"""Notes about classes: objects whose spectrum leaves one class that is worth announcing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from models.domain import PhaseEstimate, Subtype
from plugin.notes import wording
from plugin.notes.draft import Facts, Text
from plugin.notes.entries import Entry
from plugin.notes.figures import KNOWN_REDSHIFT, RESOLUTIONS, Figures, brief_figures, full_figures
from plugin.notes.period import Period
from plugin.notes.related import TNS_COLUMNS, RelatedObject, known_redshift, matched_redshift, row, source_of
from plugin.notes.rules import NO_ANSWER, OLD, recent
from plugin.notes.wording import Sentence

UNSURE: Final = "below the threshold"
DISAGREE: Final = "with spectra that disagree"
OTHER_CLASS: Final = "of a class that is not announced here"
WIDEST_PHASE: Final = 60.0
"""Days; a phase with a wider interval says nothing."""
MOST_SUBTYPES: Final = 2
_TDE: Final = ("TDE",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassesKind:
    """What makes an object worth announcing by its class.

    Parameters
    ----------
    figures : Figures
        Measured purity and recall at these rules.
    classes : tuple of str
        Announced classes, in the table's order. CVs and AGN are left out: the TNS asks not to send variable stars, and
        AGN are no transients.
    min_probability : float
        Of the label. A prediction set with one class is not enough by itself: one class may stand alone there with a
        middling probability when the rest is spread thin.
    alpha : float
        The prediction set at this alpha must hold the label and nothing else.
    """

    figures: Figures = field(default_factory=Figures)
    classes: tuple[str, ...] = ("TDE", "SLSN", "SN Ibc", "SN II", "SN Ia")
    min_probability: float = 0.6
    alpha: float = 0.05
    name: str = "classes"
    columns: tuple[str, ...] = (*TNS_COLUMNS, "Phase", "Subtype", "Probability")

    def judge(self, entries: Sequence[Entry], period: Period) -> Entry | str:
        """The surest spectrum; see `plugin.notes.rules.Judge`."""
        answered = [e for e in entries if e.report.verdict is not None]
        if not answered:
            return NO_ANSWER
        young = [e for e in answered if recent(e.observed_at, period)]
        if not young:
            return OLD
        sure = [e for e in young if self._is_sure(e)]
        labels = {self.answer(e) for e in sure}
        if len(labels) > 1:
            return DISAGREE
        if not sure:
            return UNSURE
        return OTHER_CLASS if labels.isdisjoint(self.classes) else max(sure, key=_probability)

    def answer(self, entry: Entry) -> str:
        """The class."""
        return entry.report.verdict.label if entry.report.verdict else ""

    def rank(self, entry: Entry) -> tuple[float | str, ...]:
        """Rarest class first, then by probability."""
        return self.classes.index(self.answer(entry)), -_probability(entry)

    def model(self, entry: Entry) -> str:
        """The version of the bundle."""
        return entry.report.bundle

    def row(self, entry: Entry) -> RelatedObject:
        """One object, its surest spectrum."""
        report, label = entry.report, self.answer(entry)
        anomaly = report.anomaly
        remarks = [f"marshal spectrum {report.spectrum_id}"]
        if anomaly is not None and anomaly.flagged:
            remarks.append(f"sure but unusual: anomaly score {anomaly.score:.2f}")
        return row(
            entry,
            label=label,
            answer=label,
            source=source_of(entry),
            remarks=remarks,
            redshift=known_redshift(entry.target) or matched_redshift(report.redshift),
            more=(_phase(report.phase), _subtype(report.subtype, self.alpha), f"{_probability(entry):.2f}"),
        )

    def text(self, facts: Facts) -> Text:
        """The words."""
        counts = {c: facts.counts[c] for c in self.classes if facts.counts.get(c)}
        what = wording.counted(counts)
        chosen = facts.selection
        return Text(
            title=f"ASTRANet: {what} from spectra of the {facts.period.nights}",
            keywords=(
                "Transient",
                *sorted({word for c in counts for word in (_TDE if c == "TDE" else ("Supernova",))}),
            ),
            abstract=[
                Sentence(
                    f"We report {what}, found by the automatic spectral classifier ASTRANet (model version "
                    f"{wording.brief(facts.models)}) in spectra of {wording.n(chosen.n_objects, 'object')} in "
                    f"{facts.marshal}, {facts.period.nights}.",
                    wording.ESSENTIAL,
                ),
                Sentence(wording.named([r.name for r in facts.rows]), 1),
                Sentence(wording.NOT_CLASSIFIED, 7),
                Sentence(self._rule(), 6),
                Sentence(self._abstract_figures(facts), 5, self._abstract_figures(facts, recall=False)),
                Sentence(f"Objects that people had classified by {facts.as_of} are left out.", 4),
                Sentence(wording.ENCOURAGED, 2),
            ],
            body=(
                f"ASTRANet, an automatic classifier of observer-frame spectra, processed "
                f"{wording.n(chosen.n_answers, 'spectrum', 'spectra')} of {wording.n(chosen.n_objects, 'object')} in "
                f"{facts.marshal} between {facts.period.start:%Y-%m-%d %H:%M} and {facts.period.end:%Y-%m-%d %H:%M} "
                f"UT; {wording.refused(chosen.n_refused)}. The Related "
                f"Objects table lists {what}, one row per object (its surest spectrum). Phase is in rest-frame days "
                f"from maximum light with a 95 % interval, and the subtype holds if the class is right; both are "
                f"estimated by matching the spectrum with those of an archive, and left out where it shows too little.",
                f"{self._rule()} {wording.left_out(chosen.left_out)}",
                f"The model is version {facts.models}. {self._body_figures(facts)}",
                wording.known_since(facts.marshal, facts.as_of, facts.looked_up),
                wording.REVIEWED,
            ),
        )

    def _is_sure(self, entry: Entry) -> bool:
        """Whether the label passes the threshold and stands alone in the prediction set."""
        verdict, confidence = entry.report.verdict, entry.report.confidence
        if verdict is None or confidence is None:
            return False
        alone = confidence.prediction_sets.get(f"{self.alpha:g}") == (verdict.label,)
        return alone and verdict.probability >= self.min_probability

    def _rule(self) -> str:
        return (
            f"Selection: the probability of the class is at least {self.min_probability:g}, and it is the only class "
            f"left in a set that holds the true class for {wording.percent(1 - self.alpha)} of comparable spectra."
        )

    def _abstract_figures(self, facts: Facts, *, recall: bool = True) -> str:
        parts = [
            f"at {name} {brief_figures(self.figures.domains[name], labels, recall=recall)}"
            for name, labels in self._domains(facts).items()
            if name is not None
        ]
        if not parts:
            return "Purity and recall were not measured for spectra like these."
        whose = "of this selection" if self.figures.of_selection else "of all answers, not only of those selected,"
        return f"Purity{' / recall' if recall else ''} {whose} (95 % interval): {'; '.join(parts)}."

    def _body_figures(self, facts: Facts) -> str:
        """Purity and recall of each resolution that is in the table, and of what they were not measured for."""
        domains = self._domains(facts)
        said = []
        if any(name is not None for name in domains):
            whose = (
                "of answers selected in the same way"
                if self.figures.of_selection
                else "of all answers, not only of those above the threshold"
            )
            said += [
                "Purity is the share of objects called a class that are of that class, and recall the share of a class "
                f"that is found. Both are those {whose}, on held-out spectra that the networks did not learn from; "
                "brackets hold 95 % intervals."
            ]
        for name, labels in domains.items():
            if name is not None:
                figures = self.figures.domains[name]
                measured = f"{full_figures(figures, labels)}, measured on {figures.test}"
                said.append(f"At {RESOLUTIONS.get(name, name)}, {measured}.")
        if any(name is not None for name in domains):
            said.append("In a survey with another mix of classes the purity differs.")
        unlike = sum(self.figures.domain_of(e.report.confidence) is None for e in facts.selection.candidates)
        if unlike:
            said.append(f"For {wording.n(unlike, 'listed spectrum', 'listed spectra')} purity was not measured.")
        told = sum(_told_a_redshift(e) for e in facts.selection.candidates)
        if told:
            what = wording.n(told, "listed spectrum", "listed spectra")
            said.append(f"For {what} the classifier was told a redshift; the figures are for spectra without one.")
        return " ".join(said)

    def _domains(self, facts: Facts) -> dict[str | None, list[str]]:
        """The classes that are listed from spectra of each domain, in the table's order."""
        found: dict[str | None, set[str]] = {}
        for entry in facts.selection.candidates:
            found.setdefault(self.figures.domain_of(entry.report.confidence), set()).add(self.answer(entry))
        names = sorted(found, key=lambda name: name or "")
        return {name: [c for c in self.classes if c in found[name]] for name in names}


def _probability(entry: Entry) -> float:
    return entry.report.verdict.probability if entry.report.verdict else 0.0


def _told_a_redshift(entry: Entry) -> bool:
    confidence = entry.report.confidence
    return confidence is not None and (confidence.calibration_cell or "").endswith(KNOWN_REDSHIFT)


def _phase(told: PhaseEstimate | None) -> str:
    if told is None or told.high - told.low > WIDEST_PHASE:
        return ""
    return f"{told.days:+.0f} d ({told.low:+.0f} to {told.high:+.0f})"


def _subtype(told: Subtype | None, alpha: float) -> str:
    """The subtypes that cannot be ruled out, if the class is right; nothing where those are many."""
    if told is None:
        return ""
    kept = [name for name in told.probabilities if name in told.prediction_sets.get(f"{alpha:g}", ())]
    return " or ".join(kept) if len(kept) <= MOST_SUBTYPES else ""

"""Which objects of a night go into a note. Every object ends in one place: in the table, or left out and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from models.domain import Status
from plugin.notes.entries import Entry
from plugin.notes.night import Night


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteRules:
    """What makes an object worth announcing.

    Parameters
    ----------
    classes : tuple of str
        Announced classes. CVs and AGN are left out: the TNS asks not to send variable stars, and AGN are no transients.
    min_probability : float
        Of the label. A prediction set with one class is not enough by itself: one class may stand alone there with a
        middling probability when the rest is spread thin.
    alpha : float
        The prediction set at this alpha must hold the label and nothing else.
    max_age_days : float
        Spectra taken longer before the night begins are no news: an archive that is answered now fills no note.
    """

    classes: tuple[str, ...] = ("TDE", "SLSN", "SN Ibc", "SN II", "SN Ia")
    min_probability: float = 0.6
    alpha: float = 0.05
    max_age_days: float = 30.0

    @property
    def alpha_key(self) -> str:
        """The key of the prediction set in a report."""
        return f"{self.alpha:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The outcome: candidates in the table's order, and how many objects were left out for which reason."""

    candidates: tuple[Entry, ...]
    left_out: Mapping[str, int]
    n_spectra: int
    n_refused: int
    n_objects: int


CLASSIFIED = "already classified by people"
NO_ANSWER = "no spectrum could be classified"
OLD = "no recent spectrum"
OTHER_CLASS = "a class not announced here"
UNSURE = "below the threshold"
DISAGREE = "spectra of the same object disagree"


def confident(entry: Entry, rules: NoteRules) -> bool:
    """Whether the label passes the threshold and stands alone in the prediction set."""
    verdict, confidence = entry.report.verdict, entry.report.confidence
    if verdict is None or confidence is None:
        return False
    alone = confidence.prediction_sets.get(rules.alpha_key) == (verdict.label,)
    return alone and verdict.probability >= rules.min_probability


def recent(entry: Entry, rules: NoteRules, night: Night) -> bool:
    """Whether the spectrum is young enough; one without a readable date is taken to be."""
    try:
        taken = datetime.fromisoformat(entry.observed_at or "")
    except ValueError:
        return True
    limit = night.start - timedelta(days=rules.max_age_days)
    return (taken.replace(tzinfo=UTC) if taken.tzinfo is None else taken) >= limit


def select(entries: Sequence[Entry], rules: NoteRules, night: Night) -> Selection:
    """One row per object, its best spectrum; rarest class first, then by probability.

    Parameters
    ----------
    entries : sequence of Entry
        Every spectrum of one night, in any order; the outcome does not depend on it.
    """
    ordered = sorted(entries, key=lambda e: (e.target.target_id, e.report.spectrum_id or ""))
    verdicts = [_judge(list(group), rules, night) for _, group in groupby(ordered, key=lambda e: e.target.target_id)]
    found = [v for v in verdicts if isinstance(v, Entry)]
    return Selection(
        candidates=tuple(sorted(found, key=lambda e: _rank(e, rules))),
        left_out=dict(sorted(Counter(v for v in verdicts if isinstance(v, str)).items())),
        n_spectra=len(ordered),
        n_refused=sum(e.report.status is Status.REFUSED for e in ordered),
        n_objects=len(verdicts),
    )


def _judge(entries: list[Entry], rules: NoteRules, night: Night) -> Entry | str:
    """The best spectrum of one object, or the reason why it is left out."""
    if any(e.settled.typed for e in entries):
        return CLASSIFIED
    answered = [e for e in entries if e.report.verdict is not None]
    if not answered:
        return NO_ANSWER
    young = [e for e in answered if recent(e, rules, night)]
    if not young:
        return OLD
    sure = [e for e in young if confident(e, rules)]
    labels = {_label(e) for e in sure}
    if len(labels) > 1:
        return DISAGREE
    if not sure:
        return UNSURE
    return OTHER_CLASS if labels.isdisjoint(rules.classes) else max(sure, key=_probability)


def _label(entry: Entry) -> str:
    return entry.report.verdict.label if entry.report.verdict else ""


def _probability(entry: Entry) -> float:
    return entry.report.verdict.probability if entry.report.verdict else 0.0


def _rank(entry: Entry, rules: NoteRules) -> tuple[int, float, str]:
    return rules.classes.index(_label(entry)), -_probability(entry), entry.target.target_id

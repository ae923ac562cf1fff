"""Which objects go into a note. Every object ends in one place: in the table, or left out and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final, Protocol

from models.domain import Status
from plugin.notes.entries import Entry
from plugin.notes.period import Period

CLASSIFIED: Final = "already classified by people"
NO_ANSWER: Final = "without an answer"
OLD: Final = "without a recent observation"
NOTED: Final = "announced before with the same answer"
OTHERS: Final = "named already in an AstroNote of others"
MAX_AGE: Final = timedelta(days=30)
"""What was observed longer before the period is no news: an archive that is answered now fills no note."""


class Judge(Protocol):
    """The rules of a kind of note."""

    def judge(self, entries: Sequence[Entry], period: Period) -> Entry | str:
        """The answer that an object is listed with, or the reason why it is left out; never of one people typed."""

    def answer(self, entry: Entry) -> str:
        """What an object is announced as: it is announced again only when this has changed."""

    def rank(self, entry: Entry) -> tuple[float | str, ...]:
        """Where it stands in the table; lower comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The outcome.

    Parameters
    ----------
    candidates : tuple of Entry
        In the table's order.
    left_out : mapping of str to int
        How many objects were left out for which reason.
    n_answers, n_refused, n_objects : int
        What was looked at: answers, those of them that say why there is none, and objects.
    """

    candidates: tuple[Entry, ...]
    left_out: Mapping[str, int]
    n_answers: int
    n_refused: int
    n_objects: int


def select(judge: Judge, entries: Sequence[Entry], period: Period, noted: Mapping[str, str] | None = None) -> Selection:
    """One row per object.

    Parameters
    ----------
    entries : sequence of Entry
        Every answer of the period, in any order; the outcome does not depend on it.
    noted : mapping of str to str, optional
        By object, what earlier notes announced it as.
    """
    ordered = sorted(entries, key=lambda e: (e.target.target_id, e.report.spectrum_id or ""))
    groups = [list(group) for _, group in groupby(ordered, key=lambda e: e.target.target_id)]
    verdicts = [_judged(judge, group, period, noted or {}) for group in groups]
    found = [v for v in verdicts if isinstance(v, Entry)]
    return Selection(
        candidates=tuple(sorted(found, key=lambda e: (*judge.rank(e), e.target.target_id))),
        left_out=dict(sorted(Counter(v for v in verdicts if isinstance(v, str)).items())),
        n_answers=len(ordered),
        n_refused=sum(e.report.status is Status.REFUSED for e in ordered),
        n_objects=len(verdicts),
    )


def recent(observed_at: str | None, period: Period) -> bool:
    """Whether an observation is young enough; one without a readable date is taken to be."""
    try:
        taken = datetime.fromisoformat(observed_at or "")
    except ValueError:
        return True
    return (taken.replace(tzinfo=UTC) if taken.tzinfo is None else taken) >= period.start - MAX_AGE


def _judged(judge: Judge, entries: list[Entry], period: Period, noted: Mapping[str, str]) -> Entry | str:
    if any(e.settled.typed for e in entries):
        return CLASSIFIED
    # What we have announced ourselves may stand on the TNS by now; for that our own rule holds.
    if entries[0].target.target_id not in noted and any(e.noted is not None for e in entries):
        return OTHERS
    found = judge.judge(entries, period)
    if isinstance(found, Entry) and noted.get(found.target.target_id) == judge.answer(found):
        return NOTED
    return found

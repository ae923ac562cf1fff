"""An answer of ours beside what people say that the object is."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from iris_client.taxonomy.names import translate
from iris_client.taxonomy.trust import ORDER, Said, Voice, weigh
from models.domain import FINE_CLASSES, Report
from plugin.store.filed import Fact

Undecided = Literal["disagreement", "doubtful", "no class", "ours", "withdrawn", "nobody"]
UNDECIDED: Final[tuple[Undecided, ...]] = ("disagreement", "doubtful", "no class", "ours", "withdrawn", "nobody")
"""Why an object has no truth: people disagree; they gave it with less than one half, or a question mark; the name is
no class of ours, nor a rare type that we know; it was read from a report that we sent; everything that was said is
withdrawn; nobody who counts has said anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One class that somebody gave an object.

    Parameters
    ----------
    key : str
        Tells labels of one source apart; see `plugin.store.truth.tables`.
    name : str
        The class as it was told.
    told_at, seen_at, withdrawn_at : datetime
        Naive UTC; `withdrawn_at` None while it stands.
    after_ours : bool
        Given when an answer of ours was visible already.
    derived : bool
        It comes from a report that we sent.
    """

    source: Voice
    key: str
    told_by: str | None
    name: str
    probability: float | None
    told_at: datetime
    seen_at: datetime
    withdrawn_at: datetime | None
    after_ours: bool
    derived: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What an object is, as people agree.

    Parameters
    ----------
    label : str or None
        One of the seven fine classes; None for a rare type, which is none of them.
    rare : str or None
        The rare type.
    subtype : str or None
        The type as it was told, where it says more than the class.
    source : str
        Who counts first.
    told_at : datetime
        When the class was first given by any of those who count, naive UTC.
    after_ours : bool
        Whether everyone who gave it may have read an answer of ours.
    """

    label: str | None
    rare: str | None
    subtype: str | None
    source: Voice
    told_at: datetime
    after_ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A report on file, and the truth about its object.

    Parameters
    ----------
    spectrum_id : str or None
        None for an answer about an object, such as NEEDLE's.
    observed_at : str or None
        When the spectrum was taken, as the marshal says (naive UTC ISO text).
    label, rare, subtype, source, told_at, after_ours
        See `Truth`; one of `label` and `rare` is None.
    """

    report: Report
    facts: Mapping[str, Fact]
    target_id: str
    spectrum_id: str | None
    instrument: str | None
    observed_at: str | None
    filed_at: datetime
    label: str | None
    rare: str | None
    subtype: str | None
    source: Voice
    told_at: datetime
    after_ours: bool


def decide(given: Sequence[Given], order: Sequence[Voice] = ORDER) -> Truth | Undecided:
    """What an object is, by `iris_client.taxonomy.trust`; or why nobody can say.

    A name that is too general for a class, such as "SN", neither gives a truth nor takes one away: whoever named a
    class counts.
    """
    if not given:
        return "nobody"
    standing = [one for one in given if one.withdrawn_at is None]
    if not standing:
        return "withdrawn"
    own = [one for one in standing if not one.derived]
    if not own:
        return "ours"
    heard = [(one, Said(by=one.source, label=translate(one.name), probability=_sure(one))) for one in own]
    settled = weigh([said for _, said in heard], order=order)
    if settled.conflict is not None:
        return "disagreement"
    named = [s for s in settled.counted if s.label.status in {"fine", "rare"} and not s.label.ambiguous]
    sure = [s for s in named if not s.label.uncertain]
    if not sure:
        return _why_not(settled.counted, settled.doubtful, named)
    best = max((s for s in sure if s.by == sure[0].by), key=lambda s: s.probability)
    agreeing = [one for one, said in heard if any(said is s for s in sure)]
    return Truth(
        label=best.label.fine,
        rare=best.label.rare,
        subtype=subtype(best.label.raw),
        source=best.by,
        told_at=min(one.told_at for one in agreeing),
        after_ours=all(one.after_ours for one in agreeing),
    )


def subtype(name: str) -> str | None:
    """A type that says more than one of our classes; None for the bare name of a class, and for what is none."""
    label = translate(name)
    says_no_more = _bare(name) in {_bare(one) for one in FINE_CLASSES}
    return None if says_no_more or label.status not in {"fine", "rare"} else name.strip()[:64]


def _bare(name: str) -> str:
    """Without what people write or leave out as they like: "Type II" and "SN II", "Ib/c" and "SN Ibc"."""
    return re.sub(r"^(sn|type)|[\s/_-]", "", name.strip().lower())


def _sure(one: Given) -> float:
    return 1.0 if one.probability is None else one.probability


def _why_not(counted: Sequence[Said], doubtful: Sequence[Said], named: Sequence[Said]) -> Undecided:
    if named or (doubtful and not counted):
        return "doubtful"
    return "no class" if counted else "nobody"


def tally(outcomes: Mapping[str, Truth | Undecided]) -> Counter[str]:
    """How many objects have no truth, by why."""
    return Counter(one for one in outcomes.values() if isinstance(one, str))

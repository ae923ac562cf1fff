"""Words that notes of every kind have in common. Plain text only: the abstract goes to e-mail and ADS."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

APPROVER: Final = "[NAME OF THE PERSON WHO REVIEWED THIS NOTE]"
"""Stands in the draft until a person takes its place."""

SIMULATED: Final = "SIMULATED DATA, NOT FOR SUBMISSION."
MADE_UP: Final = f"{SIMULATED} Objects, spectra and redshifts in this note are made up."
NOT_CLASSIFIED: Final = "The selection was made by a machine: candidates are not classifications."
ENCOURAGED: Final = "Spectroscopic confirmation and follow-up are encouraged."
REVIEWED: Final = f"Every object here is a candidate selected by a machine. Reviewed before submission by: {APPROVER}."
ESSENTIAL: Final = 9
"""The weight of what is never left out of an abstract while anything else is there."""
MOST_NAMES: Final = 5
_LONGEST_NAME: Final = 80
_CUT: Final = "\u2026"


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an abstract.

    Where there is no room for all, those that can be said in a `shorter` way are, and then those of the least `weight`
    are left out.
    """

    text: str
    weight: int
    shorter: str = ""


def fit(sentences: Sequence[Sentence], limit: int) -> str:
    """As many whole sentences as fit, in their order; never longer than the limit, whatever they hold.

    Where there is no room even for the weightiest one, it is cut at a word.
    """
    kept = list(sentences)
    if len(_joined(kept)) > limit:
        kept = [replace(s, text=s.shorter or s.text) for s in kept]
    while len(kept) > 1 and len(_joined(kept)) > limit:
        least = min(s.weight for s in kept)
        kept.remove([s for s in kept if s.weight == least][-1])
    return cut(_joined(kept), limit)


def cut(text: str, limit: int) -> str:
    """A text of at most so many characters, cut at a word where there is one, with a mark of the cut."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    at_word = head.rpartition(" ")[0]
    return (at_word if len(at_word) > limit // 2 else head).rstrip() + _CUT


def brief(text: str) -> str:
    """A name from elsewhere, in a sentence that must stay short."""
    return cut(plain(text), _LONGEST_NAME)


def plain(text: str) -> str:
    """One line of printable text without mark-up characters."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    harmless = re.sub(r"&(?=#?\w+;)", "+", printable.replace("<", "(").replace(">", ")"))
    return " ".join(harmless.split())


def n(count: int, one: str, many: str | None = None) -> str:
    """`1 object`, `3 objects`."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def percent(share: float) -> str:
    """`5 %`, `2.5 %`."""
    return f"{round(100 * share, 1):g} %"


def listed(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def counted(counts: Mapping[str, int]) -> str:
    """`1 TDE candidate and 3 SN Ia candidates`."""
    return listed([n(count, f"{label} candidate") for label, count in counts.items()])


def named(names: Sequence[str]) -> str:
    """A sentence with the names, where they are few; nothing where they are many."""
    if len(names) > MOST_NAMES:
        return ""
    return f"{'The objects are' if len(names) > 1 else 'The object is'} {listed([brief(name) for name in names])}."


def refused(count: int) -> str:
    """How many spectra did not pass quality control."""
    return f"{n(count, 'spectrum', 'spectra')} did not pass quality control" if count else "all passed quality control"


def left_out(reasons: Mapping[str, int]) -> str:
    """How many objects are not in the table, and why."""
    if not reasons:
        return "No object was left out."
    total = n(sum(reasons.values()), "object")
    return f"Left out {'is' if total.startswith('1 ') else 'are'} {total}: {_each(reasons)}."


def known_since(marshal: str, as_of: str, looked_up: str | None) -> str:
    """Since when types and redshifts may have changed."""
    tns = (
        "The TNS may know more by now: check there before submission."
        if looked_up is None
        else f"The TNS itself was looked up as of {looked_up}: check again before submission."
    )
    return f"Types and redshifts are those {marshal} gave as of {as_of}. {tns} A redshift may be the host's."


def _joined(sentences: Sequence[Sentence]) -> str:
    return " ".join(text for s in sentences if (text := plain(s.text)))


def _each(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in reasons.items())

"""Counts of candidates in texts, after objects came or went: every number in a note is that of its table."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from plugin.notes.related import RelatedObject
from plugin.notes.wording import counted, named


def tally(rows: Iterable[RelatedObject]) -> dict[str, int]:
    """How many objects there are of each label, in the table's order."""
    return dict(Counter(row.label for row in rows))


def recounted(text: str, before: Mapping[str, int], after: Mapping[str, int]) -> str:
    """The text with the numbers of the table as it is now.

    Replaced are the service's own words, `1 TDE candidate and 3 SN Ia candidates`, as a whole and one by one. Counts in
    a person's words stay as they are, and `plugin.notes.checker` says that they are wrong.

    Parameters
    ----------
    before, after : mapping of str to int
        By label, in the order of the words.
    """
    if not before or not after or before == after:
        return text
    found = _whole(before).sub(lambda _: _kept(before, after), text)
    if found != text:
        return found
    for label, number in before.items():
        if number != after.get(label, 0) and label in after:
            one = re.compile(rf"(?<![\w.]){number} {re.escape(label)} candidates?\b")
            text = one.sub(counted({label: after[label]}), text)
    return text


def renamed(text: str, before: Sequence[str], after: Sequence[str]) -> str:
    """The text with the service's own sentence about the names of the objects as they are now."""
    said, now = named(before), named(after)
    return " ".join(text.replace(said, now).split()) if said and said in text else text


def _whole(counts: Mapping[str, int]) -> re.Pattern[str]:
    """The enumeration of these counts, in whatever order its parts stand."""
    parts = "|".join(re.escape(counted({label: number})) for label, number in counts.items())
    return re.compile(rf"(?<![\w.])(?:{parts})(?:(?:, | and )(?:{parts})){{{len(counts) - 1}}}\b")


def _kept(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    """The new counts: labels that were there keep their place, and new ones come last."""
    order = [*(label for label in before if label in after), *(label for label in after if label not in before)]
    return counted({label: after[label] for label in order})

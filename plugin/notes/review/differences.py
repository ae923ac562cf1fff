"""What two drafts differ in: words of texts, and objects of the table."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, Literal

from plugin.notes.draft import Draft
from plugin.notes.review.changes import TEXTS, texts_of

_AROUND: Final = 6
"""So many unchanged words are shown on either side of a change."""
NAMES: Final = {name: name.replace("_", " ") for name in TEXTS}


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words: the same in both, only in the first, or only in the second."""

    how: Literal["same", "gone", "new"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """What changed.

    Parameters
    ----------
    texts : tuple of (str, tuple of Piece)
        Each text that changed, by its name.
    gone, new : tuple of str
        Objects that are no longer there, or not yet.
    cells : tuple of (str, str, str, str)
        Object, column, what it said, what it says.
    """

    texts: tuple[tuple[str, tuple[Piece, ...]], ...] = ()
    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    cells: tuple[tuple[str, str, str, str], ...] = ()

    def told(self) -> Iterator[tuple[str, list[Piece]]]:
        """Each text with a few words around what changed, and not the rest of it."""
        for name, pieces in self.texts:
            yield name, [_short(piece, n > 0, n < len(pieces) - 1) for n, piece in enumerate(pieces)]

    def __bool__(self) -> bool:
        return bool(self.texts or self.gone or self.new or self.cells)

    def lines(self) -> Iterator[str]:
        """For a terminal."""
        for name in self.gone:
            yield f"- {name}"
        for name in self.new:
            yield f"+ {name}"
        for name, column, before, after in self.cells:
            yield f"{name}, {column}: {before or 'nothing'} -> {after or 'nothing'}"
        for name, pieces in self.told():
            words = {"same": "{}", "gone": "[-{}-]", "new": "{{+{}+}}"}
            yield f"{name}: " + "".join(words[piece.how].format(piece.text) for piece in pieces)


def differences(before: Draft, after: Draft, *, texts: bool = True) -> Differences:
    """What changed from one draft to another.

    Parameters
    ----------
    texts : bool
        False for drafts of different nights, whose texts differ in every sentence.
    """
    was = {row.target_id: row for row in before.related}
    now = {row.target_id: row for row in after.related}
    cells = []
    for name in [name for name in now if name in was]:
        old, new = (dict(zip(d.columns, r[name].cells(), strict=False)) for d, r in ((before, was), (after, now)))
        cells += [(name, c, old.get(c, ""), new.get(c, "")) for c in new if old.get(c, "") != new[c]]
    one, other = texts_of(before), texts_of(after)
    changed = [(NAMES[n], _pieces(one[n], other[n])) for n in TEXTS if one[n] != other[n]] if texts else []
    return Differences(
        texts=tuple(changed),
        gone=tuple(row.name for name, row in was.items() if name not in now),
        new=tuple(row.name for name, row in now.items() if name not in was),
        cells=tuple(cells),
    )


def _pieces(before: str, after: str) -> tuple[Piece, ...]:
    one, other = re.findall(r"\S+\s*", before), re.findall(r"\S+\s*", after)
    found: list[Piece] = []
    for how, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if how == "equal":
            found.append(Piece("same", "".join(one[a:b])))
            continue
        found += _some("gone", one[a:b]) + _some("new", other[c:d])
    return tuple(found)


def _short(piece: Piece, after_change: bool, before_change: bool) -> Piece:
    """Words between changes: the first few after one, and the last few before the next."""
    words = re.findall(r"\S+\s*", piece.text)
    if piece.how != "same" or len(words) <= 2 * _AROUND + 1:
        return piece
    first = "".join(words[:_AROUND]) if after_change else ""
    last = "".join(words[-_AROUND:]) if before_change else ""
    return Piece("same", f"{first}... {last}")


def _some(how: Literal["gone", "new"], words: Sequence[str]) -> list[Piece]:
    return [Piece(how, "".join(words))] if words else []

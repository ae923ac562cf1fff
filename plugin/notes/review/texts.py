"""The texts of a draft as one text for an editor, and back."""

import re
from typing import Final

from plugin.notes.draft import Draft
from plugin.notes.review.changes import TEXTS, CannotBe, texts_of

_HEAD: Final = "# {}"
_LINE: Final = re.compile(r"^# (\w+)[ \t]*$", re.MULTILINE)


def written_texts(draft: Draft) -> str:
    """Each text under a line with its name."""
    return "\n".join(f"{_HEAD.format(name)}\n{text}\n" for name, text in texts_of(draft).items())


def read_texts(text: str) -> dict[str, str]:
    """Read what `written_texts` gave; a text whose line was taken away stays as it is.

    Raises
    ------
    CannotBe
        If there is a line with a name that is none.
    """
    parts = _LINE.split(text)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    if parts[0].strip() or not set(found) <= set(TEXTS):
        raise CannotBe(f"Each text stands under a line with its name: {', '.join(_HEAD.format(n) for n in TEXTS)}.")
    return {name: part.strip() for name, part in found.items()}

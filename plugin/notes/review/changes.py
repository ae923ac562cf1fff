"""What a person may change in a draft. Counts in the text follow the table; what cannot be done is told in words."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from plugin.notes.draft import Draft
from plugin.notes.related import RelatedObject
from plugin.notes.review.counts import recounted, renamed, tally

TEXTS: Final = ("title", "authors", "source_group", "keywords", "abstract", "body")
"""What can be written anew; keywords are separated by commas, paragraphs of the body by an empty line."""
_LONGEST: Final = {
    "title": 500,
    "authors": 4000,
    "source_group": 200,
    "keywords": 500,
    "abstract": 5000,
    "body": 40_000,
}


class CannotBe(ValueError):
    """A change that makes no sense; the message is a sentence for whoever asked for it."""


def take_out(draft: Draft, target_id: str) -> Draft:
    """Without one object.

    Raises
    ------
    CannotBe
        If it is not there, or the last one.
    """
    kept = tuple(row for row in draft.related if row.target_id != target_id)
    if len(kept) == len(draft.related):
        raise CannotBe(f"{target_id} is not in the note.")
    if not kept:
        raise CannotBe("The last object stays: a note without any announces nothing. Leave the draft as it is instead.")
    return _with_rows(draft, kept)


def add(draft: Draft, row: RelatedObject, *, bundle: str = "", simulated: bool = False) -> Draft:
    """With one object more, after the others that are counted under the same label.

    Parameters
    ----------
    bundle : str
        The version of the model that answered about it.
    simulated : bool
        Whether its data are made up; then the whole note is.

    Raises
    ------
    CannotBe
        If it is in the note already.
    """
    if any(one.target_id == row.target_id for one in draft.related):
        raise CannotBe(f"{row.target_id} is in the note already.")
    rows = list(draft.related)
    same = [place for place, one in enumerate(rows, 1) if one.label == row.label]
    rows.insert(same[-1] if same else len(rows), row)
    models = [*filter(None, draft.bundle.split(", "))]
    models += [bundle] if bundle and bundle not in models else []
    grown = replace(draft, bundle=", ".join(sorted(models)), simulated=draft.simulated or simulated)
    return _with_rows(grown, tuple(rows))


def rewritten(draft: Draft, texts: Mapping[str, str]) -> Draft:
    """With other texts; those that are not given stay.

    Parameters
    ----------
    texts : mapping of str to str
        By name, see `TEXTS`.

    Raises
    ------
    CannotBe
        If a text is much longer than any note's.
    """
    found: dict[str, str | tuple[str, ...]] = {}
    for name in TEXTS:
        if name not in texts:
            continue
        if len(texts[name]) > _LONGEST[name]:
            raise CannotBe(f"The {name.replace('_', ' ')} is longer than {_LONGEST[name]} characters.")
        if name == "body":
            found[name] = tuple(filter(None, map(_line, _paragraphs(texts[name]))))
        elif name == "keywords":
            found[name] = tuple(dict.fromkeys(filter(None, map(_line, texts[name].split(",")))))
        else:
            found[name] = _line(texts[name])
    return replace(draft, **found)  # type: ignore[arg-type]  # each name has the type of its field


def texts_of(draft: Draft) -> dict[str, str]:
    """The texts as a person edits them; `rewritten` reads them back."""
    return {
        "title": draft.title,
        "authors": draft.authors,
        "source_group": draft.source_group,
        "keywords": ", ".join(draft.keywords),
        "abstract": draft.abstract,
        "body": "\n\n".join(draft.body),
    }


def _with_rows(draft: Draft, rows: tuple[RelatedObject, ...]) -> Draft:
    before, after = tally(draft.related), tally(rows)

    def said(text: str) -> str:
        return renamed(recounted(text, before, after), *([row.name for row in some] for some in (draft.related, rows)))

    body = tuple(map(said, draft.body))
    return replace(draft, related=rows, title=said(draft.title), abstract=said(draft.abstract), body=body)


def _paragraphs(text: str) -> list[str]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.strip() for line in lines).split("\n\n")


def _line(text: str) -> str:
    """One line of printable text; marks of HTML stay, for the checker to name them."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())

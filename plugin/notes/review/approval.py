"""A person's name under a note: where it stands, and what keeps a note from being approved."""

from collections.abc import Sequence
from dataclasses import replace

from plugin.notes.checker import check
from plugin.notes.draft import Draft
from plugin.notes.review.authors import Author
from plugin.notes.wording import APPROVER


def signed(draft: Draft, name: str, known: Sequence[Author] = ()) -> Draft:
    """The draft with the reviewer's name in place of every mark: among the authors with the affiliation, if known."""
    person = next((author for author in known if author.name == name), Author(name))
    others = [part.strip() for part in draft.authors.split(APPROVER)] if APPROVER in draft.authors else [draft.authors]
    rest = ", ".join(part.strip(", ") for part in others if part.strip(", "))
    authors = rest if name and name in rest else ", ".join(filter(None, (str(person), rest)))
    return replace(
        draft,
        authors=authors if APPROVER in draft.authors else draft.authors,
        title=draft.title.replace(APPROVER, name),
        abstract=draft.abstract.replace(APPROVER, name),
        body=tuple(text.replace(APPROVER, name) for text in draft.body),
    )


def objections(draft: Draft, name: str) -> list[str]:
    """Why a person of this name may not approve a draft that bears the name already; nothing where all is well."""
    found = [] if name.strip() else ["Give the name of the person who approves the note."]
    if name.strip() and name not in draft.authors:
        found.append(f"{name} approves the note and must be among its authors.")
    if draft.simulated:
        found.append("The data are simulated: such a note is for demonstration, and nobody approves it.")
    return [*found, *check(draft, approved=True)]

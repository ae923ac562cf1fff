"""The file with those who write notes: one a line, `Name; Affiliation`."""

from dataclasses import dataclass
from pathlib import Path

_MOST = 500


@dataclass(frozen=True, slots=True)
class Author:
    """Somebody who may stand among a note's authors."""

    name: str
    affiliation: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.affiliation})" if self.affiliation else self.name


def read_authors(path: Path | None) -> list[Author]:
    """Everybody in the file, in its order; empty lines and those that begin with # are left out.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    if path is None:
        return []
    found: dict[str, Author] = {}
    for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines()[:_MOST]:
        name, _, affiliation = (" ".join(part.split()) for part in line.strip().partition(";"))
        if name and not name.startswith("#"):
            found.setdefault(name, Author(name, affiliation))
    return list(found.values())


def with_authors(text: str, more: list[Author]) -> str:
    """The authors of a note with some more at the end, each once."""
    missing = [str(author) for author in more if author.name not in text]
    return ", ".join([*([text] if text.strip() else []), *missing])

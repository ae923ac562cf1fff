"""What a service does, by name: `astranet run --jobs` splits it among processes."""

from collections.abc import Iterable
from typing import Final

JOBS: Final = ("discover", "analyse", "deliver", "sweep", "names", "truth", "note")
"""Look for news, answer, send, look at everything, look up names, read what people say, draft the note."""


def chosen(text: str) -> tuple[str, ...]:
    """Read names that are separated by commas; in the order of `JOBS`, each once.

    Raises
    ------
    ValueError
        If one is none, or there is none at all.
    """
    names = {name.strip() for name in text.split(",") if name.strip()}
    if not names or not names <= set(JOBS):
        wrong = ", ".join(sorted(names - set(JOBS))) or "nothing"
        raise ValueError(f"{wrong}: no job of the service; there are {', '.join(JOBS)}")
    return ordered(names)


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """In the order of `JOBS`."""
    wanted = set(names)
    return tuple(name for name in JOBS if name in wanted)

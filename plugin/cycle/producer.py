"""What the one loop needs to know of a model: how to read its subjects, ask it, and say what it answered.

The loop (`plugin.cycle.analyse`) claims, guards, files and parks; a producer only says what is particular to it. A
further model is a further producer, with a kind of subject in `plugin.store.subject`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from models.domain import Target
from plugin.cycle.posting import Post
from plugin.store import Filed, Piece, Subject, Unit
from plugin.store.subject import Kind

Known = TypeVar("Known")
Answer = TypeVar("Answer")


class Waits(Exception):
    """An answer needs another one that is not there yet, and is on its way; the message says which."""


class LetGo(Exception):
    """There shall be no answer; the message says why. It is looked at again when something newer comes.

    Parameters
    ----------
    seen : str
        What was looked at: the newest alert.
    """

    def __init__(self, reason: str, *, seen: str) -> None:
        super().__init__(reason)
        self.seen = seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A report before it is on file.

    Parameters
    ----------
    posts : sequence of Post
        Whatever takes a moment to make and follows from the report alone, such as a picture.
    seen : str or None
        Of an object: the newest alert that the answer knows.
    """

    filed: Filed
    posts: Sequence[Post] = ()
    seen: str | None = None


class Producer(Protocol[Known, Answer]):
    """Who answers about one kind of subject."""

    @property
    def name(self) -> str:
        """Under which reports are on file."""

    @property
    def kind(self) -> Kind:
        """What it answers about."""

    @property
    def tries(self) -> int:
        """How often a subject is read that the marshal refuses or answers unreadably, before it is parked."""

    def fetch(self, piece: Piece, targets: dict[str, Target]) -> Known | None:
        """Read everything that an answer needs; None when there is no news since the last answer.

        Parameters
        ----------
        targets : dict of str to Target
            Sources read already for pieces that were claimed together; add to it.

        Raises
        ------
        NotFound
            If the subject is gone: what was said about it is taken back.
        Waits
            If there can be an answer only after another one.
        LetGo
            If there shall be none.
        UpstreamError
            If it cannot be read, now or ever.
        """

    def answer(self, known: Sequence[Known]) -> Sequence[Answer]:
        """Ask the model about several subjects at once, in order; called one by one when it breaks on them."""

    def draft(self, piece: Piece, known: Known, answer: Answer) -> Draft:
        """Make the report, and what takes a moment; outside of any transaction."""

    def file(self, unit: Unit, piece: Piece, draft: Draft) -> Sequence[Post]:
        """Put the report on file, and say what should hang on the marshal from now on."""

    def withdraw(self, unit: Unit, subject: Subject, target_id: str) -> Sequence[Post]:
        """What should hang there when the subject is gone; no report of it counts any more."""
